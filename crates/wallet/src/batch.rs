//! One change of a wallet: all of it or nothing.

use crate::queue::{Entry, Lane};
use crate::{Record, StoredKey};

/// What is to be written, if what is expected holds.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) expectations: Vec<Expect>,
    pub(crate) writes: Vec<Write>,
    pub(crate) entries: Vec<(Lane, Entry)>,
}

/// What has to hold for a batch.
#[derive(Clone, Debug)]
pub enum Expect {
    /// There is no such record.
    Absent {
        /// Its category.
        category: String,
        /// Its name.
        name: String,
    },
    /// The record of this category and name has this value.
    Is(Record),
}

/// One change.
#[derive(Clone, Debug)]
pub enum Write {
    /// The record stands afterwards, whatever was there.
    Put(Record),
    /// There is no such record afterwards.
    Remove {
        /// Its category.
        category: String,
        /// Its name.
        name: String,
    },
    /// The key stands afterwards; one of that name stays as it is, for a name is its public key.
    PutKey(StoredKey),
    /// There is no such key afterwards.
    RemoveKey {
        /// Its name.
        name: String,
    },
}

impl Batch {
    /// Nothing, so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it neither expects nor changes anything.
    pub fn is_empty(&self) -> bool {
        self.expectations.is_empty() && !self.changes()
    }

    /// Whether it changes anything.
    pub fn changes(&self) -> bool {
        !self.writes.is_empty() || !self.entries.is_empty()
    }

    /// Expects something.
    pub fn expect(&mut self, expectation: Expect) -> &mut Self {
        self.expectations.push(expectation);
        self
    }

    /// Makes a new record: expects that there is none.
    pub fn insert(&mut self, record: Record) -> &mut Self {
        let (category, name) = (record.category.clone(), record.name.clone());
        self.expect(Expect::Absent { category, name }).write(Write::Put(record))
    }

    /// Replaces a record that was read: expects that it stands as it was.
    pub fn replace(&mut self, read: Record, record: Record) -> &mut Self {
        self.expect(Expect::Is(read)).write(Write::Put(record))
    }

    /// Removes a record that was read: expects that it stands as it was.
    pub fn remove(&mut self, read: Record) -> &mut Self {
        let (category, name) = (read.category.clone(), read.name.clone());
        self.expect(Expect::Is(read)).write(Write::Remove { category, name })
    }

    /// Adds a change.
    pub fn write(&mut self, write: Write) -> &mut Self {
        self.writes.push(write);
        self
    }

    /// Puts an entry at the end of a lane of a queue.
    pub fn enqueue(&mut self, lane: Lane, entry: Entry) -> &mut Self {
        self.entries.push((lane, entry));
        self
    }

    /// What has to hold.
    pub fn expectations(&self) -> &[Expect] {
        &self.expectations
    }

    /// What is written, besides entries of queues, in order.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// What is put into queues, in order.
    pub fn entries(&self) -> &[(Lane, Entry)] {
        &self.entries
    }
}

impl Expect {
    /// Category and name of the record in question.
    pub fn subject(&self) -> (&str, &str) {
        match self {
            Self::Absent { category, name } => (category, name),
            Self::Is(record) => (&record.category, &record.name),
        }
    }

    /// Whether it holds, given the record that stands there.
    pub fn holds(&self, found: Option<&Record>) -> bool {
        match self {
            Self::Absent { .. } => found.is_none(),
            Self::Is(expected) => found.is_some_and(|found| found.value == expected.value),
        }
    }
}
