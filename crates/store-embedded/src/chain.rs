//! The chain of commit groups: what shows that no group is missing between the first and the last.
//!
//! Every group of commits that goes to disk together carries a link: its number, the last commit in it, a digest
//! of what it wrote, and a checksum over all of that and the link before. Links stand in a ring of [`RING`]
//! places in table 0, written in the same batch as the group itself. The engine's journal never holds more groups
//! than the ring (the committer sees to that), so whatever damage makes the engine drop from its journal leaves a
//! hole in the ring, and opening is refused.
//!
//! The checksums are against accidents, not against forgers: who can write the directory can write all of it.

use trustkeep_store::{Error, Result};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::row_code::take;

/// How many links are kept.
pub(crate) const RING: u64 = 1 << 18;
/// Where links stand: in the store's own table 0, under `C` and the place in the ring.
pub(crate) const PREFIX: [u8; 2] = [0, b'C'];

/// One group's link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    /// The group's number; the first is 1.
    pub(crate) group: u64,
    /// The last commit in it, which is the version of the rows that it wrote.
    pub(crate) commit: u64,
    /// Digest of the keys and values written.
    pub(crate) digest: u64,
    /// Checksum over this and all links before.
    pub(crate) sum: u64,
    /// The chain begins anew here, because a loss was accepted.
    pub(crate) anchor: bool,
}

impl Link {
    /// The link that follows this one.
    pub(crate) fn next(&self, commit: u64, digest: u64) -> Link {
        let mut link = Link { group: self.group + 1, commit, digest, sum: 0, anchor: false };
        link.sum = link.sum_after(self.sum);
        link
    }

    /// The link with which a chain begins anew behind a loss.
    pub(crate) fn anchor(group: u64, commit: u64) -> Link {
        let mut link = Link { group, commit, digest: 0, sum: 0, anchor: true };
        link.sum = link.sum_after(0);
        link
    }

    /// The key of its place in the ring.
    pub(crate) fn key(&self) -> [u8; 6] {
        let mut key = [0; 6];
        let place = ((self.group % RING) as u32).to_be_bytes();
        for (to, from) in key.iter_mut().zip(PREFIX.iter().chain(&place)) {
            *to = *from;
        }
        key
    }

    pub(crate) fn encode(&self) -> [u8; 34] {
        let mut bytes = [0; 34];
        let fields = [self.group, self.commit, self.digest, self.sum].map(u64::to_le_bytes);
        let fields = [1, u8::from(self.anchor)].into_iter().chain(fields.into_iter().flatten());
        for (to, from) in bytes.iter_mut().zip(fields) {
            *to = from;
        }
        bytes
    }

    pub(crate) fn decode(mut rest: &[u8]) -> Option<Link> {
        let [1, anchor @ 0..=1] = *take(&mut rest, 2)? else { return None };
        let mut next = || Some(u64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?));
        let (group, commit, digest, sum) = (next()?, next()?, next()?, next()?);
        rest.is_empty().then_some(Link { group, commit, digest, sum, anchor: anchor == 1 })
    }

    fn sum_after(&self, before: u64) -> u64 {
        let fields = [before, self.group, self.commit, self.digest, u64::from(self.anchor)];
        xxh3_64(fields.map(u64::to_le_bytes).as_flattened())
    }
}

/// Digests what a group writes.
#[derive(Default)]
pub(crate) struct Digest(Xxh3);

impl Digest {
    /// Takes in a row's key and value; `None` deletes it.
    pub(crate) fn add(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.0.update(&(key.len() as u32).to_le_bytes());
        self.0.update(key);
        self.0.update(&value.map_or(u32::MAX, |value| value.len() as u32).to_le_bytes());
        self.0.update(value.unwrap_or_default());
    }

    pub(crate) fn finish(self) -> u64 {
        self.0.digest()
    }
}

