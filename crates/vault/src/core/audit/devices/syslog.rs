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

#[cfg(test)]
mod tests {
    use trustkeep_chassis::clock::{ManualClock, Timestamp};

    use super::*;

    #[test]
    fn a_message_is_of_the_form_of_rfc_3164() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("log");
        let mut syslog = Syslog {
            head: "<38>".into(),
            tail: "vault[7]: ".into(),
            clock: Arc::new(ManualClock::new(Timestamp::from_second(1_700_000_000 - 9 * 86_400).unwrap())),
            timeout: TIMEOUT,
            places: vec![folder.path().join("missing"), place.clone()],
            socket: None,
        };
        let line = [Bytes::from_static(b"{}\n")];
        assert!(syslog.write(&line)[0].is_err(), "nobody listens");
        let mut buffer = [0; 256];
        // The daemon comes, goes, and comes again.
        for _ in 0..2 {
            let daemon = UnixDatagram::bind(&place).unwrap();
            assert!(syslog.write(&line)[0].is_ok());
            let count = daemon.recv(&mut buffer).unwrap();
            assert_eq!(std::str::from_utf8(&buffer[..count]).unwrap(), "<38>Nov  5 22:13:20 vault[7]: {}\n");
            std::fs::remove_file(&place).unwrap();
        }
    }

    #[test]
    fn facilities_and_tags_are_checked() {
        let clock = trustkeep_chassis::clock::SystemClock::shared();
        let opened = |name: &str, value: &str| {
            open(&DeviceOptions::new([(name.to_owned(), value.to_owned())].into()), clock.clone()).is_ok()
        };
        assert!(opened("facility", "local7") && opened("facility", "AUTHPRIV") && opened("tag", "vault-a"));
        assert!(!opened("facility", "LOCAL8") && !opened("tag", "a b") && !opened("tag", ""));
    }
}
