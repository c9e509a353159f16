//! Device `syslog`: datagrams in the form of RFC 3164 to the machine's own syslog
//! (`hashicorp/vault: builtin/audit/syslog`).

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use trustkeep_chassis::clock::SharedClock;

use super::super::device::{Device, DeviceError, DeviceOptions};
use super::super::queue::{Queue, Sink, Written};
use crate::{Error, Result};

pub(super) fn open(options: &DeviceOptions, clock: SharedClock) -> Result<Arc<dyn Device>> {
    let facility = options.text("facility").unwrap_or("AUTH");
    let facility =
        FACILITIES.iter().find(|(name, _)| name.eq_ignore_ascii_case(facility)).map(|(_, code)| *code);
    let facility = facility.ok_or_else(|| {
        let name = options.text("facility").unwrap_or_default();
        Error::invalid(format!("invalid syslog facility: {name}"))
    })?;
    let tag = options.text("tag").unwrap_or("vault");
    if tag.is_empty() || tag.len() > TAG_BYTES_MAX || !tag.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid(format!(
            "tag: {tag:?} is not of 1 to {TAG_BYTES_MAX} printable characters without blanks"
        )));
    }
    let timeout = options.write_timeout(TIMEOUT)?;
    let sink = Syslog {
        head: format!("<{}>", facility * 8 + INFO),
        tail: format!("{tag}[{}]: ", std::process::id()),
        clock,
        timeout,
        places: PLACES.iter().map(PathBuf::from).collect(),
        socket: None,
    };
    Ok(Arc::new(Queue::start("syslog", timeout, sink).map_err(Error::internal)?))
}

struct Syslog {
    head: String,
    tail: String,
    clock: SharedClock,
    timeout: Duration,
    /// Where the daemon's socket may be.
    places: Vec<PathBuf>,
    socket: Option<UnixDatagram>,
}

impl Sink for Syslog {
    fn write(&mut self, entries: &[Bytes]) -> Vec<Written> {
        entries.iter().map(|entry| self.send(entry).map_err(DeviceError::new)).collect()
    }

    fn reopen(&mut self) -> Written {
        self.socket = Some(self.connect().map_err(DeviceError::new)?);
        Ok(())
    }
}

impl Syslog {
    fn send(&mut self, entry: &[u8]) -> io::Result<()> {
        let time = self.clock.now().strftime("%b %e %H:%M:%S").to_string();
        let mut message = format!("{}{time} {}", self.head, self.tail).into_bytes();
        message.extend_from_slice(entry);
        if let Some(socket) = &self.socket
            && socket.send(&message).is_ok()
        {
            return Ok(());
        }
        // The daemon may have been started anew.
        let socket = self.connect()?;
        socket.send(&message)?;
        self.socket = Some(socket);
        Ok(())
    }

    fn connect(&self) -> io::Result<UnixDatagram> {
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "Unix syslog delivery error");
        for place in &self.places {
            match connect(place, self.timeout) {
                Ok(socket) => return Ok(socket),
                Err(error) => failure = io::Error::new(error.kind(), format!("{}: {error}", place.display())),
            }
        }
        Err(failure)
    }
}

fn connect(place: &Path, timeout: Duration) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(timeout))?;
    socket.connect(place)?;
    Ok(socket)
}

const PLACES: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];
const INFO: u8 = 6;
const TAG_BYTES_MAX: usize = 32;
const TIMEOUT: Duration = Duration::from_secs(2);
/// RFC 3164 section 4.1.1.
const FACILITIES: [(&str, u8); 20] = [
    ("KERN", 0),
    ("USER", 1),
    ("MAIL", 2),
    ("DAEMON", 3),
    ("AUTH", 4),
    ("SYSLOG", 5),
    ("LPR", 6),
    ("NEWS", 7),
    ("UUCP", 8),
    ("CRON", 9),
    ("AUTHPRIV", 10),
    ("FTP", 11),
    ("LOCAL0", 16),
    ("LOCAL1", 17),
    ("LOCAL2", 18),
    ("LOCAL3", 19),
    ("LOCAL4", 20),
    ("LOCAL5", 21),
    ("LOCAL6", 22),
    ("LOCAL7", 23),
];
