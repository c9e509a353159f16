//! One request with what it comes to: what it claims, reads, writes and answers, as our own rows say.

use std::collections::BTreeMap;

use trustkeep_scalar_domain::asset::{AssetKey, AssetRow};
use trustkeep_scalar_domain::execution::Outcome;
use trustkeep_scalar_rpc::Result;
use trustkeep_scalar_rpc::messages::AssetProof;
use trustkeep_scalar_rpc::signing::DEFAULT_NAMESPACE;

use crate::claims::{Claim, Claims};
use crate::failure;
use crate::request::Request;

/// A request that was executed on our own rows.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// What was asked for.
    pub(crate) request: Request,
    /// What it locks.
    pub(crate) claims: Claims,
    /// What stands in each row that it writes: the ages it read.
    pub(crate) input: String,
    /// The states that it appends.
    pub(crate) written: BTreeMap<AssetKey, AssetRow>,
    /// The states that it read and left alone.
    pub(crate) read: BTreeMap<AssetKey, AssetRow>,
    /// What its contract answered.
    pub(crate) result: Option<String>,
}

impl Case {
    /// What an execution came to.
    ///
    /// # Errors
    /// 502 if an asset has no age left.
    pub(crate) fn of(request: Request, outcome: Outcome) -> Result<Self> {
        let written = outcome.rows(&request.origin())?;
        let claim = |(key, row): (&AssetKey, &Option<AssetRow>)| {
            let age = row.as_ref().map(|row| row.age);
            (key.clone(), Claim { age, write: outcome.written.contains_key(key) })
        };
        let claims = outcome.read.iter().map(claim).collect();
        let input = outcome.input();
        let only_read = outcome.read.into_iter().filter(|(key, _)| !outcome.written.contains_key(key));
        let read = only_read.filter_map(|(key, row)| Some((key, row?))).collect();
        Ok(Self { request, claims, input, written, read, result: outcome.result })
    }

    /// About how many bytes its rows and texts are.
    pub(crate) fn bytes(&self) -> usize {
        let rows = self.written.values().chain(self.read.values());
        let rows = rows.map(|row| row.argument.len() + row.output.len() + row.input.len() + ROW_BYTES);
        let result = self.result.as_ref().map_or(0, String::len);
        rows.sum::<usize>() + self.request.argument.len() + result + self.claims.len() * ROW_BYTES
    }

    /// The proofs that the Ledger must give, and we give too, unsigned: one for each asset that has a state now, in
    /// the one order.
    ///
    /// # Errors
    /// 305 for a row that names no nonce.
    pub(crate) fn proofs(&self) -> Result<Vec<AssetProof>> {
        let mut rows: BTreeMap<_, _> = self.written.iter().collect();
        rows.extend(&self.read);
        rows.into_iter().map(|(key, row)| row.proof(key)).collect()
    }

    /// Holds the Ledger's proofs against `ours`: the same assets, ages, hashes, everything. Their order does not
    /// count.
    ///
    /// # Errors
    /// 305 with the number of what differs.
    pub(crate) fn compare(&self, ours: &[AssetProof], theirs: &[AssetProof]) -> Result<()> {
        let mut given: BTreeMap<AssetKey, &AssetProof> = BTreeMap::new();
        for proof in theirs {
            let key = key_of(proof);
            if given.insert(key.clone(), proof).is_some() || !self.claims.contains_key(&key) {
                return Err(failure::invalid_proof(&key));
            }
        }
        for own in ours {
            let key = key_of(own);
            let proof = given.remove(&key).ok_or_else(|| failure::proof_absent(&key))?;
            compare(&key, own, proof)?;
        }
        // What is left is of an asset that has no state here.
        match given.first_key_value() {
            Some((key, _)) => Err(failure::lock_inconsistent(key)),
            None => Ok(()),
        }
    }
}

/// About what a row or a lock weighs beside its texts.
const ROW_BYTES: usize = 512;

/// Holds one proof against our own.
///
/// # Errors
/// 305 with the number of what differs.
pub(crate) fn compare(key: &AssetKey, own: &AssetProof, proof: &AssetProof) -> Result<()> {
    if proof.age != own.age || proof.prev_hash != own.prev_hash {
        return Err(failure::lock_inconsistent(key));
    }
    if proof.nonce != own.nonce {
        return Err(failure::invalid_proof(key));
    }
    if proof.input != own.input {
        return Err(failure::lock_inconsistent(key));
    }
    if proof.hash != own.hash {
        return Err(failure::hash_differs(key));
    }
    Ok(())
}

/// Whose proof it is; old clients forward proofs without a namespace, which means `default`.
pub(crate) fn key_of(proof: &AssetProof) -> AssetKey {
    let namespace = if proof.namespace.is_empty() { DEFAULT_NAMESPACE } else { &proof.namespace };
    AssetKey { namespace: namespace.to_owned(), id: proof.asset_id.clone() }
}
