//! Requests of the vault's interface: headers, retries, one redirect, errors, and the few shapes they come in.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::Value;
use zeroize::Zeroizing;

use super::error::{Error, Refusal};
use super::pace::Pace;
use super::sample_policy;
use super::secret::Secret;
use super::settings::{Instead, Settings};
use super::transport::{Answer, Transport};

/// Between attempts: the first wait; the second is longer by half.
const RETRY_WAIT: Duration = Duration::from_secs(1);
/// What `sys/wrapping/wrap` wraps for if nothing was said.
const DEFAULT_WRAP: &str = "5m";

/// A client of one server, as one user.
pub(crate) struct Client {
    settings: Settings,
    transport: Transport,
    pace: Option<Pace>,
}

/// A request to be sent.
pub(crate) struct Request<'a> {
    method: Method,
    path: &'a str,
    query: Vec<(String, String)>,
    body: Option<Value>,
    merge_patch: bool,
    /// A request on the way to another one: never wrapped, never printed as curl.
    preparatory: bool,
    token: Option<&'a str>,
    root_namespace: bool,
}

impl<'a> Request<'a> {
    pub(crate) fn new(method: Method, path: &'a str) -> Self {
        Self {
            method,
            path,
            query: Vec::new(),
            body: None,
            merge_patch: false,
            preparatory: false,
            token: None,
            root_namespace: false,
        }
    }

    pub(crate) fn query(mut self, query: Vec<(String, String)>) -> Self {
        self.query = query;
        self
    }

    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Marks a request that only prepares the one the user asked for.
    pub(crate) fn preparatory(mut self) -> Self {
        self.preparatory = true;
        self
    }

    /// Uses another token than the user's.
    pub(crate) fn token(mut self, token: &'a str) -> Self {
        self.token = Some(token);
        self
    }

    /// Asks outside of any namespace, as lifecycle endpoints want it.
    pub(crate) fn root_namespace(mut self) -> Self {
        self.root_namespace = true;
        self
    }
}

impl Client {
    /// A client with `settings`; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// If certificate files cannot be used.
    pub(crate) fn new(settings: Settings) -> Result<Self, Error> {
        let transport = Transport::new(&settings)?;
        let pace = settings.rate.map(Pace::new);
        Ok(Self { settings, transport, pace })
    }

    /// The user's token; empty if there is none.
    pub(crate) fn token(&self) -> &str {
        &self.settings.token
    }

    /// The server's address, as given.
    pub(crate) fn address(&self) -> &str {
        &self.settings.address
    }

    /// Reads `path`. `None`: nothing there.
    pub(crate) async fn read(
        &self,
        path: &str,
        query: Vec<(String, String)>,
    ) -> Result<Option<Secret>, Error> {
        self.secret(Request::new(Method::GET, path).query(query)).await
    }

    /// Lists `path`. `None`: nothing there.
    pub(crate) async fn list(&self, path: &str) -> Result<Option<Secret>, Error> {
        let query = vec![("list".to_owned(), "true".to_owned())];
        self.secret(Request::new(Method::GET, path).query(query)).await
    }

    /// Writes to `path`. `None`: done, with nothing to say.
    pub(crate) async fn write(&self, path: &str, body: Value) -> Result<Option<Secret>, Error> {
        self.secret(Request::new(Method::PUT, path).body(body)).await
    }

    /// Sends a JSON merge patch (RFC 7396) to `path`.
    pub(crate) async fn patch(&self, path: &str, body: Value) -> Result<Option<Secret>, Error> {
        let mut request = Request::new(Method::PATCH, path).body(body);
        request.merge_patch = true;
        self.secret(request).await
    }

    /// Deletes `path`.
    pub(crate) async fn delete(
        &self,
        path: &str,
        query: Vec<(String, String)>,
    ) -> Result<Option<Secret>, Error> {
        self.secret(Request::new(Method::DELETE, path).query(query)).await
    }

    /// Sends, and reads the answer as an envelope. A 404 that carries data or warnings is an answer (a deleted
    /// version of a secret), and one that carries nothing is `None`.
    pub(crate) async fn secret(&self, request: Request<'_>) -> Result<Option<Secret>, Error> {
        let reading = request.method == Method::GET;
        let sent = self.send(request).await?;
        if sent.answer.status == 404 {
            let secret = Secret::parse(&sent.answer.body).ok().flatten();
            return match secret {
                Some(secret) if secret.has_data() || !secret.warnings().is_empty() => Ok(Some(secret)),
                _ if reading => Ok(None),
                _ => Err(sent.refusal()),
            };
        }
        let ok = sent.check()?;
        Secret::parse(&ok.answer.body).map_err(|_| ok.misunderstood())
    }

