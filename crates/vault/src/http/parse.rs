//! From HTTP to a request.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use http_body_util::Full;
use serde_json::{Map, Value};
use trustkeep_chassis::http::RequestContext;

use super::answer::{self, VaultResponse};
use crate::request::{Operation, Request, parse_seconds};
use crate::{Error, Result};

/// Answers what is not below `/v1/`, and paths that need tidying first.
pub(super) fn outside_api<B>(request: &http::Request<B>, ui: bool) -> Option<Response<VaultResponse>> {
    let path = request.uri().path();
    if path.contains("//") {
        return Some(redirect(&tidy(request.uri())));
    }
    if path.starts_with(API) {
        return None;
    }
    Some(match path {
        "/" | "/ui" if ui => redirect("/ui/"),
        "/ui/" if ui => {
            let mut page = Response::new(Full::new(Bytes::from_static(UI.as_bytes())));
            for (name, value) in UI_HEADERS {
                page.headers_mut().insert(name, http::HeaderValue::from_static(value));
            }
            page
        }
        _ => answer::error(&Error::NotFound),
    })
}

/// Method, path, query and headers of a request.
pub(super) fn head(parts: &Parts) -> Result<Request> {
    let path = decoded_path(parts.uri.path())?;
    let mut data = Map::new();
    let operation = operation(parts, &mut data)?;
    let path = normalised(path, operation)?;
    let id = match parts.extensions.get::<RequestContext>() {
        Some(context) => context.id().to_string(),
        None => uuid::Uuid::new_v4().to_string(),
    };
    Ok(Request {
        id,
        operation,
        path,
        mount_point: String::new(),
        data,
        body: Bytes::new(),
        token: None,
        client_token: client_token(&parts.headers),
        headers: parts.headers.clone(),
        wrap_ttl: wrap_ttl(&parts.headers)?,
        remote: None,
        now: 0,
    })
}

pub(super) fn takes_body(operation: Operation) -> bool {
    matches!(operation, Operation::Update | Operation::Create | Operation::Patch)
}

/// Reads a body into the request: JSON whatever the content type, or a form where one is declared.
pub(super) fn body(request: &mut Request, headers: &HeaderMap, body: Bytes) -> Result<()> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let looks_like_json = matches!(body.first(), Some(b'{' | b'['));
    if declared.starts_with("application/x-www-form-urlencoded") && !looks_like_json {
        request.data = form(&body)?;
        return Ok(());
    }
    super::json::check(&body)?;
    // The `vault` tool and the Go client send `null` where they have nothing to say.
    let data: Option<Map<String, Value>> = serde_json::from_slice(&body)
        .map_err(|error| Error::invalid(format!("failed to parse JSON input: {error}")))?;
    request.data = data.unwrap_or_default();
    request.body = body;
    Ok(())
}

fn operation(parts: &Parts, data: &mut Map<String, Value>) -> Result<Operation> {
    let query = parts.uri.query().unwrap_or_default();
    if form(query.as_bytes())?.get("help").is_some_and(|help| help != "") {
        return Ok(Operation::Help);
    }
    Ok(match parts.method {
        Method::GET | Method::HEAD => {
            *data = form(query.as_bytes())?;
            data.remove("help");
            match data.remove("list") {
                None => Operation::Read,
                Some(Value::String(text)) => match text.as_str() {
                    "1" | "t" | "T" | "true" | "TRUE" | "True" => Operation::List,
                    "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Operation::Read,
                    other => {
                        return Err(Error::invalid(format!(
                            "strconv.ParseBool: parsing {other:?}: invalid syntax"
                        )));
                    }
                },
                Some(_) => return Err(Error::invalid("the parameter list was given more than once")),
            }
        }
        Method::POST | Method::PUT => Operation::Update,
        Method::PATCH => {
            let declared =
                parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
            if declared.split(';').next().map(str::trim) != Some("application/merge-patch+json") {
                return Err(Error::UnsupportedMediaType(declared.into()));
            }
            Operation::Patch
        }
        Method::DELETE => {
            *data = form(query.as_bytes())?;
            Operation::Delete
        }
        _ if parts.method.as_str() == "LIST" => {
            *data = form(query.as_bytes())?;
            Operation::List
        }
        _ if parts.method.as_str() == "HELP" => Operation::Help,
        _ => return Err(Error::MethodNotAllowed),
    })
}

