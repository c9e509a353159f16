//! Executing a contract: at the Ledger alone, or ordered by the Auditor, executed by the Ledger, validated by the
//! Auditor, and compared here.

use trustkeep_scalar_rpc::identity::Verifier;
use trustkeep_scalar_rpc::messages::{
    AssetProof, ContractExecutionRequest, ContractExecutionResponse, ExecutionValidationRequest,
};
use trustkeep_scalar_rpc::signing::{DEFAULT_NAMESPACE, Signed as _};
use trustkeep_scalar_rpc::{Error, Result, StatusCode, argument};

use crate::client::{Client, failed};
use crate::error::inconsistent;

/// A contract to execute, and perhaps functions after it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Call<'a> {
    /// The id it is registered under.
    pub contract_id: &'a str,
    /// What it is given: JSON text in most cases. It must not hold the control character 3.
    pub argument: &'a str,
    /// Functions to execute after it, in order.
    pub function_ids: &'a [&'a str],
    /// What they are given; empty for nothing. It is not covered by the signature.
    pub function_argument: &'a str,
    /// The transaction's id; a random one if `None`.
    pub nonce: Option<&'a str>,
}

/// What an execution came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Execution {
    /// What the contract returned, if anything.
    pub contract_result: Option<String>,
    /// What the last function returned, if anything.
    pub function_result: Option<String>,
    /// The Ledger's proofs, of every asset that was read or written.
    pub ledger_proofs: Vec<AssetProof>,
    /// The Auditor's; empty without one.
    pub auditor_proofs: Vec<AssetProof>,
}

impl Client {
    /// Executes a contract.
    ///
    /// # Errors
    /// 305 if Ledger and Auditor differ; 504 where it may be tried again; otherwise as the servers answer.
    pub async fn execute_contract(&self, contract_id: &str, argument: &str) -> Result<Execution> {
        self.execute(Call { contract_id, argument, ..Call::default() }).await
    }

    /// Executes a contract, and functions after it.
    ///
    /// # Errors
    /// As [`Self::execute_contract`]; 502 (DL-COMMON-414017) if the argument would tear the form it travels in.
    pub async fn execute(&self, call: Call<'_>) -> Result<Execution> {
        self.execute_signed(self.prepare(call)?).await
    }

    /// The signed request of a call: the same may be sent in parts by [`Self::order`] and its neighbours.
    ///
    /// # Errors
    /// As [`Self::execute`]; 400 if the key cannot sign.
    pub fn prepare(&self, call: Call<'_>) -> Result<ContractExecutionRequest> {
        let config = self.identified()?;
        let nonce = call.nonce.map_or_else(|| self.nonce(), str::to_owned);
        let text = argument::format(call.argument, &nonce, &config.context_namespace, call.function_ids)?;
        let mut request = ContractExecutionRequest {
            contract_id: call.contract_id.to_owned(),
            contract_argument: text,
            entity_id: config.identity.entity_id().to_owned(),
            key_version: config.identity.key_version(),
            function_argument: call.function_argument.to_owned(),
            use_function_ids: !call.function_ids.is_empty(),
            function_ids: call.function_ids.iter().map(|id| (*id).to_owned()).collect(),
            nonce,
            context_namespace: config.context_namespace.clone(),
            ..Default::default()
        };
        request.signature = self.sign(&request)?.into();
        Ok(request)
    }

    /// All steps with a request that was signed here or by whom this client forwards for.
    ///
    /// # Errors
    /// As [`Self::execute_contract`].
    pub async fn execute_signed(&self, request: ContractExecutionRequest) -> Result<Execution> {
        let ordered = self.order(request).await?;
        if self.auditor().is_none() {
            return self.execute_at_ledger(ordered).await.map(|ledger| outcome(ledger, Vec::new()));
        }
        let ledger = self.execute_at_ledger(ordered.clone()).await?;
        self.conclude(ordered, ledger).await
    }

    /// The first step: the Auditor orders the request, and signs it. Without an Auditor the request stays as it is.
    ///
    /// # Errors
    /// As the Auditor answers.
    pub async fn order(&self, mut request: ContractExecutionRequest) -> Result<ContractExecutionRequest> {
        let Some(auditor) = self.auditor() else { return Ok(request) };
        let answer = auditor.ordinary.clone().order_execution(auditor.request(request.clone())).await;
        request.auditor_signature = answer.map_err(failed)?.into_inner().signature;
        Ok(request)
    }

