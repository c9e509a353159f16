//! A connection that commits: its slot in the table of writers, and its versions.

use std::ops::Range;

use trustkeep_store::{Error, Result};

use crate::failure::translate;
use crate::names::Names;
use crate::schema::VERSION_BLOCK;
use crate::session::Session;
use crate::{FORMAT, PostgresSettings};

/// A session that holds the lock of its slot for as long as it lives.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) session: Session,
    /// Names this connection; never used again by another.
    pub(crate) slot: i64,
    /// Versions that are this writer's to give.
    free: Range<i64>,
}

impl Writer {
    pub(crate) async fn connect(settings: &PostgresSettings, names: &Names) -> Result<Writer> {
        let session = Session::connect(settings).await?;
        let object = names.own("*");
        let failed = |error: tokio_postgres::Error| translate(&error, "all rights", &object);
        let found = session.client.query_opt(&format!("SELECT format FROM {}", names.own("meta")), &[]).await;
        let format = found.map_err(failed)?.map(|row| row.get::<_, i32>(0));
        if format != Some(FORMAT) {
            return Err(Error::Schema(format!(
                "the store's format is {format:?}, this version of the program writes {FORMAT}"
            )));
        }
        let mut writer = Writer { session, slot: 0, free: 0..0 };
        writer.slot = writer.versions(names, 1).await?.start;
        let lock = names.writer_lock(writer.slot);
        let client = &writer.session.client;
        client.execute("SELECT pg_advisory_lock($1)", &[&lock]).await.map_err(failed)?;
        // Marks are looked at within seconds; those of connections long gone only take up room.
        let old = format!("DELETE FROM {} WHERE at < now() - interval '7 days'", names.own("writer"));
        client.execute(&old, &[]).await.map_err(failed)?;
        Ok(writer)
    }

    /// Takes `count` versions that no row ever had.
    pub(crate) async fn versions(&mut self, names: &Names, count: usize) -> Result<Range<i64>> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        if self.free.end - self.free.start < count {
            let sequence = names.own("version");
            let next = format!("SELECT nextval('{sequence}')");
            let row = self.session.client.query_one(&next, &[]).await;
            let first: i64 =
                row.map_err(|error| translate(&error, "USAGE", &format!("sequence {sequence}")))?.get(0);
            self.free = first..first.saturating_add(VERSION_BLOCK);
        }
        let taken = self.free.start..self.free.start + count.min(VERSION_BLOCK);
        self.free.start = taken.end;
        Ok(taken)
    }

    /// Whether the group `mark` of another, broken connection happened; if so, the expectations that failed
    /// in it, as (commit, ordinal).
    pub(crate) async fn outcome_of(
        &self,
        names: &Names,
        slot: i64,
        mark: i64,
    ) -> Result<Option<Vec<(usize, usize)>>> {
        let object = names.own("writer");
        let failed = |error: tokio_postgres::Error| translate(&error, "SELECT", &object);
        let client = &self.session.client;
        let lock = names.writer_lock(slot);
        // The old connection's session may still be at it, or not even know that nobody listens any more.
        // Whoever holds the lock of its slot is that session.
        let [class, object_id] = [(lock.cast_unsigned() >> 32), lock.cast_unsigned() & 0xFFFF_FFFF]
            .map(|half| u32::try_from(half).unwrap_or_default());
        let end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' \
            AND classid = $1 AND objid = $2 AND objsubid = 1 \
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        client.query(end, &[&class, &object_id]).await.map_err(failed)?;
        // When the lock is free that session has ended, and with it its transaction.
        client.execute("SELECT pg_advisory_lock($1)", &[&lock]).await.map_err(failed)?;
        let query = format!("SELECT last, failed FROM {object} WHERE slot = $1");
        let found = client.query_opt(&query, &[&slot]).await.map_err(failed)?;
        client.execute("SELECT pg_advisory_unlock($1)", &[&lock]).await.map_err(failed)?;
        let happened = found.filter(|row| row.get::<_, i64>(0) == mark);
        Ok(happened.map(|row| {
            let failed: Vec<i64> = row.get(1);
            let half = |value: i64| usize::try_from(value).unwrap_or(usize::MAX);
            failed.into_iter().map(|packed| (half(packed >> 32), half(packed & 0xFFFF_FFFF))).collect()
        }))
    }
}
