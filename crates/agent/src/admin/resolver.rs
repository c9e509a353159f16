//! From a DID to its document.

use http::StatusCode;
use serde_json::{Value, json};
use trustkeep_didcomm::Did;

use super::call::{Call, Generation};
use super::check::Check;
use super::field::{Field, Kind, Shape};
use super::refusal::Refusal;
use super::route::Route;
use crate::{Error, Work, resolve};

pub(super) const ROUTES: &[Route] =
    &[Route::get("/resolver/resolve/{did}", |work, call| Box::pin(document(work, call)))
        .about("resolver", "Retrieve doc for requested did")
        .gives(&Shape {
            name: "ResolutionResult",
            fields: &[
                Field::new("did_document", Kind::Map, "DID Document"),
                Field::new("metadata", Kind::Map, "Resolution metadata"),
                Field::new("document_metadata", Kind::Map, "Document metadata"),
            ],
        })];

async fn document(work: &mut Work, call: &Call) -> Result<Value, Refusal> {
    let did = call.checked_id("did", Check::W3cDid)?;
    let clock = work.agent().clock().clone();
    let began = clock.monotonic();
    let not_found = || Refusal::Plain(StatusCode::NOT_FOUND, format!("DID {did} could not be resolved."));
    // The older one writes it so.
    let verb = if call.generation == Generation::Old { "supprting" } else { "supporting" };
    let unsupported = || {
        let why = format!("No resolver {verb} DID \"{did}\" loaded.");
        Refusal::Plain(StatusCode::NOT_IMPLEMENTED, why)
    };
    let resolver = match Did::parse(did) {
        Ok(Did::Key(_)) => "KeyDIDResolver",
        Ok(Did::Web(_)) => "WebDIDResolver",
        Ok(Did::Peer(_)) => "PeerDIDResolver",
        Err(_) if did.starts_with("did:key:") || did.starts_with("did:web:") => return Err(not_found()),
        Ok(_) | Err(_) => "",
    };
    let document = match resolve(work, did).await {
        Ok(document) => document,
        // Which methods can be resolved is the agent's business: this is how it says that one cannot.
        Err(Error::BadRequest(_)) => return Err(unsupported()),
        Err(Error::Didcomm(_)) if resolver.is_empty() => return Err(unsupported()),
        Err(Error::Didcomm(_) | Error::NotFound(_)) => return Err(not_found()),
        Err(error) => return Err(error.into()),
    };
    let spent = clock.monotonic().saturating_sub(began);
    Ok(json!({
        "did_document": document,
        "metadata": {
            "resolver_type": "native",
            "resolver": resolver,
            "retrieved_time": format!("{:.0}", work.now()),
            "duration": u64::try_from(spent.as_millis()).unwrap_or(u64::MAX),
        },
        "document_metadata": {},
    }))
}
