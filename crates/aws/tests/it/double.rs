//! Small servers that stand in for AWS, and what they were asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use trustkeep_aws::{Context, Env};
use trustkeep_crypto::random::Seeded;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The form of the query protocol.
    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

type Answer = Arc<dyn Fn(&Asked, usize) -> Response + Send + Sync>;

/// A server on a port of its own; `answer` gets the request and its number, from 0.
pub(crate) struct Double {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Double {
    pub(crate) async fn start(answer: impl Fn(&Asked, usize) -> Response + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let app = Router::new().fallback(handle).with_state((asked.clone(), Arc::new(answer) as Answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn handle(
    State((asked, answer)): State<(Arc<Mutex<Vec<Asked>>>, Answer)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let request = Asked { method, path: uri.path().to_owned(), headers, body };
    let number = {
        let mut asked = asked.lock().unwrap();
        asked.push(request.clone());
        asked.len() - 1
    };
    answer(&request, number)
}

pub(crate) fn status(code: u16, body: impl Into<String>) -> Response {
    (StatusCode::from_u16(code).unwrap(), body.into()).into_response()
}

pub(crate) fn ok(body: impl Into<String>) -> Response {
    status(200, body)
}

/// The instance metadata service, version 2: no token, no answer.
pub(crate) async fn imds(document: impl Fn(usize) -> String + Send + Sync + 'static) -> Double {
    Double::start(move |asked, number| match (asked.method.as_str(), asked.path.as_str()) {
        ("PUT", "/latest/api/token") if asked.header("x-aws-ec2-metadata-token-ttl-seconds") == "21600" => {
            ok("tok")
        }
        ("GET", _) if asked.header("x-aws-ec2-metadata-token") != "tok" => status(401, ""),
        ("GET", "/latest/meta-data/iam/security-credentials/") => ok("my-role\n"),
        ("GET", "/latest/meta-data/iam/security-credentials/my-role") => ok(document(number)),
        ("GET", "/latest/meta-data/placement/region") => ok("eu-north-1"),
        _ => status(404, ""),
    })
    .await
}

/// A document as IMDS and ECS answer it.
pub(crate) fn document(id: &str, expiration: &str) -> String {
    format!(
        r#"{{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"{id}","SecretAccessKey":"s","Token":"t","Expiration":"{expiration}"}}"#
    )
}

/// An answer of STS.
pub(crate) fn role_xml(action: &str, id: &str, expiration: &str) -> String {
    format!(
        r#"<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>
        <AssumedRoleUser><Arn>arn:x</Arn><AssumedRoleId>A:b</AssumedRoleId></AssumedRoleUser>
        <Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>s+/=</SecretAccessKey>
        <SessionToken>t</SessionToken><Expiration>{expiration}</Expiration></Credentials></{action}Result>
        <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"#
    )
}

/// A clock that tests turn.
#[derive(Clone)]
pub(crate) struct Clock(Arc<Mutex<Timestamp>>);

impl Clock {
    pub(crate) fn at(time: &str) -> Self {
        Self(Arc::new(Mutex::new(time.parse().unwrap())))
    }

    pub(crate) fn set(&self, time: &str) {
        *self.0.lock().unwrap() = time.parse().unwrap();
    }
}

/// Surroundings with these variables, at noon on 1 June 2026 unless told otherwise.
pub(crate) fn context(variables: &[(&str, &str)]) -> Context {
    context_at(variables, &Clock::at("2026-06-01T12:00:00Z"))
}

pub(crate) fn context_at(variables: &[(&str, &str)], clock: &Clock) -> Context {
    let clock = clock.clone();
    Context {
        env: Env::fixed(variables.iter().copied()),
        clock: Arc::new(move || *clock.0.lock().unwrap()),
        random: Arc::new(Seeded::new(1)),
    }
}
