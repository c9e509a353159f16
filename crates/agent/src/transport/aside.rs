//! What is set aside: entries whose turn is far off leave their shard, so that it stays short and memory stays small.
//!
//! Two kinds. Those of a **track** that fails (a peer is down) are set aside under the track's name, and a note of the
//! track remains so that whoever works the shard off tries again. Those that only wait for their recipient to open a
//! session are set aside under his key, and nobody tries. Both bear the key: a session, in whichever process, takes what is there
//! for its key and nothing is lost if two take the same, for what is removed must stand as it was read.

use std::collections::BTreeSet;

use trustkeep_wallet::queue::{CATEGORY, Queued, Segment, set_aside};
use trustkeep_wallet::{Batch, Expect, Query, Record, Wallet, Write};

use super::courier::{Courier, Outcome};
use super::lanes::Track;
use super::worker::SEND_TIME_MAX;

/// The category of the notes on tracks that have entries set aside, tagged with their shard.
const NOTE: &str = "trustkeep_lane";
const SHARD: &str = "shard";
/// The tag with the key of a recipient.
const KEY: &str = "key";
/// Notes read at once.
const NOTES_AT_ONCE: u64 = 1000;
/// Segments read at once.
const SEGMENTS_AT_ONCE: u64 = 8;

/// Entries of a record, and their bytes: what is held for a client is counted by records.
const ENTRIES_MAX: usize = 64;
const BYTES_MAX: usize = 1024 * 1024;

/// How the try to empty a track's place ended.
#[derive(Debug)]
pub(super) enum Drained {
    /// Nothing is left, and the note is gone.
    Empty,
    /// The first that is left cannot be delivered now.
    Failed(String),
    /// The wallet did not answer.
    Broken(String),
}

/// Adds to a batch that entries of a track are set aside.
pub(super) fn put<C: Courier>(
    batch: &mut Batch,
    courier: &C,
    shard: &str,
    track: &Track,
    queued: &[Queued],
) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let mut run: Vec<Queued> = Vec::new();
    let mut place: Option<String> = None;
    let mut flush = |run: &mut Vec<Queued>, place: &Option<String>| {
        let (Some(first), Some(place)) = (run.first(), place) else { return };
        let mut record = set_aside(format!("aside:{}:{}", first.id, track.way), place, run);
        let theirs: BTreeSet<_> = run.iter().filter_map(|queued| courier.session_key(queued)).collect();
        for (key, _) in theirs {
            record = record.tagged(KEY, &key);
            keys.insert(key);
        }
        batch.write(Write::Put(record));
        run.clear();
    };
    let mut tries = false;
    for queued in queued {
        let to = match courier.session_key(queued) {
            Some((key, true)) => waiting(&key),
            _ => {
                tries = true;
                failing(shard, track)
            }
        };
        let bytes: usize = run.iter().map(|queued| queued.payload.len()).sum();
        if place.as_ref() != Some(&to) || run.len() >= ENTRIES_MAX || bytes >= BYTES_MAX {
            flush(&mut run, &place);
            place = Some(to);
        }
        run.push(queued.clone());
    }
    flush(&mut run, &place);
    if tries {
        batch.write(Write::Put(Record::new(NOTE, failing(shard, track), "{}").tagged(SHARD, shard)));
    }
    keys
}

/// The tracks of a shard that have entries set aside.
pub(super) async fn tracks(wallet: &Wallet, shard: &str) -> trustkeep_wallet::Result<Vec<Track>> {
    let mut tracks = Vec::new();
    loop {
        let offset = u64::try_from(tracks.len()).unwrap_or(u64::MAX);
        let query = Query { offset, ..Query::tagged(NOTE, SHARD, shard).limited(NOTES_AT_ONCE) };
        let notes = wallet.find(&query).await?;
        let is_last = u64::try_from(notes.len()).is_ok_and(|count| count < NOTES_AT_ONCE);
        tracks.extend(notes.iter().map(|note| track(shard, &note.name)));
        if is_last {
            return Ok(tracks);
        }
    }
}

/// Delivers what is set aside for a track, in order, until nothing is left or something fails.
pub(super) async fn drain<C: Courier>(
    courier: &C,
    wallet: &Wallet,
    shard: &str,
    track: &Track,
    fence: Expect,
    is_old: impl Fn(&Queued) -> bool,
) -> Drained {
    let place = failing(shard, track);
    loop {
        let segments = match Segment::after(wallet, &place, 0, SEGMENTS_AT_ONCE).await {
            Ok(segments) => segments,
            Err(error) => return Drained::Broken(error.to_string()),
        };
        if segments.is_empty() {
            let mut batch = Batch::new();
            batch.write(Write::Remove { category: NOTE.to_owned(), name: place });
            batch.expect(fence);
            return match wallet.commit(batch).await {
                Ok(()) => Drained::Empty,
                Err(error) => Drained::Broken(error.to_string()),
            };
        }
        for mut segment in segments {
            let mut done = BTreeSet::new();
            let mut failure = None;
            for queued in segment.queued() {
                let delivery = tokio::time::timeout(SEND_TIME_MAX, courier.deliver(queued, track.way)).await;
                let reason = match delivery {
                    Ok(Outcome::Delivered) => None,
                    Ok(Outcome::Failed(reason)) => Some(reason),
                    Ok(Outcome::Waits) => Some("there is no way to the recipient".to_owned()),
                    Err(_) => Some("no answer in time".to_owned()),
                };
                match reason {
                    Some(reason) if is_old(queued) => courier.give_up(queued, &reason).await,
                    Some(reason) => {
                        failure = Some(reason);
                        break;
                    }
                    None => {}
                }
                done.insert(queued.id.clone());
            }
            match remove(wallet, &mut segment, &done).await {
                Ok(true) => {}
                // A session took something of it meanwhile.
                Ok(false) => break,
                Err(error) => return Drained::Broken(error.to_string()),
            }
            if let Some(reason) = failure {
                return Drained::Failed(reason);
            }
        }
    }
}

/// What is set aside for the owner of a key, first come first.
pub(super) async fn for_key(wallet: &Wallet, key: &str) -> trustkeep_wallet::Result<Vec<Segment>> {
    let found = wallet.find(&Query::tagged(CATEGORY, KEY, key).limited(SEGMENTS_AT_ONCE)).await?;
    found.into_iter().map(Segment::read).collect()
}

/// How many records are set aside for the owner of a key.
pub(crate) async fn held_for(wallet: &Wallet, key: &str) -> trustkeep_wallet::Result<u64> {
    wallet.count(&Query::tagged(CATEGORY, KEY, key)).await
}

/// Takes what is done out of a segment that is set aside. False if it stands otherwise by now.
pub(super) async fn remove(
    wallet: &Wallet,
    segment: &mut Segment,
    done: &BTreeSet<String>,
) -> trustkeep_wallet::Result<bool> {
    if done.is_empty() {
        return Ok(true);
    }
    let mut batch = Batch::new();
    segment.finish(done, &mut batch);
    match wallet.commit(batch).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) => Err(error),
    }
}

fn waiting(key: &str) -> String {
    format!("waiting/{key}")
}

fn failing(shard: &str, track: &Track) -> String {
    format!("failing/{shard}/{}/{}", track.way, track.lane)
}

fn track(shard: &str, place: &str) -> Track {
    let rest = place.strip_prefix(&format!("failing/{shard}/")).unwrap_or(place);
    let (way, lane) = rest.split_once('/').unwrap_or(("0", rest));
    Track { lane: lane.into(), way: way.parse().unwrap_or_default() }
}
