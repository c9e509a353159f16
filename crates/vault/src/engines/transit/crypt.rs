//! `encrypt`, `decrypt`, `rewrap` and `datakey`.

use serde_json::{Map, Value, json};
use trustkeep_crypto::SecretBytes;

use super::Transit;
use super::batch::{Failures, Item, Items, Shape, answer};
use super::cipher::{self, Extras};
use super::fault::Fault;
use super::key::{Key, Settings};
use super::kind::Kind;
use crate::engines::base64;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

impl Transit {
    pub(super) async fn encrypt(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let items = Items::of(request, &[("plaintext", "missing plaintext to encrypt")])?;
        if !items.is_batch && request.text("plaintext")?.is_none() {
            return Err(Error::invalid("missing plaintext to encrypt"));
        }
        let with_context = items.same_context()?;
        let (key, already_there) = self.key_or_new(request, name, with_context).await?;
        let results = self.each(&key, request, &items, |item| {
            let plaintext = base64::decode(item.text("plaintext"));
            let plaintext = plaintext.map_err(|illegal| Fault::user(illegal.to_string()))?;
            check_context(item)?;
            let sealed = cipher::encrypt(&key, item.key_version(), item.extras(), &plaintext, self.random());
            sealed.map(|(ciphertext, version)| sealed_fields(ciphertext, version))
        });
        let response = answer(
            request,
            &items,
            results.await,
            Shape { failures: Failures::SetTheStatus, beside_error: None },
        )?;
        Ok(Some(if already_there {
            response.warn(
                "Attempted creation of the key during the encrypt operation, but it was created beforehand",
            )
        } else {
            response
        }))
    }

    pub(super) async fn decrypt(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let items = Items::of(request, &[("ciphertext", "missing ciphertext to decrypt")])?;
        items.same_context()?;
        missing_ciphertext(&items)?;
        let key = self.key(request, name).await?;
        let results = self.each(&key, request, &items, |item| {
            let plaintext = decrypt_item(&key, item)?;
            Ok(Map::from_iter([("plaintext".to_owned(), base64::encode(plaintext.expose()).into())]))
        });
        let shape = Shape { failures: Failures::SetTheStatus, beside_error: Some(("plaintext", "".into())) };
        answer(request, &items, results.await, shape).map(Some)
    }

    pub(super) async fn rewrap(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let items = Items::of(request, &[])?;
        items.same_context()?;
        missing_ciphertext(&items)?;
        let key = self.key(request, name).await?;
        let results = self.each(&key, request, &items, |item| {
            let plaintext = decrypt_item(&key, item)?;
            let extras = Extras { nonce: "", ..item.extras() };
            let sealed = cipher::encrypt(&key, item.key_version(), extras, plaintext.expose(), self.random());
            sealed.map(|(ciphertext, version)| sealed_fields(ciphertext, version))
        });
        answer(
            request,
            &items,
            results.await,
            Shape { failures: Failures::StandInResults, beside_error: None },
        )
        .map(Some)
    }

    pub(super) async fn data_key(
        &self,
        request: &Request,
        form: &str,
        name: &str,
    ) -> Result<Option<Response>> {
        if form != "plaintext" && form != "wrapped" {
            return Err(Error::invalid("Invalid path, must be 'plaintext' or 'wrapped'"));
        }
        let item = Item::of(&request.data);
        if base64::decode(item.text("context")).is_err() {
            return Err(Error::invalid("failed to base64-decode context"));
        }
        let key = self.key(request, name).await?;
        let len = match request.int("bits")?.unwrap_or(256) {
            128 => 16,
            256 => 32,
            512 => 64,
            _ => return Err(Error::invalid("invalid bit length")),
        };
        let data_key = SecretBytes::random(self.random(), len);
        let version = request.int("key_version")?.unwrap_or_default();
        let sealed = cipher::encrypt(&key, version, item.extras(), data_key.expose(), self.random());
        let (ciphertext, version) = sealed?;
        let mut fields = sealed_fields(ciphertext, version);
        if form == "plaintext" {
            fields.insert("plaintext".into(), base64::encode(data_key.expose()).into());
        }
        Ok(Some(Response::data(fields)))
    }

    /// The key to encrypt with, made where it is missing and the caller may create it; and whether it was to be
    /// made but is there.
    async fn key_or_new(
        &self,
        request: &Request,
        name: &str,
        with_context: bool,
    ) -> Result<(std::sync::Arc<Key>, bool)> {
        let asked = request.operation == Operation::Create;
        let may_create = asked || request.token.as_ref().is_some_and(|token| token.is_root());
        let found = self.keys.find(name, request.now).await?;
        if let Some(key) = found.filter(|_| !asked) {
            return Ok((key, false));
        }
        if !may_create {
            return Err(not_found());
        }
        let convergent = request.bool("convergent_encryption")?.unwrap_or(false);
        if convergent && !with_context {
            return Err(Error::invalid(
                "convergent encryption requires derivation to be enabled, so context is required",
            ));
        }
        let kind = request.text("type")?.unwrap_or_else(|| Kind::Aes256Gcm96.name().to_owned());
        let kind = match Kind::of(&kind) {
            Some(known) if known.cipher().is_some() => known,
            Some(known) if known.curve().is_some_and(|_| known != Kind::Ed25519) => {
                return Err(Error::invalid(format!("key type {kind} not supported for this operation")));
            }
            _ => return Err(Error::invalid(format!("unknown key type {kind}"))),
        };
        if self.upsert_is_disabled().await? {
            return self.keys.find(name, request.now).await?.map(|key| (key, true)).ok_or_else(not_found);
        }
        let settings = Settings { derived: with_context, convergent, ..Settings::new(name, kind) };
        let (key, is_new) = self.create(settings, request.now).await?;
        Ok((key, !is_new))
    }
}

pub(super) fn not_found() -> Error {
    Error::invalid("encryption key not found")
}

fn decrypt_item(key: &Key, item: &Item<'_>) -> std::result::Result<SecretBytes, Fault> {
    let ciphertext = item.text("ciphertext");
    if ciphertext.is_empty() {
        return Err(Fault::user("missing ciphertext to decrypt"));
    }
    check_context(item)?;
    cipher::decrypt(key, item.extras(), ciphertext)
}

fn missing_ciphertext(items: &Items<'_>) -> Result<()> {
    let empty = |item: &Item<'_>| item.text("ciphertext").is_empty();
    if !items.is_batch && items.items.iter().any(empty) {
        return Err(Error::invalid("missing ciphertext to decrypt"));
    }
    Ok(())
}

/// A context must be base64 even where the key does not ask for one.
fn check_context(item: &Item<'_>) -> std::result::Result<(), Fault> {
    match item.text("context") {
        "" => Ok(()),
        context => base64::decode(context).map(|_| ()).map_err(|illegal| Fault::user(illegal.to_string())),
    }
}

fn sealed_fields(ciphertext: String, version: u32) -> Map<String, Value> {
    Map::from_iter([
        ("ciphertext".to_owned(), Value::from(ciphertext)),
        ("key_version".to_owned(), json!(version)),
    ])
}
