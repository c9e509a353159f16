//! Recovery: what becomes of an order whose client does not come back.
//!
//! The Ledger decides: it shows the states that the request committed, or aborts it for good. Nothing here depends on
//! clocks but when to ask: an order that is asked for too early loses its chance if the Ledger has not committed it,
//! never its correctness.
//!
//! An order is stale when this process has known it for the grace period, by its own monotonic clock: the clocks of
//! two machines are not compared. (Its nonce is what is watched, not the row of a lock, which changes with every other
//! reader.) Only an order that is older than [`CLOCKS_APART_MAX`] besides, by whatever clock, is not waited for.

use std::collections::HashSet;
use std::time::Duration;

use parking_lot::Mutex;
use trustkeep_scalar_domain::asset::AssetKey;
use trustkeep_scalar_rpc::identity::Verifier;
use trustkeep_scalar_rpc::messages::{AssetLockRecoveryResult, AssetProof, TransactionState};
use trustkeep_scalar_rpc::{Error, Result};

use crate::case::{Case, compare, key_of};
use crate::failure;
use crate::locks::next_age;
use crate::request::RequestProof;
use crate::service::Auditor;
use crate::settling::{Ending, Standing};
use crate::validation::check_inputs;
use crate::{keys, metrics};

/// How far the clocks of two machines are thought to be apart at most.
pub(crate) const CLOCKS_APART_MAX: Duration = Duration::from_secs(600);

/// What came of an attempt to end somebody's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// Its locks are released, with its rows or without.
    Released,
    /// It ended by itself before.
    Ended,
    /// It is not old enough, or this process is at it already.
    TooEarly,
    /// The Ledger does not know yet what became of it.
    Undecided,
}

/// Nonces that are being recovered: one attempt each at a time in this process.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<HashSet<String>>);

struct Turn<'a> {
    all: &'a UnderWay,
    nonce: &'a str,
}

impl UnderWay {
    fn enter<'a>(&'a self, nonce: &'a str) -> Option<Turn<'a>> {
        // Only made by who is at it: the end of a turn takes the lock, and the nonce away.
        self.0.lock().insert(nonce.to_owned()).then(|| Turn { all: self, nonce })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.all.0.lock().remove(self.nonce);
    }
}

impl Auditor {
    /// Recovers the orders that stand in the way, if all of them are stale.
    ///
    /// # Errors
    /// `conflict` if one of them is not; 305 if the Ledger's proofs do not fit; 503001 if it does not answer.
    pub(crate) async fn make_way(&self, holders: &[String], conflict: Error) -> Result<()> {
        // Every one of them, so that each is seen now and all become stale at the same time.
        let mut cleared = true;
        for nonce in holders {
            let recovery = self.recover(nonce).await?;
            cleared &= matches!(recovery, Recovery::Released | Recovery::Ended);
        }
        if cleared { Ok(()) } else { Err(conflict) }
    }

    /// Ends an order that is stale, as the Ledger says.
    ///
    /// # Errors
    /// 305 if the Ledger's proofs are not what follows from the request, 400004 if they are not signed by it, 503001
    /// if it does not answer, 500. The locks stay then.
    pub(crate) async fn recover(&self, nonce: &str) -> Result<Recovery> {
        let now = self.books.clock.monotonic();
        let since = self.orders.since(nonce);
        if since.is_some_and(|since| now.saturating_sub(since) < self.grace) {
            return Ok(Recovery::TooEarly);
        }
        let Some(proof) = self.books.request_proof(nonce).await? else {
            return if self.books.is_spent(nonce).await? {
                Ok(Recovery::Ended)
            } else {
                Err(failure::request_proof_absent())
            };
        };
        if since.is_none() {
            self.orders.see(nonce, now);
            let age = Duration::from_millis(
                u64::try_from(self.books.now().saturating_sub(proof.registered_at)).unwrap_or(0),
            );
            if age < self.grace.saturating_add(CLOCKS_APART_MAX) {
                return Ok(Recovery::TooEarly);
            }
        }
        let Some(_turn) = self.recovering.enter(nonce) else { return Ok(Recovery::TooEarly) };
        let Standing::Held(_) = self.books.standing(&proof).await? else { return Ok(Recovery::Ended) };
        match self.decide(&proof).await {
            Err(error) => match self.books.standing(&proof).await? {
                Standing::Held(_) => Err(error),
                // Its client came back after all, or another process was faster: what we saw was of a later time.
                Standing::Validated | Standing::Abandoned => Ok(Recovery::Ended),
            },
            decided => decided,
        }
    }

    /// Ends the stale orders that hold an asset, for an operator who asks.
    ///
    /// # Errors
    /// 409001 if the asset is not known here; 305, 400004, 503001, 500 as the Ledger has it.
    pub async fn recover_lock(&self, key: &AssetKey) -> Result<AssetLockRecoveryResult> {
        let seen = self.books.lock(key).await?;
        if seen.version.is_none() {
            return Err(failure::asset_not_found());
        }
        let mut answers = [false; 3];
        let [released, early, undecided] = &mut answers;
        for nonce in seen.lock.holders.nonces() {
            match self.recover(nonce).await.inspect_err(|error| self.suspect(nonce, error))? {
                Recovery::Released => *released = true,
                Recovery::Ended => {}
                Recovery::TooEarly => *early = true,
                Recovery::Undecided => *undecided = true,
            }
        }
        Ok(match answers {
            [_, _, true] => AssetLockRecoveryResult::Failed,
            [_, true, _] => AssetLockRecoveryResult::NotRecoverable,
            [true, ..] => AssetLockRecoveryResult::Succeeded,
            _ => AssetLockRecoveryResult::NotNeeded,
        })
    }

