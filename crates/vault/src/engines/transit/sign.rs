//! `sign`, `verify` and `hmac`.

use serde_json::{Map, Value, json};
use trustkeep_crypto::hash::Algorithm as Hash;
use trustkeep_crypto::hmac;
use zeroize::Zeroizing;

use super::Transit;
use super::batch::{Failures, Item, Items, Shape, answer};
use super::fault::Fault;
use super::key::Key;
use super::signature::{self, Options, hash_name};
use super::text::{self, Parts};
use crate::engines::{base64, tools};
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

impl Transit {
    pub(super) async fn sign(&self, request: &Request, name: &str, hash: &str) -> Result<Option<Response>> {
        let options = Options::of(request, hash)?;
        let version = request.int("key_version")?.unwrap_or_default();
        let key = self.signing_key(request, name, "signing key not found", "signing").await?;
        options.check_none()?;
        let items = Items::of(request, &[])?;
        let results = self.each(&key, request, &items, |item| {
            let input = input(item, &items, "missing input")?;
            let signed = signature::sign(&key, version, &options, context(item)?, &input)?;
            let mut fields = Map::new();
            fields.insert("signature".into(), signed.signature.into());
            fields.insert("key_version".into(), json!(signed.version));
            if let Some(public) = signed.public {
                let name = if items.is_batch { "publickey" } else { "public_key" };
                fields.insert(name.into(), base64::encode(public).into());
            }
            Ok(fields)
        });
        let shape =
            Shape { failures: Failures::StandInResults, beside_error: Some(("key_version", 0.into())) };
        answer(request, &items, results.await, shape).map(Some)
    }

    pub(super) async fn verify(&self, request: &Request, name: &str, hash: &str) -> Result<Option<Response>> {
        let items = Items::of(request, &[])?;
        if proof_of(&items)? == "hmac" {
            return self.verify_hmac(request, name, hash, &items).await;
        }
        let options = Options::of(request, hash)?;
        let key =
            self.signing_key(request, name, "signature verification key not found", "verification").await?;
        options.check_none()?;
        let results = self.each(&key, request, &items, |item| {
            let input = input(item, &items, "missing input")?;
            let valid = signature::verify(&key, &options, context(item)?, &input, item.text("signature"))?;
            Ok(valid_field(valid))
        });
        let shape = Shape { failures: Failures::StandInResults, beside_error: Some(("valid", false.into())) };
        answer(request, &items, results.await, shape).map(Some)
    }

    pub(super) async fn hmac(&self, request: &Request, name: &str, hash: &str) -> Result<Option<Response>> {
        let key = self.key(request, name).await?;
        let latest = key.settings.latest;
        let number = match request.int("key_version")?.unwrap_or_default() {
            0 => latest,
            asked if asked == i64::from(latest) => latest,
            asked if asked < 0 => {
                return Err(Error::invalid("key version does not exist (cannot be negative)"));
            }
            asked if asked > i64::from(latest) => {
                return Err(Error::invalid(format!(
                    "key version does not exist; latest key version is {latest}"
                )));
            }
            asked if asked < i64::from(key.settings.min_encryption) => {
                return Err(Error::invalid(
                    "cannot generate HMAC: version is too old (disallowed by policy)",
                ));
            }
            asked => u32::try_from(asked).map_err(Error::internal)?,
        };
        let algorithm = if hash.is_empty() { request.text("algorithm")? } else { Some(hash.to_owned()) };
        let algorithm = algorithm.unwrap_or_else(|| "sha2-256".to_owned());
        let unknown = || Error::invalid(format!("unsupported algorithm {algorithm:?}"));
        let algorithm = tools::algorithm(&algorithm).ok_or_else(unknown)?;
        let items = Items::of(request, &[])?;
        let results = self.each(&key, request, &items, |item| {
            if !item.has("input") {
                return Err(Fault::user("missing input for HMAC"));
            }
            let input = input(item, &items, "missing input for HMAC")?;
            let code = code(&key, number, algorithm, &input)?;
            let code = text::join(number, &base64::encode(code));
            Ok(Map::from_iter([("hmac".to_owned(), Value::from(code))]))
        });
        let shape = Shape { failures: Failures::StandInResults, beside_error: None };
        answer(request, &items, results.await, shape).map(Some)
    }

