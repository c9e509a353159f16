//! The first segments of a shard, exactly as they stand in the wallet, and what of them is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use trustkeep_wallet::Batch;
use trustkeep_wallet::queue::Segment;

use super::lanes::{Piece, Track};

/// Segments changed by one commit.
const TAKEN_MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// By number, in order.
    segments: BTreeMap<u64, Held>,
    next: u64,
    /// The numbers of those of which something is done.
    touched: BTreeSet<u64>,
    /// Entries, and their bytes.
    pub(super) count: usize,
    pub(super) bytes: usize,
    /// Done on a way, but perhaps not yet taken out of the wallet: remembered though everything else is forgotten.
    delivered: BTreeSet<(String, usize)>,
}

#[derive(Debug)]
struct Held {
    /// Gone while it is being changed.
    segment: Option<Segment>,
    done: BTreeSet<String>,
    /// Entries that are not done.
    open: usize,
    bytes: usize,
}

/// Segments that are being changed, and what is done of each.
pub(super) type Taken = Vec<(u64, Segment, BTreeSet<String>)>;

impl Shelf {
    /// How many segments are known.
    pub(super) fn len(&self) -> usize {
        self.segments.len()
    }

    /// Whether anything may have to be taken out.
    pub(super) fn has_done(&self) -> bool {
        !self.delivered.is_empty()
    }

    /// Puts a segment at the end and gives its entries, each with its track.
    pub(super) fn push(&mut self, segment: Segment, ways: usize) -> Vec<(Track, Arc<Piece>)> {
        let number = self.next;
        self.next += 1;
        let mut held = Held { open: segment.queued().len(), done: BTreeSet::new(), bytes: 0, segment: None };
        let mut pieces = Vec::with_capacity(held.open * ways);
        for queued in segment.queued() {
            held.bytes += queued.payload.len();
            if ways == 0 {
                self.delivered.insert((queued.id.clone(), 0));
                held.done.insert(queued.id.clone());
                held.open -= 1;
            }
            let piece =
                Arc::new(Piece { queued: queued.clone(), segment: number, open: AtomicUsize::new(ways) });
            let lane: Arc<str> = queued.lane.as_str().into();
            pieces.extend((0..ways).map(|way| (Track { lane: lane.clone(), way }, piece.clone())));
        }
        self.count += segment.queued().len();
        self.bytes += held.bytes;
        held.segment = Some(segment);
        if !held.done.is_empty() {
            self.touched.insert(number);
        }
        self.segments.insert(number, held);
        pieces
    }

    /// Whether an entry was delivered on a way before it was read again.
    pub(super) fn was_delivered(&self, piece: &Piece, way: usize) -> bool {
        self.delivered.contains(&(piece.queued.id.clone(), way))
    }

    /// Remembers that an entry was delivered.
    pub(super) fn deliver(&mut self, piece: &Piece, way: usize) {
        self.delivered.insert((piece.queued.id.clone(), way));
    }

    /// An entry needs no more on one of its ways.
    pub(super) fn done(&mut self, piece: &Piece) {
        if piece.open.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(held) = self.segments.get_mut(&piece.segment)
            && held.done.insert(piece.queued.id.clone())
        {
            held.open = held.open.saturating_sub(1);
            self.touched.insert(piece.segment);
        }
    }

    /// The segments to be changed now: those of which nothing is left, those of which most is done; all of which
    /// something is done, if it is due.
    pub(super) fn take(&mut self, is_due: bool) -> Taken {
        let mut taken = Vec::new();
        for number in &self.touched {
            let Some(held) = self.segments.get_mut(number) else { continue };
            if (held.open == 0 || is_due || held.done.len() >= held.open)
                && let Some(segment) = held.segment.take()
            {
                taken.push((*number, segment, held.done.clone()));
            }
            if taken.len() == TAKEN_MAX {
                break;
            }
        }
        taken
    }

    /// Adds to a batch that entries leave their segments.
    pub(super) fn finish(&mut self, changes: BTreeMap<u64, BTreeSet<String>>, batch: &mut Batch) {
        for (number, ids) in changes {
            if let Some(held) = self.segments.get_mut(&number)
                && let Some(segment) = &mut held.segment
            {
                segment.finish(&ids, batch);
            }
        }
    }

    /// After [`Self::finish`]: segments stand as they were changed.
    pub(super) fn finished(&mut self, numbers: BTreeSet<u64>, ways: usize) {
        for number in numbers {
            let segment = self.segments.get_mut(&number).and_then(|held| held.segment.take());
            self.changed(number, segment.filter(|segment| !segment.queued().is_empty()), ways);
        }
    }

    /// A segment stands otherwise in the wallet, or no longer.
    pub(super) fn changed(&mut self, number: u64, segment: Option<Segment>, ways: usize) {
        let Some(held) = self.segments.get_mut(&number) else { return };
        let left: BTreeSet<&str> = segment
            .iter()
            .flat_map(|segment| segment.queued().iter().map(|queued| queued.id.as_str()))
            .collect();
        let (stay, gone): (BTreeSet<_>, BTreeSet<_>) =
            std::mem::take(&mut held.done).into_iter().partition(|id| left.contains(id.as_str()));
        held.done = stay;
        if held.done.is_empty() {
            self.touched.remove(&number);
        }
        self.count = self.count.saturating_sub(gone.len());
        for id in gone {
            for way in 0..ways.max(1) {
                self.delivered.remove(&(id.clone(), way));
            }
        }
        let bytes =
            segment.iter().flat_map(Segment::queued).map(|queued| queued.payload.len()).sum::<usize>();
        self.bytes = self.bytes.saturating_sub(held.bytes.saturating_sub(bytes));
        held.bytes = bytes;
        match segment {
            Some(segment) => held.segment = Some(segment),
            None => {
                self.touched.remove(&number);
                self.segments.remove(&number);
            }
        }
    }

    /// Forgets the segments, but not what was delivered.
    pub(super) fn forget(&mut self) {
        self.segments.clear();
        self.touched.clear();
        (self.count, self.bytes) = (0, 0);
    }
}
