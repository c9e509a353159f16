//! How an order ends: its rows are appended and its locks released, in one commit; or only released.

use std::collections::BTreeMap;

use trustkeep_scalar_domain::asset::{AssetKey, AssetRow};
use trustkeep_scalar_rpc::Result;
use trustkeep_store::{Commit, Error as StoreError, Key, Version};

use crate::books::{Books, Conflict};
use crate::case::Case;
use crate::claims::Claims;
use crate::failure;
use crate::locks::{SeenLock, next_age};
use crate::request::{Request, RequestProof};
use crate::service::Auditor;

/// How often an end is written anew because others took or released read locks at the same moment.
const ATTEMPTS_MAX: usize = 256;

/// What surely fits: far less than a hundred rows and 400 KB a row, the narrowest bounds of a store.
const SMALL_CLAIMS: usize = 16;
const SMALL_BYTES: usize = 128 << 10;
/// How often the locks of an order are read until they say one thing.
const VIEWS_MAX: usize = 3;

/// Where an order stands.
#[derive(Debug)]
pub(crate) enum Standing {
    /// It holds its locks, these.
    Held(BTreeMap<AssetKey, SeenLock>),
    /// It has come to its end, and its rows are written if it has any.
    Validated,
    /// Its locks were released without its rows: the Ledger had not committed it.
    Abandoned,
}

/// What ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending<'a> {
    pub(crate) request: &'a Request,
    pub(crate) claims: &'a Claims,
    /// The version of its request proof.
    pub(crate) proof: Version,
    /// The rows to append; `None` to release the locks only.
    pub(crate) rows: Option<&'a BTreeMap<AssetKey, AssetRow>>,
}

impl Books {
    /// Where an order stands.
    ///
    /// # Errors
    /// 305 if locks and rows do not say one thing; 500.
    pub(crate) async fn standing(&self, proof: &RequestProof) -> Result<Standing> {
        // Locks are read one by one and released all at once: a view of some of them is looked at again, when the
        // release that it met is over.
        for _ in 0..VIEWS_MAX {
            if let Some(standing) = self.view(proof).await? {
                return Ok(standing);
            }
        }
        let first = proof.claims.keys().next();
        Err(first.map_or_else(failure::request_differs, failure::lock_inconsistent))
    }

    /// Where an order stands; `None` if some of its locks are held and some are not.
    async fn view(&self, proof: &RequestProof) -> Result<Option<Standing>> {
        let nonce = &proof.request.nonce;
        let locks = self.locks(&proof.claims).await?;
        let mut held = 0;
        for (key, claim) in &proof.claims {
            let seen = locks.get(key).ok_or_else(|| failure::lock_absent(key))?;
            // The row of a lock goes away only with an asset that never had a state.
            if seen.version.is_none() && claim.age.is_some() {
                return Err(failure::lock_absent(key));
            }
            if seen.lock.holders.nonces().contains(nonce) {
                if !seen.lock.is_held_by(nonce, claim) {
                    return Err(failure::lock_inconsistent(key));
                }
                held += 1;
            }
        }
        if held == proof.claims.len() {
            Ok(Some(Standing::Held(locks)))
        } else if held == 0 {
            self.ended(proof).await.map(Some)
        } else {
            Ok(None)
        }
    }

    async fn ended(&self, proof: &RequestProof) -> Result<Standing> {
        let (mut written, mut missing) = (0, None);
        for (key, claim) in proof.claims.iter().filter(|(_, claim)| claim.write) {
            let row = self.row(key, next_age(claim.age)?).await?;
            match row {
                Some(row) if row.nonce()? == proof.request.nonce => written += 1,
                _ => missing = Some(key),
            }
        }
        match missing {
            None => Ok(Standing::Validated),
            Some(_) if written == 0 => Ok(Standing::Abandoned),
            Some(key) => Err(failure::asset_absent(key)),
        }
    }

