//! Ordering: what a request will read and write is found out by executing it, and locked.

use std::collections::BTreeMap;

use bytes::Bytes;
use trustkeep_scalar_domain::asset::AssetKey;
use trustkeep_scalar_rpc::messages::ContractExecutionRequest;
use trustkeep_scalar_rpc::{Error, Result};
use trustkeep_store::{Commit, Error as StoreError, Key, Version};

use crate::books::Conflict;
use crate::case::Case;
use crate::failure;
use crate::locks::{AssetLock, SeenLock};
use crate::orders::Order;
use crate::request::{Request, fingerprint};
use crate::service::Auditor;
use crate::simulation::Simulated;

/// How often an order is tried anew because others took or released locks at the same moment.
const ATTEMPTS_MAX: usize = 32;

impl Auditor {
    /// Orders a request: its assets are locked and its proof is kept, all in one commit. Gives our signature over
    /// the nonce, with which the Ledger executes.
    ///
    /// # Errors
    /// 400, 403, 404, 302 and so on for who asks what; 304001 if the nonce was ordered before; 408, 502 as the
    /// contract answers; 504 if an asset is in use; 305 if our own books do not fit together. The locks are not
    /// taken then.
    pub async fn order(&self, message: &ContractExecutionRequest) -> Result<Bytes> {
        let request = Request::of(message)?;
        self.verify(&request).await?;
        // Found now rather than when the Ledger has committed.
        self.keys.ledger(&self.identities).await?;
        let nonce = request.nonce.clone();
        match self.ordered(request).await {
            Ok(signature) => Ok(signature),
            // A request that is sent again is told so, whatever else stands in its way by now.
            Err(error) if self.is_known(&nonce).await? => {
                tracing::debug!(%nonce, %error, "a request was ordered again");
                Err(failure::nonce_used())
            }
            Err(error) => {
                self.suspect(&nonce, &error);
                Err(error)
            }
        }
    }

    async fn ordered(&self, request: Request) -> Result<Bytes> {
        let mut attempts = 0..ATTEMPTS_MAX;
        'simulation: while attempts.next().is_some() {
            let Simulated { case, mut seen } = match self.simulate(&request).await {
                Ok(simulated) => simulated,
                Err(stopped) => match stopped.writer {
                    Some(writer) if writer != request.nonce => {
                        self.make_way(&[writer], stopped.error).await?;
                        continue;
                    }
                    _ => return Err(stopped.error),
                },
            };
            self.check_size(&case)?;
            loop {
                let locks = match take(&case, &seen) {
                    Ok(locks) => locks,
                    Err((key, error)) => {
                        let holders = seen.get(&key).map(|seen| seen.lock.holders.nonces().to_vec());
                        self.make_way(&holders.unwrap_or_default(), error).await?;
                        continue 'simulation;
                    }
                };
                let commit = self.binding(&case, &seen, &locks).await?;
                // As the Ledger does: many commits that leave together share a disk write.
                tokio::task::yield_now().await;
                match self.books.store.commit(commit).await {
                    Ok(version) => return self.sign(case, locks, version),
                    Err(StoreError::OutcomeUnknown(why)) => {
                        let version = self.bound(&case, why).await?;
                        return self.sign(case, locks, version);
                    }
                    Err(error) => match self.books.conflict(&error) {
                        Some(Conflict::Nonce) => return Err(failure::nonce_used()),
                        Some(Conflict::Lock) => {}
                        _ => return Err(failure::ORDERING.error(&error)),
                    },
                }
                if attempts.next().is_none() {
                    break;
                }
                // Others only read the same assets: the execution stands, the locks are counted anew.
                seen = self.books.locks(&case.claims).await?;
                let moved = |(key, claim): (&AssetKey, &crate::claims::Claim)| {
                    seen.get(key).is_none_or(|seen| seen.lock.age != claim.age)
                };
                if case.claims.iter().any(moved) {
                    continue 'simulation;
                }
            }
        }
        Err(failure::in_use())
    }

    /// The commit of the request proof and all locks.
    async fn binding(
        &self,
        case: &Case,
        seen: &BTreeMap<AssetKey, SeenLock>,
        locks: &BTreeMap<AssetKey, AssetLock>,
    ) -> Result<Commit> {
        let (books, now) = (&self.books, self.books.now());
        let nonce = Key::of(case.request.nonce.as_str());
        let mut commit = Commit::new()
            .expect_absent(&books.request_proofs, nonce.clone())
            .expect_absent(&books.spent_nonces, fingerprint(&case.request.nonce))
            .put(&books.request_proofs, nonce, case.request.row(&case.claims, now));
        for (key, lock) in locks {
            let version = seen.get(key).and_then(|seen| seen.version);
            commit = books.change_lock(commit, key, version, Some(lock.row(now)))?;
        }
        books.fenced(commit, &case.claims).await
    }

    /// Looks whether a commit happened whose outcome the store did not know.
    async fn bound(&self, case: &Case, why: String) -> Result<Version> {
        match self.books.request_proof(&case.request.nonce).await? {
            Some(proof) if proof.request == case.request && proof.claims == case.claims => Ok(proof.version),
            // If it happens after all, its locks are recovered as those of a client that vanished.
            _ => Err(failure::ORDERING.error(&StoreError::Unavailable(why))),
        }
    }

    fn sign(&self, case: Case, locks: BTreeMap<AssetKey, AssetLock>, version: Version) -> Result<Bytes> {
        let signature = Bytes::from(self.keys.signer.sign(case.request.nonce.as_bytes())?);
        let locks =
            locks.into_iter().map(|(key, lock)| (key, SeenLock { lock, version: Some(version) })).collect();
        let since = self.books.clock.monotonic();
        self.orders.keep(Order { case, locks, proof: version, signature: signature.clone(), since });
        Ok(signature)
    }

    async fn is_known(&self, nonce: &str) -> Result<bool> {
        Ok(self.books.request_proof(nonce).await?.is_some() || self.books.is_spent(nonce).await?)
    }
}

/// The locks once this request has taken them.
fn take(
    case: &Case,
    seen: &BTreeMap<AssetKey, SeenLock>,
) -> std::result::Result<BTreeMap<AssetKey, AssetLock>, (AssetKey, Error)> {
    let mut locks = BTreeMap::new();
    for (key, claim) in &case.claims {
        let Some(seen) = seen.get(key) else {
            return Err((key.clone(), failure::lock_absent(key)));
        };
        match seen.lock.taken(&case.request.nonce, claim.write, &case.input) {
            Ok(lock) => locks.insert(key.clone(), lock),
            Err(error) => return Err((key.clone(), error)),
        };
    }
    Ok(locks)
}
