//! Requests to a node that is one of several: answered here, or by the active node.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::LOCATION;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use trustkeep_chassis::clock::Timestamp;
use trustkeep_chassis::http::{Incoming, collect};

use super::answer::{self, VaultResponse};
use super::{Edge, forwarded, refused_body};
use crate::core::{Standing, Unsealed};
use crate::ha::{self, ECHO_PATH, FORWARDED_FOR, Forwarded, Ha, NotActive, Outgoing};
use crate::{Error, Result};

impl Edge {
    /// Answers a client's request, here or through the active node.
    pub(super) async fn answer_among(
        &self,
        ha: &Arc<Ha>,
        parts: Parts,
        body: Incoming,
    ) -> Response<VaultResponse> {
        let path = parts.uri.path().strip_prefix("/v1/").unwrap_or_default();
        if ha::is_local(path) && !(path == "sys/seal" && self.core.standing() == Standing::Active) {
            return self.answer_here(None, &parts, body).await;
        }
        let is_read = is_read(&parts.method);
        let mut body = Body::Coming(body);
        for _ in 0..ROUNDS_MAX {
            match self.core.unsealed() {
                Err(Error::Sealed) => return answer::error(&Error::Sealed),
                Err(_) => {
                    let outgoing = match self.outgoing(&parts, body).await {
                        Ok(outgoing) => outgoing,
                        Err(error) => return answer::error(&error),
                    };
                    match ha.forward(&self.core, &outgoing).await {
                        Ok(Forwarded::Answer(response)) => return response.map(Full::new),
                        Ok(Forwarded::Redirect(location)) => return redirect(&location),
                        Ok(Forwarded::Here) => {}
                        Err(error) => return answer::error(&error),
                    }
                    body = Body::Here(outgoing.body);
                }
                Ok(term) => {
                    let response = match body {
                        Body::Coming(body) => self.answer_here(Some(&*term), &parts, body).await,
                        Body::Here(bytes) => self.answer_here(Some(&*term), &parts, Full::new(bytes)).await,
                    };
                    if !is_read || self.is_current(&term, &response) {
                        return response;
                    }
                    // Nothing was changed, and what was read may be old: the active node is asked.
                    body = Body::Here(Bytes::new());
                }
            }
        }
        answer::error(&Error::Unavailable("the active node changes too often: try again".into()))
    }

    /// Answers another node that forwards a client's request.
    pub(super) async fn answer_node(
        &self,
        ha: &Arc<Ha>,
        parts: Parts,
        body: Incoming,
    ) -> Response<VaultResponse> {
        if parts.uri.path() == ECHO_PATH {
            let now = Timestamp::from_nanosecond(i128::from(self.core.now())).unwrap_or_default();
            if let Ok(body) = collect(body, ECHO_BYTES_MAX).await {
                ha.heard(&body, now);
            }
            return Response::default();
        }
        let Ok(term) = self.core.unsealed() else { return answer::error(&Error::Standby) };
        let response = self.answer_here(Some(&*term), &parts, body).await;
        let is_read = is_read(&parts.method);
        if is_read && !self.is_current(&term, &response) { answer::error(&Error::Standby) } else { response }
    }

    /// Whether an answer to a read holds for the time at which it is given.
    fn is_current(&self, term: &Arc<Unsealed>, response: &Response<VaultResponse>) -> bool {
        self.core.vouches_for(term) && NotActive::of(response.headers()).is_none()
    }

    async fn outgoing(&self, parts: &Parts, body: Body) -> Result<Outgoing> {
        let body = match body {
            Body::Here(bytes) => bytes,
            Body::Coming(body) => {
                collect(body, self.settings.request_bytes_max).await.map_err(refused_body)?
            }
        };
        Ok(Outgoing {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            body,
            remote: self.remote(parts),
        })
    }

    /// Where a request came from: another node knows it of the client's.
    pub(super) fn remote(&self, parts: &Parts) -> Option<SocketAddr> {
        let forwarded = || parts.headers.get(FORWARDED_FOR)?.to_str().ok()?.parse().ok();
        if self.is_between_nodes { forwarded() } else { forwarded::origin(parts) }
    }
}

/// A body that may have been read already.
enum Body {
    Coming(Incoming),
    Here(Bytes),
}

/// Whether a request changes nothing, so that it may be carried out again.
fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD) || matches!(method.as_str(), "LIST" | "HELP")
}

fn redirect(location: &str) -> Response<VaultResponse> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// A request that finds a change of leaders three times over is given up.
const ROUNDS_MAX: usize = 3;
const ECHO_BYTES_MAX: usize = 4096;