    async fn decide(&self, proof: &RequestProof) -> Result<Recovery> {
        let nonce = &proof.request.nonce;
        let verifier = self.keys.ledger(&self.identities).await?;
        let mut theirs = self.ledger_proofs(proof).await?;
        for (key, age, theirs) in &theirs {
            theirs.as_ref().map_or(Ok(()), |theirs| is_of(nonce, (key, *age), theirs, &*verifier))?;
        }
        if theirs.is_empty() || theirs.iter().any(|(_, _, theirs)| theirs.is_none()) {
            let state = self.ledger.abort(nonce).await?;
            tracing::info!(%nonce, ?state, "asked the Ledger to abort a stale order");
            match state {
                TransactionState::Aborted => {
                    // One state of it is there and it is aborted: one of the two is a lie.
                    return match theirs.iter().find(|(_, _, theirs)| theirs.is_some()) {
                        Some((key, _, _)) => Err(failure::lock_inconsistent(key)),
                        None => self.give_up(proof).await,
                    };
                }
                TransactionState::Committed => theirs = self.ledger_proofs(proof).await?,
                TransactionState::Unknown | TransactionState::Unspecified => return Ok(Recovery::Undecided),
            }
        }
        for (key, age, theirs) in &theirs {
            // What it committed it must show.
            let theirs = theirs.as_ref().ok_or_else(|| failure::proof_absent(key))?;
            is_of(nonce, (key, *age), theirs, &*verifier)?;
        }
        self.rebuild(proof, &theirs).await
    }

    /// The rows that the Ledger committed, computed anew and compared.
    async fn rebuild(&self, proof: &RequestProof, theirs: &[Shown]) -> Result<Recovery> {
        let case = self.replay(&proof.request, &proof.claims).await?;
        for (key, _, theirs) in theirs {
            let row = case.written.get(key).ok_or_else(|| failure::lock_inconsistent(key))?;
            let theirs = theirs.as_ref().ok_or_else(|| failure::proof_absent(key))?;
            compare(key, &row.proof(key)?, theirs)?;
        }
        self.compare_reads(&case).await?;
        let Standing::Held(locks) = self.books.standing(proof).await? else { return Ok(Recovery::Ended) };
        check_inputs(&case, &locks)?;
        let ending = Ending {
            request: &proof.request,
            claims: &proof.claims,
            proof: proof.version,
            rows: Some(&case.written),
        };
        self.settle(ending, locks).await?;
        self.recovered(proof, true);
        Ok(Recovery::Released)
    }

    /// That the Ledger still shows what a committed order read: where it does not, a validation has failed on it, and the
    /// lock is the evidence.
    async fn compare_reads(&self, case: &Case) -> Result<()> {
        let verifier = self.keys.ledger(&self.identities).await?;
        for ours in case.proofs()? {
            let key = key_of(&ours);
            if case.written.contains_key(&key) {
                continue;
            }
            let theirs =
                self.ledger.proof(&key, ours.age).await?.ok_or_else(|| failure::proof_absent(&key))?;
            is_of(&ours.nonce, (&key, ours.age), &theirs, &*verifier)?;
            compare(&key, &ours, &theirs)?;
        }
        Ok(())
    }

    /// Releases the locks of an order that wrote nothing.
    async fn give_up(&self, proof: &RequestProof) -> Result<Recovery> {
        let Standing::Held(locks) = self.books.standing(proof).await? else { return Ok(Recovery::Ended) };
        let ending =
            Ending { request: &proof.request, claims: &proof.claims, proof: proof.version, rows: None };
        self.settle(ending, locks).await?;
        self.recovered(proof, false);
        Ok(Recovery::Released)
    }

    fn recovered(&self, proof: &RequestProof, committed: bool) {
        let nonce = &proof.request.nonce;
        metrics::recovery(committed);
        tracing::info!(%nonce, committed, assets = proof.claims.len(), "a stale order was ended");
    }

    /// The Ledger's proofs of the states that a request would have appended.
    async fn ledger_proofs(&self, proof: &RequestProof) -> Result<Vec<Shown>> {
        let mut shown = Vec::new();
        for (key, claim) in proof.claims.iter().filter(|(_, claim)| claim.write) {
            let age = next_age(claim.age)?;
            shown.push((key.clone(), age, self.ledger.proof(key, age).await?));
        }
        Ok(shown)
    }
}

/// That a proof is the Ledger's, of this request and this state.
fn is_of(
    nonce: &str,
    (key, age): (&AssetKey, u32),
    proof: &AssetProof,
    verifier: &dyn Verifier,
) -> Result<()> {
    keys::check(std::slice::from_ref(proof), verifier)?;
    if key_of(proof) == *key && proof.age == age && proof.nonce == nonce {
        Ok(())
    } else {
        Err(failure::invalid_proof(key))
    }
}

/// The state of an asset that the Ledger was asked for, and its proof if it has one.
type Shown = (AssetKey, u32, Option<AssetProof>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_has_one_turn_at_a_time() {
        let all = UnderWay::default();
        let first = all.enter("n");
        assert!(first.is_some() && all.enter("n").is_none() && all.enter("n").is_none());
        assert!(all.enter("m").is_some());
        drop(first);
        assert!(all.enter("n").is_some());
    }
}
