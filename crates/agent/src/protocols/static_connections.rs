//! Connections that need no handshake: both sides know each other's keys beforehand.

use std::sync::Arc;

use trustkeep_crypto::Key256;
use trustkeep_didcomm::document::legacy;
use trustkeep_didcomm::{Keypair, Nym, Verkey};

use super::connections::NAME;
use crate::{Connection, Error, InvitationMode, LocalDid, Result, Role, State, Work, peer};

/// What the controller knows of both sides.
#[derive(Default)]
pub struct NewStatic {
    /// Of our key; a new one otherwise.
    pub my_seed: Option<String>,
    /// Our DID; that of the key otherwise.
    pub my_did: Option<String>,
    /// Of their key.
    pub their_seed: Option<String>,
    /// Their DID; that of the seed otherwise.
    pub their_did: Option<String>,
    /// Their key; that of the seed otherwise.
    pub their_verkey: Option<String>,
    /// Where they are reached.
    pub their_endpoint: Option<String>,
    /// What they call themselves.
    pub their_label: Option<String>,
    /// What the controller calls the connection.
    pub alias: Option<String>,
}

/// A connection that stands from the beginning.
#[derive(Debug)]
pub struct Static {
    /// Our DID in it.
    pub mine: LocalDid,
    /// Their key.
    pub their_verkey: Verkey,
    /// The connection.
    pub connection: Connection,
}

/// Makes a connection of what both sides know.
///
/// # Errors
/// [`Error::BadRequest`] for seeds, DIDs and keys that are none, or if theirs are missing.
pub async fn create(work: &mut Work, asked: NewStatic) -> Result<Static> {
    let keypair = match &asked.my_seed {
        Some(seed) => Arc::new(Keypair::from_seed(&seed_bytes(seed)?)?),
        None => work.new_key()?,
    };
    work.put_key(&keypair);
    let mine = local_did(work, &keypair, asked.my_did.as_deref()).await?;
    let seeded = match &asked.their_seed {
        Some(seed) => Some(Keypair::from_seed(&seed_bytes(seed)?)?.verkey()),
        None => None,
    };
    let theirs = match (&asked.their_verkey, seeded) {
        (Some(verkey), _) => Some(Verkey::from_any_form(verkey)?),
        (None, seeded) => seeded,
    };
    let missing =
        || Error::BadRequest("Either a verkey or seed must be provided for the other party.".to_owned());
    let their_verkey = theirs.ok_or_else(missing)?;
    let their_nym: Nym = match (&asked.their_did, seeded) {
        (Some(did), _) => did.strip_prefix("did:sov:").unwrap_or(did).parse()?,
        (None, Some(seeded)) => Nym::of(&seeded),
        (None, None) => return Err(missing()),
    };
    let endpoint = asked.their_endpoint.unwrap_or_default();
    let document = legacy::document(their_nym, their_verkey, &[&endpoint], &[]);
    peer::store_document(work, &their_nym.to_string(), &document).await?;
    let mut connection = Connection::new(work, Role::Invitee, NAME);
    connection.their_role = None;
    connection.invitation_mode = InvitationMode::Static;
    connection.state = State::Init;
    connection.my_did = Some(mine.did.clone());
    connection.their_did = Some(their_nym.to_string());
    connection.their_label = asked.their_label;
    connection.alias = asked.alias;
    super::stand(work, &mut connection).await?;
    Ok(Static { mine, their_verkey, connection })
}

/// The secret key of a seed: 32 characters, or their base64.
///
/// # Errors
/// [`Error::BadRequest`], without the seed in it.
pub fn seed_bytes(seed: &str) -> Result<Key256> {
    let wrong = || Error::BadRequest("Seed value must be 32 bytes in length.".to_owned());
    if seed.contains('=') {
        let bytes = trustkeep_crypto::SecretBytes::from_base64(seed).map_err(|_| wrong())?;
        return Key256::from_slice(bytes.expose()).map_err(|_| wrong());
    }
    Key256::from_slice(seed.as_bytes()).map_err(|_| wrong())
}

async fn local_did(work: &mut Work, keypair: &Keypair, did: Option<&str>) -> Result<LocalDid> {
    let verkey = keypair.verkey();
    let did = did.map_or_else(
        || Nym::of(&verkey).to_string(),
        |did| did.strip_prefix("did:sov:").unwrap_or(did).to_owned(),
    );
    match LocalDid::get(work, &did).await {
        Ok(held) if held.verkey == verkey.to_string() => Ok(held),
        Ok(_) => Err(Error::BadRequest("DID already present in wallet.".to_owned())),
        Err(Error::NotFound(_)) => Ok(LocalDid::of_key(work, did, "sov", &verkey)),
        Err(error) => Err(error),
    }
}