/// The newest link, once it is certain that none between the oldest kept and the newest is missing, and that the
/// chain reaches and goes through the link that the witness saw. No links give a chain that has not begun.
pub(crate) fn verify(mut links: Vec<Link>, witnessed: &Link) -> Result<Link> {
    links.sort_unstable_by_key(|link| std::cmp::Reverse(link.group));
    let newest = links.first().copied().unwrap_or_default();
    check_links(&links)?;
    if witnessed.group > newest.group {
        return Err(Error::Corrupt(format!(
            "commits {} to {} were acknowledged and are missing: the engine's journal was cut off or damaged",
            newest.commit + 1,
            witnessed.commit
        )));
    }
    if links.iter().any(|link| link.group == witnessed.group && link != witnessed) {
        return Err(Error::Corrupt(format!(
            "commit group {} is not the one that was acknowledged: engine and HEAD are of different histories",
            witnessed.group
        )));
    }
    Ok(newest)
}

fn check_links(links: &[Link]) -> Result<()> {
    for pair in links.windows(2) {
        let [link, before] = pair else { continue };
        if link.anchor {
            return Ok(());
        }
        if before.group + 1 != link.group {
            return Err(hole(before, link));
        }
        if link.sum != link.sum_after(before.sum) {
            return Err(Error::Corrupt(format!(
                "the checksum of commit group {} does not follow from the group before: the history was altered",
                link.group
            )));
        }
    }
    let Some(oldest) = links.last() else { return Ok(()) };
    let begins = oldest.group == 1 && oldest.sum == oldest.sum_after(0);
    if oldest.anchor || begins || links.len() as u64 == RING {
        Ok(())
    } else {
        Err(hole(&Link::default(), oldest))
    }
}

fn hole(before: &Link, behind: &Link) -> Error {
    let (first, last) = (before.group + 1, behind.group - 1);
    Error::Corrupt(format!(
        "commit groups {first} to {last} are missing: commits {} to at most {} that were acknowledged are lost",
        before.commit + 1,
        behind.commit
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(count: u64) -> Vec<Link> {
        let mut links = vec![];
        let mut link = Link::default();
        for index in 1..=count {
            link = link.next(index * 3, index);
            links.push(link);
        }
        links
    }

    #[test]
    fn a_whole_chain_is_accepted_in_any_order_and_a_hole_is_named() {
        let mut whole = links(100);
        whole.reverse();
        whole.swap(3, 70);
        assert_eq!(verify(whole, &links(100)[97]).unwrap(), links(100)[99]);
        assert_eq!(verify(vec![], &Link::default()).unwrap(), Link::default());

        let mut holed = links(100);
        holed.drain(40..42);
        let error = verify(holed, &Link::default()).unwrap_err().to_string();
        assert!(error.contains("groups 41 to 42 are missing: commits 121 to at most 129"), "{error}");

        let headless = links(100).split_off(5);
        assert!(
            verify(headless, &Link::default()).unwrap_err().to_string().contains("groups 1 to 5 are missing")
        );
    }

    #[test]
    fn an_altered_link_is_refused() {
        let mut altered = links(10);
        altered[4].digest ^= 1;
        assert!(verify(altered, &Link::default()).unwrap_err().to_string().contains("group 5"));
    }

    #[test]
    fn what_the_witness_saw_must_be_there() {
        let error = verify(links(7), &links(9)[8]).unwrap_err().to_string();
        assert!(error.contains("commits 22 to 27 were acknowledged and are missing"), "{error}");
        let other = Link { digest: 77, ..links(9)[3] };
        assert!(verify(links(9), &other).unwrap_err().to_string().contains("different histories"));
        assert!(verify(vec![], &links(1)[0]).is_err());
    }

    #[test]
    fn an_anchor_ends_the_search() {
        let mut repaired = links(10);
        repaired.drain(5..8);
        let anchor = Link::anchor(20, 1000);
        repaired.extend([anchor, anchor.next(1001, 5)]);
        assert_eq!(verify(repaired, &anchor).unwrap().commit, 1001);
    }

    #[test]
    fn the_bytes_are_fixed() {
        let link = Link { group: RING + 2, commit: 3, digest: 4, sum: 5, anchor: true };
        assert_eq!(link.key(), *b"\0C\0\0\0\x02");
        let mut bytes = vec![1, 1, 2, 0, 4, 0, 0, 0, 0, 0];
        for field in [3, 4, 5] {
            bytes.extend([field, 0, 0, 0, 0, 0, 0, 0]);
        }
        assert_eq!(link.encode().to_vec(), bytes);
        assert_eq!(Link::decode(&bytes), Some(link));
        assert_eq!(Link::decode(&bytes[1..]), None);
    }
}
