//! HTTP to the other vault: TLS as told, bounded in time and size.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Identity, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use trustkeep_crypto::kms::Error;
use zeroize::Zeroizing;

use crate::{Settings, error};

/// A client with the token in its headers.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: Url,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<String>,
}

impl Client {
    /// # Errors
    /// [`Error::Parameter`] for a URL, header or file that cannot be used.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let mut url: Url =
            settings.address.parse().map_err(|error| wrong("address", format!("it is no URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong("address", "it must be an http or https URL with a host"));
        }
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::limited(REDIRECTS))
            .timeout(TIMEOUT)
            .default_headers(headers(settings)?)
            .user_agent(concat!("trustkeep/", env!("CARGO_PKG_VERSION")));
        if url.scheme() == "https" {
            builder = trust(builder, settings)?;
            if let Some(name) = &settings.tls_server_name {
                // The certificate is checked against the URL's host: ask for that name, at the old place.
                builder = builder.dns_resolver(std::sync::Arc::new(Elsewhere { url: url.clone() }));
                url.set_host(Some(name)).map_err(|_| wrong("tls_server_name", "it is not a host name"))?;
            }
        } else {
            // Without TLS there is nothing to trust, and a machine without any authorities must still do.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| wrong("tls_ca_cert", innermost(&error)))?;
        Ok(Client { http, url })
    }

    /// Writes to a path below `/v1/` and reads the answer.
    ///
    /// # Errors
    /// The other vault's refusal, or that it cannot be reached.
    pub(crate) async fn write<T: DeserializeOwned>(
        &self,
        path: &str,
        operation: &str,
        key: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Error> {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path.split('/'));
        }
        let body = serde_json::to_vec(body).map(Zeroizing::new);
        let body = body.map_err(|error| Error::Unavailable { detail: error.to_string() })?;
        let lost = |error: reqwest::Error| Error::Unavailable {
            detail: format!("{}: {}", self.url.origin().ascii_serialization(), innermost(&error)),
        };
        let request = self.http.put(url).body(body.to_vec());
        let mut response = request.send().await.map_err(lost)?;
        let status = response.status().as_u16();
        let mut answer = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(Error::Unavailable {
                    detail: "the answer is too long: it is not a vault's".into(),
                });
            }
            answer.extend_from_slice(&chunk);
        }
        if status != 200 {
            let said = serde_json::from_slice::<Refusal>(&answer).map(|refusal| refusal.errors);
            return Err(error::map(status, &said.unwrap_or_default(), operation, path, key));
        }
        // The error would show what it stumbled upon.
        serde_json::from_slice(&answer)
            .map_err(|_| Error::Unavailable { detail: format!("the answer to {operation} is not a vault's") })
    }
}

fn headers(settings: &Settings) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    headers.insert("x-vault-request", HeaderValue::from_static("true"));
    let token = settings.token.as_ref().map(|token| ("token", "x-vault-token", token.expose()));
    let namespace =
        settings.namespace.as_ref().map(|namespace| ("namespace", "x-vault-namespace", namespace.as_str()));
    for (parameter, name, value) in token.into_iter().chain(namespace) {
        let mut value =
            HeaderValue::from_str(value).map_err(|_| wrong(parameter, "it cannot stand in a header"))?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(headers)
}

fn trust(builder: reqwest::ClientBuilder, settings: &Settings) -> Result<reqwest::ClientBuilder, Error> {
    let mut builder = builder;
    if let Some(file) = &settings.tls_ca_cert {
        let found = Certificate::from_pem_bundle(&read("tls_ca_cert", file)?)
            .map_err(|error| wrong("tls_ca_cert", innermost(&error)))?;
        if found.is_empty() {
            return Err(wrong("tls_ca_cert", format!("{} holds no certificate", file.display())));
        }
        builder = builder.tls_certs_only(found);
    }
    match (&settings.tls_client_cert, &settings.tls_client_key) {
        (Some(certificate), Some(key)) => {
            let mut both = Zeroizing::new(read("tls_client_cert", certificate)?);
            both.push(b'\n');
            both.extend_from_slice(&Zeroizing::new(read("tls_client_key", key)?));
            let identity =
                Identity::from_pem(&both).map_err(|error| wrong("tls_client_cert", innermost(&error)))?;
            builder = builder.identity(identity);
        }
        (None, None) => {}
        _ => return Err(wrong("tls_client_cert", "it goes with tls_client_key: give both or none")),
    }
    if settings.tls_skip_verify {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    Ok(builder)
}

fn read(parameter: &str, file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|error| wrong(parameter, format!("cannot read {}: {error}", file.display())))
}

fn wrong(parameter: &str, detail: impl Into<String>) -> Error {
    Error::Parameter { parameter: parameter.into(), detail: detail.into() }
}

/// The cause at the bottom, without the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

/// Finds the address of the URL that was configured, whatever name is asked for.
struct Elsewhere {
    url: Url,
}

impl reqwest::dns::Resolve for Elsewhere {
    fn resolve(&self, _name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = self.url.port_or_known_default().unwrap_or_default();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
            Ok(Box::new(found.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

const TIMEOUT: Duration = Duration::from_secs(30);
const REDIRECTS: usize = 2;
const ANSWER_BYTES_MAX: usize = 1 << 20;