    async fn verify_hmac(
        &self,
        request: &Request,
        name: &str,
        hash: &str,
        items: &Items<'_>,
    ) -> Result<Option<Response>> {
        let algorithm = hash_name(request, hash, "hash_algorithm")?;
        let key = self.key(request, name).await?;
        let unknown = || Error::invalid(format!("invalid hash algorithm {algorithm:?}"));
        let algorithm = tools::algorithm(&algorithm).ok_or_else(unknown)?;
        let results = self.each(&key, request, items, |item| {
            let input = input(item, items, "missing input")?;
            let parts = parts_of_code(item.text("hmac"))?;
            let given = base64::decode(parts.payload).map_err(|illegal| {
                Fault::user(format!("unable to decode verification HMAC as base64: {illegal}"))
            })?;
            let number = key.version_of(parts.version, "HMAC").map_err(|fault| match fault {
                Fault::User(message) if message.contains("too old") => {
                    Fault::user("cannot verify HMAC: version is too old (disallowed by policy)")
                }
                other => other,
            })?;
            let code = code(&key, number, algorithm, &input)?;
            Ok(valid_field(trustkeep_crypto::SecretBytes::copy_of(&code).ct_eq(&given)))
        });
        let shape = Shape { failures: Failures::StandInResults, beside_error: Some(("valid", false.into())) };
        answer(request, items, results.await, shape).map(Some)
    }

    async fn signing_key(
        &self,
        request: &Request,
        name: &str,
        missing: &str,
        purpose: &str,
    ) -> Result<std::sync::Arc<Key>> {
        let key = self.keys.find(name, request.now).await?.ok_or_else(|| Error::invalid(missing))?;
        let kind = key.settings.kind;
        if !kind.signs() {
            return Err(Error::invalid(format!("key type {} does not support {purpose}", kind.name())));
        }
        Ok(key)
    }
}

/// Which of `signature` and `hmac` the items are to be verified with: all with the same.
fn proof_of(items: &Items<'_>) -> Result<&'static str> {
    let with = |name: &str| items.items.iter().filter(|item| item.has(name)).count();
    let either = items.items.iter().filter(|item| item.has("signature") || item.has("hmac")).count();
    let (signatures, codes) = (with("signature"), with("hmac"));
    let missing = either != items.items.len();
    Err(Error::invalid(match (signatures > 0, codes > 0) {
        (true, true) if !items.is_batch => "provide one of 'signature' or 'hmac'",
        (false, false) if !items.is_batch => "neither a 'signature' nor an 'hmac' were given to verify",
        (true, true) => "elements of batch_input must all provide 'signature' or all provide 'hmac'",
        (true, false) if missing => "some elements of batch_input are missing 'signature'",
        (false, true) if missing => "some elements of batch_input are missing 'hmac'",
        (false, false) => "no batch_input elements have 'signature' or 'hmac'",
        (true, false) => return Ok("signature"),
        (false, true) => return Ok("hmac"),
    }))
}

/// The bytes of an item. One that came alone may be empty.
fn input(
    item: &Item<'_>,
    items: &Items<'_>,
    missing: &'static str,
) -> std::result::Result<Zeroizing<Vec<u8>>, Fault> {
    if items.is_batch && !item.has("input") {
        return Err(Fault::user(missing));
    }
    base64::decode(item.text("input"))
        .map_err(|illegal| Fault::user(format!("unable to decode input as base64: {illegal}")))
}

fn context<'a>(item: &Item<'a>) -> std::result::Result<&'a str, Fault> {
    let context = item.text("context");
    base64::decode(context).map_err(|_| Fault::user("failed to base64-decode context"))?;
    Ok(context)
}

fn valid_field(valid: bool) -> Map<String, Value> {
    Map::from_iter([("valid".to_owned(), valid.into())])
}

fn parts_of_code(text: &str) -> std::result::Result<Parts<'_>, Fault> {
    Parts::of(text, "HMAC").map_err(|fault| match fault {
        Fault::User(message) if message.ends_with("no prefix") => {
            Fault::user("invalid HMAC to verify: no prefix")
        }
        other => other,
    })
}

/// The code of bytes under a version's key for codes.
fn code(key: &Key, number: u32, algorithm: Hash, input: &[u8]) -> std::result::Result<Vec<u8>, Fault> {
    let secret = &key.version(number)?.hmac;
    if secret.is_empty() {
        return Err(Fault::user("no HMAC key exists for that key version"));
    }
    let provided = match algorithm {
        Hash::Sha1 => hmac::Algorithm::Sha1,
        Hash::Sha224 => hmac::Algorithm::Sha224,
        Hash::Sha256 => hmac::Algorithm::Sha256,
        Hash::Sha384 => hmac::Algorithm::Sha384,
        Hash::Sha512 => hmac::Algorithm::Sha512,
        other => {
            let code = hmac::sha3(other, secret.expose(), input);
            return code.ok_or_else(|| Fault::internal("HMAC key value could not be computed"));
        }
    };
    Ok(hmac::Key::new(provided, secret.expose()).sign(input).as_ref().to_vec())
}
