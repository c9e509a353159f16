//! One connection with its prepared statements, and what makes a new one when it breaks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_postgres::{Client, NoTls, Statement};
use trustkeep_store::{Error, Result};

use crate::failure::translate;
use crate::settings::Tls;
use crate::{PostgresSettings, tls};

/// Statements kept on one connection; beyond that they are prepared anew.
const STATEMENTS_MAX: usize = 512;

/// One connection.
pub(crate) struct Session {
    pub(crate) client: Client,
    statements: Mutex<HashMap<String, Statement>>,
}

impl Session {
    /// Connects and readies the session.
    pub(crate) async fn connect(settings: &PostgresSettings) -> Result<Session> {
        let refused = |error: tokio_postgres::Error| {
            let database = settings.config.get_dbname().unwrap_or_else(|| settings.user());
            translate(&error, "CONNECT", &format!("database {database}"))
        };
        let client = match &settings.tls {
            Tls::Off => {
                let (client, connection) = settings.config.connect(NoTls).await.map_err(refused)?;
                tokio::spawn(connection);
                client
            }
            Tls::Verified(authorities) => {
                let connector = tls::connector(authorities.as_deref())?;
                let (client, connection) = settings.config.connect(connector).await.map_err(refused)?;
                tokio::spawn(connection);
                client
            }
        };
        // Every statement finds its rows by primary key. Told so, the planner cannot fall for a table that was
        // small when its statistics were taken.
        let ready = format!(
            "SET statement_timeout = {}; SET plan_cache_mode = force_generic_plan; SET jit = off; \
             SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; \
             SET enable_mergejoin = off; SET client_min_messages = error",
            settings.statement_timeout.as_millis()
        );
        client.batch_execute(&ready).await.map_err(refused)?;
        Ok(Session { client, statements: Mutex::default() })
    }

    /// The prepared statement of this text.
    pub(crate) async fn prepare(&self, text: &str) -> std::result::Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.statements.lock().get(text) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(text).await?;
        let mut statements = self.statements.lock();
        if statements.len() >= STATEMENTS_MAX {
            statements.clear();
        }
        statements.insert(text.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Forgets all prepared statements, since the tables changed.
    pub(crate) fn forget_statements(&self) {
        self.statements.lock().clear();
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("closed", &self.client.is_closed()).finish_non_exhaustive()
    }
}

/// A connection that is made anew when it broke, with growing pauses in between.
#[derive(Debug)]
pub(crate) struct Link {
    settings: Arc<PostgresSettings>,
    current: Mutex<Option<Arc<Session>>>,
    connecting: tokio::sync::Mutex<Option<Refusal>>,
}

/// The last attempt's failure, given to those who ask again too soon.
#[derive(Debug)]
struct Refusal {
    error: Error,
    until: Instant,
    pause: Duration,
}

const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

impl Link {
    pub(crate) fn new(settings: Arc<PostgresSettings>) -> Self {
        Link { settings, current: Mutex::default(), connecting: tokio::sync::Mutex::default() }
    }

    /// The live connection, or a new one.
    pub(crate) async fn session(&self) -> Result<Arc<Session>> {
        if let Some(session) = self.live() {
            return Ok(session);
        }
        let mut refusal = self.connecting.lock().await;
        if let Some(session) = self.live() {
            return Ok(session);
        }
        if let Some(Refusal { error, until, .. }) = &*refusal
            && Instant::now() < *until
        {
            return Err(error.clone());
        }
        match Session::connect(&self.settings).await {
            Ok(session) => {
                *refusal = None;
                let session = Arc::new(session);
                *self.current.lock() = Some(session.clone());
                Ok(session)
            }
            Err(error) => {
                let pause =
                    refusal.as_ref().map_or(PAUSE_FIRST, |refusal| (refusal.pause * 2).min(PAUSE_MAX));
                *refusal = Some(Refusal { error: error.clone(), until: Instant::now() + pause, pause });
                Err(error)
            }
        }
    }

    fn live(&self) -> Option<Arc<Session>> {
        self.current.lock().as_ref().filter(|session| !session.client.is_closed()).cloned()
    }

    /// Gives a connection up that proved broken.
    pub(crate) fn give_up(&self, broken: &Arc<Session>) {
        let mut current = self.current.lock();
        if current.as_ref().is_some_and(|session| Arc::ptr_eq(session, broken)) {
            *current = None;
        }
    }
}
