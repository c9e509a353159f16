use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use trustkeep_chassis::http::{Body, collect};
use trustkeep_store::Error as StoreError;

use super::{Administration, AdministrationError, Operations};
use crate::accounts::AccountError;
use crate::secrets::{Secrets, SecretsError};

/// Answers one request on the administrator's socket: `POST` of a [`super::Command`] gives `{"result"}`, or `{"message"}` with the
/// status of a refusal.
pub async fn answer<S, O, B>(
    administration: &Administration<std::sync::Arc<S>, std::sync::Arc<O>>,
    request: Request<B>,
) -> Response<Full<Bytes>>
where
    S: Secrets + ?Sized,
    O: Operations + ?Sized,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if *request.method() != Method::POST {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "only POST is answered here; `vcc` is the client");
    }
    let body = match collect(request.into_body(), BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => return refuse(error.status(), &error.to_string()),
    };
    let command = match serde_json::from_slice(&body) {
        Ok(command) => command,
        // The text of the error may hold a piece of what was sent, and so of a token.
        Err(error) => {
            let place = format!("not a command of this version, at column {}", error.column());
            return refuse(StatusCode::BAD_REQUEST, &place);
        }
    };
    match administration.execute(command).await {
        Ok(result) => respond(StatusCode::OK, &json!({ "result": result })),
        Err(error) => refuse(status(&error), &error.to_string()),
    }
}

fn status(error: &AdministrationError) -> StatusCode {
    match error {
        AdministrationError::Invalid(_)
        | AdministrationError::Account(AccountError::Name(_) | AccountError::Role(_)) => {
            StatusCode::BAD_REQUEST
        }
        AdministrationError::Missing(_)
        | AdministrationError::Account(AccountError::Unknown(_))
        | AdministrationError::Secrets(SecretsError::Missing(_)) => StatusCode::NOT_FOUND,
        AdministrationError::Account(
            AccountError::Exists(_) | AccountError::Owner { .. } | AccountError::Full,
        ) => StatusCode::CONFLICT,
        AdministrationError::Secrets(SecretsError::Unavailable(_))
        | AdministrationError::Account(AccountError::Store(StoreError::Unavailable(_))) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        AdministrationError::Failed(_)
        | AdministrationError::Secrets(SecretsError::Denied)
        | AdministrationError::Account(AccountError::Store(_)) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn refuse(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    respond(status, &json!({ "message": message }))
}

fn respond(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.to_string().into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A catalogue of a few thousand networks.
const BODY_BYTES_MAX: usize = 4 << 20;
