//! Work that must not be lost: messages to be sent, events to be told.
//!
//! Entries of a **lane** (a connection, say) are to be worked off in order; lanes know nothing of each other. Lanes are
//! spread over [`SHARDS`] shards, and one process at a time works one off. What a group of commits puts into a shard is
//! one record, a **segment**: many messages cost one write, and one more when they are done.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Batch, Error, Expect, Query, Record, Result, Wallet, Write};

/// How many shards a queue has.
pub const SHARDS: u16 = 8;
/// The category of segments.
pub const CATEGORY: &str = "trustkeep_queue";
/// The tag of a segment: its queue and shard, `outbound/3`.
const TAG: &str = "queue";

/// Where an entry stands in line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// The queue.
    pub queue: &'static str,
    /// What is worked off in order.
    pub name: String,
}

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Unique for ever.
    pub id: String,
    /// What is to be done, a text that only the queue's worker reads.
    pub payload: String,
}

/// What one group of commits put into a shard, as far as it is not done.
#[derive(Clone, Debug)]
pub struct Segment {
    record: Record,
    queued: Vec<Queued>,
}

/// An entry and its lane.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Queued {
    /// The entry's id.
    pub id: String,
    /// Its lane.
    pub lane: String,
    /// What is to be done.
    pub payload: String,
}

impl Lane {
    /// Its shard: the same in every process.
    pub fn shard(&self) -> u16 {
        // FNV-1a: it need be even, not secret.
        let hash = self.name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        // Of short names the upper half is hardly mixed.
        u16::try_from((hash ^ (hash >> 32)) % u64::from(SHARDS)).unwrap_or_default()
    }
}

/// `outbound/3`: what its segments are tagged with, and what is told when there are new ones.
pub fn shard_name(queue: &str, shard: u16) -> String {
    format!("{queue}/{shard}")
}

/// A record that holds entries apart from any shard, to be found by `place` with [`Segment::after`]. Its name must be
/// no entry's id: those are names of a shard's segments.
pub fn set_aside(name: impl Into<String>, place: impl Into<String>, queued: &[Queued]) -> Record {
    Record::new(CATEGORY, name, encode(queued)).tagged(TAG, place)
}

/// The segments that batches make which are committed together: one a shard, in order of the entries.
pub fn segments<'a>(batches: impl Iterator<Item = &'a Batch>) -> Vec<Record> {
    let mut shards: BTreeMap<String, Vec<Queued>> = BTreeMap::new();
    for (lane, entry) in batches.flat_map(Batch::entries) {
        let queued = Queued { id: entry.id.clone(), lane: lane.name.clone(), payload: entry.payload.clone() };
        shards.entry(shard_name(lane.queue, lane.shard())).or_default().push(queued);
    }
    let segment = |(shard, queued): (String, Vec<Queued>)| {
        let name = queued.first()?.id.clone();
        Some(Record::new(CATEGORY, name, encode(&queued)).tagged(TAG, shard))
    };
    shards.into_iter().filter_map(segment).collect()
}

impl Segment {
    /// The segments of a shard that come after the first `known`, at most `limit`. While one process alone removes, the
    /// ones that it knows are the first.
    ///
    /// # Errors
    /// Those of the wallet; [`Error::Corrupt`].
    pub async fn after(wallet: &Wallet, shard: &str, known: usize, limit: u64) -> Result<Vec<Self>> {
        let offset = u64::try_from(known).unwrap_or(u64::MAX);
        let query = Query { offset, ..Query::tagged(CATEGORY, TAG, shard).limited(limit) };
        wallet.find(&query).await?.into_iter().map(Self::read).collect()
    }

    /// Reads a record that holds entries of a queue.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn read(record: Record) -> Result<Self> {
        let queued = serde_json::from_slice(&record.value)
            .map_err(|error| Error::Corrupt(format!("the segment {}: {error}", record.name)))?;
        Ok(Self { record, queued })
    }

    /// Its name: unique for ever.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// What is left in it, in order.
    pub fn queued(&self) -> &[Queued] {
        &self.queued
    }

    /// Takes out what is done, here and, with the batch, in the wallet. Whether nothing is left.
    pub fn finish(&mut self, done: &BTreeSet<String>, batch: &mut Batch) -> bool {
        let before = self.record.clone();
        self.queued.retain(|queued| !done.contains(&queued.id));
        if self.queued.is_empty() {
            batch.remove(before);
            return true;
        }
        self.record.value = encode(&self.queued);
        batch.expect(Expect::Is(before)).write(Write::Put(self.record.clone()));
        false
    }
}

fn encode(queued: &[Queued]) -> Vec<u8> {
    // Three texts a piece: there is nothing that could not be written.
    serde_json::to_vec(queued).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::MemoryWallet;

    fn lane(name: &str) -> Lane {
        Lane { queue: "outbound", name: name.to_owned() }
    }

    fn entry(id: &str) -> Entry {
        Entry { id: id.to_owned(), payload: format!("payload of {id}") }
    }

    #[test]
    fn a_lane_has_one_shard_and_lanes_spread() {
        assert_eq!(lane("alice").shard(), lane("alice").shard());
        let shards: BTreeSet<_> = (0..200).map(|number| lane(&number.to_string()).shard()).collect();
        assert_eq!(shards, (0..SHARDS).collect());
    }

    #[tokio::test]
    async fn what_is_committed_together_is_one_segment_and_leaves_piece_by_piece() {
        let wallet = Wallet::new(Arc::new(MemoryWallet::new()));
        let mut batch = Batch::new();
        batch.enqueue(lane("alice"), entry("1")).enqueue(lane("alice"), entry("2"));
        wallet.commit(batch).await.unwrap();
        let mut batch = Batch::new();
        batch.enqueue(lane("alice"), entry("3"));
        wallet.commit(batch).await.unwrap();

        let shard = shard_name("outbound", lane("alice").shard());
        let mut segments = Segment::after(&wallet, &shard, 0, 10).await.unwrap();
        let ids =
            |segment: &Segment| segment.queued().iter().map(|queued| queued.id.clone()).collect::<Vec<_>>();
        assert_eq!(segments.iter().map(ids).collect::<Vec<_>>(), [vec!["1", "2"], vec!["3"]]);
        assert_eq!(Segment::after(&wallet, &shard, 1, 10).await.unwrap().len(), 1);

        let mut batch = Batch::new();
        assert!(!segments[0].finish(&["1".to_owned()].into(), &mut batch));
        assert!(segments[1].finish(&["3".to_owned()].into(), &mut batch));
        wallet.commit(batch).await.unwrap();
        let left = Segment::after(&wallet, &shard, 0, 10).await.unwrap();
        assert_eq!(left.iter().map(ids).collect::<Vec<_>>(), [vec!["2"]]);
    }
}
