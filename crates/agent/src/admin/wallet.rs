//! The wallet's DIDs.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use trustkeep_didcomm::{DidKey, Keypair, Nym, PublicKey};
use trustkeep_wallet::{Query, Record};

use super::call::{Call, Generation};
use super::check::Check;
use super::field::{Field, Kind, Shape};
use super::refusal::Refusal;
use super::route::Route;
use super::scan::{Page, scan};
use crate::did::CATEGORY;
use crate::protocols::static_connections::seed_bytes;
use crate::route::Wanted;
use crate::{LocalDid, Result, Work};

type Answer = std::result::Result<Value, Refusal>;

const ED25519: &str = "ed25519";
const PEER_TWO: &str = "did:peer:2";
const PEER_FOUR: &str = "did:peer:4";
const POSTURES: Check = Check::Among(&["public", "posted", "wallet_only"]);
const KEY_TYPES: Check = Check::OneOf(&[ED25519, "bls12381g2", "p256"]);
const ENDPOINT_TYPES: Check = Check::Among(&["Endpoint", "Profile", "LinkedDomains"]);

const DID: Shape = Shape {
    name: "DID",
    fields: &[
        Field::checked("did", Check::Did, "DID of interest"),
        Field::checked("verkey", Check::RawKey, "Public verification key"),
        Field::checked(
            "posture",
            POSTURES,
            "Whether DID is current public DID, posted, or in the wallet only",
        ),
        Field::checked("key_type", KEY_TYPES, "Key type associated with the DID"),
        Field::text("method", "Did method associated with the DID"),
        Field::new("metadata", Kind::Map, "What was noted of it"),
    ],
};
const RESULT: Shape =
    Shape { name: "DIDResult", fields: &[Field::new("result", Kind::Object(&DID), "The DID")] };
const OF_DID: Field = Field::checked("did", Check::Did, "DID of interest").required();

pub(super) const ROUTES: &[Route] = &[
    Route::get("/wallet/did", |work, call| Box::pin(list(work, call)))
        .about("wallet", "List wallet DIDs")
        .query(&[
            Field::checked("did", Check::Did, "DID of interest"),
            Field::checked("key_type", KEY_TYPES, "Key type to query for"),
            Field::text("method", "DID method to query for"),
            Field::checked("posture", POSTURES, "Whether the DID is public, posted, or in the wallet only"),
            Field::checked("verkey", Check::RawKey, "Verification key of interest"),
        ])
        .gives(&Shape {
            name: "DIDList",
            fields: &[Field::new("results", Kind::List(&Kind::Object(&DID)), "DIDs")],
        }),
    Route::post("/wallet/did/create", |work, call| Box::pin(create(work, call)))
        .about("wallet", "Create a local DID")
        .body(&Shape {
            name: "DIDCreate",
            fields: &[
                Field::text("method", "sov (default), key, web, did:peer:2 or did:peer:4"),
                Field::new(
                    "options",
                    Kind::Object(&Shape {
                        name: "DIDCreateOptions",
                        fields: &[
                            Field::checked("key_type", KEY_TYPES, "Key type to use for the DID").required(),
                            Field::checked("did", Check::Did, "The DID, of a method that lets one choose it")
                                .new_in_one(),
                        ],
                    }),
                    "The key type, and the DID where the method needs it",
                ),
                Field::text("seed", "Seed of the DID; only with --wallet-allow-insecure-seed").new_in_one(),
            ],
        })
        .gives(&RESULT),
    Route::get("/wallet/did/public", |work, _| Box::pin(public(work)))
        .about("wallet", "Fetch the current public DID")
        .gives(&RESULT),
    Route::post("/wallet/did/public", |work, call| Box::pin(set_public(work, call)))
        .about("wallet", "Assign the current public DID")
        .query(&[
            OF_DID,
            Field::text("conn_id", "Connection identifier"),
            Field::flag("create_transaction_for_endorser", "Create Transaction For Endorser's signature"),
            Field::checked("mediation_id", Check::Uuid, "Identifier for active mediation record to be used"),
        ])
        .gives(&RESULT),
    Route::post("/wallet/set-did-endpoint", |work, call| Box::pin(set_endpoint(work, call)))
        .about("wallet", "Update endpoint in wallet and on ledger if posted to it")
        .body(&Shape {
            name: "DIDEndpointWithType",
            fields: &[
                Field::checked("did", Check::Did, "DID of interest").required(),
                Field::checked("endpoint", Check::Endpoint, "Endpoint to set (omit to delete)"),
                Field::checked("endpoint_type", ENDPOINT_TYPES, "Endpoint type to set (default 'Endpoint')"),
                Field::text("mediation_id", "Mediation ID to use for endpoint information.").new_in_one(),
            ],
        }),
    Route::get("/wallet/get-did-endpoint", |work, call| Box::pin(get_endpoint(work, call)))
        .about("wallet", "Query DID endpoint in wallet")
        .query(&[OF_DID])
        .gives(&Shape {
            name: "DIDEndpoint",
            fields: &[
                Field::checked("did", Check::Did, "DID of interest"),
                Field::text("endpoint", "Its endpoint").nullable(),
            ],
        }),
    Route::new("PATCH", "/wallet/did/local/rotate-keypair", |work, call| Box::pin(rotate(work, call)))
        .about("wallet", "Rotate keypair for a DID not posted to the ledger")
        .query(&[OF_DID]),
];