    /// Sends, and reads the answer as plain JSON (`null` if it is empty). Any status of 400 or more is an error.
    pub(crate) async fn json(&self, request: Request<'_>) -> Result<Value, Error> {
        let sent = self.send(request).await?.check()?;
        if sent.answer.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&sent.answer.body).map_err(|_| sent.misunderstood())
    }

    /// Sends, and returns the bytes of the answer.
    pub(crate) async fn bytes(&self, request: Request<'_>) -> Result<Vec<u8>, Error> {
        Ok(self.send(request).await?.check()?.answer.body)
    }

    async fn send(&self, request: Request<'_>) -> Result<Sent, Error> {
        let mut url = self.transport.url(request.path, &request.query)?;
        let headers = self.headers(&request)?;
        let body = match &request.body {
            None => None,
            Some(body) => Some(Zeroizing::new(
                serde_json::to_vec(body)
                    .map_err(|error| Error::Usage(format!("cannot write JSON: {error}")))?,
            )),
        };
        if !request.preparatory {
            match self.settings.instead {
                Some(Instead::Curl) => {
                    return Err(Error::Instead(self.curl(&request.method, &url, &headers, body.as_deref())));
                }
                Some(Instead::Policy) => {
                    return Err(Error::Instead(sample_policy::of(
                        &request.method,
                        request.path,
                        &request.query,
                    )));
                }
                None => {}
            }
        }
        if let Some(pace) = &self.pace {
            pace.wait().await;
        }
        let mut attempt = 0;
        let mut redirected = false;
        loop {
            let bytes = body.as_ref().map(|body| body.to_vec());
            let answer = self.transport.exchange(&request.method, &url, headers.clone(), bytes).await?;
            if matches!(answer.status, 301 | 302 | 307) && self.settings.follow_redirects && !redirected {
                url = self.redirect(&request.method, &url, &answer)?;
                redirected = true;
                continue;
            }
            if attempt < self.settings.retries && is_passing(&answer) {
                tokio::time::sleep(RETRY_WAIT + RETRY_WAIT * attempt / 2).await;
                attempt += 1;
                continue;
            }
            return Ok(Sent {
                method: request.method,
                url: self.transport.shown(&url),
                namespace: self.settings.namespace.clone().filter(|_| !request.root_namespace),
                answer,
            });
        }
    }

    fn headers(&self, request: &Request<'_>) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        let mut set = |name: &str, value: &str, secret: bool| -> Result<(), Error> {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| Error::Usage("-header: the name cannot be the name of a header".to_owned()))?;
            let mut value = HeaderValue::from_str(value).map_err(|_| {
                Error::Usage(format!(
                    "the value for the header {name} contains characters that no header can carry"
                ))
            })?;
            value.set_sensitive(secret);
            headers.append(name, value);
            Ok(())
        };
        set("x-vault-request", "true", false)?;
        let token = request.token.unwrap_or(&self.settings.token);
        if !token.is_empty() {
            set("x-vault-token", token, true)?;
        }
        if let Some(namespace) = self.settings.namespace.as_ref().filter(|_| !request.root_namespace) {
            set("x-vault-namespace", namespace, false)?;
        }
        if !request.preparatory {
            let wraps_itself = request.path.trim_matches('/') == "sys/wrapping/wrap";
            let ttl = self.settings.wrap_ttl.as_deref().or(wraps_itself.then_some(DEFAULT_WRAP));
            if let Some(ttl) = ttl {
                set("x-vault-wrap-ttl", ttl, false)?;
            }
        }
        for factor in &self.settings.mfa {
            set("x-vault-mfa", factor, true)?;
        }
        if self.settings.policy_override {
            set("x-vault-policy-override", "true", false)?;
        }
        for (name, value) in &self.settings.headers {
            set(name, value, true)?;
        }
        if request.body.is_some() {
            let kind = if request.merge_patch { "application/merge-patch+json" } else { "application/json" };
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        Ok(headers)
    }

    /// Where a standby sends us: the active node.
    fn redirect(&self, method: &Method, from: &Url, answer: &Answer) -> Result<Url, Error> {
        let fail = |what: &str| {
            Error::Nothing(format!("{method} {}: the server redirected {what}", self.transport.shown(from)))
        };
        let location = answer.location.as_deref().ok_or_else(|| fail("without saying where"))?;
        let to = from.join(location).map_err(|_| fail("to something that is no address"))?;
        if from.scheme() == "https" && to.scheme() != "https" {
            return Err(fail(
                "from https to http; the token would travel in the clear, so this was not followed. \
                 Set api_addr of the servers to their https addresses",
            ));
        }
        Ok(to)
    }

    fn curl(&self, method: &Method, url: &Url, headers: &HeaderMap, body: Option<&Vec<u8>>) -> String {
        let mut words = vec!["curl".to_owned()];
        let tls = &self.settings.tls;
        if tls.skip_verify {
            words.push("--insecure".to_owned());
        }
        if method != Method::GET {
            words.push(format!("-X {method}"));
        }
        let files = [
            ("--cacert", &tls.ca_cert),
            ("--capath", &tls.ca_path),
            ("--cert", &tls.client_cert),
            ("--key", &tls.client_key),
        ];
        for (flag, path) in files {
            if let Some(path) = path {
                words.push(format!("{flag} {}", quoted(&path.display().to_string())));
            }
        }
        if let Some(socket) = &self.settings.socket {
            words.push(format!("--unix-socket {}", quoted(&socket.display().to_string())));
        }
        for (name, value) in headers {
            let name = title(name.as_str());
            if name == "X-Vault-Token" {
                // The token itself stays out of shell histories.
                words.push("-H \"X-Vault-Token: $(vault print token)\"".to_owned());
            } else if name != "Content-Type" {
                let header = format!("{name}: {}", value.to_str().unwrap_or_default());
                words.push(format!("-H {}", double_quoted(&header)));
            }
        }
        if let Some(body) = body {
            words.push(format!("-d {}", quoted(&String::from_utf8_lossy(body))));
        }
        words.push(double_quoted(url.as_str()));
        words.join(" ")
    }
}

