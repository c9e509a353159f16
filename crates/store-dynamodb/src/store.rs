//! The store contract on DynamoDB.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use aws_sdk_dynamodb::types::{Get, TransactGetItem};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use rand::RngCore;
use tokio::sync::{Semaphore, oneshot};
use trustkeep_store::{
    Commit, Error, Expect, Key, Limits, Page, Record, Result, Scan, Store, Table, Version, Write,
};

use crate::client::Client;
use crate::condition::Test;
use crate::failure::{Attempt, Failure, Reason};
use crate::place::{Place, Places, RowId};
use crate::queue::{Action, Job, Queue, Step};
use crate::{Settings, format, group, item, scan, schema};

/// How many commits may wait for their turn; further callers wait before they are queued.
const QUEUE_MAX: usize = 4096;

/// How many tables are made at the same time.
const MADE_AT_ONCE: usize = 8;

/// A store in DynamoDB.
#[derive(Debug)]
pub struct DynamoStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    client: Client,
    places: Places,
    marks: Table,
    queue: Mutex<Queue>,
    room: Arc<Semaphore>,
}

impl DynamoStore {
    /// What DynamoDB takes, with room left for attribute names (row: 390 KiB of 400; commit: 3.9 MB of 4).
    pub const LIMITS: Limits = Limits {
        partition_bytes_max: 2048,
        clustering_bytes_max: 1024,
        row_bytes_max: 390 * 1024,
        commit_rows_max: 100,
        commit_bytes_max: 3_800_000,
    };

    /// Connects, and refuses a store that a newer version wrote. `random` gives versions, tokens and jitter.
    ///
    /// # Errors
    /// [`Error::Invalid`] for settings that contradict each other, [`Error::Schema`] for a newer store,
    /// [`Error::Denied`] for credentials that are not accepted, [`Error::Unavailable`].
    pub async fn open(settings: Settings, random: impl RngCore + Send + 'static) -> Result<Self> {
        settings.check()?;
        let marks = format::format_table()?;
        let store = DynamoStore {
            inner: Arc::new(Inner {
                places: Places::new(&settings)?,
                client: Client::new(&settings, Box::new(random)),
                marks: marks.clone(),
                queue: Mutex::default(),
                room: Arc::new(Semaphore::new(QUEUE_MAX)),
                settings,
            }),
        };
        format::check(&store, &marks).await?;
        Ok(store)
    }

    /// How many commits wait for their turn.
    pub fn waiting(&self) -> usize {
        self.inner.queue.lock().waiting()
    }

    /// The DynamoDB tables that these logical tables need, as text: names, keys, attributes.
    ///
    /// # Errors
    /// [`Error::Schema`] for a layout that does not fit its table.
    pub fn describe(settings: &Settings, tables: &[Table]) -> Result<String> {
        let places = Places::new(settings)?;
        let marks = format::format_table()?;
        let all = tables.iter().chain([&marks]).map(|table| places.of(table));
        Ok(schema::text(settings, &all.collect::<Result<Vec<_>>>()?))
    }
}

#[async_trait::async_trait]
impl Store for DynamoStore {
    fn limits(&self) -> Limits {
        Limits { commit_rows_max: self.inner.rows_max(), ..Self::LIMITS }
    }

    async fn create_tables(&self, tables: &[Table]) -> Result<()> {
        let inner = &self.inner;
        let (mut names, mut shapes) = (HashSet::new(), HashSet::new());
        let (mut made, mut shared) = (Vec::new(), Vec::new());
        for table in [&inner.marks].into_iter().chain(tables) {
            let place = inner.places.of(table)?;
            // Logical tables may share a physical one but not in different shapes.
            if shapes.insert((place.table.clone(), place.partition.name.clone(), place.clustering.is_some()))
            {
                if names.insert(place.table.clone()) { made.push(place) } else { shared.push(place) }
            }
        }
        let capacity = inner.settings.capacity;
        // Each takes DynamoDB some seconds.
        let making = made
            .into_iter()
            .map(|place| async move { schema::ensure(&inner.client, &place, capacity).await });
        stream::iter(making).buffer_unordered(MADE_AT_ONCE).try_collect::<()>().await?;
        for place in shared {
            schema::ensure(&inner.client, &place, capacity).await?;
        }
        format::mark(self, &inner.marks).await?;
        for table in tables {
            format::check_definition(self, &inner.marks, table).await?;
        }
        Ok(())
    }

