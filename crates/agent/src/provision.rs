//! What is in a wallet before anyone speaks to the agent.

use std::sync::Arc;

use trustkeep_didcomm::{Keypair, Nym};

use crate::protocols::static_connections::seed_bytes;
use crate::{Agent, Error, LocalDid, Result, Work};

/// How often it is begun anew when another instance starts at the same time.
const ATTEMPTS_MAX: u32 = 100;

/// Lets the wallet have the DID of a seed, and be the public one if that is wanted. Done again it changes nothing.
///
/// # Errors
/// [`Error::BadRequest`] for a seed that is none, or if another DID is public and may not be replaced.
pub async fn provision_did(
    agent: &Agent,
    seed: &str,
    is_public: bool,
    may_replace: bool,
) -> Result<LocalDid> {
    let keypair = Arc::new(Keypair::from_seed(&seed_bytes(seed)?)?);
    let mut attempts = 1;
    loop {
        let mut work = Work::new(agent);
        let did = put(&mut work, &keypair, is_public, may_replace).await?;
        match work.commit().await {
            Err(Error::Wallet(error)) if error.is_conflict() && attempts < ATTEMPTS_MAX => attempts += 1,
            Err(error) => return Err(error),
            Ok(()) => return Ok(did),
        }
    }
}

async fn put(
    work: &mut Work,
    keypair: &Arc<Keypair>,
    is_public: bool,
    may_replace: bool,
) -> Result<LocalDid> {
    let name = Nym::of(&keypair.verkey()).to_string();
    let did = match LocalDid::get(work, &name).await {
        Ok(held) => held,
        Err(Error::NotFound(_)) => {
            work.put_key(keypair);
            let mut did = LocalDid::of_key(work, name, "sov", &keypair.verkey());
            if let Some(endpoint) = work.settings().endpoints.first().cloned() {
                did.metadata.insert("endpoint".to_owned(), endpoint.into());
                did.save(work);
            }
            did
        }
        Err(error) => return Err(error),
    };
    if !is_public {
        return Ok(did);
    }
    match LocalDid::public(work).await? {
        Some(public) if public.did == did.did => Ok(public),
        Some(public) if !may_replace => Err(Error::BadRequest(format!(
            "New seed provided which doesn't match the registered public did {}",
            public.did
        ))),
        _ => did.make_public(work).await,
    }
}
