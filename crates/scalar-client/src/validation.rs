//! Validating assets: by the Ledger itself, or with an Auditor by executing a contract that reads them on both sides.

use trustkeep_contract::json::{Json, Object};
use trustkeep_scalar_rpc::messages::{AssetProof, LedgerValidationRequest};
use trustkeep_scalar_rpc::{Result, StatusCode};

use crate::client::{Client, failed};
use crate::error::invalid;

/// Which ages of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    first: u32,
    last: u32,
}

impl Ages {
    /// From the beginning to the latest.
    pub const ALL: Self = Self { first: 0, last: i32::MAX.cast_unsigned() };

    /// From `first` to `last`, both included.
    ///
    /// # Errors
    /// 414 (DL-CLIENT-414022) if that is none, or beyond 2^31 - 1.
    pub fn new(first: i32, last: i32) -> Result<Self> {
        match (u32::try_from(first), u32::try_from(last)) {
            (Ok(first), Ok(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(invalid(22, "The specified asset ages are invalid.")),
        }
    }
}

/// What a validation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    /// 200, or what is wrong with the asset; 409 if there is none.
    pub code: StatusCode,
    /// The Ledger's proof of the last row that was looked at.
    pub ledger_proof: Option<AssetProof>,
    /// The Auditor's.
    pub auditor_proof: Option<AssetProof>,
}

impl Client {
    /// Validates an asset; `namespace` is that of the client if `None`.
    ///
    /// # Errors
    /// 305 if Ledger and Auditor differ; as the servers answer. Without an Auditor what is wrong with an asset is no
    /// error but the outcome.
    pub async fn validate_ledger(
        &self,
        namespace: Option<&str>,
        asset_id: &str,
        ages: Ages,
    ) -> Result<Validation> {
        if self.auditor().is_some() {
            self.validate_by_execution(namespace, asset_id, ages).await
        } else {
            self.validate_at_ledger(namespace, asset_id, ages).await
        }
    }

    async fn validate_at_ledger(
        &self,
        namespace: Option<&str>,
        asset_id: &str,
        ages: Ages,
    ) -> Result<Validation> {
        let config = self.identified()?;
        let mut request = LedgerValidationRequest {
            asset_id: asset_id.to_owned(),
            start_age: ages.first,
            end_age: ages.last,
            entity_id: config.identity.entity_id().to_owned(),
            key_version: config.identity.key_version(),
            namespace: namespace.unwrap_or_default().to_owned(),
            context_namespace: config.context_namespace.clone(),
            ..Default::default()
        };
        request.signature = self.sign(&request)?.into();
        let ledger = self.ledger();
        let answer = ledger.ordinary.clone().validate_ledger(ledger.request(request)).await;
        let answer = answer.map_err(failed)?.into_inner();
        let code = StatusCode::from_number(answer.status_code).unwrap_or(StatusCode::RuntimeError);
        Ok(Validation { code, ledger_proof: answer.proof, auditor_proof: None })
    }

    async fn validate_by_execution(
        &self,
        namespace: Option<&str>,
        asset_id: &str,
        ages: Ages,
    ) -> Result<Validation> {
        let mut argument = Object::new();
        argument.insert("asset_id".to_owned(), asset_id.into());
        argument.insert("start_age".to_owned(), ages.first.into());
        argument.insert("end_age".to_owned(), ages.last.into());
        if let Some(namespace) = namespace {
            argument.insert("namespace".to_owned(), namespace.into());
        }
        let argument = Json::Object(argument).to_string();
        let contract = &self.config().validation_contract_id;
        let execution = self.execute_contract(contract, &argument).await?;
        let nothing = execution.ledger_proofs.is_empty();
        Ok(Validation {
            code: if nothing { StatusCode::AssetNotFound } else { StatusCode::Ok },
            ledger_proof: execution.ledger_proofs.into_iter().next(),
            auditor_proof: execution.auditor_proofs.into_iter().next(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_a_range() {
        assert_eq!(Ages::new(0, i32::MAX), Ok(Ages::ALL));
        for (first, last) in [(-1, 0), (2, 1), (0, -1)] {
            let refused = Ages::new(first, last).unwrap_err();
            assert_eq!(refused.message, "DL-CLIENT-414022: The specified asset ages are invalid.");
        }
    }
}
