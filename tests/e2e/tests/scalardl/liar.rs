//! What stands before the Ledger: everybody reaches it through here, and it answers as its [`Ways`] have it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use trustkeep_scalar_rpc::messages::{
    AssetProofRetrievalRequest, AssetProofRetrievalResponse, ContractExecutionRequest,
    ContractExecutionResponse, ContractRegistrationRequest, ContractsListingRequest,
    ContractsListingResponse, ExecutionAbortRequest, ExecutionAbortResponse, ExecutionFinishRequest,
    LedgerValidationRequest, LedgerValidationResponse, SignedFunctionRegistrationRequest,
};
use trustkeep_scalar_rpc::services::{Ledger, LedgerClient, LedgerServer};

pub(crate) type Real = LedgerClient<Channel>;
pub(crate) type Answer<T> = Result<T, Status>;

/// How it answers; the truth where nothing else is said.
#[async_trait]
pub(crate) trait Ways: Send + Sync + 'static {
    async fn execute(
        &self,
        mut real: Real,
        request: ContractExecutionRequest,
    ) -> Answer<ContractExecutionResponse> {
        Ok(real.execute_contract(request).await?.into_inner())
    }

    async fn proof(
        &self,
        mut real: Real,
        request: AssetProofRetrievalRequest,
    ) -> Answer<AssetProofRetrievalResponse> {
        Ok(real.retrieve_asset_proof(request).await?.into_inner())
    }

    async fn abort(&self, mut real: Real, request: ExecutionAbortRequest) -> Answer<ExecutionAbortResponse> {
        Ok(real.abort_execution(request).await?.into_inner())
    }
}

/// Nothing but the truth.
pub(crate) struct Honest;
impl Ways for Honest {}

/// The Ledger executes, and its answer is changed.
pub(crate) struct Altered<F>(pub(crate) F);

#[async_trait]
impl<F: Fn(&mut ContractExecutionResponse) + Send + Sync + 'static> Ways for Altered<F> {
    async fn execute(
        &self,
        mut real: Real,
        request: ContractExecutionRequest,
    ) -> Answer<ContractExecutionResponse> {
        let mut answer = real.execute_contract(request).await?.into_inner();
        (self.0)(&mut answer);
        Ok(answer)
    }
}

/// A Ledger to all who ask.
#[derive(Clone)]
pub(crate) struct Liar {
    pub(crate) port: u16,
    state: Arc<Mutex<(Real, Arc<dyn Ways>)>>,
}

impl Liar {
    /// Honest at first, before the Ledger on a port.
    pub(crate) fn before(ledger: u16) -> Self {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = incoming.local_addr().unwrap().port();
        let liar = Self { port, state: Arc::new(Mutex::new((real(ledger), Arc::new(Honest)))) };
        let service = LedgerServer::new(liar.clone());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        liar
    }

    /// Another Ledger is behind it from now on, or the same one that was started again.
    pub(crate) fn point_at(&self, ledger: u16) {
        self.state.lock().unwrap().0 = real(ledger);
    }

    pub(crate) fn becomes(&self, ways: impl Ways) {
        self.state.lock().unwrap().1 = Arc::new(ways);
    }

    fn now(&self) -> (Real, Arc<dyn Ways>) {
        self.state.lock().unwrap().clone()
    }
}

pub(crate) fn real(port: u16) -> Real {
    LedgerClient::new(Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap().connect_lazy())
}

#[async_trait]
impl Ledger for Liar {
    async fn execute_contract(
        &self,
        request: Request<ContractExecutionRequest>,
    ) -> Answer<Response<ContractExecutionResponse>> {
        let (real, ways) = self.now();
        ways.execute(real, request.into_inner()).await.map(Response::new)
    }

    async fn retrieve_asset_proof(
        &self,
        request: Request<AssetProofRetrievalRequest>,
    ) -> Answer<Response<AssetProofRetrievalResponse>> {
        let (real, ways) = self.now();
        ways.proof(real, request.into_inner()).await.map(Response::new)
    }

    async fn abort_execution(
        &self,
        request: Request<ExecutionAbortRequest>,
    ) -> Answer<Response<ExecutionAbortResponse>> {
        let (real, ways) = self.now();
        ways.abort(real, request.into_inner()).await.map(Response::new)
    }

    async fn register_contract(&self, request: Request<ContractRegistrationRequest>) -> Answer<Response<()>> {
        self.now().0.register_contract(request.into_inner()).await
    }

    async fn register_function(
        &self,
        request: Request<SignedFunctionRegistrationRequest>,
    ) -> Answer<Response<()>> {
        self.now().0.register_function(request.into_inner()).await
    }

    async fn list_contracts(
        &self,
        request: Request<ContractsListingRequest>,
    ) -> Answer<Response<ContractsListingResponse>> {
        self.now().0.list_contracts(request.into_inner()).await
    }

    async fn validate_ledger(
        &self,
        request: Request<LedgerValidationRequest>,
    ) -> Answer<Response<LedgerValidationResponse>> {
        self.now().0.validate_ledger(request.into_inner()).await
    }

    async fn finish_execution(&self, request: Request<ExecutionFinishRequest>) -> Answer<Response<()>> {
        self.now().0.finish_execution(request.into_inner()).await
    }
}
