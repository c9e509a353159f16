//! Validation: what the Ledger committed is held against what we computed, and becomes ours too.

use std::collections::BTreeMap;

use trustkeep_scalar_domain::asset::AssetKey;
use trustkeep_scalar_domain::errors;
use trustkeep_scalar_domain::execution::READS_MAX;
use trustkeep_scalar_rpc::messages::{AssetProof, ContractExecutionRequest, ContractExecutionResponse};
use trustkeep_scalar_rpc::{Error, Result};
use trustkeep_store::Version;

use crate::case::{Case, key_of};
use crate::claims::Claims;
use crate::failure;
use crate::keys;
use crate::locks::{Holders, SeenLock};
use crate::orders::Order;
use crate::request::Request;
use crate::service::Auditor;
use crate::settling::{Ending, Standing};

/// More proofs than these are checked and signed on a thread that may block: each takes about 70 microseconds.
const PROOFS_AT_ONCE: usize = 8;

/// What a validation gives: the contract's result, and our own proofs, not yet signed.
type Answer = (Option<String>, Vec<AssetProof>);

impl Auditor {
    /// Validates what the Ledger committed for a request: its proofs must be what follows from the request on our own
    /// rows, hash by hash. Then our rows are written and the locks released, in one commit; otherwise nothing
    /// changes, and the assets stay locked as evidence until the Ledger itself is asked.
    ///
    /// The same request may be validated again, when its answer was lost: it is executed again at the ages it had and
    /// answered the same.
    ///
    /// # Errors
    /// 400 for a signature, the Ledger's too (400004); 305 with the number of what differs; 304001 if its proof was
    /// purged; 504003 if it was given up meanwhile; 501 if the end could not be written.
    pub async fn validate(
        &self,
        message: &ContractExecutionRequest,
        theirs: Vec<AssetProof>,
    ) -> Result<ContractExecutionResponse> {
        let request = Request::of(message)?;
        let validated = self.validated(&request, &message.auditor_signature, theirs).await;
        validated.inspect_err(|error| self.suspect(&request.nonce, error))
    }

    async fn validated(
        &self,
        request: &Request,
        auditor_signature: &[u8],
        theirs: Vec<AssetProof>,
    ) -> Result<ContractExecutionResponse> {
        if let Some(proof) = theirs.get(READS_MAX) {
            return Err(failure::invalid_proof(&key_of(proof)));
        }
        let order = self.orders.of(&request.nonce).filter(|order| order.case.request == *request);
        let signed = order.as_ref().is_some_and(|order| order.signature == auditor_signature);
        if order.is_none() {
            self.verify(request).await?;
        }
        // An ordering signature of another process, or of another moment, holds as well.
        if !signed && !self.keys.own.holds(request.nonce.as_bytes(), auditor_signature) {
            return Err(errors::request_signature());
        }
        let theirs = self.checked(theirs).await?;
        let (result, ours) = match order {
            Some(order) => self.validate_own(&order, &theirs).await?,
            None => self.validate_found(request, &theirs).await?,
        };
        let proofs = self.signed(ours).await?;
        Ok(ContractExecutionResponse {
            contract_result: result.unwrap_or_default(),
            proofs,
            function_result: String::new(),
        })
    }

    /// Of an order that this process made: the execution that locked the assets is the one that is compared.
    async fn validate_own(&self, order: &Order, theirs: &[AssetProof]) -> Result<Answer> {
        let case = &order.case;
        let ours = case.proofs()?;
        case.compare(&ours, theirs)?;
        self.end(case, order.proof, order.locks.clone(), theirs).await?;
        Ok((case.result.clone(), ours))
    }

    /// Of an order that is in the books only.
    async fn validate_found(&self, request: &Request, theirs: &[AssetProof]) -> Result<Answer> {
        let (proof, standing) = self.books.found(request).await?;
        if let Standing::Abandoned = standing {
            return Err(abandoned(request, &proof.claims, theirs));
        }
        let case = self.replay(request, &proof.claims).await?;
        let ours = case.proofs()?;
        case.compare(&ours, theirs)?;
        match standing {
            Standing::Held(locks) => {
                check_inputs(&case, &locks)?;
                self.end(&case, proof.version, locks, theirs).await?;
            }
            _ => self.check_written(&case).await?,
        }
        Ok((case.result, ours))
    }

    async fn end(
        &self,
        case: &Case,
        proof: Version,
        locks: BTreeMap<AssetKey, SeenLock>,
        theirs: &[AssetProof],
    ) -> Result<()> {
        let ending =
            Ending { request: &case.request, claims: &case.claims, proof, rows: Some(&case.written) };
        match self.settle(ending, locks).await? {
            Standing::Abandoned => Err(abandoned(&case.request, &case.claims, theirs)),
            Standing::Held(_) | Standing::Validated => {
                self.purger.completed(&case.request.nonce);
                Ok(())
            }
        }
    }

    /// That the rows of a validated request still are what it wrote.
    pub(crate) async fn check_written(&self, case: &Case) -> Result<()> {
        for (key, row) in &case.written {
            match self.books.row(key, row.age).await? {
                Some(stored) if stored == *row => {}
                Some(_) => return Err(failure::hash_differs(key)),
                None => return Err(failure::asset_absent(key)),
            }
        }
        Ok(())
    }

    async fn checked(&self, theirs: Vec<AssetProof>) -> Result<Vec<AssetProof>> {
        let (verifier, count) = (self.keys.ledger(&self.identities).await?, theirs.len());
        let check = move || keys::check(&theirs, &*verifier).map(|()| theirs);
        if count <= PROOFS_AT_ONCE { check() } else { self.blocking.run(check).await }
    }

    async fn signed(&self, mut ours: Vec<AssetProof>) -> Result<Vec<AssetProof>> {
        let (keys, count) = (self.keys.clone(), ours.len());
        let sign = move || keys.sign(&mut ours).map(|()| ours);
        if count <= PROOFS_AT_ONCE { sign() } else { self.blocking.run(sign).await }
    }
}

/// Of a request that was given up because the Ledger had not committed it: a proof of it is a lie, told then or now.
fn abandoned(request: &Request, claims: &Claims, theirs: &[AssetProof]) -> Error {
    let of_it =
        |key: &&AssetKey| theirs.iter().any(|proof| proof.nonce == request.nonce && key_of(proof) == **key);
    match claims.iter().filter(|(_, claim)| claim.write).map(|(key, _)| key).find(of_it) {
        Some(key) => failure::lock_inconsistent(key),
        None => failure::recovered(),
    }
}

/// That each lock for writing says what the execution read.
pub(crate) fn check_inputs(case: &Case, locks: &BTreeMap<AssetKey, SeenLock>) -> Result<()> {
    let differs = |(key, seen): (&'_ AssetKey, &SeenLock)| match &seen.lock.holders {
        Holders::Writer { input, .. } if *input != case.input => Some(key.clone()),
        _ => None,
    };
    match locks.iter().find_map(differs) {
        Some(key) => Err(failure::lock_inconsistent(&key)),
        None => Ok(()),
    }
}
