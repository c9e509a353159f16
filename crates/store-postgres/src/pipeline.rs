//! One group's round trip.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};

use crate::failure::is_broken;
use crate::names::Names;
use crate::plan::Batch;
use crate::writer::Writer;

/// How a round trip ended.
pub(crate) enum Trip {
    /// The transaction is durable; these expectations failed, as (commit, ordinal).
    Committed(Vec<(usize, usize)>),
    /// The server undid the transaction, or never began it.
    RolledBack(Error),
    /// The connection broke, or the server fell silent, with everything sent.
    Lost(String),
}

type Step<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Error>> + Send + 'a>>;

/// Sends all statements of a group at once and collects what comes back. Without `mark` nothing is written, and
/// no transaction is needed around the batches.
pub(crate) async fn run(
    writer: &Writer,
    names: &Names,
    locks: &BTreeMap<i64, bool>,
    batches: &[Batch<'_>],
    mark: Option<i64>,
    limit: Duration,
) -> Trip {
    let trip = async {
        let prepared = match prepare(writer, names, batches, mark.is_some()).await {
            Ok(prepared) => prepared,
            Err(error) => return Trip::RolledBack(error),
        };
        send(writer, &prepared, locks, batches, mark).await
    };
    match tokio::time::timeout(limit, trip).await {
        Ok(trip) => trip,
        Err(_) => Trip::Lost("PostgreSQL does not answer".into()),
    }
}

struct Prepared {
    lock: Option<Statement>,
    batches: Vec<Statement>,
}

/// Prepares what was not prepared before; in the long run that is nothing.
async fn prepare(
    writer: &Writer,
    names: &Names,
    batches: &[Batch<'_>],
    marked: bool,
) -> Result<Prepared, Error> {
    let lock = match marked {
        true => Some(writer.session.prepare(&lock_text(names)).await?),
        false => None,
    };
    let mut statements = Vec::with_capacity(batches.len());
    for batch in batches {
        statements.push(writer.session.prepare(&batch.text).await?);
    }
    Ok(Prepared { lock, batches: statements })
}

/// Takes the locks in the order given and sets the writer's mark.
fn lock_text(names: &Names) -> String {
    format!(
        "WITH mark AS (INSERT INTO {} AS m (slot, last, failed, at) VALUES ($1, $2, '{{}}', now()) \
         ON CONFLICT (slot) DO UPDATE SET last = EXCLUDED.last, failed = EXCLUDED.failed, at = EXCLUDED.at) \
         SELECT count(CASE WHEN w.x THEN pg_advisory_xact_lock(w.k)::text \
         ELSE pg_advisory_xact_lock_shared(w.k)::text END) FROM unnest($3::bigint[], $4::boolean[]) AS w(k, x)",
        names.own("writer")
    )
}

async fn send(
    writer: &Writer,
    prepared: &Prepared,
    locks: &BTreeMap<i64, bool>,
    batches: &[Batch<'_>],
    mark: Option<i64>,
) -> Trip {
    let client = &writer.session.client;
    let (keys, exclusive): (Vec<i64>, Vec<bool>) = locks.iter().unzip();
    let simple = |text: &'static str| -> Step<'_> {
        Box::pin(async move { client.batch_execute(text).await.map(|()| Vec::new()) })
    };
    let mut steps: Vec<Step<'_>> = Vec::with_capacity(batches.len() + 3);
    if let (Some(lock), Some(mark)) = (&prepared.lock, mark) {
        let (slot, keys, exclusive) = (writer.slot, &keys, &exclusive);
        steps.push(simple("BEGIN ISOLATION LEVEL READ COMMITTED"));
        steps.push(Box::pin(async move { client.query(lock, &[&slot, &mark, keys, exclusive]).await }));
    }
    for (batch, statement) in batches.iter().zip(&prepared.batches) {
        steps.push(Box::pin(async move {
            let mut values: Vec<&(dyn ToSql + Sync)> =
                batch.arrays.iter().map(|array| array.as_sql()).collect();
            if batch.takes_slot {
                values.push(&writer.slot);
            }
            client.query(statement, &values).await
        }));
    }
    if mark.is_some() {
        steps.push(simple("COMMIT"));
    }
    let answers = pipelined(steps).await;
    judge(answers, mark.is_some())
}

/// Sends all requests before it waits for the first answer: a request is sent when it is first polled.
async fn pipelined(mut steps: Vec<Step<'_>>) -> Vec<Result<Vec<Row>, Error>> {
    let mut early = Vec::with_capacity(steps.len());
    for step in &mut steps {
        early.push(match futures::poll!(step.as_mut()) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        });
    }
    let mut answers = Vec::with_capacity(steps.len());
    for (step, early) in steps.into_iter().zip(early) {
        answers.push(match early {
            Some(answer) => answer,
            None => step.await,
        });
    }
    answers
}

fn judge(answers: Vec<Result<Vec<Row>, Error>>, transaction: bool) -> Trip {
    let count = answers.len();
    let mut failed = Vec::new();
    for (index, answer) in answers.into_iter().enumerate() {
        let is_commit = transaction && index + 1 == count;
        match answer {
            Ok(_) if transaction && (index < 2 || is_commit) => {}
            Ok(rows) => failed.extend(rows.iter().map(|row| {
                let part = |index| usize::try_from(row.get::<_, i32>(index)).unwrap_or(usize::MAX);
                (part(0), part(1))
            })),
            // A statement that the server answered with an error ends its transaction. Only `COMMIT` itself may
            // have been carried out when the session's end is announced.
            Err(error) if error.as_db_error().is_some() && !(is_commit && is_broken(&error)) => {
                return Trip::RolledBack(error);
            }
            Err(error) => return Trip::Lost(format!("the connection to PostgreSQL broke: {error}")),
        }
    }
    Trip::Committed(failed)
}