    /// The proof of a request that must have been ordered, and where it stands.
    ///
    /// # Errors
    /// 305003 if it was not, 305001 if something else was, 304001 if its proof was purged; 305 and 500 as
    /// [`Books::standing`].
    pub(crate) async fn found(&self, request: &Request) -> Result<(RequestProof, Standing)> {
        let Some(proof) = self.request_proof(&request.nonce).await? else {
            let spent = self.is_spent(&request.nonce).await?;
            return Err(if spent { failure::nonce_used() } else { failure::request_proof_absent() });
        };
        if proof.request != *request {
            return Err(failure::request_differs());
        }
        let standing = self.standing(&proof).await?;
        Ok((proof, standing))
    }
}

impl Auditor {
    /// Writes the end of an order that holds `locks`. `Held` never comes back: it says how it ended, by us or by
    /// another process at the same moment.
    ///
    /// # Errors
    /// 501 if the crowd at the locks did not let us, 305 if something else than a lock stood in the way, 500.
    pub(crate) async fn settle(
        &self,
        ending: Ending<'_>,
        mut locks: BTreeMap<AssetKey, SeenLock>,
    ) -> Result<Standing> {
        let (mut unknown, mut taken) = (None, None);
        for _ in 0..ATTEMPTS_MAX {
            let commit = self.ending(ending, &locks)?;
            let commit = self.books.fenced(commit, ending.claims).await?;
            // As the Ledger does: many commits that leave together share a disk write.
            tokio::task::yield_now().await;
            match self.books.store.commit(commit).await {
                Ok(_) => {
                    self.orders.forget(&ending.request.nonce);
                    return Ok(match ending.rows {
                        Some(_) => Standing::Validated,
                        None => Standing::Abandoned,
                    });
                }
                Err(StoreError::OutcomeUnknown(why)) => unknown = Some(why),
                Err(error) => match self.books.conflict(&error) {
                    Some(Conflict::Nonce | Conflict::Lock) => {}
                    Some(Conflict::Asset) => taken = ending.rows.and_then(|rows| rows.keys().next()),
                    Some(Conflict::Namespace) | None => return Err(failure::BINDING.error(&error)),
                },
            }
            match self.books.found(ending.request).await? {
                (_, Standing::Held(seen)) => match taken {
                    None => locks = seen,
                    // The locks are ours, and yet a state that we were to append is there.
                    Some(key) => return Err(failure::lock_inconsistent(key)),
                },
                (_, ended) => return Ok(ended),
            }
        }
        Err(match unknown {
            Some(why) => failure::BINDING.error(&StoreError::OutcomeUnknown(why)),
            None => failure::validation_unwritten(),
        })
    }

    /// Refuses what could be ordered but whose validation the store could not hold.
    ///
    /// # Errors
    /// 414 with the store's bound.
    pub(crate) fn check_size(&self, case: &Case) -> Result<()> {
        // What fits every store is not put together to be measured.
        if case.claims.len() <= SMALL_CLAIMS && case.bytes() <= SMALL_BYTES {
            return Ok(());
        }
        let locks = case.claims.iter().map(|(key, claim)| {
            let lock = crate::locks::AssetLock { age: claim.age, holders: crate::locks::Holders::None };
            (key.clone(), SeenLock { lock, version: Some(Version(0)) })
        });
        let ending = Ending {
            request: &case.request,
            claims: &case.claims,
            proof: Version(0),
            rows: Some(&case.written),
        };
        let commit = self.ending(ending, &locks.collect())?;
        commit.check(&self.books.limits()).map_err(|error| failure::BINDING.error(&error))
    }

    fn ending(&self, ending: Ending<'_>, locks: &BTreeMap<AssetKey, SeenLock>) -> Result<Commit> {
        let (books, now, nonce) = (&self.books, self.books.now(), &ending.request.nonce);
        let place = Key::of(nonce.as_str());
        let mut commit = Commit::new().expect_version(&books.request_proofs, place, ending.proof);
        for (key, claim) in ending.claims {
            let seen = locks.get(key).ok_or_else(|| failure::lock_absent(key))?;
            let written = claim.write && ending.rows.is_some();
            let row = seen.lock.released(nonce, written)?.map(|lock| lock.row(now));
            commit = books.change_lock(commit, key, seen.version, row)?;
        }
        for (key, row) in ending.rows.into_iter().flatten() {
            commit = books.append(commit, key, row, nonce)?;
        }
        Ok(commit)
    }
}
