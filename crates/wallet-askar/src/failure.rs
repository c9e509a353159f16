//! What Askar and its databases answer, as a wallet's errors.

use std::error::Error as StdError;

use trustkeep_wallet::Error;

/// What a failure means for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The connection broke, or the database is going down: on a new one it may succeed.
    Lost,
    /// Nobody could be reached in time, or something is locked.
    Busy,
    /// The database refuses whom we are, or what we may.
    Denied,
    /// There is no such database, file, table or profile.
    Missing,
    /// Somebody else made it at the same time.
    Raced,
    /// The key does not fit, or what it opens is damaged.
    Sealed,
    /// What was asked for is not right.
    Wrong,
    /// The row is not there.
    NotFound,
    /// The row is there already.
    Duplicate,
    /// Anything else that the database says.
    Other,
}

/// A failure of Askar's.
pub(crate) trait Failure: std::fmt::Display + StdError + 'static {
    /// Its own word for what happened.
    fn askar_kind(&self) -> aries_askar::ErrorKind;
}

impl Failure for aries_askar::Error {
    fn askar_kind(&self) -> aries_askar::ErrorKind {
        self.kind()
    }
}

impl Failure for askar_storage::Error {
    fn askar_kind(&self) -> aries_askar::ErrorKind {
        use aries_askar::ErrorKind as To;
        use askar_storage::ErrorKind as From;
        match self.kind() {
            From::Backend => To::Backend,
            From::Busy => To::Busy,
            From::Custom => To::Custom,
            From::Duplicate => To::Duplicate,
            From::Encryption => To::Encryption,
            From::Input => To::Input,
            From::NotFound => To::NotFound,
            From::Unexpected => To::Unexpected,
            From::Unsupported => To::Unsupported,
        }
    }
}

/// What the failure means.
pub(crate) fn kind(failure: &dyn Failure) -> Kind {
    use aries_askar::ErrorKind;
    match failure.askar_kind() {
        ErrorKind::Duplicate => Kind::Duplicate,
        ErrorKind::NotFound => Kind::NotFound,
        ErrorKind::Busy => Kind::Busy,
        ErrorKind::Encryption => Kind::Sealed,
        ErrorKind::Input | ErrorKind::Unsupported => Kind::Wrong,
        ErrorKind::Backend | ErrorKind::Custom | ErrorKind::Unexpected => {
            failure.source().and_then(|cause| cause.downcast_ref()).map_or(Kind::Other, kind_of_sqlx)
        }
    }
}

pub(crate) fn kind_of_sqlx(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
                kind_of_postgres(&code)
            } else {
                kind_of_sqlite(&code, error.message())
            }
        }
        sqlx::Error::RowNotFound => Kind::Missing,
        sqlx::Error::PoolTimedOut => Kind::Busy,
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Kind::Lost,
        sqlx::Error::Configuration(_) => Kind::Wrong,
        _ => Kind::Other,
    }
}

/// By SQLSTATE.
fn kind_of_postgres(code: &str) -> Kind {
    match code {
        // No such database; no such table.
        "3D000" | "42P01" => Kind::Missing,
        // A database, table, schema, type or row is there already; the template is in use.
        "42P04" | "42P07" | "42P06" | "42710" | "23505" | "55006" | "XX000" => Kind::Raced,
        // Not allowed; no such role; a wrong password.
        "42501" | "28000" | "28P01" => Kind::Denied,
        // Too many connections, locks, deadlocks, serialisation, time-outs, no space.
        "53300" | "53400" | "55P03" | "40P01" | "40001" | "57014" => Kind::Busy,
        // Going down or coming up; connection exceptions.
        code if code.starts_with("57P") || code.starts_with("08") => Kind::Lost,
        code if code.starts_with("53") => Kind::Busy,
        _ => Kind::Other,
    }
}

/// By SQLite's extended result code.
fn kind_of_sqlite(code: &str, message: &str) -> Kind {
    match code.parse::<u32>().map(|code| code & 0xff) {
        // BUSY, LOCKED; FULL.
        Ok(5 | 6 | 13) => Kind::Busy,
        // CANTOPEN.
        Ok(14) => Kind::Missing,
        // PERM, READONLY, AUTH.
        Ok(3 | 8 | 23) => Kind::Denied,
        // NOTADB, CORRUPT.
        Ok(11 | 26) => Kind::Wrong,
        Ok(1) if message.contains("no such table") => Kind::Missing,
        Ok(1) if message.contains("already exists") => Kind::Raced,
        // IOERR: whether it was written nobody knows.
        Ok(10) => Kind::Lost,
        _ => Kind::Other,
    }
}

/// The error of a call on an open wallet.
pub(crate) fn translate(failure: &dyn Failure) -> Error {
    let said = said(failure);
    match kind(failure) {
        Kind::Sealed => Error::Corrupt(said),
        Kind::Wrong => Error::Invalid(said),
        Kind::Denied => Error::Denied(said),
        Kind::Missing | Kind::NotFound => Error::NotFound(said),
        Kind::Lost | Kind::Busy | Kind::Raced | Kind::Duplicate | Kind::Other => Error::Unavailable(said),
    }
}

/// What it says, on one line.
pub(crate) fn said(failure: &dyn std::fmt::Display) -> String {
    failure.to_string().replace("\nCaused by: ", ": ").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_mean_the_same() {
        assert_eq!(kind_of_postgres("3D000"), kind_of_sqlite("14", ""));
        assert_eq!(kind_of_postgres("42P01"), kind_of_sqlite("1", "no such table: config"));
        assert_eq!(kind_of_postgres("42P07"), kind_of_sqlite("1", "table config already exists"));
        assert_eq!(kind_of_postgres("40P01"), kind_of_sqlite("517", ""));
        assert_eq!(kind_of_postgres("57P01"), kind_of_sqlite("522", ""));
    }
}
