//! Which shards of the queues this instance works off: those that its lease gives it.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::sync::watch;
use trustkeep_agent::transport::Shards;
use trustkeep_chassis::shutdown::Shutdown;
use trustkeep_crypto::random::{SystemRandom, uuid};
use trustkeep_wallet::lease::{Held, Membership, TERM};
use trustkeep_wallet::queue::SHARDS;
use trustkeep_wallet::{Expect, Wallet};

/// The shards that this instance holds.
#[derive(Debug)]
pub(super) struct LeasedShards {
    numbers: watch::Sender<BTreeSet<u16>>,
    /// Of every shard that was ever held here: what was true then, and is not once another holds it.
    fences: Mutex<BTreeMap<u16, Expect>>,
}

impl LeasedShards {
    /// Joins the instances on a wallet.
    pub(super) fn join(wallet: Wallet) -> (Membership, Self) {
        let me = uuid(&SystemRandom).to_string();
        let membership = Membership::join(wallet, me, (0..SHARDS).map(|shard| shard.to_string()), TERM);
        let (numbers, fences) = (watch::Sender::new(BTreeSet::new()), Mutex::default());
        (membership, Self { numbers, fences })
    }

    /// Follows the lease until the shutdown. A task for the supervisor.
    pub(super) async fn follow(
        &self,
        mut held: watch::Receiver<Held>,
        shutdown: Shutdown,
    ) -> Result<(), Infallible> {
        loop {
            let now = held.borrow_and_update().clone();
            let numbered = now.iter().filter_map(|(name, holding)| Some((name.parse().ok()?, holding)));
            let fences: BTreeMap<u16, Expect> =
                numbered.map(|(shard, holding)| (shard, holding.fence())).collect();
            let numbers: BTreeSet<u16> = fences.keys().copied().collect();
            self.fences.lock().unwrap_or_else(PoisonError::into_inner).extend(fences);
            self.numbers.send_if_modified(|known| {
                let is_other = *known != numbers;
                *known = numbers;
                is_other
            });
            tokio::select! {
                () = shutdown.wait() => return Ok(()),
                changed = held.changed() => if changed.is_err() {
                    shutdown.wait().await;
                    return Ok(());
                }
            }
        }
    }
}

impl Shards for LeasedShards {
    fn held(&self) -> watch::Receiver<BTreeSet<u16>> {
        self.numbers.subscribe()
    }

    fn fence(&self, shard: u16) -> Option<Expect> {
        self.fences.lock().unwrap_or_else(PoisonError::into_inner).get(&shard).cloned()
    }
}
