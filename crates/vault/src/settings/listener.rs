use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use trustkeep_chassis::config::value;
use trustkeep_chassis::tls::{ClientCertificates, TlsSettings, TlsVersion};

use super::section::{Keys, Reader, Section};
use super::{Network, positive};

/// `listener "tcp"`
#[derive(Debug, Clone)]
pub struct Listener {
    /// Where clients connect. `127.0.0.1:8200`.
    pub address: SocketAddr,
    /// Where other nodes connect; one port above `address`.
    pub cluster_address: SocketAddr,
    /// `None` with `tls_disable`.
    pub tls: Option<TlsSettings>,
    /// Bytes of a request's body. 32 MiB.
    pub max_request_size: u64,
    /// From the request's beginning to the answer's.
    pub max_request_duration: Duration,
    /// For a whole request; zero is no limit. 30 seconds.
    pub http_read_timeout: Duration,
    /// For a request's headers. 10 seconds.
    pub http_read_header_timeout: Duration,
    /// For an answer; zero is no limit, which is the default.
    pub http_write_timeout: Duration,
    /// For a connection without a request. 5 minutes.
    pub http_idle_timeout: Duration,
    /// Whose word on a request's origin is taken; `None`: nobody's.
    pub x_forwarded_for: Option<ForwardedFor>,
    /// Headers of every answer, in the order default, class, code, the later overriding the earlier.
    pub custom_response_headers: Vec<ResponseHeaders>,
    /// Whether `sys/metrics` asks for no token.
    pub unauthenticated_metrics_access: bool,
}

/// `x_forwarded_for_…`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardedFor {
    /// The proxies.
    pub authorized: Vec<Network>,
    /// How many entries from the right of the header are proxies too.
    pub hop_skips: usize,
    /// Whether requests from elsewhere are refused. Yes.
    pub reject_not_authorized: bool,
    /// Whether requests without the header are refused. Yes.
    pub reject_not_present: bool,
}

/// Headers for some answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHeaders {
    /// Which.
    pub status: StatusMatch,
    /// Several values of a header are joined by `; `.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// Which answers get a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusMatch {
    /// All.
    Default,
    /// All of a hundred, for example `4` for `4xx`.
    Class(u16),
    /// One code.
    Code(u16),
}

const KEYS: Keys = Keys {
    keys: &[
        "address",
        "cluster_address",
        "tls_disable",
        "tls_cert_file",
        "tls_key_file",
        "tls_min_version",
        "tls_max_version",
        "tls_require_and_verify_client_cert",
        "tls_client_ca_file",
        "tls_disable_client_certs",
        "http_read_timeout",
        "http_read_header_timeout",
        "http_write_timeout",
        "http_idle_timeout",
        "max_request_size",
        "max_request_duration",
        "x_forwarded_for_authorized_addrs",
        "x_forwarded_for_hop_skips",
        "x_forwarded_for_reject_not_authorized",
        "x_forwarded_for_reject_not_present",
    ],
    blocks: &["telemetry", "custom_response_headers"],
    without_effect: &[
        "type",
        "purpose",
        "role",
        "require_request_header",
        "tls_cipher_suites",
        "tls_prefer_server_cipher_suites",
        "profiling",
        "inflight_requests_logging",
        "agent_api",
        "proxy_api",
    ],
    prefixes_without_effect: &["proxy_protocol_", "cors_", "socket_"],
};

/// Every listener, in the order of the files.
pub(super) fn all(top: &Section<'_>, request_duration: Duration, reader: &mut Reader<'_>) -> Vec<Listener> {
    let stanzas = top.blocks("listener", reader);
    let stanzas: Vec<_> = stanzas.iter().flat_map(|stanza| stanza.all_blocks(reader)).collect();
    let mut listeners = Vec::new();
    for (kind, section) in stanzas {
        if kind == "tcp" {
            listeners.push(parse(&section, request_duration, reader));
        } else {
            section.problem(
                "",
                format!("\"{kind}\" is not a listener of this server; supported: tcp"),
                reader,
            );
        }
    }
    listeners
}

fn parse(section: &Section<'_>, request_duration: Duration, reader: &mut Reader<'_>) -> Listener {
    section.check_keys(&KEYS, reader);
    let duration = |key: &str, default: u64, reader: &mut Reader<'_>| {
        section.get(key, &[], value::duration, reader).unwrap_or(Duration::from_secs(default))
    };
    let address = section
        .get("address", &[], value::socket_address, reader)
        .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8200)));
    let next = SocketAddr::new(address.ip(), address.port().checked_add(1).unwrap_or(0));
    let mut unauthenticated_metrics_access = false;
    for telemetry in section.blocks("telemetry", reader) {
        telemetry.check_keys(&TELEMETRY_KEYS, reader);
        let given = telemetry.boolean("unauthenticated_metrics_access", &[], reader);
        unauthenticated_metrics_access = given.unwrap_or(unauthenticated_metrics_access);
    }
    Listener {
        address,
        cluster_address: section.get("cluster_address", &[], value::socket_address, reader).unwrap_or(next),
        tls: tls(section, reader),
        max_request_size: section
            .get("max_request_size", &[], value::size, reader)
            .filter(|size| *size > 0)
            .unwrap_or(32 << 20),
        max_request_duration: positive(section.get("max_request_duration", &[], value::duration, reader))
            .unwrap_or(request_duration),
        http_read_timeout: duration("http_read_timeout", 30, reader),
        http_read_header_timeout: duration("http_read_header_timeout", 10, reader),
        http_write_timeout: duration("http_write_timeout", 0, reader),
        http_idle_timeout: duration("http_idle_timeout", 300, reader),
        x_forwarded_for: forwarded_for(section, reader),
        custom_response_headers: response_headers(section, reader),
        unauthenticated_metrics_access,
    }
}

