//! What holders of shares do together: `sys/rekey/…`, `sys/rekey-recovery-key/…`, `sys/generate-root/…`,
//! `sys/decode-token`. No token is needed: the shares authorise.
//!
//! Whoever reaches the port may begin an attempt and see its nonce; that is Vault's protocol, and its clients need
//! it. To end one that others work on, however, takes a token that may delete the path, or ten minutes in which
//! nobody did anything (HCSEC-2025-11, HCSEC-2026-08).

use std::sync::Arc;

use serde_json::{Value, json};
use trustkeep_crypto::{SecretBytes, SecretString};

use super::lifecycle::{pgp_unsupported, put_shares, refuse_pgp};
use crate::core::seal::decode_share;
use crate::core::{Canceller, Core, ROOT_TOKEN_LEN, RekeyTarget, RootTokenStatus, decode_token};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

/// Whether a request is one of a ceremony: logged, though it needs no token.
pub fn is_ceremony(request: &Request) -> bool {
    let path = request.path.strip_prefix("sys/").filter(|_| request.operation != Operation::Help);
    path.and_then(Step::of).is_some()
}

/// Answers a path below `sys/`; `None` where it is none of these.
pub(super) async fn answer(
    core: &Arc<Core>,
    request: &Request,
    path: &str,
) -> Option<Result<Option<Response>>> {
    Some(match Step::of(path)? {
        Step::Init(target) => init(core, request, target).await,
        Step::Update(target) => update(core, request, target).await,
        Step::Verify(target) => verify(core, request, target).await,
        Step::Attempt => attempt(core, request).await,
        Step::Generate => generate(core, request).await,
        Step::Decode => decode(request),
    })
}

enum Step {
    Init(RekeyTarget),
    Update(RekeyTarget),
    Verify(RekeyTarget),
    Attempt,
    Generate,
    Decode,
}

impl Step {
    /// What a path below `sys/` stands for.
    fn of(path: &str) -> Option<Self> {
        let (target, step) = match path.split_once('/') {
            Some(("rekey", step)) => (RekeyTarget::Barrier, step),
            Some(("rekey-recovery-key", step)) => (RekeyTarget::Recovery, step),
            Some(("generate-root", "attempt")) => return Some(Step::Attempt),
            Some(("generate-root", "update")) => return Some(Step::Generate),
            None if path == "decode-token" => return Some(Step::Decode),
            _ => return None,
        };
        match step {
            "init" => Some(Step::Init(target)),
            "update" => Some(Step::Update(target)),
            "verify" => Some(Step::Verify(target)),
            _ => None,
        }
    }
}

async fn init(core: &Arc<Core>, request: &Request, target: RekeyTarget) -> Result<Option<Response>> {
    match request.operation {
        Operation::Read => {}
        Operation::Delete => {
            let canceller = canceller(core, request).await?;
            return core.cancel_rekey(target, canceller).await.map(|()| None);
        }
        operation if operation.is_write() => {
            let pgp_keys = request.texts("pgp_keys")?.unwrap_or_default();
            if request.bool("backup")?.unwrap_or(false) && pgp_keys.is_empty() {
                return Err(Error::invalid(
                    "cannot request a backup of the new keys without providing PGP keys for encryption",
                ));
            }
            if !pgp_keys.is_empty() {
                return Err(pgp_unsupported("pgp_keys"));
            }
            let number = |field: &str| request.int(field).map(|number| number.unwrap_or(0));
            let numbers = (number("secret_shares")?, number("secret_threshold")?);
            let verify = request.bool("require_verification")?.unwrap_or(false);
            core.begin_rekey(target, numbers, verify).await?;
        }
        _ => return Err(Error::UnsupportedOperation),
    }
    rekey_status(core, target).await
}

async fn rekey_status(core: &Arc<Core>, target: RekeyTarget) -> Result<Option<Response>> {
    let status = core.rekey_status(target).await?;
    let mut document = json!({
        "nonce": status.nonce,
        "started": status.started,
        "t": status.threshold,
        "n": status.shares,
        "progress": status.progress,
        "required": status.required,
        "pgp_fingerprints": null,
        "backup": false,
        "verification_required": status.verification_required,
    });
    add_nonce(&mut document, status.verification_nonce);
    Ok(Some(Response::document(200, &document)))
}