    /// The second step: the Ledger executes and commits.
    ///
    /// # Errors
    /// As the Ledger answers.
    pub async fn execute_at_ledger(
        &self,
        request: ContractExecutionRequest,
    ) -> Result<ContractExecutionResponse> {
        let ledger = self.ledger();
        let answer = ledger.ordinary.clone().execute_contract(ledger.request(request)).await;
        answer.map(tonic::Response::into_inner).map_err(failed)
    }

    /// The third step: the Auditor executes again and checks the Ledger's proofs.
    ///
    /// # Errors
    /// As the Auditor answers; 407 without one.
    pub async fn validate_at_auditor(
        &self,
        request: ContractExecutionRequest,
        proofs: Vec<AssetProof>,
    ) -> Result<ContractExecutionResponse> {
        let auditor = self
            .auditor()
            .ok_or_else(|| Error::new(StatusCode::InvalidRequest, "Auditor is not configured."))?;
        let request = auditor.request(ExecutionValidationRequest { request: Some(request), proofs });
        let answer = auditor.ordinary.clone().validate_execution(request).await;
        answer.map(tonic::Response::into_inner).map_err(failed)
    }

    /// The third step with the comparison that ends an execution. Without an Auditor the Ledger's answer is the end.
    ///
    /// # Errors
    /// As [`Self::validate_at_auditor`]; 305 if Ledger and Auditor differ.
    pub async fn conclude(
        &self,
        ordered: ContractExecutionRequest,
        ledger: ContractExecutionResponse,
    ) -> Result<Execution> {
        if self.auditor().is_none() {
            return Ok(outcome(ledger, Vec::new()));
        }
        let auditor = self.validate_at_auditor(ordered, ledger.proofs.clone()).await?;
        compare(&ledger, &auditor)?;
        Ok(outcome(ledger, auditor.proofs))
    }
}

/// Checks a proof's signature: with the certificate of the server that gave it, or with HMAC the servers' secret.
///
/// # Errors
/// 400 (DL-COMMON-400004) if it is another's or the proof was changed.
pub fn verify_proof(proof: &AssetProof, verifier: &dyn Verifier) -> Result<()> {
    if verifier.holds(&proof.signing_bytes(), &proof.signature) {
        return Ok(());
    }
    let text = "The proof signature can't be validated.";
    Err(Error::numbered(StatusCode::InvalidSignature, "COMMON", 4, text))
}

fn outcome(ledger: ContractExecutionResponse, auditor_proofs: Vec<AssetProof>) -> Execution {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    Execution {
        contract_result: some(ledger.contract_result),
        function_result: some(ledger.function_result),
        ledger_proofs: ledger.proofs,
        auditor_proofs,
    }
}

/// Whether both say the same: the result's text, how many proofs, and of each asset its age and hash.
fn compare(ledger: &ContractExecutionResponse, auditor: &ContractExecutionResponse) -> Result<()> {
    if ledger.contract_result != auditor.contract_result || ledger.proofs.len() != auditor.proofs.len() {
        return Err(inconsistent());
    }
    let (ledger, auditor) = (sorted(&ledger.proofs), sorted(&auditor.proofs));
    let same = |(one, other): (&&AssetProof, &&AssetProof)| {
        key(one) == key(other) && one.age == other.age && one.hash == other.hash
    };
    if ledger.iter().zip(&auditor).all(same) { Ok(()) } else { Err(inconsistent()) }
}

fn sorted(proofs: &[AssetProof]) -> Vec<&AssetProof> {
    let mut proofs: Vec<_> = proofs.iter().collect();
    proofs.sort_unstable_by_key(|proof| key(proof));
    proofs
}

/// Old servers leave the default namespace out.
fn key(proof: &AssetProof) -> (&str, &str) {
    let namespace = if proof.namespace.is_empty() { DEFAULT_NAMESPACE } else { &proof.namespace };
    (namespace, &proof.asset_id)
}

#[cfg(test)]
mod tests {
    use trustkeep_crypto::SecretString;
    use trustkeep_scalar_rpc::identity::{HmacKey, Signer as _};

    use super::*;
    use crate::{ClientConfig, Identity, Target};

