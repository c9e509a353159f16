//! The wallet's keys by the names that controllers give them.

use std::sync::Arc;

use serde_json::{Value, json};
use trustkeep_didcomm::{Keypair, PublicKey, Verkey};
use trustkeep_wallet::{Record, StoredKey, Tag};

use super::call::Call;
use super::field::{Field, Shape};
use super::refusal::Refusal;
use super::route::Route;
use crate::Work;
use crate::protocols::static_connections::seed_bytes;

type Answer = Result<Value, Refusal>;

/// The category of records that make names unique, and changes of one key follow one another.
const NAMES: &str = "trustkeep_key_name";
/// The tag of a key that holds a name of it, as ACA-Py has it.
const NAME: &str = "kid";
/// The only algorithm that keys are made of here.
const ED25519: &str = "ed25519";
/// Names of one key.
const NAMES_MAX: usize = 100;

const KID: &str = "The associated kid";
const RESULT: Shape = Shape {
    name: "KeyResult",
    fields: &[
        Field::text("multikey", "The Public Key Multibase format (multikey)"),
        Field::text("kid", KID).nullable(),
    ],
};

pub(super) const ROUTES: &[Route] = &[
    Route::post("/wallet/keys", |work, call| Box::pin(create(work, call)))
        .about("wallet", "Create a key pair")
        .body(&Shape {
            name: "CreateKeyRequest",
            fields: &[
                Field::text("alg", "Which key algorithm to use: ed25519"),
                Field::text("seed", "Seed of the key pair; only with --wallet-allow-insecure-seed"),
                Field::text("kid", "Name of the key pair, such as a verificationMethod"),
            ],
        })
        .gives(&RESULT)
        .created()
        .new_in_one(),
    Route::new("PUT", "/wallet/keys", |work, call| Box::pin(update(work, call)))
        .about("wallet", "Update a key pair's kid")
        .body(&Shape {
            name: "UpdateKeyRequest",
            fields: &[
                Field::text("multikey", "Multikey of the key pair to update").required(),
                Field::text("kid", "New kid to bind to the key pair, such as a verificationMethod")
                    .required(),
            ],
        })
        .gives(&RESULT)
        .new_in_one(),
    Route::get("/wallet/keys/{multikey}", |work, call| Box::pin(show(work, call)))
        .about("wallet", "Fetch key info.")
        .gives(&RESULT)
        .new_in_one(),
];

async fn create(work: &mut Work, call: &Call) -> Answer {
    let algorithm = call.text("alg").unwrap_or(ED25519);
    if algorithm != ED25519 {
        return Err(Refusal::Message(format!("Unknown key algorithm, use one of ['{ED25519}'].")));
    }
    let keypair = match call.text("seed") {
        None => Keypair::generate(work.agent().random())?,
        Some(_) if !call.admin.0.settings.allow_insecure_seed => {
            return Err(Refusal::Message("Seed support is not enabled.".to_owned()));
        }
        Some(seed) => Keypair::from_seed(&seed_bytes(seed)?)?,
    };
    let (keypair, kid) = (Arc::new(keypair), call.text("kid"));
    let verkey = keypair.verkey();
    if let Some(kid) = kid {
        if work.get(NAMES, &of_name(kid)).await?.is_some() {
            return Err(Refusal::Message(format!("kid '{kid}' already exists in wallet.")));
        }
        work.put(Record::new(NAMES, of_name(kid), verkey.to_string()));
    }
    if work.agent().wallet().key(&verkey.to_string()).await?.is_some() {
        return Err(Refusal::Message("Verification key already present in wallet".to_owned()));
    }
    let tags = kid.map(|kid| tag(NAME, kid)).into_iter().collect();
    work.put_tagged_key(&keypair, with_multikey(tags, verkey));
    Ok(json!({"kid": kid, "multikey": multikey(verkey)}))
}

async fn update(work: &mut Work, call: &Call) -> Answer {
    let (given, kid) = (call.text("multikey").unwrap_or_default(), call.text("kid").unwrap_or_default());
    bind(work, &read(given)?, kid).await?;
    Ok(json!({"kid": kid, "multikey": given}))
}

async fn show(work: &mut Work, call: &Call) -> Answer {
    let verkey = read(call.id())?;
    let stored = work.agent().wallet().key(&verkey.to_string()).await?;
    let stored = stored.ok_or_else(|| Refusal::Message(format!("Unknown key: {verkey}")))?;
    let names: Vec<&str> = names(&stored).collect();
    let kid = match names.as_slice() {
        [only] => Value::from(*only),
        all => all.into(),
    };
    Ok(json!({"kid": kid, "multikey": multikey(verkey)}))
}

/// The key that was given a name.
pub(super) async fn named(work: &mut Work, kid: &str) -> Result<Option<Verkey>, Refusal> {
    let Some(record) = work.get(NAMES, &of_name(kid)).await? else { return Ok(None) };
    Ok(String::from_utf8(record.value).ok().and_then(|verkey| verkey.parse().ok()))
}

/// Gives a key one more name.
///
/// # Errors
/// 400 if the wallet does not hold the key, or it has too many names.
pub(super) async fn bind(work: &mut Work, verkey: &Verkey, kid: &str) -> Result<(), Refusal> {
    let stored = work.agent().wallet().key(&verkey.to_string()).await?;
    let missing = || Refusal::Message(format!("No key entry found for verkey {verkey}"));
    let mut stored = stored.ok_or_else(missing)?;
    // Two names that are given at one time must not take one another's place.
    let place = format!("key:{verkey}");
    work.get(NAMES, &place).await?;
    work.put(Record::new(NAMES, place, kid));
    work.get(NAMES, &of_name(kid)).await?;
    work.put(Record::new(NAMES, of_name(kid), verkey.to_string()));
    if !names(&stored).any(|known| known == kid) {
        if names(&stored).count() >= NAMES_MAX {
            return Err(Refusal::Message(format!("A key has at most {NAMES_MAX} names")));
        }
        stored.tags.push(tag(NAME, kid));
    }
    work.replace_key(stored);
    Ok(())
}

fn read(given: &str) -> Result<Verkey, Refusal> {
    match PublicKey::from_multibase(given) {
        Ok(PublicKey::Ed25519(verkey)) => Ok(verkey),
        _ => Err(Refusal::Message(format!("Unsupported key algorithm for multikey {given}."))),
    }
}

fn multikey(verkey: Verkey) -> String {
    PublicKey::from(verkey).to_multibase()
}

fn with_multikey(mut tags: Vec<Tag>, verkey: Verkey) -> Vec<Tag> {
    tags.push(tag("multikey", &multikey(verkey)));
    tags
}

fn names(stored: &StoredKey) -> impl Iterator<Item = &str> {
    stored.tags.iter().filter(|tag| tag.name == NAME).map(|tag| tag.value.as_str())
}

fn tag(name: &str, value: &str) -> Tag {
    Tag { name: name.to_owned(), value: value.to_owned(), is_plain: false }
}

fn of_name(kid: &str) -> String {
    format!("kid:{kid}")
}
