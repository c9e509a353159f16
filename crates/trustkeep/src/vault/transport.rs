//! HTTP to the server: one exchange at a time, TLS as told, and what went wrong in words that help.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::header::{HOST, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Certificate, Identity, Method, Url};

use super::error::Error;
use super::settings::{Settings, Tls};

/// A request that got no usable answer.
#[derive(Debug, thiserror::Error)]
#[error("{method} \"{url}\": {what}")]
pub(crate) struct Unreachable {
    method: String,
    url: String,
    what: String,
}

/// An answer, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// A connection to one server.
pub(crate) struct Transport {
    http: reqwest::Client,
    /// Host and port for the `Host` header, where the URL names the certificate's host instead.
    host: Option<String>,
    url: Url,
    address: String,
}

/// How long a request may take before the terminal shows that something goes on.
const PATIENCE: Duration = Duration::from_secs(1);

impl Transport {
    /// Prepares a connection; nothing is sent.
    ///
    /// # Errors
    ///
    /// If certificate or key files cannot be read or used.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("trustkeep/", env!("CARGO_PKG_VERSION")));
        if !settings.timeout.is_zero() {
            builder = builder.timeout(settings.timeout);
        }
        if let Some(proxy) = &settings.proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(|_| {
                Error::Usage("VAULT_PROXY_ADDR (or VAULT_HTTP_PROXY) is not the URL of a proxy".to_owned())
            })?;
            builder = builder.proxy(proxy);
        }
        if let Some(socket) = &settings.socket {
            builder = builder.unix_socket(socket.clone());
        }
        builder = trust(builder, &settings.tls, &settings.url)?;

        let mut url = settings.url.clone();
        let mut host = None;
        if let Some(name) = settings.tls.server_name.as_ref().filter(|_| url.scheme() == "https") {
            // The certificate is checked against the URL's host: ask for the wanted name there, at the old place.
            host = Some(authority(&url));
            builder = builder.dns_resolver(std::sync::Arc::new(Elsewhere { url: url.clone() }));
            url.set_host(Some(name))
                .map_err(|_| Error::Usage("the TLS server name is not a host name".to_owned()))?;
        }
        let http = builder
            .build()
            .map_err(|error| Error::Usage(format!("cannot set up the connection: {}", innermost(&error))))?;
        Ok(Self { http, host, url, address: settings.address.clone() })
    }

    /// The URL of `path` below `/v1/`.
    ///
    /// # Errors
    ///
    /// If the path climbs out of where it is.
    pub(crate) fn url(&self, path: &str, query: &[(String, String)]) -> Result<Url, Error> {
        let mut url = self.url.clone();
        let path = path.strip_prefix('/').unwrap_or(path);
        if path.split('/').any(|segment| segment == ".." || segment == ".") {
            return Err(Error::Usage(format!("the path \"{path}\" must not contain . or .. as a part")));
        }
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path.split('/'));
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// The URL as the user knows it: his address, and no query, which may hold values.
    pub(crate) fn shown(&self, url: &Url) -> String {
        if url.origin() != self.url.origin() {
            let mut other = url.clone();
            other.set_query(None);
            return other.to_string();
        }
        let prefix = self.url.path().trim_end_matches('/');
        let path = url.path().strip_prefix(prefix).unwrap_or(url.path());
        let asked = match url.query() {
            Some("list=true") => "?list=true",
            Some("help=1") => "?help=1",
            _ => "",
        };
        format!("{}{path}{asked}", self.address)
    }

    /// Sends one request and reads the whole answer, with a sign of life on the terminal if it takes long.
    ///
    /// # Errors
    ///
    /// If there was no answer.
    pub(crate) async fn exchange(
        &self,
        method: &Method,
        url: &Url,
        mut headers: HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, Error> {
        if let Some(host) = &self.host
            && url.origin() == self.url.origin()
            && let Ok(host) = HeaderValue::from_str(host)
        {
            headers.insert(HOST, host);
        }
        let mut request = self.http.request(method.clone(), url.clone()).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let exchange = async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            let location =
                response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let body = response.bytes().await?.to_vec();
            Ok::<_, reqwest::Error>(Answer { status, location, body })
        };
        patiently(exchange).await.map_err(|error| {
            Unreachable {
                method: title_case(method),
                url: self.shown(url),
                what: explain(&error, url, &self.address),
            }
            .into()
        })
    }
}

/// Resolves whatever name is asked to the host of the configured address.
struct Elsewhere {
    url: Url,
}