const TELEMETRY_KEYS: Keys = Keys {
    keys: &["unauthenticated_metrics_access"],
    blocks: &[],
    without_effect: &[],
    prefixes_without_effect: &[],
};

fn tls(section: &Section<'_>, reader: &mut Reader<'_>) -> Option<TlsSettings> {
    if section.boolean("tls_disable", &[], reader).unwrap_or(false) {
        return None;
    }
    let certificate = section.path("tls_cert_file", &[], reader);
    let key = section.path("tls_key_file", &[], reader);
    for (name, given) in [("tls_cert_file", certificate.is_some()), ("tls_key_file", key.is_some())] {
        if !given {
            let message = "is missing; give tls_cert_file and tls_key_file, or tls_disable = true";
            section.problem(name, message, reader);
        }
    }
    let version_min = version(section, "tls_min_version", TlsVersion::Tls12, reader);
    let version_max = version(section, "tls_max_version", TlsVersion::Tls13, reader);
    if version_min > version_max {
        section.problem("tls_max_version", "is older than tls_min_version", reader);
    }
    let clients = client_certificates(section, reader);
    let mut settings = TlsSettings::new(certificate?, key?).with_client_certificates(clients);
    settings.version_min = version_min;
    settings.version_max = version_max;
    Some(settings)
}

/// Versions that are broken count as 1.2, with a warning: files that allow them also work with better ones.
fn version(section: &Section<'_>, key: &str, default: TlsVersion, reader: &mut Reader<'_>) -> TlsVersion {
    let Some(text) = section.text(key, &[], reader) else { return default };
    if matches!(text.as_str(), "tls10" | "tls11") {
        let message = format!("\"{text}\" is broken and not offered; tls12 is used");
        reader.warn(section.place_of(key), &section.key(key), message);
        return TlsVersion::Tls12;
    }
    section.get(key, &[], str::parse, reader).unwrap_or(default)
}

fn client_certificates(section: &Section<'_>, reader: &mut Reader<'_>) -> ClientCertificates {
    let disabled = section.boolean("tls_disable_client_certs", &[], reader).unwrap_or(false);
    let required = section.boolean("tls_require_and_verify_client_cert", &[], reader).unwrap_or(false);
    let authority = section.path("tls_client_ca_file", &[], reader);
    match (required, authority) {
        (true, _) if disabled => {
            let message = "and tls_disable_client_certs exclude each other";
            section.problem("tls_require_and_verify_client_cert", message, reader);
            ClientCertificates::Ignored
        }
        (false, _) if disabled => ClientCertificates::Ignored,
        (true, Some(file)) => ClientCertificates::Required(file),
        (true, None) => {
            let message = "is missing; name the authorities that tls_require_and_verify_client_cert trusts";
            section.problem("tls_client_ca_file", message, reader);
            ClientCertificates::Requested
        }
        // As in Vault: whoever sends one is let in, and the cert auth method looks at it.
        (false, _) => ClientCertificates::Requested,
    }
}

fn forwarded_for(section: &Section<'_>, reader: &mut Reader<'_>) -> Option<ForwardedFor> {
    let key = "x_forwarded_for_authorized_addrs";
    let hop_skips = section.get("x_forwarded_for_hop_skips", &[], value::number, reader).unwrap_or(0);
    let boolean = |key: &str, reader: &mut Reader<'_>| section.boolean(key, &[], reader).unwrap_or(true);
    let reject_not_authorized = boolean("x_forwarded_for_reject_not_authorized", reader);
    let reject_not_present = boolean("x_forwarded_for_reject_not_present", reader);
    let mut authorized = Vec::new();
    for text in section.texts(key, reader)? {
        match text.parse() {
            Ok(network) => authorized.push(network),
            Err(message) => section.problem(key, message, reader),
        }
    }
    Some(ForwardedFor { authorized, hop_skips, reject_not_authorized, reject_not_present })
}

fn response_headers(section: &Section<'_>, reader: &mut Reader<'_>) -> Vec<ResponseHeaders> {
    let mut all = Vec::new();
    for block in section.blocks("custom_response_headers", reader) {
        for (status, headers) in block.all_blocks(reader) {
            let Some(matched) = StatusMatch::parse(&status) else {
                let message = "expected \"default\", a class (\"2xx\") or a code (\"404\")";
                block.problem(&status, message, reader);
                continue;
            };
            let mut parsed = Vec::new();
            for (name, values, place) in headers.all_texts(reader) {
                match header(&name, &values) {
                    Ok(header) => parsed.push(header),
                    Err(message) => reader.problems.add(place, headers.key(&name), message),
                }
            }
            all.push(ResponseHeaders { status: matched, headers: parsed });
        }
    }
    all.sort_by_key(|headers| headers.status);
    all
}

fn header(name: &str, values: &[String]) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name = HeaderName::try_from(name).map_err(|_| "not a header's name")?;
    if name.as_str().starts_with("x-vault-") {
        return Err("headers that begin with X-Vault- are the server's own");
    }
    let value = HeaderValue::try_from(values.join("; ")).map_err(|_| "not a header's value")?;
    Ok((name, value))
}

impl StatusMatch {
    fn parse(text: &str) -> Option<Self> {
        if text == "default" {
            return Some(StatusMatch::Default);
        }
        match text.strip_suffix("xx") {
            Some(class) => class.parse().ok().filter(|class| (1..=5).contains(class)).map(StatusMatch::Class),
            None => text.parse().ok().filter(|code| (100..600).contains(code)).map(StatusMatch::Code),
        }
    }
}
