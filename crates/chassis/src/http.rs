//! Listeners: HTTP/1.1 and HTTP/2, with or without TLS, each with bounds on size, time and number of what it accepts.
//!
//! A service is any [`tower::Service`] from `Request<Incoming>` to a response; an axum `Router` and [`service_fn`] both
//! are. It sees every method and the path exactly as the client wrote it (nothing is decoded or normalised), and finds a
//! [`RequestContext`] among the request's extensions.
//!
//! Time limits on idle and slow connections are kept by one watchdog task a listener and not by timers in each
//! request, so that the hot path pays a few writes to memory of its own connection and nothing else.

mod body;
mod connection;
mod request;
mod serve;
mod settings;
mod watchdog;

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};

pub use body::{BodyError, ResponseBody, collect};
pub use connection::Connection;
pub use hyper::body::{Body, Incoming};
pub use request::{RequestContext, RequestId};
pub use settings::{Limits, ListenSettings, Refusal};
pub use tower::service_fn;

/// A bound port, not yet served.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    address: SocketAddr,
    settings: ListenSettings,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The port cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error(
        "port {} is taken: another process listens on {address}; stop it (`ss -ltnp 'sport = :{}'` names it) or configure another port for the {service} listener",
        address.port(), address.port()
    )]
    PortTaken {
        /// What was asked for.
        address: SocketAddr,
        /// The listener's name.
        service: String,
    },
    /// A port below 1024 without the right to bind it.
    #[error(
        "not permitted to listen on {address}: ports below 1024 need the capability CAP_NET_BIND_SERVICE; grant it or configure a port from 1024 on for the {service} listener"
    )]
    NotPermitted {
        /// What was asked for.
        address: SocketAddr,
        /// The listener's name.
        service: String,
    },
    /// The address belongs to another machine.
    #[error(
        "cannot listen on {address}: this machine has no such address (`ip address` lists its own); configure one of them, or 0.0.0.0 for all, for the {service} listener"
    )]
    NotLocal {
        /// What was asked for.
        address: SocketAddr,
        /// The listener's name.
        service: String,
    },
    /// Anything else.
    #[error("the {service} listener cannot listen on {address}: {source}")]
    Other {
        /// What was asked for.
        address: SocketAddr,
        /// The listener's name.
        service: String,
        /// The operating system's words.
        source: io::Error,
    },
}

/// The socket in the file system cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum FileBindError {
    /// Somebody else listens there.
    #[error("another process answers at {}: stop it first", .0.display())]
    Taken(PathBuf),
    /// Anything else: no right, no folder, a path of more than 107 bytes.
    #[error("cannot listen at {} (a path of at most 107 bytes): {source}", path.display())]
    Other {
        /// What was asked for.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
}

impl Listener {
    /// Takes the port. From here on clients connect and wait; [`Self::serve`] answers them.
    /// Where IPv6 is switched off, `[::]` means every IPv4 address.
    ///
    /// # Errors
    /// Says which address, why, and what to do.
    pub async fn bind(settings: ListenSettings) -> Result<Self, BindError> {
        let wanted = settings.address;
        let mut bound = TcpListener::bind(wanted).await;
        if wanted.is_ipv6() && wanted.ip().is_unspecified() && bound.as_ref().is_err_and(is_without_ipv6) {
            bound = TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, wanted.port()))).await;
        }
        match bound.and_then(|socket| Ok((socket.local_addr()?, socket))) {
            Ok((address, socket)) => Ok(Self { socket: Socket::Tcp(socket), address, settings }),
            Err(source) => Err(BindError::new(source, settings)),
        }
    }

    /// Takes a socket in the file system that this process's user alone can open; one that a process which died left there is replaced.
    /// The address of the settings is what connections show as their peer.
    ///
    /// # Errors
    /// Another process answers there, or the file cannot be made.
    pub fn bind_file(settings: ListenSettings, path: &Path) -> Result<Self, FileBindError> {
        let failed = |source| FileBindError::Other { path: path.to_owned(), source };
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(FileBindError::Taken(path.to_owned()));
        }
        // It has its mode before anybody can find it under its name.
        let passage = path.with_extension("new");
        remove_if_there(&passage).map_err(failed)?;
        let socket = UnixListener::bind(&passage).map_err(failed)?;
        std::fs::set_permissions(&passage, std::fs::Permissions::from_mode(0o600))
            .and_then(|()| std::fs::rename(&passage, path))
            .map_err(failed)?;
        Ok(Self { socket: Socket::Unix(socket), address: settings.address, settings })
    }

    /// The address bound, with the real port if port 0 was asked for.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.settings.tls.is_some() { "https" } else { "http" }
    }
}

impl BindError {
    fn new(source: io::Error, ListenSettings { address, name: service, .. }: ListenSettings) -> Self {
        match source.kind() {
            ErrorKind::AddrInUse => Self::PortTaken { address, service },
            ErrorKind::PermissionDenied => Self::NotPermitted { address, service },
            ErrorKind::AddrNotAvailable => Self::NotLocal { address, service },
            _ => Self::Other { address, service, source },
        }
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn is_without_ipv6(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let missing = [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL, Errno::PROTONOSUPPORT];
    error.raw_os_error().is_some_and(|code| missing.iter().any(|errno| errno.raw_os_error() == code))
}
