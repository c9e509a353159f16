//! A Ledger of a few lines: honest by default, and lying in the ways that tests ask for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tonic::{Request, Response, Status};
use trustkeep_contract::AssetFilter;
use trustkeep_scalar_domain::asset::{AssetKey, AssetRow, Origin, contract_reference};
use trustkeep_scalar_domain::execution::{AssetReader, Call, execute};
use trustkeep_scalar_rpc::messages::*;
use trustkeep_scalar_rpc::services::{Ledger, LedgerServer};
use trustkeep_scalar_rpc::signing::Signed as _;
use trustkeep_scalar_rpc::{Error, Result, StatusCode, argument::Argument};

use super::{TestContracts, client, sign_as_server};

#[derive(Default)]
pub(crate) struct TestLedger(Mutex<State>);

#[derive(Default)]
struct State {
    rows: BTreeMap<AssetKey, Vec<AssetRow>>,
    outcomes: HashMap<String, TransactionState>,
    lie: Lie,
    finished: Vec<String>,
}

/// What it lies about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lie {
    #[default]
    None,
    /// Executes another contract.
    OtherContract,
    /// Shows no proof of what it committed.
    HidesProofs,
    /// Says that nothing was decided.
    Undecided,
    /// Says that what it committed is aborted.
    DeniesCommit,
    /// Shows proofs of another nonce.
    OtherNonce,
    /// Does not answer.
    Silent,
}

impl TestLedger {
    pub(crate) fn lie(&self, lie: Lie) {
        self.0.lock().lie = lie;
    }

    pub(crate) fn finished(&self) -> Vec<String> {
        self.0.lock().finished.clone()
    }

    /// Forgets the latest state of an asset.
    pub(crate) fn roll_back(&self, key: &AssetKey) {
        self.0.lock().rows.get_mut(key).unwrap().pop();
    }

    /// Changes a state.
    pub(crate) fn change(&self, key: &AssetKey, age: usize, change: impl FnOnce(&mut AssetRow)) {
        change(&mut self.0.lock().rows.get_mut(key).unwrap()[age]);
    }

    pub(crate) fn execute(&self, request: &ContractExecutionRequest) -> Result<Vec<AssetProof>> {
        let mut state = self.0.lock();
        let argument = Argument::parse(&request.contract_argument)?;
        let nonce = argument.nonce.to_string();
        if state.outcomes.contains_key(&nonce) {
            return Err(Error::numbered(StatusCode::Conflict, "LEDGER", 1, "decided"));
        }
        let contract_id = match state.lie {
            Lie::OtherContract => "move",
            _ => request.contract_id.as_str(),
        };
        let namespace = trustkeep_scalar_domain::requests::context_namespace(&request.context_namespace);
        let call = Call {
            client: client(request),
            context_namespace: namespace,
            contract_id,
            argument: argument.contract_argument,
        };
        let outcome = execute(&call, &TestContracts, &mut Reader(&state.rows))?;
        let origin = Origin {
            argument: request.contract_argument.clone(),
            contract_id: contract_reference(&client(request), &request.contract_id),
            signature: request.signature.clone(),
        };
        let written = outcome.rows(&origin)?;
        state.outcomes.insert(nonce, TransactionState::Committed);
        let mut proofs = Vec::new();
        for (key, row) in &outcome.read {
            match (written.get(key), row) {
                (Some(row), _) | (None, Some(row)) => proofs.push(signed(row.proof(key)?)),
                (None, None) => {}
            }
        }
        for (key, row) in written {
            state.rows.entry(key).or_default().push(row);
        }
        Ok(proofs)
    }

    pub(crate) async fn serve(self: Arc<Self>) -> u16 {
        let incoming = tonic::transport::server::TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = incoming.local_addr().unwrap().port();
        let server = tonic::transport::Server::builder().add_service(LedgerServer::new(Service(self)));
        tokio::spawn(server.serve_with_incoming(incoming));
        port
    }
}

