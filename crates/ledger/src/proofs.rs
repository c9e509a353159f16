//! Proofs: what the Ledger vouches for by its signature.

use std::collections::BTreeMap;
use std::sync::Arc;

use trustkeep_scalar_domain::asset::{AssetKey, AssetRow};
use trustkeep_scalar_rpc::Result;
use trustkeep_scalar_rpc::identity::Signer;
use trustkeep_scalar_rpc::messages::AssetProof;
use trustkeep_scalar_rpc::signing::Signed as _;

/// Signs proofs, if the configuration says so.
#[derive(Clone, Debug)]
pub(crate) struct Prover(Option<Arc<dyn Signer>>);

impl Prover {
    /// Without a signer there are no proofs.
    pub(crate) fn new(signer: Option<Arc<dyn Signer>>) -> Self {
        Self(signer)
    }

    /// The proof of one state; nothing if proofs are off.
    ///
    /// # Errors
    /// 305 if the stored row names no nonce, 400 if the key cannot sign.
    pub(crate) fn prove(&self, key: &AssetKey, row: &AssetRow) -> Result<Option<AssetProof>> {
        let Some(signer) = &self.0 else { return Ok(None) };
        let mut proof = row.proof(key)?;
        proof.signature = signer.sign(&proof.signing_bytes())?.into();
        Ok(Some(proof))
    }

    /// The proofs of a transaction: of each state it wrote, and of each state it only read.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn prove_all(
        &self,
        written: &BTreeMap<AssetKey, AssetRow>,
        read: &BTreeMap<AssetKey, Option<AssetRow>>,
    ) -> Result<Vec<AssetProof>> {
        if self.0.is_none() {
            return Ok(Vec::new());
        }
        let only_read = read.iter().filter(|(key, _)| !written.contains_key(*key));
        let only_read = only_read.filter_map(|(key, row)| Some((key, row.as_ref()?)));
        written.iter().chain(only_read).filter_map(|(key, row)| self.prove(key, row).transpose()).collect()
    }
}