async fn list(work: &mut Work, call: &Call) -> Answer {
    let public = LocalDid::public(work).await?.map(|public| public.did);
    let wanted = |record: &Record| -> Result<Option<Value>> {
        let did = LocalDid::read(record)?;
        let view = view(&did, public.as_deref());
        let is = |name: &str| {
            call.asked(name).is_none_or(|asked| view.get(name).and_then(Value::as_str) == Some(asked))
        };
        let is_it = call.asked("did").is_none_or(|asked| bare(asked) == bare(&did.did));
        let fits = is_it && ["verkey", "posture", "method", "key_type"].into_iter().all(is);
        Ok(fits.then_some(view))
    };
    let query = match call.asked("verkey") {
        Some(verkey) => Query::tagged(CATEGORY, "verkey", verkey),
        None => Query::all(CATEGORY),
    };
    // No version has pages here.
    let mut results = scan(work.agent().wallet(), query, Page::ALL, wanted).await?;
    results.sort_by_cached_key(|view| {
        let member = |name: &str| view.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let rank = match member("posture").as_str() {
            "public" => 0,
            "posted" => 1,
            _ => 2,
        };
        (rank, member("did"))
    });
    Ok(json!({ "results": results }))
}

async fn create(work: &mut Work, call: &Call) -> Answer {
    let options = call.map("options");
    let option = |name: &str| options.get(name).and_then(Value::as_str);
    let method = call.text("method").unwrap_or("sov");
    let is_known = matches!(method, "sov" | "key" | "web" | PEER_TWO | PEER_FOUR);
    if !is_known && call.generation == Generation::Old {
        let words = Check::OneOf(&["key", "sov"]).words(method);
        let problems = super::validate::Problems::from_iter([("method".to_owned(), json!([words]))]);
        return Err(Refusal::Fields { place: "json", problems });
    }
    if !is_known {
        return Err(Refusal::forbidden(format!("method {method} is not supported by the agent.")));
    }
    let key_type = option("key_type").unwrap_or(ED25519);
    if key_type != ED25519 {
        return Err(Refusal::forbidden(format!("method {method} does not support key type {key_type}")));
    }
    let chosen = option("did");
    match (method, chosen) {
        ("web", None) => return Err(Refusal::bad("method web requires a user-defined DIDs")),
        ("web" | "sov", _) | (_, None) => {}
        _ => return Err(Refusal::forbidden(format!("method {method} does not support user-defined DIDs"))),
    }
    if method == PEER_TWO || method == PEER_FOUR {
        return create_peer(work, method).await;
    }
    let keypair = keypair(work, call)?;
    let verkey = keypair.verkey();
    let name = match (method, chosen) {
        ("key", _) => DidKey::new(PublicKey::from(verkey)).to_string(),
        (_, Some(chosen)) => bare(chosen).to_owned(),
        (_, None) => Nym::of(&verkey).to_string(),
    };
    if method == "web" && !name.starts_with("did:web:") {
        return Err(Refusal::bad(format!("{name} is no DID of method web")));
    }
    let did = match LocalDid::get(work, &name).await {
        Ok(held) if held.verkey == verkey.to_string() => held,
        Ok(_) => return Err(Refusal::bad("DID already present in wallet.")),
        Err(crate::Error::NotFound(_)) => LocalDid::of_key(work, name, method, &verkey),
        Err(error) => return Err(error.into()),
    };
    Ok(json!({"result": view(&did, None)}))
}

