//! Opening a wallet, and making it.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;

use askar_storage::any::AnyBackend;
use askar_storage::{ManageBackend as _, PassKey};
use tokio::time::{Instant, sleep};
use trustkeep_crypto::random::{SystemRandom, uuid};
use trustkeep_wallet::{Error, Result};

use crate::failure::{Failure as _, Kind, kind, said};
use crate::probe::{Found, probe};
use crate::{AskarSettings, KeyDerivation, Storage, statistics};

/// How long to go on while others make the same wallet.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// What may be done to have a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It must be there: `start`.
    Existing,
    /// It is made if it is not there: `start --auto-provision`, and `provision`.
    Provisioned,
    /// What is there is thrown away: `provision --recreate-wallet`.
    Recreated,
}

/// Opens it. Whether it was made, too.
pub(crate) async fn open(settings: &AskarSettings, opening: Opening) -> Result<(AnyBackend, bool)> {
    let began = Instant::now();
    let mut pause = PAUSE_FIRST;
    let mut opening = opening;
    loop {
        let found = probe(settings).await?;
        let is_made = match (found, opening) {
            (Found::Indy, _) => return Err(indy(&settings.place())),
            (Found::Other, _) => {
                let place = settings.place();
                return Err(Error::Invalid(format!("{place} holds tables that are no wallet's")));
            }
            (Found::Nothing, _) if settings.indy_file.as_ref().is_some_and(|file| file.exists()) => {
                let file = settings.indy_file.as_deref().unwrap_or(Path::new(""));
                return Err(indy(&file.display().to_string()));
            }
            (Found::Nothing, Opening::Existing) => return Err(Error::NotFound(settings.name.clone())),
            (Found::Nothing, _) | (Found::Askar, Opening::Recreated) => true,
            (Found::Askar, _) => false,
        };
        let opened = if is_made {
            make(settings, opening == Opening::Recreated).await
        } else {
            let key = PassKey::from(settings.key.expose());
            let method = settings.derivation.map(KeyDerivation::method);
            settings.askar_url().expose().open_backend(method, key, settings.profile.clone()).await
        };
        match opened {
            Ok(backend) => {
                if let Storage::Sqlite(file) = &settings.storage {
                    statistics::tell(file).await;
                }
                return Ok((backend, is_made));
            }
            // Others make it: it is there soon, and is not thrown away again.
            Err(error) if began.elapsed() < PATIENCE && is_passing(kind(&error), is_made) => {
                tracing::info!(
                    wallet = settings.name,
                    reason = said(&error),
                    "the wallet is being made elsewhere"
                );
                if kind(&error) == Kind::Raced && opening == Opening::Recreated {
                    opening = Opening::Provisioned;
                }
            }
            Err(error) => return Err(refusal(settings, &error)),
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Whether it may be otherwise when it is tried again.
fn is_passing(kind: Kind, is_made: bool) -> bool {
    match kind {
        Kind::Raced | Kind::Busy => true,
        Kind::Lost | Kind::Missing => is_made,
        _ => false,
    }
}

async fn make(settings: &AskarSettings, anew: bool) -> std::result::Result<AnyBackend, askar_storage::Error> {
    if let Storage::Sqlite(file) = &settings.storage
        && let Some(folder) = file.parent()
    {
        // What keeps it from being made keeps the file from being made, too.
        let _ = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    }
    let method = settings.derivation.unwrap_or(KeyDerivation::Moderate).method();
    let key = PassKey::from(settings.key.expose());
    // Askar opens what others made meanwhile, but not if it is to have a profile that they did not make.
    let profile = settings.profile.clone().unwrap_or_else(|| uuid(&SystemRandom).to_string());
    settings.askar_url().expose().provision_backend(method, key, Some(profile), anew).await
}

fn indy(place: &str) -> Error {
    Error::Invalid(format!(
        "{place} is a wallet of libindy (ACA-Py's --wallet-type indy), which does not open as it is. Stop every agent \
         that uses it, make a backup, convert it with `askar-upgrade` of acapy-tools \
         (askar-upgrade --strategy dbpw --uri <database> --wallet-name <name> --wallet-key <key>), and start again with \
         --wallet-type askar"
    ))
}

/// Why it cannot be opened, for the operator.
fn refusal(settings: &AskarSettings, error: &askar_storage::Error) -> Error {
    let (name, place) = (&settings.name, settings.place());
    match kind(error) {
        Kind::Sealed => Error::Denied(format!("the key of the wallet {name} is wrong ({place})")),
        Kind::Wrong if said(error).contains("method mismatch") => Error::Denied(format!(
            "the wallet {name} was made with another --wallet-key-derivation-method ({place})"
        )),
        Kind::Wrong if said(error).contains("raw key") => {
            Error::Denied(format!("the key of the wallet {name} is no raw key: 32 bytes in base58 ({place})"))
        }
        Kind::Missing if error.askar_kind() == aries_askar::ErrorKind::Backend => {
            let profile = settings.profile.as_deref().unwrap_or("(default)");
            Error::NotFound(format!("profile {profile} of the wallet {name} ({place})"))
        }
        Kind::Missing | Kind::NotFound => Error::NotFound(format!("{name} ({place})")),
        Kind::Denied => Error::Denied(format!("{place}: {}", said(error))),
        Kind::Wrong => Error::Invalid(format!("{place}: {}", said(error))),
        _ => Error::Unavailable(format!("{place}: {}", said(error))),
    }
}
