//! The life of a node with the keys: contend, lead, let go, contend again.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use trustkeep_chassis::clock::Timestamp;
use trustkeep_chassis::shutdown::Shutdown;
use trustkeep_store::{Contender, Lease};

use super::{Ha, Leader};
use crate::core::{Core, Standing};
use crate::{Error, Result};

/// Takes part until the shutdown; then lets go of the lease. A task for the supervisor. Returns at once for a vault
/// that is not one of several.
///
/// # Errors
/// Never; the signature is that of a supervised task.
pub async fn run(core: Arc<Core>, shutdown: Shutdown) -> std::result::Result<(), Infallible> {
    if let Some(ha) = core.ha().cloned() {
        let node = TakingPart { core: &core, ha: &ha };
        let mut not_before = Instant::now();
        while !shutdown.is_triggered() {
            tokio::select! {
                () = shutdown.wait() => break,
                () = node.unsealed() => {}
            }
            let won = tokio::select! {
                () = shutdown.wait() => break,
                () = node.sealed() => None,
                won = node.contend(not_before) => won,
            };
            if let Some((id, lease)) = won {
                not_before = Instant::now() + node.lead(&id, lease, &shutdown).await;
            }
            ha.set_leader(None);
        }
        node.say_farewell().await;
    }
    Ok(())
}

struct TakingPart<'a> {
    core: &'a Arc<Core>,
    ha: &'a Arc<Ha>,
}

/// Why a term ended.
enum End {
    /// Another may have the lease already.
    Lost,
    /// This node gives it up: for how long it does not contend.
    LetGo(Duration),
}

