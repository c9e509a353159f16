//! Seals, recovery, migration and break-glass over a key management service that can be told to fail.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trustkeep_chassis::clock::{ManualClock, Timestamp};
use trustkeep_crypto::Key256;
use trustkeep_crypto::kms::{Error as KmsError, Memory};
use trustkeep_crypto::random::SystemRandom;
use trustkeep_store::{MemoryStore, SharedStore};

use crate::core::seal::{AutoSeal, Seal, Seals};
use crate::core::{Core, CoreSettings, InitRequest, Initialized, UnsealPart, entry_table};
use crate::request::{Operation, Request};
use crate::{Error, Result};

/// A store that outlives the processes, and two services.
struct World {
    store: SharedStore,
    clock: Arc<ManualClock>,
    one: Arc<Memory>,
    two: Arc<Memory>,
}

impl World {
    async fn new() -> Self {
        let store: SharedStore = Arc::new(MemoryStore::new());
        store.create_tables(&[entry_table().unwrap()]).await.unwrap();
        let kms = |name: &str| Arc::new(Memory::new(name, &Key256::random(&SystemRandom)).unwrap());
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_000_000).unwrap()));
        World { store, clock, one: kms("one"), two: kms("two") }
    }

    /// A process with a configuration.
    fn start(&self, in_force: Seal, disabled: Option<AutoSeal>) -> Arc<Core> {
        let settings = CoreSettings::default();
        let core = Core::new(self.store.clone(), settings, Arc::new(SystemRandom), self.clock.clone());
        Arc::new(core.unwrap().with_seals(Seals { in_force, disabled }))
    }

    fn one(&self) -> AutoSeal {
        AutoSeal::new("awskms", self.one.clone())
    }

    fn two(&self) -> AutoSeal {
        AutoSeal::new("transit", self.two.clone())
    }

    /// An open vault sealed by the first service, and what its operators hold.
    async fn auto_sealed(&self, break_glass: (i64, i64)) -> (Arc<Core>, Initialized) {
        let core = self.start(Seal::Auto(self.one()), None);
        let made = core
            .initialize(InitRequest {
                recovery_shares: 3,
                recovery_threshold: 2,
                break_glass_shares: break_glass.0,
                break_glass_threshold: break_glass.1,
                ..Default::default()
            })
            .await
            .unwrap();
        assert!(!core.is_sealed());
        ask(&core, &made.root_token, Operation::Update, "cubbyhole/a", json!({ "b": 1 })).await.unwrap();
        (core, made)
    }
}

async fn ask(core: &Arc<Core>, token: &str, operation: Operation, path: &str, data: Value) -> Result<Value> {
    let data = data.as_object().cloned().unwrap_or_default();
    let mut request = Request::internal(operation, path, data, token);
    if token.is_empty() {
        request.client_token = None;
    }
    let response = core.handle(request).await?;
    Ok(match response {
        None => Value::Null,
        Some(response) => match (response.raw, response.data) {
            (Some(raw), _) => serde_json::from_slice(&raw.body).unwrap(),
            (None, data) => serde_json::to_value(data).unwrap(),
        },
    })
}

async fn is_there(core: &Arc<Core>, token: &str) {
    let read = ask(core, token, Operation::Read, "cubbyhole/a", json!({})).await.unwrap();
    assert_eq!(read["b"], 1);
}

fn texts(shares: &[trustkeep_crypto::SecretBytes]) -> Vec<String> {
    shares.iter().map(|share| share.to_base64().expose().to_owned()).collect()
}

fn texts_of(answer: &Value) -> Vec<String> {
    answer.as_array().unwrap().iter().map(|share| share.as_str().unwrap().to_owned()).collect()
}

async fn unseal(core: &Core, keys: &[String], migrate: bool, break_glass: bool) -> Result<()> {
    for key in keys {
        core.unseal_with(UnsealPart { key, migrate, break_glass }).await?;
    }
    Ok(())
}

/// Gives shares to a ceremony; the last answer.
async fn give(core: &Arc<Core>, path: &str, nonce: &Value, keys: &[String]) -> Result<Value> {
    let mut last = Value::Null;
    for key in keys {
        last = ask(core, "", Operation::Update, path, json!({ "key": key, "nonce": nonce })).await?;
    }
    Ok(last)
}

fn down() -> Option<KmsError> {
    Some(KmsError::Unavailable { detail: "down".into() })
}

