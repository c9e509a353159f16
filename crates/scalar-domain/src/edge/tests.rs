//! The edge from outside: a real client over a socket.

use std::time::Duration;

use futures::StreamExt as _;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1alpha::ServerReflectionRequest;
use tonic_reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1alpha::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1alpha::server_reflection_response::MessageResponse;
use trustkeep_chassis::clock::SystemClock;
use trustkeep_chassis::shutdown::{Reload, Shutdown};
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_chassis::tls::{self, DevCa};
use trustkeep_scalar_rpc::messages::*;
use trustkeep_scalar_rpc::properties::Properties;
use trustkeep_scalar_rpc::services::{
    AdminClient, AuditorClient, Ledger, LedgerClient, LedgerPrivilegedClient, LedgerServer,
};
use trustkeep_scalar_rpc::{Error, StatusCode};

use super::*;
use crate::settings::ServerSettings;

/// A ledger that knows its contracts by heart.
struct Parrot(Edge);

type Answer<T> = std::result::Result<Response<T>, Status>;

impl Parrot {
    async fn refused<T>(&self, kind: RequestKind) -> Answer<T> {
        self.0.call(kind, async { Err(Error::new(StatusCode::InvalidRequest, "no")) }).await
    }
}

#[tonic::async_trait]
impl Ledger for Parrot {
    async fn register_contract(&self, _: Request<ContractRegistrationRequest>) -> Answer<()> {
        self.refused(RequestKind::ContractRegistration).await
    }

    async fn register_function(&self, _: Request<SignedFunctionRegistrationRequest>) -> Answer<()> {
        self.refused(RequestKind::SignedFunctionRegistration).await
    }

    async fn list_contracts(&self, _: Request<ContractsListingRequest>) -> Answer<ContractsListingResponse> {
        self.refused(RequestKind::ContractsListing).await
    }

    async fn execute_contract(
        &self,
        request: Request<ContractExecutionRequest>,
    ) -> Answer<ContractExecutionResponse> {
        let request = request.into_inner();
        let work = async move {
            assert_ne!(request.contract_id, "panic", "as it was told to");
            let contract_result = request.contract_argument;
            Ok(ContractExecutionResponse { contract_result, ..Default::default() })
        };
        self.0.call(RequestKind::ContractExecution, work).await
    }

    async fn validate_ledger(&self, _: Request<LedgerValidationRequest>) -> Answer<LedgerValidationResponse> {
        self.refused(RequestKind::LedgerValidation).await
    }

    async fn retrieve_asset_proof(
        &self,
        _: Request<AssetProofRetrievalRequest>,
    ) -> Answer<AssetProofRetrievalResponse> {
        self.refused(RequestKind::AssetProofRetrieval).await
    }

    async fn abort_execution(&self, _: Request<ExecutionAbortRequest>) -> Answer<ExecutionAbortResponse> {
        self.refused(RequestKind::ExecutionAbort).await
    }

    async fn finish_execution(&self, _: Request<ExecutionFinishRequest>) -> Answer<()> {
        self.refused(RequestKind::ExecutionFinish).await
    }
}

struct Server {
    edge: Edge,
    addresses: Addresses,
    supervisor: Supervisor,
}

impl Server {
    async fn start(more: &str) -> Self {
        let text = format!(
            "scalar.dl.ledger.server.host=127.0.0.1
             scalar.dl.ledger.server.port=0
             scalar.dl.ledger.server.privileged_port=0
             scalar.dl.ledger.server.admin_port=0
             scalar.dl.ledger.server.prometheus_exporter_port=0
             scalar.dl.ledger.server.decommissioning_duration_secs=0
             {more}"
        );
        let properties = Properties::parse(&text, &|_| None).unwrap();
        let settings = ServerSettings::read(Domain::Ledger, &properties).unwrap();
        let edge = Edge::new(Domain::Ledger, SystemClock::shared());
        let mut routers = Routers::default();
        let ledger = LedgerServer::new(Parrot(edge.clone()));
        routers.main.add_service(ledger.max_decoding_message_size(settings.message_bytes_max));
        let supervisor = Supervisor::new(Shutdown::new());
        let addresses = serve(&settings, &edge, routers, &supervisor, &Reload::new()).await.unwrap();
        Self { edge, addresses, supervisor }
    }