async fn update(core: &Arc<Core>, request: &Request, target: RekeyTarget) -> Result<Option<Response>> {
    require_write(request)?;
    let (share, nonce) = share_and_nonce(request)?;
    let Some(made) = core.rekey(target, share, &nonce).await? else {
        return rekey_status(core, target).await;
    };
    let mut document = json!({ "nonce": nonce, "complete": true });
    if let Some(map) = document.as_object_mut() {
        put_shares(map, "keys", &made.shares);
        map.insert("pgp_fingerprints".into(), Value::Null);
        map.insert("backup".into(), false.into());
        map.insert("verification_required".into(), made.verification_required.into());
    }
    add_nonce(&mut document, made.verification_nonce);
    Ok(Some(Response::document(200, &document)))
}

async fn verify(core: &Arc<Core>, request: &Request, target: RekeyTarget) -> Result<Option<Response>> {
    match request.operation {
        Operation::Read => {}
        Operation::Delete => {
            let canceller = canceller(core, request).await?;
            core.restart_verification(target, canceller).await?;
        }
        operation if operation.is_write() => {
            let (share, nonce) = share_and_nonce(request)?;
            if let Some(nonce) = core.verify_rekey(target, share, &nonce).await? {
                let document = json!({ "nonce": nonce, "complete": true });
                return Ok(Some(Response::document(200, &document)));
            }
        }
        _ => return Err(Error::UnsupportedOperation),
    }
    let status = core.verify_status(target).await?;
    let document = json!({
        "nonce": status.nonce,
        "started": status.started,
        "t": status.threshold,
        "n": status.shares,
        "progress": status.progress,
    });
    Ok(Some(Response::document(200, &document)))
}

async fn attempt(core: &Arc<Core>, request: &Request) -> Result<Option<Response>> {
    match request.operation {
        Operation::Read => root_token_document(core.root_token_status().await?),
        Operation::Delete => {
            let canceller = canceller(core, request).await?;
            core.cancel_root_token(canceller).await.map(|()| None)
        }
        operation if operation.is_write() => {
            refuse_pgp(request, "pgp_key")?;
            let password = SecretString::new(request.text("otp")?.unwrap_or_default());
            root_token_document(core.begin_root_token(password).await?)
        }
        _ => Err(Error::UnsupportedOperation),
    }
}

async fn generate(core: &Arc<Core>, request: &Request) -> Result<Option<Response>> {
    require_write(request)?;
    let (share, nonce) = share_and_nonce(request)?;
    let mut answer = core.generate_root_token(share, &nonce).await?;
    answer.nonce = nonce;
    root_token_document(answer)
}

fn root_token_document(status: RootTokenStatus) -> Result<Option<Response>> {
    let complete = status.token.is_some();
    let token = status.token.unwrap_or_default();
    // As in Vault, only the state tells the length; the answer to a share leaves it 0.
    let otp_length = if complete { 0 } else { ROOT_TOKEN_LEN };
    let document = json!({
        "nonce": status.nonce,
        "started": status.started,
        "progress": status.progress,
        "required": status.required,
        "complete": complete,
        "encoded_token": token,
        "encoded_root_token": token,
        "pgp_fingerprint": "",
        "otp": status.password.as_ref().map(SecretString::expose).unwrap_or_default(),
        "otp_length": otp_length,
    });
    Ok(Some(Response::document(200, &document)))
}

fn decode(request: &Request) -> Result<Option<Response>> {
    require_write(request)?;
    let password = SecretString::new(request.required("otp")?);
    let token = decode_token(request.required("encoded_token")?.trim(), &password)?;
    Ok(Some(Response::object(json!({ "token": token.expose() }))))
}

/// Whether the request's token, if it has one, may delete the path.
async fn canceller(core: &Arc<Core>, request: &Request) -> Result<Canceller> {
    if request.client_token.is_none() {
        return Ok(Canceller::Anonymous);
    }
    match core.unsealed()?.acl_of_request(request).await {
        Ok(acl) if acl.allow(Operation::Delete, &request.path, None).allowed => Ok(Canceller::Trusted),
        Ok(_) | Err(Error::BadToken) => Ok(Canceller::Anonymous),
        Err(error) => Err(error),
    }
}

fn share_and_nonce(request: &Request) -> Result<(SecretBytes, String)> {
    let key = SecretString::new(request.text("key")?.unwrap_or_default());
    if key.is_empty() {
        return Err(Error::invalid("'key' must be specified in request body as JSON"));
    }
    Ok((decode_share(key.expose())?, request.text("nonce")?.unwrap_or_default()))
}

fn require_write(request: &Request) -> Result<()> {
    if request.operation.is_write() { Ok(()) } else { Err(Error::UnsupportedOperation) }
}

fn add_nonce(document: &mut Value, nonce: String) {
    if !nonce.is_empty()
        && let Some(map) = document.as_object_mut()
    {
        map.insert("verification_nonce".into(), nonce.into());
    }
}
