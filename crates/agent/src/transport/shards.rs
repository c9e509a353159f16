//! Which shards of the queues this process works off.

use std::collections::BTreeSet;

use tokio::sync::watch;
use trustkeep_wallet::Expect;
use trustkeep_wallet::queue::SHARDS;

/// Says which shards are worked off here: of all processes on a wallet, one a shard.
pub trait Shards: Send + Sync + std::fmt::Debug + 'static {
    /// The numbers, now and later.
    fn held(&self) -> watch::Receiver<BTreeSet<u16>>;

    /// What has to hold for whatever is taken out of a shard: that it is still held here.
    fn fence(&self, shard: u16) -> Option<Expect>;
}

/// All of them, always: for the only process on a wallet.
#[derive(Debug)]
pub struct AllShards(watch::Sender<BTreeSet<u16>>);

impl AllShards {
    /// All of them.
    pub fn new() -> Self {
        Self(watch::Sender::new((0..SHARDS).collect()))
    }
}

impl Default for AllShards {
    fn default() -> Self {
        Self::new()
    }
}

impl Shards for AllShards {
    fn held(&self) -> watch::Receiver<BTreeSet<u16>> {
        self.0.subscribe()
    }

    fn fence(&self, _shard: u16) -> Option<Expect> {
        None
    }
}
