//! Passwords: bcrypt of cost 10, as Vault stores them, off the threads that answer requests.

use std::sync::LazyLock;

use tokio::sync::Semaphore;
use trustkeep_crypto::{Random, SecretString, random};

use crate::{Error, Result};

/// The hash of a new password.
///
/// # Errors
/// 400 for passwords that bcrypt would cut off, 503 where too many wait.
pub(super) async fn hash(password: SecretString, random: &dyn Random) -> Result<String> {
    if password.expose().len() > BYTES_MAX {
        return Err(Error::invalid("bcrypt: password length exceeds 72 bytes"));
    }
    let salt = random::array(random);
    run(move || bcrypt::hash_with_salt(password.expose(), COST, salt))
        .await?
        .map_err(Error::internal)
        .map(|parts| parts.format_for_version(bcrypt::Version::TwoB))
}

/// Whether a password is the one of `hash`. Without a hash (there is no such user) it takes as long, and is not.
///
/// # Errors
/// 503 where too many wait.
pub(super) async fn verify(password: SecretString, hash: Option<String>) -> Result<bool> {
    // A longer password cannot be one that was set: it is cut off for the time it takes, and refused.
    let may_be = hash.is_some() && password.expose().len() <= BYTES_MAX;
    let hash = hash.unwrap_or_else(|| NOBODYS.to_owned());
    let matches = run(move || bcrypt::verify(password.expose(), &hash)).await?;
    Ok(matches.map_err(Error::internal)? && may_be)
}

/// Runs one hashing; at most as many at once as there are cores, so that logins leave room for the rest.
async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let too_many = || Error::Unavailable("too many logins with a password at once; try again".into());
    let _waiting = QUEUE.try_acquire().map_err(|_| too_many())?;
    let _running = WORKERS.acquire().await.map_err(Error::internal)?;
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}

/// Some 60 ms each: the last of a full queue waits half a minute on two cores.
static QUEUE: Semaphore = Semaphore::const_new(QUEUED_MAX);
static WORKERS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from)));
const QUEUED_MAX: usize = 1024;
const COST: u32 = 10;
const BYTES_MAX: usize = 72;
/// A hash by its form, and of no password that anybody knows.
const NOBODYS: &str = "$2b$10$NobodysSaltIsOpenHere.TrustkeepHasNoUserOfThisName...";

#[cfg(test)]
mod tests {
    use trustkeep_crypto::random::SystemRandom;

    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let stored = hash(secret("correct horse"), &SystemRandom).await.unwrap();
        assert!(
            stored.starts_with("$2b$10$")
                && stored != hash(secret("correct horse"), &SystemRandom).await.unwrap()
        );
        assert!(verify(secret("correct horse"), Some(stored.clone())).await.unwrap());
        assert!(!verify(secret("correct hors"), Some(stored)).await.unwrap());
        // Made by Go's golang.org/x/crypto/bcrypt: users of another vault keep their passwords.
        let other = "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga";
        assert!(verify(secret("allmine"), Some(other.into())).await.unwrap());
    }

    #[tokio::test]
    async fn long_passwords_are_refused_not_cut_off() {
        let long = "x".repeat(72);
        let stored = hash(secret(&long), &SystemRandom).await.unwrap();
        assert!(verify(secret(&long), Some(stored.clone())).await.unwrap());
        assert!(!verify(secret(&format!("{long}y")), Some(stored)).await.unwrap());
        assert!(hash(secret(&format!("{long}y")), &SystemRandom).await.is_err());
    }

    /// The same work for a user and for nobody: a whole hashing of the same cost, not an early error. Time itself is
    /// not measured here, a loaded machine would answer for it.
    #[tokio::test]
    async fn nobodys_password_takes_as_long() {
        let stored = hash(secret("somebody"), &SystemRandom).await.unwrap();
        let cost = |hash: &str| hash.parse::<bcrypt::HashParts>().unwrap().get_cost();
        assert_eq!(cost(NOBODYS), cost(&stored));
        assert!(!bcrypt::verify("guess", NOBODYS).unwrap());
        assert!(!verify(secret("guess"), None).await.unwrap());
    }
}
