//! The page that shows the document of the API. It loads nothing from other hosts, and nothing but that document.

use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, HeaderName, X_CONTENT_TYPE_OPTIONS};

use super::refusal::{AdminResponse, html_response};

const PAGE: &str = include_str!("page.html");
/// What the page may do: its own script and style, and requests to where it came from.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page.
pub(super) fn show() -> AdminResponse {
    let mut response = html_response(PAGE);
    let pairs: [(HeaderName, &str); 2] =
        [(CONTENT_SECURITY_POLICY, POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    for (name, value) in pairs {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a path shows what anyone may see.
pub(super) fn is_open(path: &str) -> bool {
    matches!(path, "/api/doc" | "/api/docs/swagger.json")
}
