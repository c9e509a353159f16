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

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;
    use std::time::Instant;

    use super::*;

    fn device(kind: &str, address: &str) -> Arc<dyn Device> {
        let options = [("address", address), ("socket_type", kind), ("write_timeout", "1s")];
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        open(&DeviceOptions::new(options.collect())).unwrap()
    }

    fn line() -> Bytes {
        Bytes::from_static(b"{\"a\":1}\n")
    }

    #[tokio::test]
    async fn lines_arrive_over_every_kind_of_socket() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let mut text = String::new();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        device("tcp", &listener.local_addr().unwrap().to_string()).write(line()).await.unwrap();
        BufReader::new(listener.accept().unwrap().0).read_line(&mut text).unwrap();

        let listener = UnixListener::bind(at("stream")).unwrap();
        device("unix", &at("stream")).write(line()).await.unwrap();
        BufReader::new(listener.accept().unwrap().0).read_line(&mut text).unwrap();
        assert_eq!(text, "{\"a\":1}\n{\"a\":1}\n");

        let mut buffer = [0; 64];
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        device("udp", &socket.local_addr().unwrap().to_string()).write(line()).await.unwrap();
        let count = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], line());

        let socket = UnixDatagram::bind(at("datagram")).unwrap();
        device("unixgram", &at("datagram")).write(line()).await.unwrap();
        let count = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], line());
    }

    #[tokio::test]
    async fn a_peer_that_hung_up_is_noticed_before_a_line_is_lost() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let device = device("tcp", &address);
        device.write(line()).await.unwrap();
        let first = listener.accept().unwrap().0;
        first.shutdown(std::net::Shutdown::Both).unwrap();
        device.write(line()).await.unwrap();
        let mut text = String::new();
        BufReader::new(listener.accept().unwrap().0).read_line(&mut text).unwrap();
        assert_eq!(text.as_bytes(), line());
        drop(listener);
        // Whichever write notices: none after it claims to have arrived.
        while device.write(line()).await.is_ok() {}
        assert!(device.write(line()).await.is_err());
        let again = TcpListener::bind(&address).unwrap();
        device.write(line()).await.unwrap();
        drop(again);
    }

    #[tokio::test]
    async fn a_peer_that_never_reads_holds_nobody_up_for_long() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let device = device("tcp", &listener.local_addr().unwrap().to_string());
        let entry = Bytes::from(vec![b'x'; 1 << 20]);
        // Until what lies between the two is full.
        for _ in 0..256 {
            let started = Instant::now();
            let written = device.write(entry.clone()).await;
            assert!(started.elapsed() < Duration::from_secs(3));
            if written.is_err() {
                return;
            }
        }
        panic!("256 MiB went to a peer that reads nothing");
    }

    #[test]
    fn addresses_and_kinds_are_asked_for() {
        let open = |options: &[(&str, &str)]| {
            let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            open(&DeviceOptions::new(options.collect())).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(open(&[]).unwrap_err(), "address is required");
        assert!(open(&[("address", "x"), ("socket_type", "sctp")]).is_err());
    }
}
