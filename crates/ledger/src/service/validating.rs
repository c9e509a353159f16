//! Validating assets by the Ledger alone.

use trustkeep_scalar_domain::asset::{AGE_MAX, AssetKey};
use trustkeep_scalar_domain::brief::Wait;
use trustkeep_scalar_domain::errors::namespace_not_allowed;
use trustkeep_scalar_domain::requests;
use trustkeep_scalar_rpc::messages::{LedgerValidationRequest, LedgerValidationResponse};
use trustkeep_scalar_rpc::signing::{DEFAULT_NAMESPACE, Signed as _};
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

use super::Ledger;
use crate::failure::ledger;
use crate::validation::Span;

impl Ledger {
    /// Computes the states of an asset again and compares them. What is wrong with a state is the answer's status,
    /// with the state's proof; no state is 409.
    ///
    /// # Errors
    /// 400, 407 where there is an Auditor or for a namespace that is not the client's, 305, 417, 500.
    pub async fn validate(&self, request: LedgerValidationRequest) -> Result<LedgerValidationResponse> {
        let client = requests::client(&request.entity_id, request.key_version)?;
        requests::check_asset_id(&request.asset_id)?;
        let context_namespace = requests::context_namespace(&request.context_namespace).to_owned();
        let signed = LedgerValidationRequest {
            context_namespace: requests::signed_namespace(&context_namespace).to_owned(),
            ..request.clone()
        }
        .signing_bytes();
        let verifier =
            self.identities.verifier(&context_namespace, &client.entity_id, client.key_version).await?;
        if !verifier.holds(&signed, &request.signature) {
            let text = "The request signature can't be validated.";
            return Err(ledger(StatusCode::InvalidSignature, 1, text));
        }
        if self.settings.auditor {
            return Err(ledger(
                StatusCode::InvalidRequest,
                2,
                "A configuration mismatch is detected. Check the Auditor setting in the client or Ledger.",
            ));
        }
        let namespace =
            if request.namespace.is_empty() { context_namespace.clone() } else { request.namespace };
        if context_namespace != DEFAULT_NAMESPACE && context_namespace != namespace {
            return Err(namespace_not_allowed(&namespace, &context_namespace));
        }
        for (field, age) in [("start_age", request.start_age), ("end_age", request.end_age)] {
            if age > AGE_MAX {
                return Err(Error::runtime(format!("{field} must be at most {AGE_MAX}: {age}")));
            }
        }
        let span = Span {
            key: AssetKey { namespace, id: request.asset_id },
            context_namespace,
            first: request.start_age,
            last: request.end_age,
        };
        let (validator, prover, wait) = (self.validator.clone(), self.executor.prover.clone(), Wait::here());
        self.blocking
            .run(move || {
                let verdict = validator.validate(&span, &wait)?;
                let proof = match &verdict.row {
                    // A row that is so wrong that no proof can be made of it is told of without one.
                    Some(row) if verdict.code != StatusCode::Ok => {
                        prover.prove(&span.key, row).unwrap_or_default()
                    }
                    Some(row) => prover.prove(&span.key, row)?,
                    None => None,
                };
                Ok(LedgerValidationResponse { status_code: verdict.code.number(), proof })
            })
            .await
    }
}
