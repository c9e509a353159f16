//! What instances on one wallet tell each other: on PostgreSQL by LISTEN and NOTIFY, otherwise within the process.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::Connection as _;
use sqlx::postgres::{PgConnection, PgListener};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::{CancellationToken, DropGuard};
use trustkeep_crypto::SecretString;
use trustkeep_wallet::{Changes, Error, Result};

/// What one process was told and has not read yet.
const TOLD_MAX: usize = 1024;
/// Different things that wait to be told to others; what comes on top is not told.
const WAITING_MAX: usize = 1024;
/// Characters of what is told.
const WHAT_MAX: usize = 64;
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Telling and being told.
#[derive(Debug)]
pub(crate) struct News {
    told: broadcast::Sender<String>,
    others: Option<Others>,
}

#[derive(Debug)]
struct Others {
    waiting: Arc<Waiting>,
    _until_dropped: DropGuard,
}

#[derive(Debug, Default)]
struct Waiting {
    whats: Mutex<BTreeSet<String>>,
    news: Notify,
}

impl News {
    /// Within this process.
    pub(crate) fn local() -> Self {
        Self { told: broadcast::channel(TOLD_MAX).0, others: None }
    }

    /// With all who name the same channel in the same database. `me` is this instance's own name.
    pub(crate) fn postgres(url: Arc<SecretString>, channel: String, me: String) -> Self {
        let told = broadcast::channel(TOLD_MAX).0;
        let (waiting, end) = (Arc::new(Waiting::default()), CancellationToken::new());
        let listen = listen(url.clone(), channel.clone(), me.clone(), told.clone());
        tokio::spawn(end.clone().run_until_cancelled_owned(listen));
        tokio::spawn(end.clone().run_until_cancelled_owned(tell(url, channel, me, waiting.clone())));
        Self { told, others: Some(Others { waiting, _until_dropped: end.drop_guard() }) }
    }

    pub(crate) fn tell(&self, what: &str) -> Result<()> {
        if what.len() > WHAT_MAX || !what.is_ascii() {
            return Err(Error::Invalid(format!("what is told is not at most {WHAT_MAX} ASCII characters")));
        }
        // That nobody listens is no error.
        let _ = self.told.send(what.to_owned());
        if let Some(others) = &self.others {
            let mut whats = others.waiting.whats.lock();
            if whats.len() < WAITING_MAX {
                whats.insert(what.to_owned());
            }
            drop(whats);
            others.waiting.news.notify_one();
        }
        Ok(())
    }

    pub(crate) fn changes(&self) -> Changes {
        self.told.subscribe()
    }
}

/// Tells the others what waits: while one statement is under way, more comes together for the next.
async fn tell(url: Arc<SecretString>, channel: String, me: String, waiting: Arc<Waiting>) {
    let mut connection = None;
    loop {
        waiting.news.notified().await;
        let whats: Vec<String> = std::mem::take(&mut *waiting.whats.lock())
            .into_iter()
            .map(|what| format!("{me} {what}"))
            .collect();
        if whats.is_empty() {
            continue;
        }
        // The connection may have broken since the last time.
        for _ in 0..2 {
            match tell_all(&url, &mut connection, &channel, &whats).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::debug!(%error, "others on the wallet could not be told");
                    connection = None;
                }
            }
        }
    }
}

async fn tell_all(
    url: &SecretString,
    connection: &mut Option<PgConnection>,
    channel: &str,
    whats: &[String],
) -> sqlx::Result<()> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(PgConnection::connect(url.expose()).await?),
    };
    sqlx::query("SELECT pg_notify($1, what) FROM unnest($2::text[]) AS what")
        .bind(channel)
        .bind(whats)
        .execute(connection)
        .await?;
    Ok(())
}

/// Hears what others tell, on a connection of its own that is made anew when it breaks.
async fn listen(url: Arc<SecretString>, channel: String, me: String, told: broadcast::Sender<String>) {
    let mut pause = PAUSE_FIRST;
    loop {
        if let Err(error) = hear(&url, &channel, &me, &told, &mut pause).await {
            tracing::warn!(%error, "others on the wallet are not heard; queues are looked at from time to time");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn hear(
    url: &SecretString,
    channel: &str,
    me: &str,
    told: &broadcast::Sender<String>,
    pause: &mut Duration,
) -> sqlx::Result<()> {
    let mut listener = PgListener::connect(url.expose()).await?;
    listener.listen(channel).await?;
    *pause = PAUSE_FIRST;
    while let Some(notification) = listener.try_recv().await? {
        if let Some((teller, what)) = notification.payload().split_once(' ')
            && teller != me
        {
            let _ = told.send(what.to_owned());
        }
    }
    Ok(())
}
