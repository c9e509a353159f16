use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use trustkeep_aws::{Call, Client, Credentials, CredentialsProvider, Error, Retry};

use crate::double::{Asked, Double, context, ok, status};

/// Hands out K1, and after a refusal K2, and so on.
#[derive(Debug, Default)]
struct Rotating(std::sync::atomic::AtomicUsize);

#[async_trait]
impl CredentialsProvider for Rotating {
    async fn credentials(&self) -> Result<Arc<Credentials>, Error> {
        let number = self.0.load(std::sync::atomic::Ordering::SeqCst);
        Ok(Arc::new(Credentials {
            access_key_id: format!("K{}", number + 1),
            secret_access_key: "secret".into(),
            session_token: Some("token".into()),
            expires_at: None,
            source: "test",
        }))
    }

    fn refused(&self, _: &Credentials) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

fn client(endpoint: &str) -> Client {
    Client::builder("kms", "eu-west-1")
        .endpoint(endpoint)
        .credentials(Arc::new(Rotating::default()))
        .context(context(&[]))
        .retry(Retry { attempts_max: 3, base: Duration::from_millis(1), delay_max: Duration::from_millis(1) })
        .build()
        .unwrap()
}

fn call() -> Call {
    Call::json_1_1("TrentService.Encrypt", &json!({ "KeyId": "k" })).unwrap()
}

fn service_error(error: Error) -> trustkeep_aws::ServiceError {
    match error {
        Error::Service(error) => *error,
        other => panic!("expected a service error, got {other}"),
    }
}

#[tokio::test]
async fn requests_are_signed_as_the_protocol_asks() {
    let service = Double::start(|_, _| ok(r#"{"Answer":42}"#)).await;
    let reply = client(&service.url).send(call()).await.unwrap();
    assert_eq!(reply.json::<Value>().unwrap()["Answer"], 42);
    assert!(matches!(reply.json::<Vec<u8>>(), Err(Error::Answer { .. })));
    let asked = &service.asked()[0];
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str(), asked.body.as_str()),
        ("POST", "/", r#"{"KeyId":"k"}"#)
    );
    assert_eq!(asked.header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(asked.header("x-amz-target"), "TrentService.Encrypt");
    assert_eq!(asked.header("x-amz-date"), "20260601T120000Z");
    assert_eq!(asked.header("x-amz-security-token"), "token");
    let authorization = asked.header("authorization");
    assert!(
        authorization.starts_with(
            "AWS4-HMAC-SHA256 Credential=K1/20260601/eu-west-1/kms/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature="
        ),
        "{authorization}"
    );
    assert_eq!(authorization.rsplit('=').next().unwrap(), reference_signature(asked));
}

/// Signature Version 4 written down from its specification, independently of the library.
fn reference_signature(asked: &Asked) -> String {
    use trustkeep_crypto::{hash, hmac};
    let digest = |text: &str| hash::Algorithm::Sha256.digest(text.as_bytes()).to_hex();
    let mac = |key: &[u8], text: &str| {
        hmac::Key::new(hmac::Algorithm::Sha256, key).sign(text.as_bytes()).as_ref().to_vec()
    };
    let signed = ["content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"];
    let headers: String = signed.iter().map(|name| format!("{name}:{}\n", asked.header(name))).collect();
    let canonical = format!("POST\n/\n\n{headers}\n{}\n{}", signed.join(";"), digest(&asked.body));
    let scope = "20260601/eu-west-1/kms/aws4_request";
    let to_sign = format!("AWS4-HMAC-SHA256\n20260601T120000Z\n{scope}\n{}", digest(&canonical));
    let key = scope.split('/').fold(b"AWS4secret".to_vec(), |key, part| mac(&key, part));
    trustkeep_crypto::SecretBytes::new(mac(&key, &to_sign)).to_hex().expose().to_owned()
}

#[tokio::test]
async fn throttling_is_repeated_even_for_calls_that_must_not_happen_twice() {
    let service = Double::start(|_, number| match number {
        0 => status(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#),
        1 => status(429, ""),
        _ => ok("{}"),
    })
    .await;
    client(&service.url).send(call()).await.unwrap();
    assert_eq!(service.asked().len(), 3);

    let service =
        Double::start(|_, _| status(400, r#"{"__type":"ThrottlingException","message":"m"}"#)).await;
    let error = service_error(client(&service.url).send(call()).await.unwrap_err());
    assert!(error.is_throttling());
    assert_eq!(service.asked().len(), 3, "attempts are bounded");
}

#[tokio::test]
async fn server_faults_are_repeated_only_for_idempotent_calls() {
    let failing = || Double::start(|_, number| if number < 2 { status(503, "") } else { ok("{}") });
    let service = failing().await;
    let error = service_error(client(&service.url).send(call()).await.unwrap_err());
    assert_eq!((error.status, service.asked().len()), (503, 1));
    let service = failing().await;
    client(&service.url).send(call().idempotent()).await.unwrap();
    assert_eq!(service.asked().len(), 3);
}

#[tokio::test]
async fn refusals_are_not_repeated() {
    let service =
        Double::start(|_, _| status(400, r#"{"__type":"AccessDeniedException","Message":"no"}"#)).await;
    let error = service_error(client(&service.url).send(call().idempotent()).await.unwrap_err());
    assert!(error.is_access_denied());
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn expired_tokens_are_renewed_once() {
    let expired = || status(400, r#"{"__type":"ExpiredTokenException","message":"expired"}"#);
    let service = Double::start(move |asked: &Asked, _| {
        if asked.header("authorization").contains("Credential=K1/") { expired() } else { ok("{}") }
    })
    .await;
    client(&service.url).send(call()).await.unwrap();
    assert_eq!(service.asked().len(), 2);

    let service = Double::start(move |_, _| expired()).await;
    let error = service_error(client(&service.url).send(call()).await.unwrap_err());
    assert!(error.is_expired_token());
    assert_eq!(service.asked().len(), 2);
}

#[tokio::test]
async fn an_endpoint_that_hangs_or_is_gone_is_named() {
    // Accepts and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let hanging = Client::builder("kms", "eu-west-1")
        .endpoint(&url)
        .anonymous()
        .timeouts(Duration::from_millis(100), Duration::from_millis(100))
        .retry(Retry { attempts_max: 1, ..Retry::default() })
        .build()
        .unwrap();
    let error = hanging.send(call()).await.unwrap_err();
    assert!(matches!(error, Error::Transport { timed_out: true, .. }), "{error}");
    drop(listener);
    let text = client(&url).send(call()).await.unwrap_err().to_string();
    assert!(
        text.starts_with(&format!("kms at {url} could not be reached: ")) && text.contains("refused"),
        "{text}"
    );
}

#[tokio::test]
async fn answers_are_bounded() {
    let service = Double::start(|_, _| ok("x".repeat((4 << 20) + 1))).await;
    let text = client(&service.url).send(call()).await.unwrap_err().to_string();
    assert!(text.contains("the answer is longer than 4194304 bytes"), "{text}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let service = Double::start(|_, _| {
        let mut answer = status(307, "");
        answer.headers_mut().insert("location", "http://127.0.0.1:1/".parse().unwrap());
        answer
    })
    .await;
    assert_eq!(service_error(client(&service.url).send(call()).await.unwrap_err()).status, 307);
}

#[test]
fn settings_are_checked() {
    let build = |endpoint: &str| Client::builder("kms", "eu-west-1").endpoint(endpoint).anonymous().build();
    for bad in ["kms.example", "ftp://kms.example", ""] {
        assert!(matches!(build(bad), Err(Error::Setting { parameter: "endpoint", .. })), "{bad}");
    }
    assert!(matches!(
        Client::builder("kms", "eu-west-1").build(),
        Err(Error::Setting { parameter: "credentials", .. })
    ));
    let default = Client::builder("kms", "cn-north-1").anonymous().build().unwrap();
    assert_eq!(default.endpoint(), "https://kms.cn-north-1.amazonaws.com.cn");
}

#[test]
fn nothing_secret_is_printed() {
    let call = Call::json_1_1("T.E", &json!({ "Plaintext": "hunter2" })).unwrap();
    let client = client("http://127.0.0.1:1");
    let credentials = futures::executor::block_on(Rotating::default().credentials()).unwrap();
    let text = format!("{call:?} {client:?} {credentials:?}");
    assert!(!text.contains("hunter2") && !text.contains("secret\"") && !text.contains("token\""), "{text}");
}
