//! One transaction: batches in turn, each of which passes or is skipped.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aries_askar::kms::LocalKey;
use aries_askar::{Session, Store};
use askar_storage::entry::EntryTag;
use tokio::time::timeout;
use trustkeep_wallet::{Batch, Error, Expect, Record, Result, Write, queue};

use crate::failure::{Kind, kind, said, translate};
use crate::{filter, keys};

/// How long a transaction may take before its end, and its end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why nothing came of a transaction.
pub(crate) enum Failed {
    /// Nothing was written: the connection broke, and on another one it may succeed.
    Lost(Error),
    /// It is as the error says.
    For(Error),
}

type Askar<T> = std::result::Result<T, aries_askar::Error>;
/// Category and name.
type Place<'b> = (&'b str, &'b str);

/// What stands at a place as far as this transaction has seen or made it. Nobody else writes meanwhile.
type Known<'b> = HashMap<Place<'b>, Option<Value<'b>>>;

enum Value<'b> {
    Read(aries_askar::kms::SecretBytes),
    Written(&'b [u8]),
}

/// A batch whose tags and keys are ready.
struct Prepared<'b> {
    batch: &'b Batch,
    writes: Vec<Step<'b>>,
}

enum Step<'b> {
    Put(&'b Record, Vec<EntryTag>),
    Remove(Place<'b>),
    PutKey(&'b str, Option<&'b str>, LocalKey, Vec<EntryTag>),
    RemoveKey(&'b str),
}

/// Carries out batches; gives what became of each.
pub(crate) async fn commit(store: &Store, batches: &[Batch]) -> std::result::Result<Vec<Result<()>>, Failed> {
    let before = |error: aries_askar::Error| match kind(&error) {
        Kind::Lost => Failed::Lost(translate(&error)),
        _ => Failed::For(translate(&error)),
    };
    let late = || Error::Unavailable(format!("a transaction took longer than {} s", PATIENCE.as_secs()));
    let work = timeout(PATIENCE, carry_out_all(store, batches));
    let (session, outcomes) = work.await.map_err(|_| Failed::For(late()))?.map_err(before)?;
    let Some(session) = session else { return Ok(outcomes) };
    match timeout(PATIENCE, session.commit()).await {
        Ok(Ok(())) => Ok(outcomes),
        Ok(Err(error)) => Err(Failed::For(match kind(&error) {
            Kind::Lost | Kind::Other => Error::OutcomeUnknown(said(&error)),
            _ => Error::Unavailable(said(&error)),
        })),
        Err(_) => Err(Failed::For(Error::OutcomeUnknown("the commit was not answered in time".to_owned()))),
    }
}

/// All but the end. Without a session there is nothing to be written.
async fn carry_out_all(store: &Store, batches: &[Batch]) -> Askar<(Option<Session>, Vec<Result<()>>)> {
    let prepared: Vec<Result<Prepared<'_>>> = batches.iter().map(Prepared::new).collect();
    let mut transaction = Transaction { session: store.transaction(None).await?, known: HashMap::new() };
    let mut outcomes = Vec::with_capacity(batches.len());
    let mut passed = Vec::with_capacity(batches.len());
    for prepared in prepared {
        outcomes.push(match prepared {
            Ok(prepared) => {
                let outcome = transaction.carry_out(&prepared).await?;
                if outcome.is_ok() && prepared.batch.changes() {
                    passed.push(prepared.batch);
                }
                outcome
            }
            Err(error) => Err(error),
        });
    }
    if passed.is_empty() {
        transaction.session.rollback().await?;
        return Ok((None, outcomes));
    }
    let segments = queue::segments(passed.into_iter());
    for segment in &segments {
        let tags = segment.tags.iter().map(|tag| EntryTag::Encrypted(tag.name.clone(), tag.value.clone()));
        transaction.put_unseen(segment, &tags.collect::<Vec<_>>()).await?;
    }
    Ok((Some(transaction.session), outcomes))
}

struct Transaction<'b> {
    session: Session,
    known: Known<'b>,
}

impl<'b> Transaction<'b> {
    async fn carry_out(&mut self, prepared: &Prepared<'b>) -> Askar<Result<()>> {
        let mut inserts = prepared.inserts(&self.known);
        for expectation in prepared.batch.expectations() {
            let place = expectation.subject();
            // Of what is inserted the insertion itself tells whether it was there.
            if !inserts.contains(&place) && !self.holds(expectation).await? {
                return Ok(Err(conflict(place)));
            }
        }
        let mut inserted = Vec::new();
        for (record, tags) in prepared.puts() {
            let place = (record.category.as_str(), record.name.as_str());
            // Later ones replace what the first inserted.
            if !inserts.contains(&place) || inserted.contains(&place) {
                continue;
            }
            match self.session.insert(place.0, place.1, &record.value, Some(tags), None).await {
                Ok(()) => {
                    self.known.insert(place, Some(Value::Written(&record.value)));
                    inserted.push(place);
                }
                Err(error) if kind(&error) == Kind::Duplicate => {
                    for (category, name) in inserted {
                        self.session.remove(category, name).await?;
                        self.known.insert((category, name), None);
                    }
                    return Ok(Err(conflict(place)));
                }
                Err(error) => return Err(error),
            }
        }
        for step in &prepared.writes {
            match step {
                Step::Put(record, tags) => {
                    // The first Put of a place was its insertion.
                    if !inserts.remove(&(record.category.as_str(), record.name.as_str())) {
                        self.put(record, tags).await?;
                    }
                }
                Step::Remove(place) => self.remove(*place).await?,
                Step::PutKey(name, metadata, key, tags) => {
                    let put = self.session.insert_key(name, key, *metadata, None, Some(tags), None).await;
                    unless(Kind::Duplicate, put)?;
                }
                Step::RemoveKey(name) => {
                    let removed = self.session.remove_key(name).await;
                    unless(Kind::NotFound, removed)?;
                }
            }
        }
        Ok(Ok(()))
    }

    async fn holds(&mut self, expectation: &'b Expect) -> Askar<bool> {
        let place = expectation.subject();
        let found = match self.known.get(&place) {
            Some(found) => found,
            None => {
                let entry = self.session.fetch(place.0, place.1, false).await?;
                self.known.entry(place).or_insert(entry.map(|entry| Value::Read(entry.value)))
            }
        };
        Ok(match expectation {
            Expect::Absent { .. } => found.is_none(),
            Expect::Is(record) => found.as_ref().is_some_and(|found| found.bytes() == record.value),
        })
    }

    async fn put(&mut self, record: &'b Record, tags: &[EntryTag]) -> Askar<()> {
        let place = (record.category.as_str(), record.name.as_str());
        match self.known.get(&place) {
            Some(None) => self.session.insert(place.0, place.1, &record.value, Some(tags), None).await?,
            Some(Some(_)) => self.session.replace(place.0, place.1, &record.value, Some(tags), None).await?,
            None => self.put_unseen(record, tags).await?,
        }
        self.known.insert(place, Some(Value::Written(&record.value)));
        Ok(())
    }

    async fn put_unseen(&mut self, record: &Record, tags: &[EntryTag]) -> Askar<()> {
        let (category, name, value) = (&record.category, &record.name, &record.value);
        match self.session.insert(category, name, value, Some(tags), None).await {
            Err(error) if kind(&error) == Kind::Duplicate => {
                self.session.replace(category, name, value, Some(tags), None).await
            }
            other => other,
        }
    }

    async fn remove(&mut self, place: Place<'b>) -> Askar<()> {
        if !matches!(self.known.get(&place), Some(None)) {
            unless(Kind::NotFound, self.session.remove(place.0, place.1).await)?;
            self.known.insert(place, None);
        }
        Ok(())
    }
}

impl<'b> Prepared<'b> {
    fn new(batch: &'b Batch) -> Result<Self> {
        let writes = batch.writes().iter().map(|write| {
            Ok(match write {
                Write::Put(record) => {
                    Step::Put(record, record.tags.iter().map(filter::to_askar).collect::<Result<_>>()?)
                }
                Write::Remove { category, name } => Step::Remove((category, name)),
                Write::PutKey(key) => {
                    let (local, tags) = keys::to_askar(key)?;
                    Step::PutKey(&key.name, key.metadata.as_deref(), local, tags)
                }
                Write::RemoveKey { name } => Step::RemoveKey(name),
            })
        });
        Ok(Self { batch, writes: writes.collect::<Result<_>>()? })
    }

    fn puts(&self) -> impl Iterator<Item = (&'b Record, &[EntryTag])> {
        self.writes.iter().filter_map(|step| match step {
            Step::Put(record, tags) => Some((*record, tags.as_slice())),
            _ => None,
        })
    }

    /// The places of new records that need not be looked at first. Within a category the order of puts stays.
    fn inserts(&self, known: &Known<'b>) -> HashSet<Place<'b>> {
        let mut absent = HashSet::new();
        let mut others = HashSet::new();
        for expectation in self.batch.expectations() {
            match expectation {
                Expect::Absent { category, name } => absent.insert((category.as_str(), name.as_str())),
                Expect::Is(_) => others.insert(expectation.subject()),
            };
        }
        let (mut inserts, mut seen, mut closed) = (HashSet::new(), HashSet::new(), HashSet::new());
        for step in &self.writes {
            let place = match step {
                Step::Put(record, _) => (record.category.as_str(), record.name.as_str()),
                Step::Remove(place) => *place,
                Step::PutKey(..) | Step::RemoveKey(_) => continue,
            };
            let is_first = seen.insert(place);
            let is_insert = matches!(step, Step::Put(..))
                && is_first
                && absent.contains(&place)
                && !others.contains(&place)
                && !known.contains_key(&place)
                && !closed.contains(place.0);
            if is_insert {
                inserts.insert(place);
            } else {
                closed.insert(place.0);
            }
        }
        inserts
    }
}

impl Value<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Written(bytes) => bytes,
        }
    }
}

fn conflict((category, name): Place<'_>) -> Error {
    Error::Conflict { category: category.to_owned(), name: name.to_owned() }
}

/// A refusal that says it is done already.
fn unless(done: Kind, result: Askar<()>) -> Askar<()> {
    match result {
        Err(error) if kind(&error) == done => Ok(()),
        other => other,
    }
}
