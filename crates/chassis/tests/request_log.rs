//! What a request leaves in the log: its id on every line, and nothing secret.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use trustkeep_chassis::http::{Incoming, ListenSettings, Listener, RequestContext, service_fn};
use trustkeep_chassis::logs::{Captured, Format, Level, Settings};
use trustkeep_chassis::shutdown::Shutdown;

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    tracing::warn!(mount = "kv/", "first poll");
    tokio::task::yield_now().await;
    tracing::warn!("later poll");
    let id = request.extensions().get::<RequestContext>().unwrap().id();
    Ok(Response::new(Full::from(id.to_string())))
}

/// The runtime is this thread alone, and the captured logs are this thread's.
async fn logged(settings: Settings) -> (String, String) {
    let captured = Captured::default();
    let guard = captured.start(settings);
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::bind(ListenSettings::new("log-test", address)).await.unwrap();
    let (url, shutdown) =
        (format!("http://{}/v1/kv?q=hvs.in-the-query", listener.local_address()), Shutdown::new());
    let server = tokio::spawn(listener.serve(service_fn(answer), shutdown.clone()));
    trustkeep_chassis::tls::install_provider();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(url).header("x-vault-token", "hvs.in-the-header").body("hvs.in-the-body");
    let id = request.send().await.unwrap().text().await.unwrap();
    shutdown.trigger("test");
    server.await.unwrap().unwrap();
    drop(guard);
    (id, captured.text())
}

#[tokio::test]
async fn every_line_of_a_request_carries_its_id() {
    for format in [Format::Standard, Format::Json] {
        let (id, text) = logged(Settings { level: Level::Info, format }).await;
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("poll")).collect();
        assert_eq!(lines.len(), 2, "{text}");
        let field = if format == Format::Json {
            format!("\"request_id\":\"{id}\"")
        } else {
            format!("request_id={id}")
        };
        assert!(lines.iter().all(|line| line.contains(&field)), "{text}");
        assert!(!text.contains("answered"), "the access log is for debug and below: {text}");
    }
}

#[tokio::test]
async fn the_access_log_is_written_at_debug_and_no_level_shows_a_secret() {
    for level in [Level::Debug, Level::Trace] {
        let (id, text) = logged(Settings { level, format: Format::Standard }).await;
        let line = text.lines().find(|line| line.contains("answered")).unwrap();
        assert!(line.contains(&id) && line.contains("POST") && line.contains("/v1/kv"), "{line}");
        assert!(line.contains("status=200"), "{line}");
        assert!(!text.contains("hvs."), "{text}");
    }
}
