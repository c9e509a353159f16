//! Listeners seen from a client's side of the wire.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use trustkeep_chassis::http::{
    BindError, Incoming, Limits, ListenSettings, Listener, Refusal, RequestContext, RequestId, collect,
    service_fn,
};
use trustkeep_chassis::metrics::{RequestMetrics, StatusClass};
use trustkeep_chassis::shutdown::Shutdown;

const BODY_BYTES_MAX: usize = 1000;

struct Server {
    address: SocketAddr,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), Infallible>>,
    /// `/wait` tells here that it has begun, and ends when told.
    begun: Arc<Notify>,
    finish: Arc<Notify>,
}

impl Server {
    async fn start(settings: ListenSettings) -> Self {
        let listener = Listener::bind(settings).await.unwrap();
        let address = listener.local_address();
        let shutdown = Shutdown::new();
        let (begun, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let gates = (Arc::clone(&begun), Arc::clone(&finish));
        let service = service_fn(move |request| {
            let (begun, finish) = gates.clone();
            async move { Ok::<_, Infallible>(answer(request, &begun, &finish).await) }
        });
        let task = tokio::spawn(listener.serve(service, shutdown.clone()));
        Self { address, shutdown, task, begun, finish }
    }

    async fn with(limits: Limits) -> Self {
        Self::start(ListenSettings::new("listener-test", any_port()).with_limits(limits)).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

async fn answer(request: Request<Incoming>, begun: &Notify, finish: &Notify) -> Response<Full<Bytes>> {
    let text = match request.uri().path() {
        "/wait" => {
            begun.notify_one();
            finish.notified().await;
            "finished".to_owned()
        }
        "/big" => return Response::new(Full::from(vec![b'x'; 64 << 20])),
        "/panic" => panic!("handler went wrong"),
        "/id" => {
            let context = request.extensions().get::<RequestContext>().unwrap();
            assert_eq!(RequestId::current(), Some(context.id()));
            format!("{} {}", context.id(), context.peer())
        }
        "/body" => match collect(request.into_body(), BODY_BYTES_MAX).await {
            Ok(body) => body.len().to_string(),
            Err(error) => {
                let mut response = Response::new(Full::from(error.to_string()));
                *response.status_mut() = error.status();
                return response;
            }
        },
        _ => format!("{} {}", request.method(), request.uri()),
    };
    Response::new(Full::from(text))
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn client() -> reqwest::Client {
    trustkeep_chassis::tls::install_provider();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Everything until the other side closes, within a time that only a hanging server exceeds.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await;
    // A reset is as good an end as any.
    let _ = read.expect("the server did not close the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Up to and with this text.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        bytes.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_taken_port_is_named_with_what_to_do() {
    let first = Listener::bind(ListenSettings::new("vault", any_port())).await.unwrap();
    let address = first.local_address();
    let error = Listener::bind(ListenSettings::new("vault", address)).await.unwrap_err();
    assert!(matches!(error, BindError::PortTaken { .. }));
    let text = error.to_string();
    assert!(text.contains(&format!("port {} is taken", address.port())), "{text}");
    assert!(text.contains("ss -ltnp") && text.contains("vault"), "{text}");
}

#[tokio::test]
async fn an_address_of_another_machine_is_refused_with_what_to_do() {
    let error =
        Listener::bind(ListenSettings::new("vault", "192.0.2.1:0".parse().unwrap())).await.unwrap_err();
    assert!(matches!(error, BindError::NotLocal { .. }), "{error}");
}

#[tokio::test]
async fn method_and_path_arrive_as_they_were_sent() {
    let server = Server::with(Limits::default()).await;
    let mut stream = server.connect().await;
    let request = "LIST /v1/secret/a%2Fb%20c//../d?x=%41 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let text = read_to_end(&mut stream).await;
    assert!(text.ends_with("LIST /v1/secret/a%2Fb%20c//../d?x=%41"), "{text}");
    let text = client()
        .request(Method::from_bytes(b"LIST").unwrap(), server.url("/v1/sys"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(text, "LIST /v1/sys");
}

#[tokio::test]
async fn every_request_has_an_id_of_its_own_and_the_peer() {
    let server = Server::with(Limits::default()).await;
    let mut stream = server.connect().await;
    let one = "GET /id HTTP/1.1\r\nhost: x\r\n\r\n";
    let last = "GET /id HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(format!("{one}{last}").as_bytes()).await.unwrap();
    let local = stream.local_addr().unwrap().to_string();
    let text = read_to_end(&mut stream).await;
    let ids: Vec<&str> =
        text.lines().filter_map(|line| line.split_once(&format!(" {local}"))).map(|(id, _)| id).collect();
    assert_eq!(ids.len(), 2, "{text}");
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_body_above_the_limit_is_answered_with_413() {
    let server = Server::with(Limits::default()).await;
    let send = |body: reqwest::Body| client().post(server.url("/body")).body(body).send();
    let exact = send(vec![b'x'; BODY_BYTES_MAX].into()).await.unwrap();
    assert_eq!((exact.status(), exact.text().await.unwrap().as_str()), (StatusCode::OK, "1000"));
    let announced = send(vec![b'x'; BODY_BYTES_MAX + 1].into()).await.unwrap();
    assert_eq!(announced.status(), StatusCode::PAYLOAD_TOO_LARGE);

    let mut stream = server.connect().await;
    let head = "POST /body HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    let chunk = format!("258\r\n{}\r\n", "x".repeat(0x258));
    stream.write_all(format!("{head}{chunk}{chunk}0\r\n\r\n").as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn headers_above_the_limit_are_answered_with_431() {
    let server = Server::with(Limits { header_bytes_max: 8192, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-big: {}", "a".repeat(8192));
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_client_that_sends_its_headers_too_slowly_is_cut_off() {
    let server =
        Server::with(Limits { header_timeout: Duration::from_millis(80), ..Limits::default() }).await;
    let mut silent = server.connect().await;
    let mut halting = server.connect().await;
    halting.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    let mut second = server.connect().await;
    second.write_all(b"GET /one HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(read_until(&mut second, "GET /one").await.starts_with("HTTP/1.1 200"));
    second.write_all(b"GET /sec").await.unwrap();
    assert_eq!(read_to_end(&mut silent).await, "");
    assert_eq!(read_to_end(&mut halting).await, "");
    assert_eq!(read_to_end(&mut second).await, "");
}

#[tokio::test]
async fn half_a_request_sent_together_with_a_whole_one_is_cut_off_too() {
    let short = Duration::from_millis(80);
    let server =
        Server::with(Limits { header_timeout: short, idle_timeout: short, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /one HTTP/1.1\r\nhost: x\r\n\r\nGET /sec").await.unwrap();
    assert!(read_to_end(&mut stream).await.ends_with("GET /one"));
}

#[tokio::test]
async fn an_idle_connection_is_closed_but_a_waiting_request_is_not() {
    let limits = Limits { idle_timeout: Duration::from_millis(80), ..Limits::default() };
    let server = Server::with(limits).await;
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /idle HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // By the time the idle one is closed, the waiting one has been idle on the wire for longer.
    assert!(read_to_end(&mut idle).await.ends_with("GET /idle"));
    server.finish.notify_one();
    assert!(read_to_end(&mut waiting).await.ends_with("finished"));
}

#[tokio::test]
async fn a_client_that_reads_nothing_of_its_answer_is_cut_off() {
    let limits = Limits { idle_timeout: Duration::from_millis(80), connections_max: 1, ..Limits::default() };
    let server = Server::with(limits).await;
    let mut deaf = server.connect().await;
    deaf.write_all(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // There is room for one connection, so an answer to the second shows that the first is gone.
    let mut second = server.connect().await;
    second.write_all(b"GET /second HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(read_to_end(&mut second).await.ends_with("GET /second"));
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_with_503() {
    let limits = Limits { request_timeout: Some(Duration::from_millis(50)), ..Limits::default() };
    let settings =
        ListenSettings::new("listener-test", any_port()).with_limits(limits).with_refusals(|refusal| {
            assert_eq!(refusal, Refusal::TimedOut);
            let mut response = Response::new(Bytes::from_static(b"{\"errors\":[\"too slow\"]}"));
            *response.status_mut() = refusal.status();
            response
        });
    let server = Server::start(settings).await;
    let response = client().get(server.url("/wait")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.text().await.unwrap(), "{\"errors\":[\"too slow\"]}");
}

#[tokio::test]
async fn a_panic_costs_one_answer_and_not_the_connection() {
    let server = Server::with(Limits::default()).await;
    let mut stream = server.connect().await;
    stream
        .write_all(
            b"GET /panic HTTP/1.1\r\nhost: x\r\n\r\nGET /after HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        )
        .await
        .unwrap();
    let text = read_to_end(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 500") && !text.contains("went wrong"), "{text}");
    assert!(text.ends_with("GET /after"), "{text}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let server = Server::with(Limits { connections_max: 1, ..Limits::default() }).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    let mut second = server.connect().await;
    second.write_all(b"GET /second HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    // Another runtime turn would answer it if it were accepted; the wire stays silent instead.
    let mut byte = [0u8; 1];
    assert!(tokio::time::timeout(Duration::from_millis(100), second.read(&mut byte)).await.is_err());
    server.finish.notify_one();
    assert!(read_to_end(&mut first).await.ends_with("finished"));
    assert!(read_to_end(&mut second).await.ends_with("GET /second"));
}

#[tokio::test]
async fn a_shutdown_finishes_the_request_in_flight_and_closes_the_idle_connection() {
    let server = Server::with(Limits::default()).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /one HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    server.shutdown.trigger("test");
    assert!(read_to_end(&mut idle).await.ends_with("GET /one"));
    assert!(!server.task.is_finished());
    assert!(TcpStream::connect(server.address).await.is_err(), "still accepting");
    server.finish.notify_one();
    let text = read_to_end(&mut waiting).await;
    assert!(text.ends_with("finished") && text.contains("connection: close"), "{text}");
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_shutdown_cuts_what_does_not_finish_within_the_drain_time() {
    let server = Server::with(Limits { drain_timeout: Duration::from_millis(50), ..Limits::default() }).await;
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    server.shutdown.trigger("test");
    assert_eq!(read_to_end(&mut waiting).await, "");
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn http2_without_tls_is_understood() {
    let server = Server::with(Limits::default()).await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let response = client.get(server.url("/two")).send().await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    assert!(response.text().await.unwrap().starts_with("GET http://"));
    server.shutdown.trigger("test");
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn requests_are_counted_by_status() {
    let server = Server::start(ListenSettings::new("count-test", any_port())).await;
    for path in ["/a", "/b", "/panic"] {
        client().get(server.url(path)).send().await.unwrap();
    }
    let metrics = RequestMetrics::of("count-test");
    assert_eq!((metrics.count(StatusClass::Success), metrics.count(StatusClass::ServerError)), (2, 1));
    let text = trustkeep_chassis::metrics::render();
    assert!(text.contains("http_request_duration_seconds_count{service=\"count-test\"} 3"), "{text}");
}

#[tokio::test]
async fn a_socket_in_the_file_system_is_its_users_alone_and_survives_a_process_that_died() {
    use std::os::unix::fs::PermissionsExt as _;

    use tokio::net::UnixStream;
    use trustkeep_chassis::http::FileBindError;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("service.sock");
    let bind = || Listener::bind_file(ListenSettings::new("listener-test", any_port()), &path);
    // What a process that died leaves: a socket at which nobody answers.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listener = bind().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let shutdown = Shutdown::new();
    let service = service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"here"))))
    });
    let task = tokio::spawn(listener.serve(service, shutdown.clone()));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("here"), "{answer}");
    assert!(matches!(bind(), Err(FileBindError::Taken(_))));
    shutdown.trigger("the test is over");
    task.await.unwrap().unwrap();
}
