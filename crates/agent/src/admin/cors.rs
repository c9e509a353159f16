//! Pages of other hosts: as aiohttp_cors answers them, with every origin, method and header allowed.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;

use super::refusal::AdminResponse;
use super::route::{self, Match, Route};

/// Answers a browser that asks whether it may ask.
pub(super) fn preflight(parts: &Parts, routes: &[Route]) -> Option<AdminResponse> {
    if parts.method != Method::OPTIONS {
        return None;
    }
    let refused = |why: &str| {
        let mut response =
            Response::new(Full::new(Bytes::from(format!("CORS preflight request failed: {why}"))));
        *response.status_mut() = StatusCode::FORBIDDEN;
        Some(response)
    };
    // No route has this method, so what is found is the list of those that there are.
    if !matches!(route::find(routes, &Method::OPTIONS, parts.uri.path()), Match::Method(_)) {
        return None;
    }
    let Some(origin) = parts.headers.get(ORIGIN) else {
        return refused("origin header is not specified in the request");
    };
    let Some(method) = parts.headers.get(ACCESS_CONTROL_REQUEST_METHOD) else {
        return refused("'Access-Control-Request-Method' header is not specified");
    };
    let mut response = Response::new(Full::new(Bytes::new()));
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    if let Some(asked) = parts.headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    Some(response)
}

/// Lets the page that asked read the answer.
pub(super) fn allow(parts: &Parts, response: &mut AdminResponse) {
    let Some(origin) = parts.headers.get(ORIGIN) else { return };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Content-Length,Date"));
    headers.insert(VARY, HeaderValue::from_static("Origin"));
}