impl reqwest::dns::Resolve for Elsewhere {
    fn resolve(&self, _name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((host, 0)).await?;
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as reqwest::dns::Addrs)
        })
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn trust(mut builder: reqwest::ClientBuilder, tls: &Tls, url: &Url) -> Result<reqwest::ClientBuilder, Error> {
    let mut authorities = Vec::new();
    if let Some(path) = &tls.ca_cert {
        authorities.extend(certificates(&read(path, "VAULT_CACERT")?, &path.display().to_string())?);
    } else if let Some(text) = &tls.ca_bytes {
        authorities.extend(certificates(text.as_bytes(), "VAULT_CACERT_BYTES")?);
    } else if let Some(directory) = &tls.ca_path {
        let unreadable = |error: std::io::Error| {
            Error::Usage(format!("cannot read VAULT_CAPATH, {}: {error}", directory.display()))
        };
        for entry in std::fs::read_dir(directory).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_file() {
                authorities.extend(certificates(&read(&path, "VAULT_CAPATH")?, &path.display().to_string())?);
            }
        }
    }
    // Without TLS there is nothing to trust, and a machine without any authorities must still do.
    if !authorities.is_empty() || (url.scheme() == "http" && !tls.skip_verify) {
        builder = builder.tls_certs_only(authorities);
    }
    match (&tls.client_cert, &tls.client_key) {
        (Some(certificate), Some(key)) => {
            let mut pem = zeroize::Zeroizing::new(read(key, "VAULT_CLIENT_KEY")?);
            pem.push(b'\n');
            pem.extend(read(certificate, "VAULT_CLIENT_CERT")?);
            let identity = Identity::from_pem(&pem).map_err(|_| {
                Error::Usage(
                    "the client certificate and key are not a PEM certificate and its key".to_owned(),
                )
            })?;
            builder = builder.identity(identity);
        }
        (None, None) => {}
        _ => {
            return Err(Error::Usage(
                "a client certificate needs its key: set both -client-cert and -client-key".to_owned(),
            ));
        }
    }
    Ok(builder.tls_danger_accept_invalid_certs(tls.skip_verify))
}

fn read(path: &Path, name: &str) -> Result<Vec<u8>, Error> {
    std::fs::read(path)
        .map_err(|error| Error::Usage(format!("cannot read {name}, {}: {error}", path.display())))
}

fn certificates(pem: &[u8], source: &str) -> Result<Vec<Certificate>, Error> {
    let certificates = Certificate::from_pem_bundle(pem)
        .map_err(|_| Error::Usage(format!("{source} holds something that is not a PEM certificate")))?;
    if certificates.is_empty() {
        return Err(Error::Usage(format!("{source} holds no PEM certificate")));
    }
    Ok(certificates)
}

async fn patiently<T>(work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut work).await {
        return done;
    }
    // Drawn on standard error, and only on a terminal.
    let spinner = ProgressBar::new_spinner().with_message("waiting for the server");
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(120));
    let done = work.await;
    spinner.finish_and_clear();
    done
}

/// `Get`, `Put`: how the family's tools name the method in front of a URL.
fn title_case(method: &Method) -> String {
    let name = method.as_str();
    let (first, rest) = name.split_at(name.len().min(1));
    format!("{first}{}", rest.to_ascii_lowercase())
}

fn innermost(error: &reqwest::Error) -> String {
    let mut current: &dyn std::error::Error = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}

/// The cause, and the next step.
fn explain(error: &reqwest::Error, url: &Url, address: &str) -> String {
    let mut chain = Vec::new();
    let mut source = error.source();
    let mut refused = false;
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<std::io::Error>() {
            refused |= cause.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        chain.push(cause.to_string());
        source = cause.source();
    }
    let chain = chain.join(": ");
    let secure = url.scheme() == "https";
    if error.is_timeout() {
        return "no answer in time\n\nIs the server overloaded, or a firewall between? VAULT_CLIENT_TIMEOUT=120s \
                waits longer."
            .to_owned();
    }
    if refused {
        let place = url.socket_addrs(|| None).ok().and_then(|all| all.first().copied());
        let dialled = place.map(|place| format!("dial tcp {place}: connect: ")).unwrap_or_default();
        return format!(
            "{dialled}connection refused\n\nIs the server running at {address}? `trustkeep dev` starts one on this machine; \
             -address or VAULT_ADDR names another."
        );
    }
    if secure && (chain.contains("InvalidContentType") || chain.contains("corrupt message")) {
        let plain = address.replacen("https://", "http://", 1);
        return format!(
            "http: server gave HTTP response to HTTPS client\n\nThe server does not speak TLS: try VAULT_ADDR={plain}"
        );
    }
    if chain.contains("UnknownIssuer") {
        return "x509: certificate signed by unknown authority\n\nName the authority that signed the server's \
                certificate: -ca-cert=FILE or VAULT_CACERT."
            .to_owned();
    }
    if chain.contains("not valid for name") || chain.contains("NotValidForName") {
        return format!(
            "x509: the certificate is not for this host\n\nUse the name in the certificate as address, or \
             -tls-server-name. Details: {chain}"
        );
    }
    if ["certificate expired", "Expired", "not valid yet", "NotValidYet"]
        .iter()
        .any(|text| chain.contains(text))
    {
        return format!("x509: the certificate is not valid at this time\n\nDetails: {chain}");
    }
    // With TLS 1.3 the refusal can come after the request was sent: then the connection just ends.
    let ended = chain.contains("channel closed") || chain.contains("connection closed");
    if chain.contains("CertificateRequired") || (secure && ended) {
        return format!(
            "the server closed the connection ({chain})\n\nIf it wants a client certificate, give one: \
             -client-cert and -client-key."
        );
    }
    if chain.contains("dns error") || chain.contains("lookup address") {
        return format!("the host of {address} is not known\n\nCheck -address or VAULT_ADDR.");
    }
    if !secure && (chain.contains("invalid HTTP version") || chain.contains("connection closed before")) {
        let tls = address.replacen("http://", "https://", 1);
        return format!("not an HTTP answer ({chain})\n\nIf the server speaks TLS: try VAULT_ADDR={tls}");
    }
    if chain.is_empty() { error.to_string() } else { chain }
}