impl TakingPart<'_> {
    async fn unsealed(&self) {
        self.until(|standing| standing != Standing::Sealed).await;
    }

    async fn sealed(&self) {
        self.until(|standing| standing == Standing::Sealed).await;
    }

    async fn until(&self, wanted: impl Fn(Standing) -> bool) {
        let mut changes = self.ha.seal_changes.subscribe();
        while !wanted(self.core.standing()) {
            // The sender lives as long as this node's part.
            let _ = changes.changed().await;
        }
    }

    /// Shows requests that came too late for this node the way to the next leader, while there are any.
    async fn say_farewell(&self) {
        let end = Instant::now() + FAREWELL_MAX;
        let settings = self.ha.lease_settings().1;
        while self.ha.leader.receiver_count() > 0 && Instant::now() < end {
            let holder = Lease::observe(self.ha.store.as_ref(), &settings.table, &settings.name).await;
            let followed = match holder {
                Ok(holder) => self.follow(holder.as_ref().map(|holder| holder.holder.as_str())).await,
                Err(error) => Err(error.into()),
            };
            if let Err(error) = followed {
                tracing::debug!(%error, "the next leader is not known");
            }
            sleep(FAREWELL_PAUSE).await;
        }
        self.ha.is_leaving.store(true, Ordering::SeqCst);
        // Wakes those that wait, also if there was no leader before.
        self.ha.leader.send_replace(None);
    }

    /// Waits for the lease, following whoever has it meanwhile. `not_before` counts until another node has had it, or
    /// has let enough time go by in which it could have: a vault without any active node serves nobody.
    async fn contend(&self, mut not_before: Instant) -> Option<(String, Lease)> {
        let (id, settings) = self.ha.lease_settings();
        let contender = Contender::new(self.ha.store.clone(), settings.clone());
        let mut contender = match contender {
            Ok(contender) => contender,
            Err(error) => {
                tracing::error!(%error, "this node cannot contend");
                sleep(PAUSE_MAX).await;
                return None;
            }
        };
        let mut pause = settings.watch_every;
        let mut free_since = None;
        let mut next_echo = Instant::now();
        let mut next_refresh = Instant::now() + REFRESH_EVERY;
        loop {
            let looked = if Instant::now() < not_before {
                let seen = Lease::observe(self.ha.store.as_ref(), &settings.table, &settings.name).await;
                seen.map(|holder| (None, holder))
            } else {
                match timeout(settings.ttl, contender.attempt()).await {
                    Ok(attempt) => attempt.map(|lease| (lease, contender.holder().cloned())),
                    Err(_) => Err(trustkeep_store::Error::Unavailable("no answer in time".into())),
                }
            };
            match looked {
                Ok((Some(lease), _)) => return Some((id, lease)),
                Ok((None, holder)) => {
                    pause = settings.watch_every;
                    let since = *free_since.get_or_insert_with(Instant::now);
                    if holder.is_some() || since.elapsed() > settings.watch_every * LOOKS_LEFT {
                        not_before = Instant::now();
                    }
                    let holder = holder.map(|holder| holder.holder);
                    if let Err(error) = self.follow(holder.as_deref()).await {
                        tracing::warn!(%error, "the active node's entry cannot be read; trying again");
                    }
                }
                Err(error) => {
                    // The leader that is known may be well: it is followed until there is better news.
                    tracing::warn!(%error, "the lease on the storage cannot be asked for; trying again");
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
            if Instant::now() >= next_refresh {
                next_refresh = Instant::now() + REFRESH_EVERY;
                if let Err(error) = self.core.refresh_keyring().await {
                    tracing::warn!(error = %self.without_keyring(error), "the keyring cannot be read anew");
                }
            }
            if Instant::now() >= next_echo {
                next_echo = Instant::now() + ECHO_EVERY;
                self.ha.speak_up();
            }
            sleep(pause).await;
        }
    }

    /// Makes the holder of the lease the leader that this node sends requests to.
    async fn follow(&self, holder: Option<&str>) -> Result<()> {
        let Some(holder) = holder else {
            self.ha.set_leader(None);
            return Ok(());
        };
        if self.ha.leader.borrow().as_ref().is_some_and(|leader| leader.id == holder) {
            return Ok(());
        }
        // A new leader: what the former one did to the keyring is to be known too.
        if let Err(error) = self.core.refresh_keyring().await {
            return Err(self.without_keyring(error));
        }
        let leader = Leader::find(holder, self.core.cold()).await?;
        if let Some(leader) = &leader {
            tracing::info!(address = leader.api_addr, "standing by; another node is active");
        }
        self.ha.set_leader(leader.map(Arc::new));
        Ok(())
    }

    /// Leads until the end of the term; says for how long not to contend.
    async fn lead(&self, id: &str, lease: Lease, shutdown: &Shutdown) -> Duration {
        let began = Instant::now();
        let activated = tokio::select! {
            biased;
            () = lease.lost() => Err(Error::Standby),
            () = self.sealed() => Err(Error::Sealed),
            () = shutdown.wait() => Err(Error::Standby),
            activated = self.activate(id, &lease) => activated,
        };
        let end = match activated {
            Ok(()) => {
                let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(epoch = lease.epoch(), millis, "this node is active");
                self.end_of_term(&lease, shutdown).await
            }
            Err(error) => {
                if !matches!(error, Error::Standby | Error::Sealed) {
                    tracing::error!(%error, "this node cannot become active; another may try");
                }
                // Longer than others look, so that it is their turn.
                End::LetGo(self.ha.settings.watch_every * 3)
            }
        };
        self.ha.active_since.lock().take();
        let ended = self.core.stand_by();
        match end {
            End::Lost => {
                if let Some(ended) = ended {
                    ended.barrier.end();
                }
                tracing::warn!("this node lost the lease on the storage and stands by");
                Duration::ZERO
            }
            End::LetGo(pause) => {
                if let Some(ended) = ended {
                    ended.drain(DRAIN_MAX).await;
                }
                if let Err(error) = lease.release().await {
                    tracing::warn!(%error, "the lease could not be released: other nodes wait for it to end");
                }
                tracing::info!("this node let go of the lease on the storage");
                pause
            }
        }
    }

    async fn end_of_term(&self, lease: &Lease, shutdown: &Shutdown) -> End {
        tokio::select! {
            biased;
            () = lease.lost() => End::Lost,
            () = self.sealed() => End::LetGo(Duration::ZERO),
            () = shutdown.wait() => End::LetGo(Duration::ZERO),
            () = self.ha.step_down.notified() => End::LetGo(STEPPED_DOWN),
        }
    }

    async fn activate(&self, id: &str, lease: &Lease) -> Result<()> {
        let cache_bytes = self.ha.settings.cache_bytes;
        let barrier = match self.core.term(lease.fence(), cache_bytes).await {
            Ok(barrier) => barrier,
            Err(error) => return Err(self.without_keyring(error)),
        };
        if let Some(identity) = Leader::announce(id, &self.ha.settings, &barrier).await? {
            self.ha.tls.replace(identity.server_config().map_err(Error::internal)?);
        }
        self.ha.peers.lock().clear();
        self.core.activate(barrier.clone(), Some(lease.hold())).await?;
        // A wish from before this term does not end it.
        let _ = timeout(Duration::ZERO, self.ha.step_down.notified()).await;
        *self.ha.active_since.lock() = Timestamp::from_nanosecond(i128::from(self.core.now())).ok();
        self.ha.set_leader(Some(Arc::new(Leader::myself(id, &self.ha.settings))));
        let id = id.to_owned();
        tokio::spawn(async move {
            if let Err(error) = Leader::forget_others(&id, &barrier).await {
                tracing::debug!(%error, "the entries of former leaders stay until the next change");
            }
        });
        Ok(())
    }

    /// A keyring that does not open any more was given another root key: this node needs its shares again.
    fn without_keyring(&self, error: Error) -> Error {
        if matches!(error, Error::Invalid(_)) {
            tracing::error!("the vault was given new keys by another node: unseal this node again");
            self.core.seal();
        }
        error
    }
}

/// How long a node that was asked to step down leaves the lease to the others.
const STEPPED_DOWN: Duration = Duration::from_secs(10);
/// How long requests under way may take to end before the lease is let go of.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// How often the others look at a free lease before this node, which gave it up, may have it again.
const LOOKS_LEFT: u32 = 3;
/// For how long a node that ends still sends requests to the next leader.
const FAREWELL_MAX: Duration = Duration::from_secs(3);
const FAREWELL_PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
const ECHO_EVERY: Duration = Duration::from_secs(5);
/// How often a standby looks at the keyring, so that it knows each term before the next root key comes.
const REFRESH_EVERY: Duration = Duration::from_secs(10);
