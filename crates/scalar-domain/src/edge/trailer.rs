//! The last word on every answer: an error that was not made by a domain (a method that is not there, a message too
//! large) gets the trailer, too, without which a client takes the outcome for unknown.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{Either, Map};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Request, Response};
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::Service;
use trustkeep_chassis::http::{Incoming, Refusal};
use trustkeep_scalar_rpc::status::TRAILER;
use trustkeep_scalar_rpc::{Error, StatusCode};

/// Calls to services, with bounded metadata, whose every error has the trailer.
#[derive(Clone)]
pub(super) struct Trailing {
    routes: Routes,
    metadata_bytes_max: usize,
}

impl Trailing {
    pub(super) fn new(routes: Routes, metadata_bytes_max: usize) -> Self {
        Self { routes: routes.prepare(), metadata_bytes_max }
    }
}

impl Service<Request<Incoming>> for Trailing {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<
        Ready<Result<Response<Body>, Infallible>>,
        Map<
            <Routes as Service<Request<Incoming>>>::Future,
            fn(Result<Response<Body>, Infallible>) -> Result<Response<Body>, Infallible>,
        >,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Incoming>>::poll_ready(&mut self.routes, cx)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let found = size(request.headers());
        if found > self.metadata_bytes_max {
            let text =
                format!("The metadata is too large: {found} bytes, at most {}.", self.metadata_bytes_max);
            let refused = Status::from(Error::new(StatusCode::InvalidArgument, text)).into_http();
            return Either::Left(ready(Ok(refused)));
        }
        Either::Right(self.routes.call(request).map(|answer| answer.map(complete)))
    }
}

/// What the listener answers in place of a service.
pub(super) fn refuse(refusal: Refusal) -> Response<Bytes> {
    let code = match refusal {
        Refusal::TimedOut => StatusCode::UnknownTransactionStatus,
        Refusal::Panicked => StatusCode::RuntimeError,
    };
    let status = Status::from(Error::new(code, refusal.message()));
    let mut answer = Response::new(Bytes::new());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    // Fails only for a message that is no header, and ours is in the trailer.
    let _ = status.add_header(answer.headers_mut());
    answer
}

/// As HTTP/2 counts headers (RFC 9113, section 6.5.2).
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

/// A failure at the beginning of an answer stands in its headers.
fn complete(mut answer: Response<Body>) -> Response<Body> {
    let headers = answer.headers();
    if headers.contains_key(TRAILER) || !headers.contains_key(Status::GRPC_STATUS) {
        return answer;
    }
    let Some(status) = Status::from_header_map(headers).filter(|status| status.code() != Code::Ok) else {
        return answer;
    };
    let code = match status.code() {
        Code::InvalidArgument | Code::OutOfRange | Code::ResourceExhausted => StatusCode::InvalidArgument,
        Code::FailedPrecondition | Code::Aborted => StatusCode::Conflict,
        Code::Unavailable => StatusCode::Unavailable,
        _ => StatusCode::RuntimeError,
    };
    let text = match (status.code(), status.message()) {
        (Code::Unimplemented, "") => "This server has no such method.",
        (_, text) => text,
    };
    let carried = Status::from(Error::new(code, text));
    let mut carried_headers = HeaderMap::new();
    if carried.add_header(&mut carried_headers).is_ok()
        && let Some(trailer) = carried_headers.remove(TRAILER)
    {
        answer.headers_mut().insert(TRAILER, trailer);
    }
    answer
}
