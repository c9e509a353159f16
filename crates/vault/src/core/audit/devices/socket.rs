//! Device `socket`: lines over TCP or a Unix stream, or one datagram each
//! (`hashicorp/vault: builtin/audit/socket`).

use std::io::{self, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::super::device::{Device, DeviceError, DeviceOptions};
use super::super::queue::{Queue, Sink, Written};
use crate::{Error, Result};

pub(super) fn open(options: &DeviceOptions) -> Result<Arc<dyn Device>> {
    let address = options.text("address").filter(|address| !address.is_empty());
    let address = address.ok_or_else(|| Error::invalid("address is required"))?.to_owned();
    let timeout = options.write_timeout(TIMEOUT)?;
    let kind = match options.text("socket_type").unwrap_or("tcp") {
        "tcp" => Kind::Tcp,
        "udp" => Kind::Udp,
        "unix" => Kind::Unix,
        "unixgram" => Kind::UnixDatagram,
        other => return Err(Error::invalid(format!("dial {other}: unknown network {other}"))),
    };
    let queue = Queue::start("socket", timeout, Socket { kind, address, timeout, connection: None });
    Ok(Arc::new(queue.map_err(Error::internal)?))
}

#[derive(Clone, Copy)]
enum Kind {
    Tcp,
    Udp,
    Unix,
    UnixDatagram,
}

struct Socket {
    kind: Kind,
    address: String,
    timeout: Duration,
    connection: Option<Connection>,
}

enum Connection {
    Tcp(TcpStream),
    Udp(UdpSocket),
    Unix(UnixStream),
    UnixDatagram(UnixDatagram),
}

impl Sink for Socket {
    fn write(&mut self, entries: &[Bytes]) -> Vec<Written> {
        if self.connection.as_ref().is_some_and(Connection::is_closed) {
            self.connection = None;
        }
        entries.iter().map(|entry| self.send(entry)).collect()
    }

    fn reopen(&mut self) -> Written {
        self.connection = Some(self.connect().map_err(DeviceError::new)?);
        Ok(())
    }
}

impl Socket {
    /// Sends one entry; over a new connection where the old one is broken, but not where the peer hangs.
    fn send(&mut self, entry: &[u8]) -> Written {
        let had_one = self.connection.is_some();
        match self.try_send(entry) {
            Ok(()) => return Ok(()),
            Err(error) => {
                self.connection = None;
                let hangs = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
                if hangs || !had_one {
                    return Err(DeviceError::new(error));
                }
            }
        }
        let again = self.try_send(entry);
        again.map_err(|error| {
            self.connection = None;
            DeviceError::new(error)
        })
    }

    fn try_send(&mut self, entry: &[u8]) -> io::Result<()> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        connection.send(entry)?;
        self.connection = Some(connection);
        Ok(())
    }

    fn connect(&self) -> io::Result<Connection> {
        let timeout = Some(self.timeout);
        Ok(match self.kind {
            Kind::Tcp => {
                let mut failure = io::Error::new(io::ErrorKind::NotFound, "the address names no host");
                for address in self.address.to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, self.timeout) {
                        Ok(stream) => {
                            stream.set_write_timeout(timeout)?;
                            stream.set_nodelay(true)?;
                            return Ok(Connection::Tcp(stream));
                        }
                        Err(error) => failure = error,
                    }
                }
                return Err(failure);
            }
            Kind::Udp => {
                let mut failure = io::Error::new(io::ErrorKind::NotFound, "the address names no host");
                for address in self.address.to_socket_addrs()? {
                    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                    let socket = UdpSocket::bind(any)?;
                    socket.set_write_timeout(timeout)?;
                    match socket.connect(address) {
                        Ok(()) => return Ok(Connection::Udp(socket)),
                        Err(error) => failure = error,
                    }
                }
                return Err(failure);
            }
            Kind::Unix => {
                let stream = UnixStream::connect(&self.address)?;
                stream.set_write_timeout(timeout)?;
                Connection::Unix(stream)
            }
            Kind::UnixDatagram => {
                let socket = UnixDatagram::unbound()?;
                socket.set_write_timeout(timeout)?;
                socket.connect(&self.address)?;
                Connection::UnixDatagram(socket)
            }
        })
    }
}

impl Connection {
    fn send(&mut self, entry: &[u8]) -> io::Result<()> {
        let whole = |sent: usize| {
            if sent == entry.len() { Ok(()) } else { Err(io::Error::from(io::ErrorKind::WriteZero)) }
        };
        match self {
            Connection::Tcp(stream) => stream.write_all(entry),
            Connection::Unix(stream) => stream.write_all(entry),
            Connection::Udp(socket) => socket.send(entry).and_then(whole),
            Connection::UnixDatagram(socket) => socket.send(entry).and_then(whole),
        }
    }

    /// Whether the peer hung up: the first write after that would seem to succeed.
    fn is_closed(&self) -> bool {
        let Connection::Tcp(stream) = self else { return false };
        if stream.set_nonblocking(true).is_err() {
            return true;
        }
        let ended = match stream.peek(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        stream.set_nonblocking(false).is_err() || ended
    }
}

/// Vault's.
const TIMEOUT: Duration = Duration::from_secs(2);