#[tokio::test]
async fn a_service_that_is_down_keeps_it_sealed_and_nothing_more() {
    let world = World::new().await;
    let (core, made) = world.auto_sealed((0, 0)).await;
    world.one.fail_with(down());
    is_there(&core, &made.root_token).await;
    let core = world.start(Seal::Auto(world.one()), None);
    assert_eq!(core.unseal_by_service().await.unwrap_err().status(), 503);
    assert!(core.is_sealed());
    world.one.fail_with(None);
    assert!(core.unseal_by_service().await.unwrap());
    is_there(&core, &made.root_token).await;
    // Initialisation against one that refuses leaves nothing.
    let world = World::new().await;
    world.one.fail_with(down());
    let core = world.start(Seal::Auto(world.one()), None);
    assert_eq!(core.initialize(InitRequest::default()).await.unwrap_err().status(), 400);
    assert!(core.seal_config().await.unwrap().is_none());
}

#[tokio::test]
async fn seals_are_migrated_to_and_fro() {
    let world = World::new().await;
    let core = world.start(Seal::Shamir, None);
    let made = core.initialize(InitRequest::shamir(3, 2)).await.unwrap();
    let (shares, root) = (texts(&made.shares), made.root_token.as_str());
    unseal(&core, &shares[..2], false, false).await.unwrap();
    ask(&core, root, Operation::Update, "cubbyhole/a", json!({ "b": 1 })).await.unwrap();

    // Key shares → first service; the shares become those of the recovery key.
    let core = world.start(Seal::Auto(world.one()), None);
    assert!(core.seal_status().await.unwrap().migration);
    let error = unseal(&core, &shares[..2], false, false).await.unwrap_err();
    assert_eq!(error.to_string(), "migrate option not provided and seal migration is pending");
    assert!(core.unseal_by_service().await.is_err(), "a migration waits for an operator");
    unseal(&core, &shares[..2], true, false).await.unwrap();
    is_there(&core, root).await;
    let core = world.start(Seal::Auto(world.one()), None);
    assert!(core.unseal_by_service().await.unwrap());
    assert!(!core.seal_status().await.unwrap().migration);
    let old = world.start(Seal::Shamir, None);
    assert!(unseal(&old, &shares[..2], false, false).await.is_err(), "key shares open nothing any more");

    // First service → second.
    let core = world.start(Seal::Auto(world.two()), Some(world.one()));
    assert!(core.seal_status().await.unwrap().migration);
    unseal(&core, &shares[1..], true, false).await.unwrap();
    is_there(&core, root).await;
    world.one.fail_with(down());
    let core = world.start(Seal::Auto(world.two()), None);
    assert!(core.unseal_by_service().await.unwrap());

    // Second service → key shares, which the recovery shares become.
    let core = world.start(Seal::Shamir, Some(world.two()));
    let wrong = texts(&World::new().await.auto_sealed((0, 0)).await.1.recovery_shares);
    assert!(unseal(&core, &wrong[..2], true, false).await.is_err());
    unseal(&core, &[shares[0].clone(), shares[2].clone()], true, false).await.unwrap();
    is_there(&core, root).await;
    world.two.fail_with(down());
    let core = world.start(Seal::Shamir, None);
    unseal(&core, &shares[..2], false, false).await.unwrap();
    is_there(&core, root).await;
    let status = core.seal_status().await.unwrap();
    assert_eq!((status.threshold, status.shares, status.recovery_seal), (2, 3, false));
}

#[tokio::test]
async fn two_keys_of_one_kind_are_told_apart() {
    let world = World::new().await;
    let (_, made) = world.auto_sealed((0, 0)).await;
    let second = || Seal::Auto(AutoSeal::new("awskms", world.two.clone()));
    let core = world.start(second(), Some(world.one()));
    assert!(core.unseal_by_service().await.is_err());
    unseal(&core, &texts(&made.recovery_shares)[..2], true, false).await.unwrap();
    // The disabled stanza may stay until the next change of the configuration.
    let core = world.start(second(), Some(world.one()));
    assert!(core.unseal_by_service().await.unwrap());
    assert!(!core.seal_status().await.unwrap().migration);
}

