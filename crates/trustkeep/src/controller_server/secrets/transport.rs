//! One exchange with the vault, bounded in time and size.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Certificate, Method, Url};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use trustkeep_controller::secrets::SecretsError;

/// Where a vault is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// `https://vault.example.ac.jp:8200`; `/v1/` comes after it.
    pub(crate) url: Url,
    /// PEM: whom to trust instead of the system's authorities.
    pub(crate) ca_file: Option<PathBuf>,
}

/// A connection to a vault, as nobody in particular.
pub(super) struct Transport {
    http: reqwest::Client,
    url: Url,
    /// Jobs of hundreds of nodes ask in the same moment; a connection for each, which is kept open for a while, is memory at both ends.
    slots: Semaphore,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transport({})", self.url)
    }
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Transport {
    pub(super) fn new(place: &Place) -> anyhow::Result<Self> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(AT_ONCE_MAX)
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(TIME_MAX)
            .user_agent(concat!("trustkeep/", env!("CARGO_PKG_VERSION")));
        if let Some(file) = &place.ca_file {
            let pem = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            let certificates = Certificate::from_pem_bundle(&pem)
                .with_context(|| format!("{} holds no certificates in PEM", file.display()))?;
            builder = builder.tls_certs_only(certificates);
        } else if place.url.scheme() == "http" {
            // Without TLS there is nothing to trust, and a machine without any authorities must still do.
            builder = builder.tls_certs_only(Vec::new());
        }
        let http = builder.build().context("no HTTP client for the vault")?;
        Ok(Self { http, url: place.url.clone(), slots: Semaphore::new(AT_ONCE_MAX) })
    }

    /// Asks for a path below `/v1/`, with a token.
    ///
    /// # Errors
    /// There was no answer, or more than there can be; `Denied` for a token that no header can carry, `Missing` for a path that is none.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Result<Answer, SecretsError> {
        let url = self.url(path).ok_or_else(|| SecretsError::Missing(path.to_owned()))?;
        let mut token = reqwest::header::HeaderValue::from_str(token).map_err(|_| SecretsError::Denied)?;
        if token.is_empty() {
            return Err(SecretsError::Denied);
        }
        token.set_sensitive(true);
        let mut request =
            self.http.request(method, url).header("x-vault-token", token).header("x-vault-request", "true");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let slot = self.slots.acquire().await;
        let _slot = slot.map_err(|error| SecretsError::Unavailable(error.to_string()))?;
        let unavailable = |error: reqwest::Error| SecretsError::Unavailable(innermost(&error));
        let mut response = request.send().await.map_err(unavailable)?;
        let status = response.status().as_u16();
        let mut bytes = zeroize::Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(unavailable)? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(SecretsError::Unavailable(format!("its answer to {path} is too large")));
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, body })
    }

    /// `None`: a path that leads elsewhere than it says.
    fn url(&self, path: &str) -> Option<Url> {
        let path = path.trim_start_matches('/');
        if path.is_empty() || path.split('/').any(|part| matches!(part, "." | "..")) {
            return None;
        }
        let mut url = self.url.clone();
        url.path_segments_mut().ok()?.pop_if_empty().push("v1").extend(path.split('/'));
        Some(url)
    }
}

impl Answer {
    /// `data`, where there is one.
    pub(super) fn data(&self) -> Option<&Map<String, Value>> {
        self.body.get("data").and_then(Value::as_object)
    }

    /// `data` of a path that is read.
    pub(super) fn fields(mut self, path: &str) -> Result<Map<String, Value>, SecretsError> {
        match (self.status, self.body.get_mut("data").map(Value::take)) {
            (200, Some(Value::Object(data))) => Ok(data),
            (200 | 204 | 404, _) => Err(SecretsError::Missing(path.to_owned())),
            _ => Err(self.failure()),
        }
    }

    /// Whether it was done.
    pub(super) fn accepted(self) -> Result<(), SecretsError> {
        if matches!(self.status, 200 | 204) { Ok(()) } else { Err(self.failure()) }
    }

    /// What went wrong, in the vault's words.
    pub(super) fn failure(&self) -> SecretsError {
        if self.status == 403 {
            return SecretsError::Denied;
        }
        let errors = self.body.get("errors").and_then(Value::as_array).into_iter().flatten();
        let words: Vec<&str> = errors.filter_map(Value::as_str).map(str::trim).collect();
        SecretsError::Unavailable(format!("status {}: {}", self.status, words.join("; ")))
    }
}

/// The method that vaults list by.
pub(super) fn list() -> Method {
    Method::from_bytes(b"LIST").unwrap_or(Method::GET)
}

fn innermost(error: &reqwest::Error) -> String {
    let mut current: &dyn std::error::Error = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}

const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
const TIME_MAX: Duration = Duration::from_secs(15);
/// The accessors of all tokens are one answer.
/// Requests at once; the others wait.
const AT_ONCE_MAX: usize = 16;
const ANSWER_BYTES_MAX: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_where_it_says() {
        let url = "https://vault.example/below/".parse().unwrap();
        trustkeep_chassis::tls::install_provider();
        let place = Place { url, ca_file: None };
        let slots = Semaphore::new(1);
        let transport = Transport { http: reqwest::Client::new(), url: place.url, slots };
        let url = |path: &str| transport.url(path).map(String::from);
        assert_eq!(url("cubbyhole/aws/a").as_deref(), Some("https://vault.example/below/v1/cubbyhole/aws/a"));
        assert_eq!(
            url("/secret/a b?c#d").as_deref(),
            Some("https://vault.example/below/v1/secret/a%20b%3Fc%23d")
        );
        for path in ["", "/", "cubbyhole/../sys/raw", "./x"] {
            assert_eq!(url(path), None, "{path:?}");
        }
    }
}
