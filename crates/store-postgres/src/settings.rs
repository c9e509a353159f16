//! Where the database is and how much of it may be used.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use trustkeep_store::{Error, Result};

/// How a store reaches its database. Made from a libpq connection string by [`PostgresSettings::parse`].
#[derive(Clone)]
pub struct PostgresSettings {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) tls: Tls,
    /// Put before the name of every schema, so that several stores share a database: at most 15 bytes of
    /// `[a-z0-9_]`, beginning with a letter. Empty by default.
    pub schema_prefix: String,
    /// Connections that carry commits, 1 to 16; each has one group in flight. 1 by default: more make the groups
    /// smaller, and the server flushes its log once for each.
    pub commit_connections: usize,
    /// Connections that carry reads, 1 to 64; each has many reads in flight. 2 by default.
    pub read_connections: usize,
    /// Commits that wait for a connection; more are refused with [`Error::Unavailable`]. 8,192 by default.
    pub queue: usize,
    /// How long the server may work at one statement. 10 s by default.
    pub statement_timeout: Duration,
    /// How long to go on asking what became of a commit whose connection broke, before answering
    /// [`Error::OutcomeUnknown`]. 15 s by default.
    pub settle_timeout: Duration,
}

/// Whether and how the connection is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    Off,
    /// With the server's certificate and name verified against these authorities, or the system's.
    Verified(Option<PathBuf>),
}

impl PostgresSettings {
    /// Reads a libpq URL (`postgresql://user@host:5432/database?sslmode=verify-full`) or a keyword string
    /// (`host=... user=... password=...`).
    ///
    /// Encryption: without `sslmode`, connections off loopback use TLS with the server's certificate verified,
    /// those to loopback and Unix sockets none. `disable` switches it off. `require`, `verify-ca` and
    /// `verify-full` all verify certificate and name, against `sslrootcert` (a PEM file) or else the system's
    /// authorities. `allow` and `prefer` are refused: with them nobody knows whether there is encryption.
    ///
    /// # Errors
    /// [`Error::Invalid`]; the message never holds the connection string.
    pub fn parse(connection: &str) -> Result<Self> {
        let (rest, mut taken) = take_parameters(connection, &["sslmode", "sslrootcert"])?;
        let invalid = |message: String| Error::Invalid(format!("PostgreSQL connection: {message}"));
        let mut config: tokio_postgres::Config = rest.parse().map_err(|error: tokio_postgres::Error| {
            let reason =
                std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            invalid(format!("{error}{reason}"))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(invalid("host: is missing".into()));
        }
        if config.get_user().is_none() {
            return Err(invalid("user: is missing".into()));
        }
        let authorities = taken.pop().flatten().map(PathBuf::from);
        let mode = taken.pop().flatten();
        let tls = match mode.as_deref() {
            None if is_local(&config) => Tls::Off,
            None | Some("require" | "verify-ca" | "verify-full") => Tls::Verified(authorities),
            Some("disable") => Tls::Off,
            Some("allow" | "prefer") => {
                let message = "sslmode: allow and prefer leave open whether there is encryption; \
                               say verify-full, or disable if the network is trusted";
                return Err(invalid(message.into()));
            }
            Some(other) => return Err(invalid(format!("sslmode: {other:?} is not a mode; say verify-full"))),
        };
        config.ssl_mode(if tls == Tls::Off { SslMode::Disable } else { SslMode::Require });
        // Of several hosts the one that takes writes: reads must see every acknowledged commit.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("trustkeep");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(20));
        }
        Ok(PostgresSettings {
            config,
            tls,
            schema_prefix: String::new(),
            commit_connections: 1,
            read_connections: 2,
            queue: 8_192,
            statement_timeout: Duration::from_secs(10),
            settle_timeout: Duration::from_secs(15),
        })
    }

    /// With a prefix before every schema's name.
    pub fn schema_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.schema_prefix = prefix.into();
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |message: &str| Err(Error::Invalid(format!("PostgreSQL settings: {message}")));
        let prefix = self.schema_prefix.as_bytes();
        let name = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
        let begins = prefix.first().is_none_or(u8::is_ascii_lowercase);
        if prefix.len() > 15 || !begins || !prefix.iter().all(name) {
            return refuse("schema_prefix: at most 15 bytes of the form [a-z][a-z0-9_]*");
        }
        if !(1..=16).contains(&self.commit_connections) || !(1..=64).contains(&self.read_connections) {
            return refuse("commit_connections: 1 to 16; read_connections: 1 to 64");
        }
        if self.queue == 0 || self.statement_timeout.is_zero() {
            return refuse("queue and statement_timeout: must not be 0");
        }
        Ok(())
    }

    /// The role that logs in.
    pub(crate) fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }
}

