use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use trustkeep_aws::{Call, Chain, ChainSettings, Client};

use crate::double::{Double, context, document, ok};

/// Keeps all that is logged.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// At the most talkative level of every crate below us: signer, HTTP client, runtime.
#[tokio::test]
async fn no_secret_reaches_the_log() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(captured.clone())
        .finish();
    // For the whole process: one for this thread alone is at times deaf to what other tests logged first.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let secret_document = document("AKIAPUBLIC", "2026-06-01T18:00:00Z")
        .replace(r#""s""#, r#""the-secret-key""#)
        .replace(r#""t""#, r#""the-session-token""#);
    let container = Double::start(move |_, _| ok(secret_document.clone())).await;
    let service = Double::start(|_, _| ok(r#"{"Plaintext":"the-answer"}"#)).await;
    let uri = format!("{}/c", container.url);
    let context = context(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "the-container-token"),
    ]);
    let chain = Chain::new(context.clone(), ChainSettings::default()).unwrap();
    let client = Client::builder("kms", "eu-west-1")
        .endpoint(&service.url)
        .credentials(Arc::new(chain))
        .context(context)
        .build()
        .unwrap();
    let call = Call::json_1_1("TrentService.Encrypt", &json!({ "Plaintext": "the-plaintext" })).unwrap();
    client.send(call).await.unwrap();

    assert_eq!(service.asked()[0].header("x-amz-security-token"), "the-session-token");
    assert_eq!(container.asked()[0].header("authorization"), "the-container-token");
    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("AKIAPUBLIC") && log.contains("signing request"),
        "the log must have been captured: {log}"
    );
    for secret in
        ["the-secret-key", "the-session-token", "the-container-token", "the-plaintext", "the-answer"]
    {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}