    async fn get(&self, table: &Table, key: &Key) -> Result<Option<Arc<Record>>> {
        table.check_key(key)?;
        self.limits().check_key(table, key)?;
        let place = self.inner.places.of(table)?;
        let physical = match place.physical(key, &Self::LIMITS) {
            Ok(physical) => physical,
            // What belongs to another table is not there.
            Err(Error::Invalid(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let client = &self.inner.client;
        let found = client
            .repeat(|| async {
                let request = client
                    .sdk
                    .get_item()
                    .table_name(&*place.table)
                    .set_key(Some(item::key_item(&place, &physical)))
                    .consistent_read(true)
                    .send();
                client.attempt("GetItem", &place.table, Box::pin(request)).await
            })
            .await?;
        found.item().map_or(Ok(None), |found| item::decode(&place, found))
    }

    async fn scan(&self, table: &Table, scan: &Scan) -> Result<Page> {
        scan.check(table, &Self::LIMITS)?;
        let place = self.inner.places.of(table)?;
        scan::partition(&self.inner.client, &place, scan, &Self::LIMITS).await
    }

    async fn scan_table(&self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page> {
        if let Some(key) = after {
            table.check_key(key)?;
        }
        let place = self.inner.places.of(table)?;
        scan::table(&self.inner.client, &place, after, limit.max(1), &Self::LIMITS).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version> {
        commit.check(&self.limits())?;
        let version = self.inner.client.version();
        if commit.is_empty() {
            return Ok(version);
        }
        let steps = self.inner.steps(&commit, version)?;
        if commit.writes.is_empty() {
            self.inner.check(&commit.expectations, &steps).await?;
            return Ok(version);
        }
        let gone = |_| Error::OutcomeUnknown("the store was shut down during the commit".into());
        // The semaphore is never closed.
        let permit = self.inner.room.clone().acquire_owned().await.map_err(gone_room)?;
        let (done, answer) = oneshot::channel();
        let bytes = steps.iter().map(Step::bytes).sum();
        self.inner.queue.lock().push(Job { steps, bytes, version, done, _permit: permit });
        self.inner.pump();
        answer.await.map_err(gone)?
    }
}

impl Inner {
    fn rows_max(&self) -> usize {
        self.settings.transaction_rows_max.clamp(1, DynamoStore::LIMITS.commit_rows_max)
    }

    /// Starts groups of waiting commits. A commit that was begun goes on if its caller goes away, for others
    /// may go with it; its task ends by itself after a bounded number of attempts.
    fn pump(self: &Arc<Self>) {
        loop {
            let groups_max = self.settings.groups_max.max(1);
            let Some(jobs) = self.queue.lock().next_group(groups_max, self.rows_max()) else { return };
            let rows: HashSet<RowId> =
                jobs.iter().flat_map(|job| &job.steps).map(|step| step.row.clone()).collect();
            let busy = Busy { inner: self.clone(), rows };
            tokio::spawn(async move {
                group::run(&busy.inner.client, busy.inner.settings.fence_by_update, jobs).await;
                let inner = busy.inner.clone();
                drop(busy);
                inner.pump();
            });
        }
    }

    /// All that a commit does, one step a row, in the order in which it names the rows.
    fn steps(&self, commit: &Commit, version: Version) -> Result<Vec<Step>> {
        let mut steps: Vec<Step> = Vec::new();
        let mut by_row: HashMap<RowId, usize> = HashMap::new();
        for expectation in &commit.expectations {
            let (table, key) = (expectation.table(), expectation.key());
            let place = self.places.of(table)?;
            let test = Test::of(&place, expectation)?;
            let step = step_of(&mut steps, &mut by_row, &place, table, key)?;
            if let Some(step) = step
                && !step.tests.contains(&test)
            {
                step.tests.push(test);
            }
        }
        for write in &commit.writes {
            let (table, key) = (write.table(), write.key());
            let place = self.places.of(table)?;
            let step = step_of(&mut steps, &mut by_row, &place, table, key)?;
            let Some(step) = step else { continue };
            step.action = match write {
                Write::Put { row, .. } => Action::Put(item::encode(&place, &step.row.key, row, version)?),
                Write::Delete { .. } => Action::Delete,
            };
        }
        Ok(steps)
    }

    /// Expectations without writes: read at one point in time and compared here. Needs only the right to read.
    async fn check(&self, expectations: &[Expect], steps: &[Step]) -> Result<()> {
        let found = match steps {
            [] => return Ok(()),
            steps => self.client.repeat(|| self.read_together(steps)).await?,
        };
        let by_row: HashMap<(&str, &Key), &Option<Arc<Record>>> = steps
            .iter()
            .zip(&found)
            .map(|(step, record)| ((step.table.qualified(), &step.key), record))
            .collect();
        for expectation in expectations {
            let (table, key) = (expectation.table(), expectation.key());
            let record = by_row.get(&(table.qualified(), key)).and_then(|record| record.as_deref());
            if !expectation.holds(record) {
                return Err(Commit::conflict(table, key));
            }
        }
        Ok(())
    }

    async fn read_together(&self, steps: &[Step]) -> Attempt<Vec<Option<Arc<Record>>>> {
        let mut request = self.client.sdk.transact_get_items();
        for step in steps {
            let get = Get::builder()
                .table_name(&*step.row.table)
                .set_key(Some(item::key_item(&step.place, &step.row.key)))
                .build()
                .map_err(|error| Failure::Refused(Error::Invalid(error.to_string())))?;
            request = request.transact_items(TransactGetItem::builder().get(get).build());
        }
        let mut tables: Vec<&str> = steps.iter().map(|step| &*step.row.table).collect();
        tables.dedup();
        let tables = tables.join(", ");
        let answer = self.client.attempt_reading("TransactGetItems", &tables, Box::pin(request.send()), |error| {
            use aws_sdk_dynamodb::operation::transact_get_items::TransactGetItemsError::TransactionCanceledException;
            let TransactionCanceledException(cancelled) = error else { return None };
            let reasons = cancelled.cancellation_reasons().iter();
            let reasons = reasons.map(|reason| Reason::of(reason.code(), reason.message()));
            Some(Failure::Cancelled(reasons.collect()))
        });
        let answer = answer.await?;
        let mut found = Vec::with_capacity(steps.len());
        let mut responses = answer.responses().iter();
        for step in steps {
            let item = responses.next().and_then(|response| response.item());
            let item = item.filter(|item| !item.is_empty());
            let record = item.map_or(Ok(None), |item| item::decode(&step.place, item));
            found.push(record.map_err(Failure::Refused)?);
        }
        Ok(found)
    }
}

/// The rows of a group under way; freed when its task ends, however it ends.
struct Busy {
    inner: Arc<Inner>,
    rows: HashSet<RowId>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.inner.queue.lock().finish(&self.rows);
    }
}

/// The step for a row, made if it is the row's first mention.
fn step_of<'a>(
    steps: &'a mut Vec<Step>,
    by_row: &mut HashMap<RowId, usize>,
    place: &Arc<Place>,
    table: &Table,
    key: &Key,
) -> Result<Option<&'a mut Step>> {
    let row = place.row(place.physical(key, &DynamoStore::LIMITS)?);
    let index = *by_row.entry(row.clone()).or_insert(steps.len());
    if index == steps.len() {
        steps.push(Step {
            row,
            place: place.clone(),
            table: table.clone(),
            key: key.clone(),
            tests: Vec::new(),
            action: Action::Check,
        });
    }
    Ok(steps.get_mut(index))
}

fn gone_room(_: tokio::sync::AcquireError) -> Error {
    Error::Unavailable("the store is shutting down".into())
}
