//! Cross-origin requests of browsers (`hashicorp/vault: http/cors.go`).

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;

use super::answer::{self, VaultResponse};
use crate::Error;
use crate::core::cors::Cors;

/// What becomes of a request.
pub(super) enum Verdict {
    /// It is answered with this and goes no further.
    Answer(Response<VaultResponse>),
    /// It is answered as always, with these headers.
    Pass(HeaderMap),
}

/// Looks at a request's origin. Requests without one are not a browser's and pass.
pub(super) fn judge(cors: Option<&Cors>, method: &Method, headers: &HeaderMap) -> Verdict {
    let Some((cors, origin)) = cors.zip(headers.get(ORIGIN).filter(|origin| !origin.is_empty())) else {
        return Verdict::Pass(HeaderMap::new());
    };
    if !origin.to_str().is_ok_and(|origin| cors.allows(origin)) {
        return Verdict::Answer(answer::error(&Error::Forbidden("origin not allowed".into())));
    }
    let mut added = HeaderMap::new();
    added.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    added.insert(VARY, HeaderValue::from_static("Origin"));
    if cors.allow_credentials {
        added.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    if method != Method::OPTIONS {
        return Verdict::Pass(added);
    }
    let mut response = Response::new(Full::new(Bytes::new()));
    let wanted = headers.get(ACCESS_CONTROL_REQUEST_METHOD).and_then(|wanted| wanted.to_str().ok());
    if !wanted.is_some_and(|wanted| METHODS.split(',').any(|known| known == wanted)) {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        return Verdict::Answer(response);
    }
    added.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    if let Ok(allowed) = HeaderValue::try_from(cors.allowed_headers.join(",")) {
        added.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    added.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("300"));
    *response.headers_mut() = added;
    Verdict::Answer(response)
}

const METHODS: &str = "DELETE,GET,OPTIONS,POST,PUT,LIST";

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(method: Method, headers: &[(&'static str, &str)], credentials: bool) -> Verdict {
        let cors = Cors::new(vec!["https://a.example".into()], vec!["X-Own".into()], credentials).unwrap();
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        judge(Some(&cors), &method, &headers)
    }

    #[test]
    fn other_origins_are_refused_and_clients_without_one_are_not() {
        let Verdict::Answer(answer) = judged(Method::GET, &[("origin", "https://b.example")], false) else {
            panic!("passed")
        };
        assert_eq!(answer.status(), 403);
        let Verdict::Pass(added) = judged(Method::GET, &[], false) else { panic!("refused") };
        assert!(added.is_empty());
        let Verdict::Pass(added) = judged(Method::GET, &[("origin", "https://a.example")], true) else {
            panic!("refused")
        };
        assert_eq!(added[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        assert_eq!(
            (&added[VARY], &added[ACCESS_CONTROL_ALLOW_CREDENTIALS]),
            (&"Origin".parse().unwrap(), &"true".parse().unwrap())
        );
    }

    #[test]
    fn preflights_are_answered_for_methods_that_there_are() {
        for (wanted, status) in [("PUT", 200), ("LIST", 200), ("BREW", 405)] {
            let headers = [("origin", "https://a.example"), ("access-control-request-method", wanted)];
            let Verdict::Answer(answer) = judged(Method::OPTIONS, &headers, false) else { panic!("passed") };
            assert_eq!(answer.status(), status, "{wanted}");
            if status == 200 {
                assert_eq!(answer.headers()[ACCESS_CONTROL_MAX_AGE], "300");
                let allowed = answer.headers()[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
                assert!(allowed.contains("X-Vault-Token") && allowed.ends_with("X-Own"), "{allowed}");
            }
        }
    }
}
