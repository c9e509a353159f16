//! Answers that are none: statuses and texts as aiohttp and ACA-Py write them.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use super::call::Generation;
use super::validate::Problems;
use crate::Error;

/// A response of the admin API.
pub(super) type AdminResponse = Response<Full<Bytes>>;

/// Why a request is not done.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The agent refuses.
    Agent(Error),
    /// With this status and these words.
    Plain(StatusCode, String),
    /// The query, the path or the body is not as it must be.
    Fields {
        /// `querystring`, `match_info` or `json`.
        place: &'static str,
        /// What is wrong.
        problems: Problems,
    },
    /// The body is no JSON.
    NotJson,
    /// 400 with these words in an object, as ACA-Py's newest operations refuse.
    Message(String),
    /// The path is there, with other methods.
    Method(String),
    /// The body is larger than this.
    TooLarge(usize),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Agent(error)
    }
}

impl From<trustkeep_wallet::Error> for Refusal {
    fn from(error: trustkeep_wallet::Error) -> Self {
        Self::Agent(Error::Wallet(error))
    }
}

impl From<trustkeep_didcomm::Error> for Refusal {
    fn from(error: trustkeep_didcomm::Error) -> Self {
        Self::Agent(Error::Didcomm(error))
    }
}

impl Refusal {
    /// 400 with a reason.
    pub(super) fn bad(reason: impl Into<String>) -> Self {
        Self::Plain(StatusCode::BAD_REQUEST, reason.into())
    }

    /// 403 with a reason.
    pub(super) fn forbidden(reason: impl Into<String>) -> Self {
        Self::Plain(StatusCode::FORBIDDEN, reason.into())
    }

    /// The same with a full stop at the end of its words, as ACA-Py writes errors that it has rolled up.
    pub(super) fn rolled_up(self) -> Self {
        let stop = |mut words: String| {
            if !words.ends_with('.') {
                words.push('.');
            }
            words
        };
        match self {
            Self::Agent(Error::BadRequest(words)) => Self::bad(stop(words)),
            Self::Agent(Error::Didcomm(error)) => Self::bad(stop(error.to_string())),
            Self::Agent(Error::NotFound(words)) => Self::Plain(StatusCode::NOT_FOUND, stop(words)),
            other => other,
        }
    }

    /// Whether another change came between, so that doing it anew helps.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Agent(Error::Wallet(error)) if error.is_conflict())
    }

    /// As the controller sees it.
    pub(super) fn to_response(&self, generation: Generation) -> AdminResponse {
        match self {
            Self::Agent(error) => of_agent(error, generation),
            Self::Plain(status, reason) => plain(*status, reason),
            Self::Fields { place, problems } => {
                let problems = Value::Object(problems.clone());
                let body = match generation {
                    Generation::Old => problems,
                    Generation::New => json!({ *place: problems }),
                };
                json_response(StatusCode::UNPROCESSABLE_ENTITY, &body)
            }
            Self::Message(words) => json_response(StatusCode::BAD_REQUEST, &json!({ "message": words })),
            Self::NotJson => json_response(StatusCode::BAD_REQUEST, &json!({"json": ["Invalid JSON body."]})),
            Self::Method(allowed) => {
                let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
                if let Ok(allowed) = HeaderValue::from_str(allowed) {
                    response.headers_mut().insert(ALLOW, allowed);
                }
                response
            }
            Self::TooLarge(most) => text_response(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("Maximum request body size {most} exceeded."),
            ),
        }
    }
}

/// A JSON value.
pub(super) fn json_response(status: StatusCode, body: &Value) -> AdminResponse {
    with_type(status, body.to_string(), "application/json; charset=utf-8")
}

/// `404: Not Found` and its like.
pub(super) fn plain(status: StatusCode, reason: &str) -> AdminResponse {
    text_response(status, format!("{}: {reason}", status.as_u16()))
}

/// A page.
pub(super) fn html_response(body: &'static str) -> AdminResponse {
    with_type(StatusCode::OK, body.to_owned(), "text/html; charset=utf-8")
}

/// Go there.
pub(super) fn redirect(to: &'static str) -> AdminResponse {
    let mut response = plain(StatusCode::FOUND, "Found");
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(to));
    response
}

/// aiohttp's words for what has no reason to happen.
pub(super) fn broken() -> AdminResponse {
    text_response(
        StatusCode::INTERNAL_SERVER_ERROR,
        "500 Internal Server Error\n\nServer got itself in trouble".to_owned(),
    )
}

fn of_agent(error: &Error, generation: Generation) -> AdminResponse {
    use trustkeep_wallet::Error as Wallet;
    match error {
        Error::NotFound(reason) => plain(StatusCode::NOT_FOUND, reason),
        Error::BadRequest(reason) => plain(StatusCode::BAD_REQUEST, reason),
        Error::Forbidden(reason) => plain(StatusCode::FORBIDDEN, reason),
        Error::Full(reason) => plain(StatusCode::SERVICE_UNAVAILABLE, reason),
        Error::Didcomm(error) => plain(StatusCode::BAD_REQUEST, &error.to_string()),
        Error::Wallet(Wallet::Invalid(reason)) => plain(StatusCode::BAD_REQUEST, reason),
        Error::Invalid(fields) => {
            let lists = fields.iter().map(|(field, words)| (field.clone(), words.clone().into()));
            let problems: Map<String, Value> = lists.collect();
            Refusal::Fields { place: "json", problems }.to_response(generation)
        }
        Error::Wallet(
            wallet @ (Wallet::Unavailable(_) | Wallet::OutcomeUnknown(_) | Wallet::Conflict { .. }),
        ) => {
            tracing::warn!(error = %wallet, "a request was not carried out");
            plain(StatusCode::SERVICE_UNAVAILABLE, &wallet.to_string())
        }
        Error::Wallet(Wallet::NotFound(_) | Wallet::Denied(_) | Wallet::Corrupt(_)) | Error::Internal(_) => {
            tracing::error!(%error, "a request failed");
            broken()
        }
    }
}

fn text_response(status: StatusCode, body: String) -> AdminResponse {
    with_type(status, body, "text/plain; charset=utf-8")
}

fn with_type(status: StatusCode, body: String, content_type: &'static str) -> AdminResponse {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
