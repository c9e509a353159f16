//! With what the Auditor signs, and how it knows the Ledger.

use std::sync::Arc;

use trustkeep_scalar_domain::identities::Identities;
use trustkeep_scalar_rpc::identity::{Signer, Verifier};
use trustkeep_scalar_rpc::messages::AssetProof;
use trustkeep_scalar_rpc::signing::{DEFAULT_NAMESPACE, Signed as _};
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

/// The Auditor's own key, and the Ledger's public one; one secret for both where HMAC is used.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// Signs orders and proofs.
    pub(crate) signer: Arc<dyn Signer>,
    /// Checks what `signer` signed.
    pub(crate) own: Arc<dyn Verifier>,
    /// Checks the Ledger's proofs.
    pub(crate) ledger: LedgerKey,
}

/// What checks the Ledger's proofs.
#[derive(Clone, Debug)]
pub(crate) enum LedgerKey {
    /// The certificate that was registered for it in `default`.
    Registered {
        /// The holder's id.
        entity_id: String,
        /// From 1.
        key_version: u32,
    },
    /// The secret that both servers share.
    Shared(Arc<dyn Verifier>),
}

impl Keys {
    /// What checks the Ledger's proofs.
    ///
    /// # Errors
    /// 403 if the Ledger's certificate is not registered here.
    pub(crate) async fn ledger(&self, identities: &Identities) -> Result<Arc<dyn Verifier>> {
        match &self.ledger {
            LedgerKey::Shared(verifier) => Ok(Arc::clone(verifier)),
            LedgerKey::Registered { entity_id, key_version } => {
                identities.verifier(DEFAULT_NAMESPACE, entity_id, *key_version).await
            }
        }
    }

    /// Signs proofs of our own.
    ///
    /// # Errors
    /// 400 if the key cannot sign.
    pub(crate) fn sign(&self, proofs: &mut [AssetProof]) -> Result<()> {
        for proof in proofs {
            proof.signature = self.signer.sign(&proof.signing_bytes())?.into();
        }
        Ok(())
    }
}

/// Checks the signatures of proofs.
///
/// # Errors
/// 400004 if one does not hold.
pub(crate) fn check(proofs: &[AssetProof], verifier: &dyn Verifier) -> Result<()> {
    if proofs.iter().all(|proof| verifier.holds(&proof.signing_bytes(), &proof.signature)) {
        return Ok(());
    }
    Err(Error::numbered(StatusCode::InvalidSignature, "COMMON", 4, "The proof signature can't be validated."))
}