/// A proof with the Ledger's signature.
pub(crate) fn signed(mut proof: AssetProof) -> AssetProof {
    proof.signature = sign_as_server(&proof.signing_bytes());
    proof
}

struct Reader<'a>(&'a BTreeMap<AssetKey, Vec<AssetRow>>);

impl AssetReader for Reader<'_> {
    fn latest(&mut self, key: &AssetKey) -> Result<Option<AssetRow>> {
        Ok(self.0.get(key).and_then(|rows| rows.last()).cloned())
    }

    fn scan(&mut self, key: &AssetKey, _: &AssetFilter) -> Result<Vec<AssetRow>> {
        Ok(self.0.get(key).into_iter().flatten().rev().cloned().collect())
    }
}

struct Service(Arc<TestLedger>);

type Answer<T> = std::result::Result<Response<T>, Status>;

fn unasked<T>() -> Answer<T> {
    Err(Error::runtime("an Auditor does not ask this").into())
}

#[tonic::async_trait]
impl Ledger for Service {
    async fn retrieve_asset_proof(
        &self,
        request: Request<AssetProofRetrievalRequest>,
    ) -> Answer<AssetProofRetrievalResponse> {
        let request = request.into_inner();
        assert_eq!(request.signature, sign_as_server(&request.signing_bytes()));
        assert_eq!((request.entity_id.as_str(), request.key_version), ("_AUDITOR_", 1));
        let state = self.0.0.lock();
        let namespace = trustkeep_scalar_domain::requests::context_namespace(&request.namespace);
        let key = AssetKey { namespace: namespace.into(), id: request.asset_id };
        let row = state.rows.get(&key).and_then(|rows| rows.get(usize::try_from(request.age).unwrap()));
        match (row, state.lie) {
            (_, Lie::Silent) => Err(Status::unavailable("gone")),
            (None, _) | (_, Lie::HidesProofs | Lie::DeniesCommit) => {
                Err(Error::numbered(StatusCode::AssetNotFound, "LEDGER", 1, "not found").into())
            }
            (Some(row), lie) => {
                let mut proof = row.proof(&key).unwrap();
                if lie == Lie::OtherNonce {
                    proof.nonce = "other".into();
                }
                Ok(Response::new(AssetProofRetrievalResponse {
                    proof: Some(signed(proof)),
                    ledger_name: "test".into(),
                }))
            }
        }
    }

    async fn abort_execution(
        &self,
        request: Request<ExecutionAbortRequest>,
    ) -> Answer<ExecutionAbortResponse> {
        let request = request.into_inner();
        assert_eq!(request.signature, sign_as_server(&request.signing_bytes()));
        let mut state = self.0.0.lock();
        let outcome = match state.lie {
            Lie::Silent => return Err(Status::unavailable("gone")),
            Lie::Undecided => TransactionState::Unknown,
            Lie::DeniesCommit => TransactionState::Aborted,
            _ => *state.outcomes.entry(request.nonce).or_insert(TransactionState::Aborted),
        };
        Ok(Response::new(ExecutionAbortResponse { state: outcome.into() }))
    }

    async fn finish_execution(&self, request: Request<ExecutionFinishRequest>) -> Answer<()> {
        let request = request.into_inner();
        assert_eq!(request.signature, sign_as_server(&request.signing_bytes()));
        self.0.0.lock().finished.push(request.nonce);
        Ok(Response::new(()))
    }

    async fn register_contract(&self, _: Request<ContractRegistrationRequest>) -> Answer<()> {
        unasked()
    }

    async fn register_function(&self, _: Request<SignedFunctionRegistrationRequest>) -> Answer<()> {
        unasked()
    }

    async fn list_contracts(&self, _: Request<ContractsListingRequest>) -> Answer<ContractsListingResponse> {
        unasked()
    }

    async fn execute_contract(
        &self,
        _: Request<ContractExecutionRequest>,
    ) -> Answer<ContractExecutionResponse> {
        unasked()
    }

    async fn validate_ledger(&self, _: Request<LedgerValidationRequest>) -> Answer<LedgerValidationResponse> {
        unasked()
    }
}