    fn proof(namespace: &str, id: &str, age: u32, hash: u8) -> AssetProof {
        AssetProof {
            asset_id: id.into(),
            age,
            hash: vec![hash].into(),
            namespace: namespace.into(),
            ..Default::default()
        }
    }

    fn answer(result: &str, proofs: &[AssetProof]) -> ContractExecutionResponse {
        ContractExecutionResponse {
            contract_result: result.into(),
            proofs: proofs.to_vec(),
            ..Default::default()
        }
    }

    #[test]
    fn answers_are_compared_asset_by_asset_in_any_order() {
        let (a, b) = (proof("default", "a", 1, 1), proof("ns", "b", 2, 2));
        let ledger = answer("{}", &[a.clone(), b.clone()]);
        let nameless = proof("", "a", 1, 1);
        for proofs in [[a.clone(), b.clone()], [b.clone(), a.clone()], [nameless, b.clone()]] {
            assert_eq!(compare(&ledger, &answer("{}", &proofs)), Ok(()));
        }
        let refused = compare(&ledger, &answer("{} ", &[a.clone(), b.clone()])).unwrap_err();
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (
                StatusCode::InconsistentStates,
                "DL-CLIENT-305001: The results from Ledger and Auditor don't match."
            )
        );
        for proofs in [
            vec![a.clone()],
            vec![a.clone(), a.clone()],
            vec![a.clone(), b.clone(), b.clone()],
            vec![a.clone(), proof("ns", "b", 3, 2)],
            vec![a.clone(), proof("ns", "b", 2, 3)],
            vec![a.clone(), proof("default", "b", 2, 2)],
        ] {
            assert_eq!(compare(&ledger, &answer("{}", &proofs)), Err(inconsistent()), "{proofs:?}");
        }
        // The same asset twice on one side is not two assets.
        let twice = answer("{}", &[a.clone(), a.clone()]);
        assert!(compare(&twice, &answer("{}", &[a, b])).is_err());
    }

    #[tokio::test]
    async fn a_request_equals_the_originals_vector() -> Result<()> {
        let identity = Identity::Hmac {
            entity_id: "alice".into(),
            version: 1,
            secret: SecretString::from("secret-key"),
        };
        let mut config = ClientConfig::new(Target::new("localhost", 1, 2), identity);
        config.context_namespace = DEFAULT_NAMESPACE.into();
        let client = Client::new(config)?;
        let argument = r#"{"asset_id":"a","state":1}"#;
        let call = Call { contract_id: "StateUpdater", argument, nonce: Some("n-1"), ..Call::default() };
        let request = client.prepare(call)?;
        assert_eq!(request.contract_argument, format!("V3\u{1}n-1\u{3}default\u{3}\u{3}{argument}"));
        let tag: String = request.signature.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(tag, "4ef0ebc0de38d1c49abe44e52f62457fd2fe25e167cfca89cbf9ff1556712008");
        assert!(!request.use_function_ids && request.context_namespace.is_empty());
        let random = client.prepare(Call { nonce: None, ..call })?;
        assert_eq!((random.nonce.len(), random.nonce.as_bytes().get(14)), (36, Some(&b'4')));
        Ok(())
    }

    #[tokio::test]
    async fn a_forwarder_signs_nothing_and_a_server_that_is_not_there_was_not_reached() -> Result<()> {
        let client = Client::new(ClientConfig::new(Target::new("127.0.0.1", 1, 1), Identity::PassThrough))?;
        let refused = client.execute_contract("c", "{}").await.unwrap_err();
        assert_eq!(refused, crate::error::wrong_mode());
        let refused = client.execute_signed(ContractExecutionRequest::default()).await.unwrap_err();
        assert_eq!(refused.code, StatusCode::Unavailable, "{refused}");
        Ok(())
    }

    #[test]
    fn a_proof_is_verified() -> Result<()> {
        let key = HmacKey::new(&SecretString::from("servers"));
        let mut proof = proof("default", "a", 1, 1);
        proof.signature = key.sign(&proof.signing_bytes())?.into();
        assert_eq!(verify_proof(&proof, &key), Ok(()));
        proof.age = 2;
        let refused = verify_proof(&proof, &key).unwrap_err();
        assert_eq!(refused.message, "DL-COMMON-400004: The proof signature can't be validated.");
        Ok(())
    }
}