/// The path below `/v1/`, decoded and checked.
fn decoded_path(raw: &str) -> Result<String> {
    let raw = raw.strip_prefix(API).unwrap_or(raw);
    let path = if raw.contains('%') {
        String::from_utf8(percent_decode(raw.as_bytes())?)
            .map_err(|_| Error::invalid("the path is not UTF-8"))?
    } else {
        raw.to_owned()
    };
    if path.len() > PATH_BYTES_MAX {
        return Err(Error::invalid(format!(
            "the path has {} bytes; at most {PATH_BYTES_MAX} are allowed",
            path.len()
        )));
    }
    let mut segments = 0;
    for segment in path.split('/') {
        segments += 1;
        if segment == ".." || segment == "." {
            return Err(Error::invalid("relative paths not supported"));
        }
    }
    if segments > SEGMENTS_MAX {
        return Err(Error::invalid(format!(
            "the path is {segments} levels deep; at most {SEGMENTS_MAX} are allowed"
        )));
    }
    if !path.chars().all(is_printable) {
        return Err(Error::invalid("path cannot contain non-printable characters"));
    }
    if path.starts_with('/') || path.contains("//") {
        return Err(Error::invalid("the path must not have empty segments"));
    }
    Ok(path)
}

/// As Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols, and of all blanks the ASCII space.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // The standard library knows it for its own debug form, where marks are escaped only in front.
    ['a', c].iter().collect::<String>().escape_debug().last() == Some(c)
}

fn normalised(mut path: String, operation: Operation) -> Result<String> {
    match operation {
        Operation::List if !path.ends_with('/') => path.push('/'),
        operation if takes_body(operation) && path.ends_with('/') => {
            return Err(Error::invalid("cannot write to a path ending in '/'"));
        }
        Operation::Read | Operation::Delete if path.starts_with("sys/") && path.ends_with('/') => {
            path.pop();
        }
        _ => {}
    }
    Ok(path)
}

fn client_token(headers: &HeaderMap) -> Option<Arc<str>> {
    let bearer = || headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim);
    let token = headers.get("x-vault-token").and_then(|value| value.to_str().ok()).map(str::trim);
    token.filter(|token| !token.is_empty()).or_else(bearer).filter(|token| !token.is_empty()).map(Arc::from)
}

/// Seconds that the answer is to be kept behind a wrapping token; none and 0 ask for it bare.
fn wrap_ttl(headers: &HeaderMap) -> Result<Option<i64>> {
    let Some(header) = headers.get("x-vault-wrap-ttl") else { return Ok(None) };
    let refuse = |why: &str| Err(Error::invalid(format!("error parsing X-Vault-Wrap-TTL header: {why}")));
    let text = header.to_str().unwrap_or("?").trim();
    if text.starts_with('-') {
        return refuse("requested wrap ttl cannot be negative");
    }
    match parse_seconds(&Value::String(text.to_owned())) {
        Some(seconds) => Ok((seconds > 0).then_some(seconds)),
        None => refuse(&format!("time: invalid duration {text:?}")),
    }
}