#[tokio::test]
async fn break_glass_shares_open_it_without_the_service_and_lead_to_another_seal() {
    let world = World::new().await;
    let (core, made) = world.auto_sealed((3, 2)).await;
    let glass = texts(&made.break_glass_shares);
    let recovery = texts(&made.recovery_shares);
    // They follow a new root key.
    let begun = ask(&core, "", Operation::Update, "sys/rekey/init", json!({})).await.unwrap();
    let done = give(&core, "sys/rekey/update", &begun["nonce"], &recovery[..2]).await.unwrap();
    assert_eq!((&done["complete"], &done["keys"]), (&json!(true), &json!([])));
    world.one.fail_with(Some(KmsError::NotFound { key: "k".into(), detail: "gone".into() }));

    let core = world.start(Seal::Auto(world.one()), None);
    assert!(unseal(&core, &recovery[..2], false, true).await.is_err(), "recovery shares open nothing");
    assert!(core.is_sealed());
    unseal(&core, &glass[..2], false, true).await.unwrap();
    is_there(&core, &made.root_token).await;
    // The recovery key still authorises, although the service is gone.
    let begun = ask(&core, "", Operation::Update, "sys/generate-root/attempt", json!({})).await.unwrap();
    let done = give(&core, "sys/generate-root/update", &begun["nonce"], &recovery[1..]).await.unwrap();
    assert_eq!(done["complete"], true);

    // To key shares: those are the break-glass shares then.
    let core = world.start(Seal::Shamir, None);
    let error = unseal(&core, &glass[..1], false, false).await.unwrap_err().to_string();
    assert!(error.contains("only break-glass shares open the vault"), "{error}");
    unseal(&core, &glass[1..], true, true).await.unwrap();
    is_there(&core, &made.root_token).await;
    let core = world.start(Seal::Shamir, None);
    unseal(&core, &glass[..2], false, false).await.unwrap();
    assert_eq!(core.break_glass_status().await.unwrap(), None);
    is_there(&core, &made.root_token).await;
}

#[tokio::test]
async fn break_glass_shares_lead_to_another_service_and_recovery_keys_stay() {
    let world = World::new().await;
    let (core, made) = world.auto_sealed((0, 0)).await;
    let root = made.root_token.as_str();
    let status = ask(&core, root, Operation::Read, "sys/break-glass", json!({})).await.unwrap();
    assert_eq!(status, json!({ "enabled": false }));
    let fields = json!({ "secret_shares": 1, "secret_threshold": 1 });
    let glass = ask(&core, root, Operation::Update, "sys/break-glass", fields).await.unwrap();
    let glass = texts_of(&glass["keys"]);
    world.one.fail_with(down());
    let core = world.start(Seal::Auto(world.two()), None);
    unseal(&core, &glass, true, true).await.unwrap();
    is_there(&core, root).await;
    let core = world.start(Seal::Auto(world.two()), None);
    assert!(core.unseal_by_service().await.unwrap());
    let begun = ask(&core, "", Operation::Update, "sys/generate-root/attempt", json!({})).await.unwrap();
    let recovery = texts(&made.recovery_shares);
    give(&core, "sys/generate-root/update", &begun["nonce"], &recovery[..2]).await.unwrap();
    // Void once they are removed.
    ask(&core, root, Operation::Delete, "sys/break-glass", json!({})).await.unwrap();
    let core = world.start(Seal::Auto(world.two()), None);
    let error = unseal(&core, &glass, false, true).await.unwrap_err();
    assert_eq!(error.to_string(), "this vault has no break-glass shares");
}