    async fn channel(&self, address: std::net::SocketAddr) -> Channel {
        Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
    }

    async fn ledger(&self) -> LedgerClient<Channel> {
        LedgerClient::new(self.channel(self.addresses.main).await)
    }

    async fn stop(self) {
        self.supervisor.shutdown().trigger("end of the test");
        self.supervisor.join(Duration::from_secs(30)).await.unwrap();
    }
}

fn execution(contract_id: &str, argument: &str) -> ContractExecutionRequest {
    ContractExecutionRequest {
        contract_id: contract_id.into(),
        contract_argument: argument.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn every_error_has_its_trailer_and_every_call_is_counted() {
    let server = Server::start("scalar.dl.ledger.server.grpc.max_inbound_message_size=10000").await;
    let mut ledger = server.ledger().await;
    let answer = ledger.execute_contract(execution("c", "{}")).await.unwrap().into_inner();
    assert_eq!(answer.contract_result, "{}");
    let refused = ledger.finish_execution(ExecutionFinishRequest::default()).await.unwrap_err();
    assert_eq!(Error::from_grpc(&refused), Error::new(StatusCode::InvalidRequest, "no"));
    let panicked = ledger.execute_contract(execution("panic", "{}")).await.unwrap_err();
    assert_eq!(Error::from_grpc(&panicked).code, StatusCode::RuntimeError);

    // Errors that no service made.
    let large = ledger.execute_contract(execution("c", &"x".repeat(10_001))).await.unwrap_err();
    let carried = Error::from_grpc(&large);
    assert_eq!(carried.code, StatusCode::InvalidArgument, "{large:?}");
    assert!(carried.message.contains("too large"), "{carried}");
    let mut auditor = AuditorClient::new(server.channel(server.addresses.main).await);
    let unknown = auditor.order_execution(execution("c", "{}")).await.unwrap_err();
    assert_eq!(
        (unknown.code(), Error::from_grpc(&unknown).code),
        (Code::Unimplemented, StatusCode::RuntimeError)
    );
    let mut privileged = LedgerPrivilegedClient::new(server.channel(server.addresses.privileged).await);
    let unknown = privileged.retrieve_state(StateRetrievalRequest::default()).await.unwrap_err();
    assert_eq!(Error::from_grpc(&unknown).code, StatusCode::RuntimeError);
    let mut request = Request::new(execution("c", "{}"));
    request.metadata_mut().insert("x-large", "x".repeat(9_000).parse().unwrap());
    let refused = ledger.execute_contract(request).await.unwrap_err();
    assert!(Error::from_grpc(&refused).message.contains("metadata is too large"), "{refused:?}");

    assert_eq!(server.edge.stats().count(RequestKind::ContractExecution), (1, 1));
    assert_eq!(server.edge.stats().count(RequestKind::ExecutionFinish), (0, 1));
    server.stop().await;
}

#[tokio::test]
async fn calls_wait_at_a_closed_gate_and_then_succeed() {
    let server = Server::start("").await;
    let mut admin = AdminClient::new(server.channel(server.addresses.admin).await);
    admin.pause(PauseRequest { wait_outstanding: true, max_pause_wait_time: None }).await.unwrap();
    assert!(admin.check_paused(()).await.unwrap().into_inner().paused);
    let ledger = server.ledger().await;
    let calls = futures::future::join_all((0..20).map(|number| {
        let mut ledger = ledger.clone();
        async move {
            let argument = number.to_string();
            let answer = ledger.execute_contract(execution("c", &argument)).await.unwrap();
            assert_eq!(answer.into_inner().contract_result, argument);
        }
    }));
    let mut calls = std::pin::pin!(calls);
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut calls).await.is_err());
    assert_eq!(server.edge.stats().count(RequestKind::ContractExecution), (0, 0));
    admin.unpause(()).await.unwrap();
    calls.await;
    assert!(!admin.check_paused(()).await.unwrap().into_inner().paused);
    let refused = admin.pause(PauseRequest { wait_outstanding: true, max_pause_wait_time: Some(0) }).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    server.stop().await;
}

