//! What was found out a moment ago about connections: which one belongs to two keys, and where its messages go.
//!
//! It saves look-ups and decides nothing alone: the connection itself is read anew each time, and must stand with the same
//! DIDs. What could have changed behind that, the keys and the endpoint of a DID, is at most [`AGE_MAX`] old: what is sent
//! goes where it would have gone, had it been sent that much earlier.

use std::time::Duration;

use quick_cache::sync::Cache;
use trustkeep_didcomm::Verkey;

use crate::{Connection, State, Target};

/// How long it counts.
const AGE_MAX: Duration = Duration::from_secs(10);
/// How many of each are kept.
const KEPT: usize = 10_000;

/// Of connections that stand.
pub(crate) struct Known {
    /// By the sender's key and ours.
    ties: Cache<(Verkey, Verkey), Seen<String>>,
    /// By the connection's id.
    targets: Cache<String, Seen<Target>>,
}

/// Something with the DIDs for which it holds.
#[derive(Clone)]
struct Seen<T> {
    my_did: String,
    their_did: String,
    what: T,
    at: Duration,
}

impl Default for Known {
    fn default() -> Self {
        Self { ties: Cache::new(KEPT), targets: Cache::new(KEPT) }
    }
}

impl Known {
    /// The id of the connection between two keys. Whether it still is, [`Self::is_tied`] says.
    pub(crate) fn tie(&self, sender: &Verkey, recipient: &Verkey, now: Duration) -> Option<String> {
        let seen = self.ties.get(&(*sender, *recipient))?;
        seen.counts(now).then_some(seen.what)
    }

    /// Whether this connection is the one between two keys.
    pub(crate) fn is_tied(&self, connection: &Connection, sender: &Verkey, recipient: &Verkey) -> bool {
        let seen = self.ties.get(&(*sender, *recipient));
        seen.is_some_and(|seen| seen.what == connection.id && seen.is_of(connection))
    }

    /// Keeps which connection it is.
    pub(crate) fn keep_tie(
        &self,
        sender: &Verkey,
        recipient: &Verkey,
        connection: &Connection,
        now: Duration,
    ) {
        if let Some(seen) = Seen::of(connection, connection.id.clone(), now) {
            self.ties.insert((*sender, *recipient), seen);
        }
    }

    /// Where messages over a connection go.
    pub(crate) fn target(&self, connection: &Connection, now: Duration) -> Option<Target> {
        let seen = self.targets.get(&connection.id)?;
        (seen.counts(now) && seen.is_of(connection)).then_some(seen.what)
    }

    /// Keeps where.
    pub(crate) fn keep_target(&self, connection: &Connection, target: &Target, now: Duration) {
        if let Some(seen) = Seen::of(connection, target.clone(), now) {
            self.targets.insert(connection.id.clone(), seen);
        }
    }

    /// Forgets everything: the keys or the endpoint of a DID change.
    pub(crate) fn forget(&self) {
        self.ties.clear();
        self.targets.clear();
    }
}

impl<T> Seen<T> {
    /// Nothing is kept of connections that do not stand, nor of DIDs whose documents others change.
    fn of(connection: &Connection, what: T, at: Duration) -> Option<Self> {
        let (my_did, their_did) = (connection.my_did.clone()?, connection.their_did.clone()?);
        let keeps = connection.state == State::Active && !their_did.starts_with("did:web:");
        keeps.then_some(Self { my_did, their_did, what, at })
    }

    fn counts(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) < AGE_MAX
    }

    fn is_of(&self, connection: &Connection) -> bool {
        connection.state == State::Active
            && connection.my_did.as_deref() == Some(&self.my_did)
            && connection.their_did.as_deref() == Some(&self.their_did)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(their_did: &str) -> Connection {
        let value = serde_json::json!({"my_did": "mine", "their_did": their_did, "state": "active"});
        let mut connection: Connection = serde_json::from_value(value).unwrap();
        connection.id = "one".to_owned();
        connection
    }

    fn keys() -> (Verkey, Verkey) {
        (Verkey::new([1; 32]), Verkey::new([2; 32]))
    }

    #[test]
    fn a_connection_with_other_dids_is_another_one() {
        let (known, (sender, recipient)) = (Known::default(), keys());
        known.keep_tie(&sender, &recipient, &connection("theirs"), Duration::ZERO);
        assert_eq!(known.tie(&sender, &recipient, Duration::from_secs(1)).as_deref(), Some("one"));
        assert!(known.is_tied(&connection("theirs"), &sender, &recipient));
        assert!(!known.is_tied(&connection("others"), &sender, &recipient));
        assert!(known.tie(&recipient, &sender, Duration::ZERO).is_none());
        let gone = Connection { state: State::Abandoned, ..connection("theirs") };
        assert!(!known.is_tied(&gone, &sender, &recipient));
    }

    #[test]
    fn what_is_old_or_may_change_does_not_count() {
        let (known, (sender, recipient)) = (Known::default(), keys());
        known.keep_tie(&sender, &recipient, &connection("did:web:example.com"), Duration::ZERO);
        assert!(known.tie(&sender, &recipient, Duration::ZERO).is_none());
        known.keep_tie(&sender, &recipient, &connection("theirs"), Duration::ZERO);
        assert!(known.tie(&sender, &recipient, AGE_MAX).is_none());
        known.keep_tie(&sender, &recipient, &connection("theirs"), AGE_MAX);
        known.forget();
        assert!(known.tie(&sender, &recipient, AGE_MAX).is_none());
    }
}