/// An answer with what was asked, for messages.
struct Sent {
    method: Method,
    url: String,
    namespace: Option<String>,
    answer: Answer,
}

impl Sent {
    fn check(self) -> Result<Self, Error> {
        if self.answer.status < 400 && self.answer.status != 307 { Ok(self) } else { Err(self.refusal()) }
    }

    fn refusal(&self) -> Error {
        let errors = serde_json::from_slice::<Value>(&self.answer.body).ok().and_then(|body| {
            let list = body.get("errors")?.as_array()?.clone();
            Some(
                list.iter()
                    .map(|error| error.as_str().map_or_else(|| error.to_string(), str::to_owned))
                    .collect(),
            )
        });
        let raw = match &errors {
            Some(_) => None,
            None => Some(String::from_utf8_lossy(&self.answer.body).into_owned()),
        };
        Refusal {
            method: self.method.to_string(),
            url: self.url.clone(),
            namespace: self.namespace.clone(),
            status: self.answer.status,
            errors: errors.unwrap_or_default(),
            raw,
        }
        .into()
    }

    /// A success that is not what a vault says. The body is not shown: it may be a secret.
    fn misunderstood(&self) -> Error {
        Error::Nothing(format!(
            "{} {}: the answer (status {}) is not the JSON of a vault. Is a vault at that address?",
            self.method, self.url, self.answer.status
        ))
    }
}

/// Worth another try. A sealed vault stays sealed for longer than we would wait.
fn is_passing(answer: &Answer) -> bool {
    match answer.status {
        412 => true,
        501 => false,
        503 => !String::from_utf8_lossy(&answer.body).contains("sealed"),
        status => status >= 500,
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// As the family's tool writes headers and addresses; what a shell would read in them is escaped.
fn double_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        if matches!(character, '"' | '\\' | '$' | '`') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
    out
}

fn title(name: &str) -> String {
    let parts: Vec<String> = name
        .split('-')
        .map(|part| {
            let (first, rest) = part.split_at(part.len().min(1));
            format!("{}{rest}", first.to_ascii_uppercase())
        })
        .collect();
    parts.join("-")
}
