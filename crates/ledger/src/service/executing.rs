//! Executing contracts.

use trustkeep_scalar_domain::requests;
use trustkeep_scalar_rpc::messages::{ContractExecutionRequest, ContractExecutionResponse};
use trustkeep_scalar_rpc::signing::{self, DEFAULT_NAMESPACE};
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

use super::Ledger;
use crate::execution::Job;
use crate::failure::ledger;

impl Ledger {
    /// Executes a contract and the functions that follow it as one transaction.
    ///
    /// # Errors
    /// 400 for a signature; what the contract fails with; 504 for a conflict, and for a nonce that was used before; 501
    /// if nobody knows; 502 for fields that are missing, and where the Auditor's signature is missing or unexpected.
    pub async fn execute(&self, request: ContractExecutionRequest) -> Result<ContractExecutionResponse> {
        let job = self.admitted(request).await?;
        let executed = self.executor.execute(job).await?;
        Ok(ContractExecutionResponse {
            contract_result: executed.result.unwrap_or_default(),
            proofs: executed.proofs,
            function_result: executed.function_result.unwrap_or_default(),
        })
    }

    /// A request whose fields and signatures were checked, with its functions ready to run.
    async fn admitted(&self, request: ContractExecutionRequest) -> Result<Job> {
        let execution = requests::Execution::of(&request)?;
        let namespace = execution.context_namespace;
        let signed = signing::execution(
            execution.contract_id,
            &request.contract_argument,
            requests::signed_namespace(namespace),
            &execution.client.entity_id,
            execution.client.key_version,
        );
        let (entity, version) = (&execution.client.entity_id, execution.client.key_version);
        self.identities.verify(namespace, entity, version, &signed, &request.signature).await?;
        let nonce = execution.argument.nonce.clone().into_owned();
        self.check_order(&nonce, &request.auditor_signature).await?;
        let mut functions = Vec::with_capacity(execution.argument.function_ids.len());
        if self.settings.functions {
            for id in &execution.argument.function_ids {
                functions.push(self.functions.prepare(namespace, id).await?);
            }
        }
        let argument_at = request.contract_argument.len() - execution.argument.contract_argument.len();
        let context_namespace = namespace.to_owned();
        Ok(Job { nonce, argument_at, functions, context_namespace, request })
    }

    /// Whether the Auditor has ordered this transaction, where there is one.
    async fn check_order(&self, nonce: &str, signature: &[u8]) -> Result<()> {
        match (self.settings.auditor, signature.is_empty()) {
            (false, true) => return Ok(()),
            // As the original answers these two: by 502 with the text of a 407.
            (false, false) => {
                return Err(Error::runtime(
                    "DL-LEDGER-407004: scalar.dl.ledger.auditor.enabled must be enabled to make auditing work.",
                ));
            }
            (true, true) => {
                return Err(Error::runtime(
                    "DL-LEDGER-407003: The Auditor signature must be included in the request when Auditor is enabled.",
                ));
            }
            (true, false) => {}
        }
        let verifier = match &self.servers_key {
            Some(key) => key.clone(),
            None => {
                let (holder, version) =
                    (&self.settings.auditor_cert_holder_id, self.settings.auditor_cert_version);
                self.identities.verifier(DEFAULT_NAMESPACE, holder, version).await?
            }
        };
        if verifier.holds(nonce.as_bytes(), signature) {
            return Ok(());
        }
        let text = "The request signature from Auditor can't be validated.";
        Err(ledger(StatusCode::InvalidSignature, 2, text))
    }
}