/// A DID that holds where we are reached.
async fn create_peer(work: &mut Work, method: &str) -> Answer {
    let route = crate::route::Route::find(work, Wanted::default()).await?;
    let endpoints = route.endpoints();
    let did = if method == PEER_TWO {
        LocalDid::create_peer_two(work, &endpoints, &route.routing_keys)?
    } else {
        LocalDid::create_peer_four(work, &endpoints, &route.routing_keys)?
    };
    Ok(json!({"result": view(&did, None)}))
}

async fn public(work: &mut Work) -> Answer {
    let public = LocalDid::public(work).await?;
    Ok(json!({"result": public.map(|public| view(&public, Some(&public.did)))}))
}

async fn set_public(work: &mut Work, call: &Call) -> Answer {
    let did = call.asked("did").unwrap_or_default();
    if Check::IndyDid.holds(did) {
        return Err(Refusal::forbidden("No ledger available"));
    }
    let did = LocalDid::get(work, did).await?.make_public(work).await?;
    Ok(json!({"result": view(&did, Some(&did.did))}))
}

async fn set_endpoint(work: &mut Work, call: &Call) -> Answer {
    let name = call.text("did").unwrap_or_default();
    let mut did = LocalDid::get(work, bare(name)).await?;
    if did.method != "sov" {
        return Err(Refusal::bad("Setting DID endpoint is only allowed for did:sov or did:indy DIDs."));
    }
    if did.is_posted() {
        let why = format!("No ledger available but DID {name} is public: missing wallet-type?.");
        return Err(Refusal::forbidden(why));
    }
    if let None | Some("Endpoint") = call.text("endpoint_type") {
        match call.text("endpoint") {
            Some(endpoint) => did.metadata.insert("endpoint".to_owned(), endpoint.into()),
            None => did.metadata.remove("endpoint"),
        };
        did.save(work);
    }
    Ok(json!({}))
}

async fn get_endpoint(work: &mut Work, call: &Call) -> Answer {
    let name = call.asked("did").unwrap_or_default();
    let did = LocalDid::get(work, bare(name)).await?;
    Ok(json!({"did": name, "endpoint": did.metadata.get("endpoint")}))
}

async fn rotate(work: &mut Work, call: &Call) -> Answer {
    let name = call.asked("did").unwrap_or_default();
    let mut did = LocalDid::get(work, bare(name)).await?;
    if did.is_posted() {
        return Err(Refusal::bad(format!("DID {name} is posted to the ledger")));
    }
    if did.method != "sov" {
        return Err(Refusal::bad(format!("DID method '{}' does not support key rotation.", did.method)));
    }
    did.verkey = work.new_key()?.verkey().to_string();
    did.save(work);
    work.agent().known().forget();
    Ok(json!({}))
}

fn keypair(work: &mut Work, call: &Call) -> std::result::Result<Arc<Keypair>, Refusal> {
    let Some(seed) = call.text("seed") else { return Ok(work.new_key()?) };
    if !call.admin.0.settings.allow_insecure_seed {
        return Err(Refusal::Plain(StatusCode::BAD_REQUEST, "Seed support is not enabled".to_owned()));
    }
    let keypair = Arc::new(Keypair::from_seed(&seed_bytes(seed)?)?);
    work.put_key(&keypair);
    Ok(keypair)
}

/// As the API shows a DID; `public` is the name of the public one.
fn view(did: &LocalDid, public: Option<&str>) -> Value {
    let posture = match public {
        Some(public) if public == did.did => "public",
        _ if did.is_posted() => "posted",
        _ => "wallet_only",
    };
    json!({
        "did": did.did,
        "verkey": did.verkey,
        "posture": posture,
        "key_type": did.key_type,
        "method": did.method,
        "metadata": did.metadata,
    })
}

/// As the wallet names it.
fn bare(did: &str) -> &str {
    did.strip_prefix("did:sov:").unwrap_or(did)
}