#[tokio::test]
async fn health_tells_of_decommissioning_before_the_end() {
    let server = Server::start("scalar.dl.ledger.server.decommissioning_duration_secs=1").await;
    let mut checks = vec![];
    let Addresses { main, privileged, admin, .. } = server.addresses;
    for address in [main, privileged, admin] {
        let mut health = HealthClient::new(server.channel(address).await);
        let request = || HealthCheckRequest { service: "whatever".into() };
        assert_eq!(health.check(request()).await.unwrap().into_inner().status, 1);
        assert_eq!(health.watch(request()).await.unwrap_err().code(), Code::Unimplemented);
        checks.push(health);
    }
    let mut ledger = server.ledger().await;
    server.supervisor.shutdown().trigger("end of the test");
    let health = &mut checks[0];
    let not_serving = async {
        while health.check(HealthCheckRequest::default()).await.unwrap().into_inner().status != 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), not_serving).await.unwrap();
    // Still answered.
    ledger.execute_contract(execution("c", "{}")).await.unwrap();
    server.supervisor.join(Duration::from_secs(30)).await.unwrap();
    assert!(ledger.execute_contract(execution("c", "{}")).await.is_err());
}

#[tokio::test]
async fn reflection_names_what_a_port_serves() {
    let server = Server::start("").await;
    let ask = |message| {
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(message) };
        Request::new(futures::stream::iter([request]))
    };
    for (address, service) in [
        (server.addresses.main, "rpc.Ledger"),
        (server.addresses.privileged, "rpc.LedgerPrivileged"),
        (server.addresses.admin, "rpc.Admin"),
    ] {
        let mut reflection = ServerReflectionClient::new(server.channel(address).await);
        let answers =
            reflection.server_reflection_info(ask(MessageRequest::ListServices(String::new()))).await;
        let answer = answers.unwrap().into_inner().next().await.unwrap().unwrap();
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else { panic!() };
        let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
        names.sort();
        assert_eq!(names[0], "grpc.health.v1.Health");
        assert!(names.iter().any(|name| name == service), "{names:?}");
        assert!(!names.iter().any(|name| name.starts_with("rpc.") && name != service), "{names:?}");
        let symbol = MessageRequest::FileContainingSymbol(service.to_owned());
        let answers = reflection.server_reflection_info(ask(symbol)).await;
        let answer = answers.unwrap().into_inner().next().await.unwrap().unwrap();
        assert!(matches!(answer.message_response, Some(MessageResponse::FileDescriptorResponse(_))));
    }
    server.stop().await;
}

#[tokio::test]
async fn metrics_are_exported_where_the_original_has_them() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = Server::start("").await;
    server.ledger().await.execute_contract(execution("c", "{}")).await.unwrap();
    let scrape = async |path: &str| {
        let mut stream = tokio::net::TcpStream::connect(server.addresses.prometheus.unwrap()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    };
    let text = scrape("/stats/prometheus").await;
    assert!(text.contains("scalardl_stats_ledger_contract_execution_request_success 1"), "{text}");
    assert!(text.contains("process_resident_memory_bytes"), "{text}");
    assert!(scrape("/other").await.starts_with("HTTP/1.1 404"));
    server.stop().await;
}

#[tokio::test]
async fn tls_is_spoken_with_the_configured_certificate() {
    tls::install_provider();
    let folder = tempfile::tempdir().unwrap();
    let authority = DevCa::open_or_create(folder.path(), &SystemClock::new()).unwrap();
    let files = authority.server("ledger", &[]).unwrap();
    let (chain, key) = (files.certificate_file.display(), files.key_file.display());
    let ca = std::fs::read_to_string(authority.ca_file()).unwrap();
    let server = Server::start(&format!(
        "scalar.dl.ledger.server.tls.enabled=true
         scalar.dl.ledger.server.tls.cert_chain_path={chain}
         scalar.dl.ledger.server.tls.private_key_path={key}"
    ))
    .await;
    let trust = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)).domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{}", server.addresses.main)).unwrap();
    let channel = endpoint.tls_config(trust).unwrap().connect().await.unwrap();
    LedgerClient::new(channel).execute_contract(execution("c", "{}")).await.unwrap();
    let plain = Endpoint::from_shared(format!("http://{}", server.addresses.main)).unwrap();
    let plain = plain.connect_timeout(Duration::from_secs(5)).connect_lazy();
    assert!(LedgerClient::new(plain).execute_contract(execution("c", "{}")).await.is_err());
    server.stop().await;
}
