//! Whose key a token is signed with.

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;
use trustkeep_didcomm::{Did, DidKey, Document, Keypair, Verkey};

use super::super::keys;
use super::super::refusal::Refusal;
use super::BAD_SIGNER;
use crate::{Error, LocalDid, Work, resolve};

/// How a DID of the Indy world begins, and what the only key of one is called.
const SOV: &str = "did:sov:";
const SOV_KEY: &str = "key-1";

/// The verification method that a DID asserts with, whose key the wallet holds.
///
/// # Errors
/// 400 if there is none.
pub(super) async fn of_did(work: &mut Work, did: &str) -> Result<String, Refusal> {
    let bad = || Refusal::bad(BAD_SIGNER);
    if did.starts_with(DidKey::PREFIX) {
        return DidKey::parse(did).map(|key| key.reference()).map_err(|_| bad());
    }
    if !did.starts_with("did:") {
        return Ok(format!("{SOV}{did}#{SOV_KEY}"));
    }
    if did.starts_with(SOV) {
        return Ok(format!("{did}#{SOV_KEY}"));
    }
    let document = match resolve(work, did).await {
        Ok(document) => document,
        Err(Error::BadRequest(_) | Error::NotFound(_) | Error::Didcomm(_)) => return Err(bad()),
        Err(error) => return Err(error.into()),
    };
    let methods = Document::from_value(&document).map_err(|_| bad())?;
    for method in document.get("assertionMethod").and_then(Value::as_array).into_iter().flatten() {
        let Some(id) = method.as_str().or_else(|| method.get("id").and_then(Value::as_str)) else { continue };
        if let Some(verkey) = methods.method(id).and_then(|method| method.verkey())
            && work.agent().keypair(&verkey).await?.is_some()
        {
            return Ok(if id.starts_with('#') { format!("{did}{id}") } else { id.to_owned() });
        }
    }
    Err(bad())
}

/// The key pair of a verification method: the one that was given its name, else the one in the document of its DID, which
/// is given the name then, as ACA-Py does. A DID of the Indy world is known by the wallet alone, as there is no ledger.
///
/// # Errors
/// 400 for what is no verification method, 404 if its key is not in the wallet.
pub(super) async fn keypair(work: &mut Work, id: &str) -> Result<Arc<Keypair>, Refusal> {
    let (did, fragment) = id.split_once('#').ok_or_else(|| Refusal::bad(BAD_SIGNER))?;
    let unknown =
        || Refusal::Plain(StatusCode::NOT_FOUND, format!("Unknown DID: {}.", did.trim_start_matches(SOV)));
    if let Some(named) = keys::named(work, id).await? {
        return work.agent().keypair(&named).await?.ok_or_else(unknown);
    }
    if let Some(nym) = did.strip_prefix(SOV)
        && fragment == SOV_KEY
    {
        let verkey = LocalDid::get(work, nym).await?.verkey()?;
        return work.agent().keypair(&verkey).await?.ok_or_else(unknown);
    }
    if Did::parse(did).is_err() {
        return Err(Refusal::bad(BAD_SIGNER));
    }
    let verkey = match verkey(work, id).await {
        Ok(verkey) => verkey,
        Err(Refusal::Plain(..)) => return Err(unknown()),
        Err(refused) => return Err(refused),
    };
    let keypair = work.agent().keypair(&verkey).await?.ok_or_else(unknown)?;
    keys::bind(work, &verkey, id).await?;
    Ok(keypair)
}

/// The key in the document of a DID, looked up now.
///
/// # Errors
/// 404 if it cannot be found, 400 for one that does not sign.
pub(super) async fn verkey(work: &mut Work, id: &str) -> Result<Verkey, Refusal> {
    let missing = |words: String| Refusal::Plain(StatusCode::NOT_FOUND, words);
    let did = match id.split_once('#') {
        Some((did, _)) if did.starts_with("did:") => did,
        _ => {
            let why = format!("{id} is not a valid absolute or relative DID URL");
            return Err(missing(format!("Failed to parse DID URL from {id}. {why}.")));
        }
    };
    let nowhere = || missing(format!("DID {did} could not be resolved."));
    let document = match resolve(work, did).await {
        Ok(document) => Document::from_value(&document).map_err(|_| nowhere())?,
        Err(Error::BadRequest(words)) => return Err(missing(format!("{words}."))),
        Err(Error::NotFound(_) | Error::Didcomm(_)) => return Err(nowhere()),
        Err(error) => return Err(error.into()),
    };
    let method = document.method(id).ok_or_else(|| {
        let why = format!("ID {id} not found in document.");
        missing(format!("Failed to dereference DID URL: {why} {why}"))
    })?;
    let unsupported = || Refusal::bad(format!("Dereferenced method {} is not supported.", method.kind));
    method.verkey().ok_or_else(unsupported)
}