fn form(bytes: &[u8]) -> Result<Map<String, Value>> {
    let mut data = Map::new();
    for (index, pair) in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).enumerate() {
        if index == PARAMETERS_MAX {
            return Err(Error::invalid(format!("more than the {PARAMETERS_MAX} parameters allowed")));
        }
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let mut text = || -> Result<String> {
            let spaced: Vec<u8> = halves
                .next()
                .unwrap_or_default()
                .iter()
                .map(|byte| if *byte == b'+' { b' ' } else { *byte })
                .collect();
            String::from_utf8(percent_decode(&spaced)?)
                .map_err(|_| Error::invalid("a parameter is not UTF-8"))
        };
        let (key, value) = (text()?, Value::String(text()?));
        match data.get_mut(&key) {
            None => {
                data.insert(key, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Ok(data)
}

fn percent_decode(raw: &[u8]) -> Result<Vec<u8>> {
    let bad = || Error::invalid("the URL has a malformed percent escape");
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|digit| char::from(*digit).to_digit(16)).ok_or_else(bad);
        let value = digit()? * 16 + digit()?;
        decoded.push(u8::try_from(value).map_err(|_| bad())?);
    }
    Ok(decoded)
}

/// The same address without empty segments.
fn tidy(uri: &Uri) -> String {
    let mut tidied = String::with_capacity(uri.path().len());
    for c in uri.path().chars() {
        if !(c == '/' && tidied.ends_with('/')) {
            tidied.push(c);
        }
    }
    if let Some(query) = uri.query() {
        tidied.push('?');
        tidied.push_str(query);
    }
    tidied
}

fn redirect(location: &str) -> Response<VaultResponse> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    if let Ok(location) = location.parse() {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

const API: &str = "/v1/";
const PATH_BYTES_MAX: usize = 4096;
const SEGMENTS_MAX: usize = 256;
const PARAMETERS_MAX: usize = 10_000;
const UI_HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self'; style-src 'unsafe-inline' \
         'self'; form-action 'none'; frame-ancestors 'none'; font-src 'self'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("service-worker-allowed"), "/"),
];
const UI: &str = "<!doctype html><title>Trustkeep vault</title><p>The vault has no web page yet. \
    Its API is below <code>/v1/</code>; its command line is <code>trustkeep vault</code>.";

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(method: &str, uri: &str) -> Result<Request> {
        let (parts, ()) = http::Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
        head(&parts)
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for uri in [
            "/v1/secret/../sys/seal",
            "/v1/secret/%2e%2e/sys",
            "/v1/secret/%2E%2e%2fsys",
            "/v1/secret/./x",
            "/v1/secret/a%00b",
            "/v1/secret/a%0ab",
            "/v1/secret/%ff",
            "/v1/secret/%4",
            "/v1/secret/%zz",
            "/v1/secret/a%2f%2fb",
            "/v1/secret/a%c2%a0b",
            "/v1/secret/a%e2%80%8bb",
            "/v1/secret/a%7fb",
            "/v1/secret/a%ee%80%80b",
        ] {
            let error = parsed("GET", uri).expect_err(uri);
            assert_eq!(error.status(), 400, "{uri}");
        }
        assert_eq!(parsed("GET", &format!("/v1/{}", "a/".repeat(1000))).unwrap_err().status(), 400);
        assert_eq!(parsed("GET", &format!("/v1/{}", "a".repeat(5000))).unwrap_err().status(), 400);
    }

    #[test]
    fn paths_are_decoded_once() {
        assert_eq!(parsed("GET", "/v1/secret/a%20b%2Fc%2541").unwrap().path, "secret/a b/c%41");
        for name in ["é", "e\u{301}", "日本", "a\"b'c\\d", "🔑", "a}"] {
            let uri: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
            assert_eq!(parsed("GET", &format!("/v1/{uri}")).unwrap().path, name);
        }
    }

    #[test]
    fn verbs_become_operations() {
        for (method, uri, operation) in [
            ("GET", "/v1/a", Operation::Read),
            ("GET", "/v1/a?list=true", Operation::List),
            ("LIST", "/v1/a", Operation::List),
            ("POST", "/v1/a", Operation::Update),
            ("PUT", "/v1/a", Operation::Update),
            ("DELETE", "/v1/a", Operation::Delete),
            ("GET", "/v1/a?help=1", Operation::Help),
        ] {
            assert_eq!(parsed(method, uri).unwrap().operation, operation, "{method} {uri}");
        }
        assert_eq!(parsed("LIST", "/v1/a").unwrap().path, "a/");
        assert_eq!(parsed("GET", "/v1/a?list=maybe").unwrap_err().status(), 400);
        assert_eq!(parsed("PATCH", "/v1/a").unwrap_err().status(), 415);
        assert_eq!(parsed("TRACE", "/v1/a").unwrap_err().status(), 405);
        assert_eq!(parsed("POST", "/v1/a/").unwrap_err().status(), 400);
    }

    #[test]
    fn bodies_are_json_unless_declared_a_form() {
        let mut request = parsed("POST", "/v1/a").unwrap();
        let form_type =
            HeaderMap::from_iter([(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap())]);
        body(&mut request, &form_type, Bytes::from_static(b"a=1&b=x+y%21&a=2")).unwrap();
        assert_eq!(serde_json::to_string(&request.data).unwrap(), r#"{"a":["1","2"],"b":"x y!"}"#);
        body(&mut request, &form_type, Bytes::from_static(b"{\"c\":1}")).unwrap();
        assert_eq!(serde_json::to_string(&request.data).unwrap(), r#"{"c":1}"#);
        for broken in ["{", "[1]", "{\"a\":1} x", "nonsense"] {
            let error = body(&mut request, &HeaderMap::new(), Bytes::from(broken.to_owned())).unwrap_err();
            assert_eq!(error.status(), 400, "{broken}");
        }
        let deep = format!("{}{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        assert_eq!(body(&mut request, &HeaderMap::new(), Bytes::from(deep)).unwrap_err().status(), 400);
    }

    #[test]
    fn a_wrapping_time_is_a_duration_that_is_not_negative() {
        let wrap_ttl = |text: &str| {
            let request = http::Request::builder().uri("/v1/a").header("X-Vault-Wrap-TTL", text).body(());
            head(&request.unwrap().into_parts().0).map(|request| request.wrap_ttl)
        };
        for (text, seconds) in
            [("60", Some(60)), ("1h30m", Some(5400)), ("0", None), ("", None), ("0s", None)]
        {
            assert_eq!(wrap_ttl(text).unwrap(), seconds, "{text:?}");
        }
        for bad in ["-1", "-5m", "soon", "1x", "60 60"] {
            let error = wrap_ttl(bad).unwrap_err();
            assert!(
                error.status() == 400 && error.to_string().contains("X-Vault-Wrap-TTL"),
                "{bad:?}: {error}"
            );
        }
    }
}
