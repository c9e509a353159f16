//! Messages that come by HTTP: a POST each, answered with 200 when all that follows is in the wallet.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use trustkeep_chassis::http::{Body, Listener, collect, service_fn};
use trustkeep_chassis::shutdown::Shutdown;

use super::mime_type;
use super::taking::Taken;
use crate::Agent;

/// What people read who open an invitation's address in a browser.
const INVITED: &str = "You have received a connection invitation. To accept the invitation, paste it into your agent application.";

/// Takes messages that come to a listener, until the shutdown. A task for the supervisor.
///
/// # Errors
/// Never; the signature is that of a supervised task.
pub async fn serve(agent: Agent, listener: Listener, shutdown: Shutdown) -> Result<(), Infallible> {
    let service = service_fn(move |request| {
        let agent = agent.clone();
        async move { Ok::<_, Infallible>(answer(&agent, request).await) }
    });
    listener.serve(service, shutdown).await
}

async fn answer<B>(agent: &Agent, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match *request.method() {
        Method::POST => {
            let limit = agent.settings().transport.message_bytes_max;
            match collect(request.into_body(), limit).await {
                Ok(body) => take(agent, &body).await,
                Err(error) => text(error.status(), error.to_string()),
            }
        }
        Method::GET | Method::HEAD if request.uri().path() == "/" => greet(request.uri().query()),
        Method::GET | Method::HEAD => text(StatusCode::NOT_FOUND, "404: Not Found".to_owned()),
        _ => text(StatusCode::METHOD_NOT_ALLOWED, "405: Method Not Allowed".to_owned()),
    }
}

async fn take(agent: &Agent, body: &[u8]) -> Response<Full<Bytes>> {
    match Taken::take(agent, body, true).await {
        Taken::Done(receipt) => match receipt.back {
            Some(outgoing) => {
                let mut response = Response::new(Full::new(outgoing.envelope.into()));
                let mime_type = HeaderValue::from_static(mime_type(agent.settings()));
                response.headers_mut().insert(CONTENT_TYPE, mime_type);
                response
            }
            None => Response::default(),
        },
        Taken::Ignored => Response::default(),
        Taken::Unparsable => text(StatusCode::BAD_REQUEST, "400: Bad Request".to_owned()),
        Taken::Unavailable => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "503: The message cannot be taken now; send it again".to_owned(),
        ),
        Taken::Failed => text(StatusCode::INTERNAL_SERVER_ERROR, "500: Internal Server Error".to_owned()),
    }
}

fn greet(query: Option<&str>) -> Response<Full<Bytes>> {
    let names = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let mut names = names.filter(|(_, value)| !value.is_empty()).map(|(name, _)| name);
    if names.any(|name| matches!(name, "c_i" | "oob")) {
        text(StatusCode::OK, INVITED.to_owned())
    } else {
        Response::default()
    }
}

fn text(status: StatusCode, words: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(words.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