#[tokio::test]
async fn rekeyed_shares_open_it_and_old_ones_do_not() {
    let world = World::new().await;
    let core = world.start(Seal::Shamir, None);
    let made = core.initialize(InitRequest::shamir(3, 2)).await.unwrap();
    let old = texts(&made.shares);
    unseal(&core, &old[..2], false, false).await.unwrap();
    ask(&core, &made.root_token, Operation::Update, "cubbyhole/a", json!({ "b": 1 })).await.unwrap();
    let wanted = json!({ "secret_shares": 5, "secret_threshold": 3, "require_verification": true });
    let begun = ask(&core, "", Operation::Update, "sys/rekey/init", wanted.clone()).await.unwrap();
    assert_eq!((&begun["t"], &begun["n"], &begun["required"]), (&json!(3), &json!(5), &json!(2)));
    let twice = ask(&core, "", Operation::Update, "sys/rekey/init", wanted).await.unwrap_err();
    assert_eq!(twice.to_string(), "rekey already in progress");
    let error = give(&core, "sys/rekey/update", &json!("other"), &old[..1]).await.unwrap_err().to_string();
    assert!(error.starts_with("incorrect nonce supplied"), "{error}");
    let done = give(&core, "sys/rekey/update", &begun["nonce"], &old[1..]).await.unwrap();
    let new = texts_of(&done["keys_base64"]);
    assert_eq!((new.len(), &done["verification_required"]), (5, &json!(true)));
    // Nothing changed yet.
    core.seal();
    unseal(&core, &old[..2], false, false).await.unwrap();
    is_there(&core, &made.root_token).await;

    let wanted = json!({ "secret_shares": 5, "secret_threshold": 3, "require_verification": true });
    let begun = ask(&core, "", Operation::Update, "sys/rekey/init", wanted).await.unwrap();
    let done = give(&core, "sys/rekey/update", &begun["nonce"], &old[1..]).await.unwrap();
    let new = texts_of(&done["keys"]);
    let wrong = give(&core, "sys/rekey/verify", &done["verification_nonce"], &old[..2]).await;
    assert!(wrong.is_ok(), "two of three");
    let error = give(&core, "sys/rekey/verify", &done["verification_nonce"], &new[..1]).await.unwrap_err();
    assert_eq!(error.to_string(), "rekey verification failed; incorrect key shares supplied");
    let status = ask(&core, "", Operation::Read, "sys/rekey/verify", json!({})).await.unwrap();
    assert_eq!((&status["started"], &status["progress"]), (&json!(true), &json!(0)));
    let done = give(&core, "sys/rekey/verify", &status["nonce"], &new[2..]).await.unwrap();
    assert_eq!(done["complete"], true);
    is_there(&core, &made.root_token).await;

    let core = world.start(Seal::Shamir, None);
    assert!(unseal(&core, &[&old[..2], &old[2..]].concat(), false, false).await.is_err());
    unseal(&core, &new[..3], false, false).await.unwrap();
    is_there(&core, &made.root_token).await;
    // And entries that are written from now on are read after another change of keys.
    ask(&core, &made.root_token, Operation::Update, "sys/rotate", json!({})).await.unwrap();
    is_there(&core, &made.root_token).await;
}

#[tokio::test]
async fn new_recovery_shares_take_the_place_of_the_old() {
    let world = World::new().await;
    let (core, made) = world.auto_sealed((0, 0)).await;
    let old = texts(&made.recovery_shares);
    let wanted = json!({ "secret_shares": 1, "secret_threshold": 1 });
    let begun = ask(&core, "", Operation::Update, "sys/rekey-recovery-key/init", wanted).await.unwrap();
    let done = give(&core, "sys/rekey-recovery-key/update", &begun["nonce"], &old[..2]).await.unwrap();
    let new = texts_of(&done["keys"]);
    let begun = ask(&core, "", Operation::Update, "sys/generate-root/attempt", json!({})).await.unwrap();
    assert_eq!(begun["required"], 1);
    let error = give(&core, "sys/generate-root/update", &begun["nonce"], &old[..1]).await.unwrap_err();
    assert_eq!(error.status(), 400, "{error}");
    let other =
        give(&core, "sys/generate-root/update", &begun["nonce"], &["AA".repeat(32)]).await.unwrap_err();
    assert!(other.to_string().starts_with("root generation aborted: "), "{other}");
    let done = give(&core, "sys/generate-root/update", &begun["nonce"], &new).await.unwrap();
    let fields = json!({ "encoded_token": done["encoded_token"], "otp": begun["otp"] });
    let token = ask(&core, "", Operation::Update, "sys/decode-token", fields).await.unwrap();
    let token = token["token"].as_str().unwrap();
    let looked_up = ask(&core, token, Operation::Read, "auth/token/lookup-self", json!({})).await.unwrap();
    assert_eq!(looked_up["policies"], json!(["root"]));
    // The Shamir seal has no recovery key.
    let world = World::new().await;
    let core = world.start(Seal::Shamir, None);
    let made = core.initialize(InitRequest::shamir(1, 1)).await.unwrap();
    unseal(&core, &texts(&made.shares), false, false).await.unwrap();
    let error = ask(&core, "", Operation::Read, "sys/rekey-recovery-key/init", json!({})).await.unwrap_err();
    assert_eq!(error.to_string(), "recovery rekeying not supported");
}