impl std::fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresSettings")
            .field("hosts", &self.config.get_hosts())
            .field("user", &self.config.get_user())
            .field("dbname", &self.config.get_dbname())
            .field("tls", &self.tls)
            .field("schema_prefix", &self.schema_prefix)
            .finish_non_exhaustive()
    }
}

fn is_local(config: &tokio_postgres::Config) -> bool {
    config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
        && config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => {
                name == "localhost"
                    || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            }
            #[cfg(unix)]
            Host::Unix(_) => true,
        })
}

/// Takes the named parameters out of a connection string, since the driver does not know them.
fn take_parameters(connection: &str, names: &[&str]) -> Result<(String, Vec<Option<String>>)> {
    let mut taken = vec![None; names.len()];
    let mut take = |name: &str, value: String| {
        let slot = names.iter().position(|known| *known == name).and_then(|index| taken.get_mut(index));
        slot.map(|slot| *slot = Some(value)).is_some()
    };
    if connection.starts_with("postgres://") || connection.starts_with("postgresql://") {
        let (base, query) = connection.split_once('?').unwrap_or((connection, ""));
        let kept: Vec<&str> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .filter(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                !take(name, percent_decoded(value))
            })
            .collect();
        return Ok((format!("{base}?{}", kept.join("&")), taken));
    }
    let mut kept = String::new();
    let mut rest = connection.trim_start();
    while !rest.is_empty() {
        let broken = || Error::Invalid("PostgreSQL connection: expected keyword=value".into());
        let (name, behind) = rest.split_once('=').ok_or_else(broken)?;
        let behind = behind.trim_start();
        let (value, length) = keyword_value(behind).ok_or_else(broken)?;
        let raw = behind.get(..length).unwrap_or_default();
        if !take(name.trim(), value) {
            kept.push_str(&format!("{}={raw} ", name.trim()));
        }
        rest = behind.get(length..).unwrap_or_default().trim_start();
    }
    Ok((kept, taken))
}

/// A value of a keyword string, unquoted, and how many bytes it takes.
fn keyword_value(text: &str) -> Option<(String, usize)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.push(characters.next()?.1),
            '\'' if quoted => return Some((value, at + 1)),
            space if !quoted && space.is_whitespace() => return Some((value, at)),
            other => value.push(other),
        }
    }
    (!quoted).then_some((value, text.len()))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(connection: &str) -> Tls {
        PostgresSettings::parse(connection).unwrap().tls
    }

    #[test]
    fn encryption_is_left_out_only_on_loopback_or_when_told() {
        for local in ["postgres://me@localhost/db", "host=127.0.0.1 user=me", "host=/run/postgresql user=me"]
        {
            assert_eq!(tls(local), Tls::Off, "{local}");
        }
        for remote in ["postgres://me@db.example/db", "host=10.0.0.5 user=me", "host=localhost,db user=me"] {
            assert_eq!(tls(remote), Tls::Verified(None), "{remote}");
        }
        assert_eq!(tls("postgres://me@db.example/db?sslmode=disable"), Tls::Off);
        assert_eq!(tls("host=db user=me sslmode = 'disable'"), Tls::Off);
        let named = Tls::Verified(Some("/etc/ca file.pem".into()));
        assert_eq!(tls("postgres://me@localhost/?sslmode=require&sslrootcert=/etc/ca%20file.pem"), named);
        assert_eq!(tls("host=localhost sslrootcert='/etc/ca file.pem' sslmode=verify-full user=me"), named);
        for mode in ["prefer", "allow", "nonsense"] {
            let error = PostgresSettings::parse(&format!("host=db user=me sslmode={mode}")).unwrap_err();
            assert!(error.to_string().contains("verify-full"), "{error}");
        }
    }

    #[test]
    fn passwords_are_neither_shown_nor_lost() {
        for connection in [
            "postgres://me:s%20ecret@localhost/db?sslmode=disable",
            r"host=localhost user=me password='s ecret'",
        ] {
            let settings = PostgresSettings::parse(connection).unwrap();
            assert_eq!(settings.config.get_password(), Some(&b"s ecret"[..]));
            assert!(!format!("{settings:?}").contains("ecret"));
        }
        for broken in
            ["postgres://me:secret@host:port/", "host=x password=secret foo=bar", "password='secret"]
        {
            let error = PostgresSettings::parse(broken).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn bounds_are_checked() {
        let settings = PostgresSettings::parse("host=localhost user=me").unwrap();
        assert!(settings.check().is_ok());
        for prefix in ["1a", "A", "a-b", "abcdefghijklmnop", "é"] {
            assert!(settings.clone().schema_prefix(prefix).check().is_err(), "{prefix}");
        }
        assert!(PostgresSettings { commit_connections: 0, ..settings }.check().is_err());
    }
}
