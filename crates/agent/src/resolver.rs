//! From a DID to its document.
//!
//! What a DID holds is read from it. What others sent is in the wallet, where ACA-Py puts it. `did:web` is fetched by
//! whoever runs the agent ([`DocumentSource`]). There is no ledger: `did:sov` is known only where a peer sent its document.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use serde_json::Value;
use trustkeep_didcomm::did::{DidWeb, PeerDid, peer};
use trustkeep_didcomm::document::DOCUMENT_BYTES_MAX;
use trustkeep_didcomm::{Did, Document};
use trustkeep_wallet::{Query, Record};

use crate::{Error, Result, Work};

/// The category of others' documents, tagged with the DID.
pub(crate) const DOCUMENT: &str = "did_doc";
/// The categories of ACA-Py where a short form names its long one: of `did:peer:4`, and of `did:peer:3` its `did:peer:2`.
const LONG_FOUR: &str = "long_peer_did_4_doc";
const TWO_OF_THREE: &str = "peer3_to_peer2";

/// Fetches documents over `https`.
///
/// What it is asked for comes from strangers. Whoever implements it must follow no redirect, connect to no address that is
/// not public, give up after a few seconds, and read at most [`DOCUMENT_BYTES_MAX`] bytes.
pub trait DocumentSource: Debug + Send + Sync {
    /// The body at an `https` URL that was answered with 200; an error in words otherwise.
    fn fetch<'a>(
        &'a self,
        url: &'a str,
    ) -> Pin<Box<dyn Future<Output = std::result::Result<Vec<u8>, String>> + Send + 'a>>;
}

/// The document of a DID, looked up now.
///
/// # Errors
/// [`Error::NotFound`] for one that is nowhere; [`Error::BadRequest`] for a method that is not known here;
/// [`Error::Didcomm`] if it is no DID.
pub async fn resolve(work: &mut Work, did: &str) -> Result<Value> {
    match Did::parse(did)? {
        Did::Key(key) => Ok(key.document()?),
        Did::Web(web) => fetch(work, &web).await,
        Did::Peer(peer) => of_peer(work, &peer).await,
        Did::Unqualified(nym) => stored(work, &nym.to_string()).await?.ok_or_else(|| unknown(did)),
        Did::Sov(sov) => stored(work, &sov.nym().to_string()).await?.ok_or_else(|| unknown(did)),
        _ => stored(work, did).await?.ok_or_else(|| unknown(did)),
    }
}

/// The document of a DID that a connection has: as it was sent or fetched when the connection was made.
///
/// # Errors
/// As [`resolve`].
pub(crate) async fn known(work: &mut Work, did: &str) -> Result<Value> {
    if ["did:key:", "did:peer:2", "did:peer:4"].iter().any(|own| did.starts_with(own)) {
        return resolve(work, did).await;
    }
    let bare = did.strip_prefix("did:sov:").unwrap_or(did);
    match stored(work, bare).await? {
        Some(document) => Ok(document),
        None => resolve(work, did).await,
    }
}

/// Keeps what a DID holds, so that its short form can be resolved, and gives its document.
///
/// # Errors
/// As [`resolve`].
pub(crate) async fn learn(work: &mut Work, did: &str) -> Result<Value> {
    let forms = match Did::parse(did)? {
        Did::Peer(PeerDid::Four(four)) => Some((LONG_FOUR, four.short().to_owned())),
        Did::Peer(PeerDid::Two(two)) => Some((TWO_OF_THREE, two.three())),
        _ => None,
    };
    let document = resolve(work, did).await?;
    if let Some((category, short)) = forms
        && work.get(category, &short).await?.is_none()
    {
        work.put(Record::new(category, short, did));
    }
    Ok(document)
}

pub(crate) async fn stored_record(work: &mut Work, did: &str) -> Result<Option<Record>> {
    work.first(Query::tagged(DOCUMENT, "did", did)).await
}

async fn stored(work: &mut Work, did: &str) -> Result<Option<Value>> {
    let Some(record) = stored_record(work, did).await? else { return Ok(None) };
    let document = serde_json::from_slice(&record.value);
    document.map(Some).map_err(|error| Error::corrupt(DOCUMENT, did, error))
}

async fn of_peer(work: &mut Work, did: &PeerDid) -> Result<Value> {
    if let Some(document) = did.document()? {
        return Ok(document);
    }
    let name = did.to_string();
    let long = |record: Record| String::from_utf8(record.value).unwrap_or_default();
    match did {
        PeerDid::FourShort(_) => {
            let record = work.get(LONG_FOUR, &name).await?.ok_or_else(|| nowhere(&name))?;
            Ok(peer::PeerFour::parse(&long(record))?.document_of_short()?)
        }
        PeerDid::Three(_) => {
            let record = work.get(TWO_OF_THREE, &name).await?.ok_or_else(|| nowhere(&name))?;
            Ok(peer::PeerTwo::parse(&long(record))?.document_of_three())
        }
        _ => stored(work, &name).await?.ok_or_else(|| nowhere(&name)),
    }
}

async fn fetch(work: &Work, did: &DidWeb) -> Result<Value> {
    let name = did.to_string();
    let source = work.agent().documents().ok_or_else(|| unknown(&name))?;
    let failed = |why: &str| Error::NotFound(format!("DID {name} not found: {why}"));
    let body = source.fetch(did.url()).await.map_err(|why| failed(&why))?;
    if body.len() > DOCUMENT_BYTES_MAX {
        return Err(failed("its document is too large"));
    }
    let document: Value = serde_json::from_slice(&body).map_err(|_| failed("its document is not JSON"))?;
    if !Document::from_value(&document)?.is_named(&name) {
        return Err(failed("what is there is the document of another"));
    }
    Ok(document)
}

/// ACA-Py's words.
fn unknown(did: &str) -> Error {
    Error::BadRequest(format!("No resolver supporting DID \"{did}\" loaded"))
}

fn nowhere(did: &str) -> Error {
    Error::NotFound(format!("DID {did} not found"))
}
