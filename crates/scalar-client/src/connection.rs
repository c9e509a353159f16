//! The two channels to a server: opened when first used, opened again when lost, shared by every clone.

use std::time::Duration;

use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Uri};
use trustkeep_scalar_rpc::services::{
    AuditorClient, AuditorPrivilegedClient, LedgerClient, LedgerPrivilegedClient,
};
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

use crate::config::Target;

/// What a client that opens no connection within this time is told does not reach its server.
const CONNECT: Duration = Duration::from_secs(20);

/// Largest answer that is taken when nothing is configured, as in gRPC everywhere.
const MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// A Ledger.
#[derive(Clone, Debug)]
pub struct LedgerConnection {
    /// The service for every client.
    pub ordinary: LedgerClient<Channel>,
    /// Registrations and administration.
    pub privileged: LedgerPrivilegedClient<Channel>,
    headers: Headers,
}

/// An Auditor.
#[derive(Clone, Debug)]
pub struct AuditorConnection {
    /// The service for every client.
    pub ordinary: AuditorClient<Channel>,
    /// Registrations and administration.
    pub privileged: AuditorPrivilegedClient<Channel>,
    headers: Headers,
}

impl LedgerConnection {
    /// Channels that connect when first used. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// 414 or 502 if the target cannot be one: no host name, certificates that are none.
    pub fn new(target: &Target) -> Result<Self> {
        let size = target.max_message_bytes.unwrap_or(MESSAGE_BYTES);
        Ok(Self {
            ordinary: LedgerClient::new(channel(target, target.port)?).max_decoding_message_size(size),
            privileged: LedgerPrivilegedClient::new(channel(target, target.privileged_port)?)
                .max_decoding_message_size(size),
            headers: Headers::new(target)?,
        })
    }

    /// The message as a call with the target's deadline and headers.
    pub fn request<M>(&self, message: M) -> Request<M> {
        self.headers.request(message)
    }
}

impl AuditorConnection {
    /// As [`LedgerConnection::new`].
    ///
    /// # Errors
    /// As there.
    pub fn new(target: &Target) -> Result<Self> {
        let size = target.max_message_bytes.unwrap_or(MESSAGE_BYTES);
        Ok(Self {
            ordinary: AuditorClient::new(channel(target, target.port)?).max_decoding_message_size(size),
            privileged: AuditorPrivilegedClient::new(channel(target, target.privileged_port)?)
                .max_decoding_message_size(size),
            headers: Headers::new(target)?,
        })
    }

    /// The message as a call with the target's deadline and headers.
    pub fn request<M>(&self, message: M) -> Request<M> {
        self.headers.request(message)
    }
}

/// What goes with every call.
#[derive(Clone, Debug)]
struct Headers {
    deadline: Duration,
    authorization: Option<MetadataValue<Ascii>>,
}

impl Headers {
    fn new(target: &Target) -> Result<Self> {
        let authorization = target.authorization.as_ref().map(|credential| {
            let mut value: MetadataValue<Ascii> = credential.expose().parse().map_err(|_| {
                let text = "The authorization credential must be printable ASCII.";
                Error::new(StatusCode::InvalidArgument, text)
            })?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        });
        Ok(Self { deadline: target.deadline, authorization: authorization.transpose()? })
    }

    fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(self.deadline);
        if let Some(credential) = &self.authorization {
            request.metadata_mut().insert("authorization", credential.clone());
        }
        request
    }
}

fn channel(target: &Target, port: u16) -> Result<Channel> {
    let scheme = if target.tls { "https" } else { "http" };
    let refused = |what: &str| {
        Error::new(StatusCode::InvalidArgument, format!("The host '{}' cannot be one: {what}.", target.host))
    };
    // An IPv6 address needs its brackets before a port.
    let bare = target.host.parse::<std::net::Ipv6Addr>().is_ok();
    let host = if bare { format!("[{}]", target.host) } else { target.host.clone() };
    let uri = |authority: &str| authority_uri(scheme, authority).map_err(|error| refused(&error.to_string()));
    let mut endpoint = Endpoint::from(uri(&format!("{host}:{port}"))?)
        .connect_timeout(CONNECT.min(target.deadline.max(Duration::from_millis(1))))
        .tcp_nodelay(true);
    if let Some(bytes) = target.max_metadata_bytes {
        endpoint = endpoint.http2_max_header_list_size(bytes);
    }
    if target.tls {
        let mut tls = match &target.ca_certificate {
            Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        if let Some(authority) = &target.override_authority {
            let uri = uri(authority)?;
            tls = tls.domain_name(uri.host().unwrap_or(authority));
            endpoint = endpoint.origin(uri);
        }
        endpoint = endpoint.tls_config(tls).map_err(|error| {
            let source =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            let text = format!("Configuring SSL failed. Details: {source}");
            Error::numbered(StatusCode::RuntimeError, "CLIENT", 2, text)
        })?;
    }
    Ok(endpoint.connect_lazy())
}

fn authority_uri(scheme: &str, authority: &str) -> std::result::Result<Uri, tonic::codegen::http::Error> {
    Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build()
}