#[tokio::test]
async fn strangers_end_nobodys_ceremony() {
    let world = World::new().await;
    let (core, made) = world.auto_sealed((0, 0)).await;
    for path in ["sys/rekey/init", "sys/rekey-recovery-key/init", "sys/generate-root/attempt"] {
        let fields = json!({ "secret_shares": 1, "secret_threshold": 1 });
        let begun = ask(&core, "", Operation::Update, path, fields.clone()).await.unwrap();
        for token in ["", "hvs.wrong"] {
            let error = ask(&core, token, Operation::Delete, path, json!({})).await.unwrap_err();
            assert_eq!(error.status(), 403, "{path}");
        }
        let status = ask(&core, "", Operation::Read, path, json!({})).await.unwrap();
        assert_eq!(status["nonce"], begun["nonce"], "{path}");
        ask(&core, &made.root_token, Operation::Delete, path, json!({})).await.unwrap();
        // What nobody goes on with stands in nobody's way for ever.
        ask(&core, "", Operation::Update, path, fields).await.unwrap();
        world.clock.advance(Duration::from_secs(600));
        ask(&core, "", Operation::Delete, path, json!({})).await.unwrap();
        let status = ask(&core, "", Operation::Read, path, json!({})).await.unwrap();
        assert_eq!(status["started"], false, "{path}");
    }
}

#[tokio::test]
async fn the_encryption_key_is_rotated_when_it_is_due() {
    let world = World::new().await;
    let (core, made) = world.auto_sealed((0, 0)).await;
    let root = made.root_token.as_str();
    let read = ask(&core, root, Operation::Read, "sys/rotate/config", json!({})).await.unwrap();
    assert_eq!(read, json!({ "enabled": true, "interval": 0, "max_operations": 3_865_470_566_i64 }));
    for (wrong, words) in [
        (json!({ "interval": "1h" }), "interval must be greater or equal to 24h0m0s"),
        (json!({ "max_operations": 1 }), "max_operations must be in the range [1000000,3865470566]"),
    ] {
        let error = ask(&core, root, Operation::Update, "sys/rotate/config", wrong).await.unwrap_err();
        assert_eq!((error.status(), error.to_string().as_str()), (400, words));
    }
    ask(&core, root, Operation::Update, "sys/rotate/config", json!({ "interval": "48h" })).await.unwrap();
    let read = ask(&core, root, Operation::Read, "sys/rotate/config", json!({})).await.unwrap();
    assert_eq!(read["interval"], "48h0m0s");
    assert!(!core.rotate_if_due().await.unwrap());
    // The count outlives the process, but for what was not yet saved.
    let before = core.encryptions().await.unwrap();
    assert!(before > 2);
    let core = world.start(Seal::Auto(world.one()), None);
    core.unseal_by_service().await.unwrap();
    assert_eq!(core.encryptions().await.unwrap(), before - 1);
    world.clock.advance(Duration::from_secs(49 * 3600));
    assert!(core.rotate_if_due().await.unwrap());
    let status = ask(&core, root, Operation::Read, "sys/key-status", json!({})).await.unwrap();
    assert_eq!((&status["term"], &status["encryptions"]), (&json!(2), &json!(0)));
    is_there(&core, root).await;
    // What other nodes need to follow goes once they had the time.
    let left = async || core.barrier().list("core/upgrade", "", 9).await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    assert!(!core.rotate_if_due().await.unwrap());
    assert_eq!(left().await, ["1"]);
    world.clock.advance(Duration::from_secs(61));
    assert!(!core.rotate_if_due().await.unwrap());
    assert!(left().await.is_empty());
    is_there(&core, root).await;
}

#[tokio::test]
async fn shares_of_another_purpose_do_not_mix() {
    let world = World::new().await;
    let (_, made) = world.auto_sealed((3, 2)).await;
    let (glass, recovery) = (texts(&made.break_glass_shares), texts(&made.recovery_shares));
    let core = world.start(Seal::Auto(world.one()), None);
    unseal(&core, &recovery[..1], false, false).await.unwrap();
    let error = unseal(&core, &glass[..1], false, true).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(text) if text.contains("reset the attempt first")), "{error}");
    core.reset_unseal().await;
    unseal(&core, &glass[..2], false, true).await.unwrap();
    assert!(!core.is_sealed());
}
