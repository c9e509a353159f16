//! What brings an entry of a queue where it belongs.

use futures::future::BoxFuture;
use trustkeep_wallet::queue::Queued;

/// What became of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It arrived.
    Delivered,
    /// It did not, for this reason; another try may help.
    Failed(String),
    /// It can be delivered only over a session that its recipient opens.
    Waits,
}

/// Brings entries of one queue where they belong. Entries of a lane are given to it one after the other.
pub(super) trait Courier: Send + Sync + 'static {
    /// The queue.
    fn queue(&self) -> &'static str;

    /// To how many each entry is brought; each has its own pace.
    fn ways(&self) -> usize;

    /// Tries to bring an entry to one of them.
    fn deliver(&self, queued: &Queued, way: usize) -> BoxFuture<'static, Outcome>;

    /// The key whose owner may fetch the entry over a session of his, and whether there is no other way for it.
    fn session_key(&self, queued: &Queued) -> Option<(String, bool)>;

    /// When it was queued, in seconds since 1970.
    fn queued_at(&self, queued: &Queued) -> Option<i64>;

    /// Something was set aside for the owner of a key: sessions here are to look.
    fn set_aside(&self, key: &str);

    /// Says that an entry will not be delivered.
    fn give_up(&self, queued: &Queued, reason: &str) -> BoxFuture<'static, ()>;
}
