//! Users and roles in storage: names that paths can hold, and changes that no other change gets lost in.

use serde::Serialize;
use serde::de::DeserializeOwned;
use trustkeep_store::Error as StoreError;

use crate::core::{Batch, View};
use crate::{Error, Result};

/// Changes the entry at `path`: `change` gets what is stored and returns what is to be. Called again where
/// another change came first.
///
/// # Errors
/// What `change` refuses, 503 where others are always quicker, and the store's.
pub(super) async fn change<T: DeserializeOwned + Serialize>(
    view: &View,
    path: &str,
    change: impl Fn(Option<T>) -> Result<T> + Send,
) -> Result<T> {
    for _ in 0..RETRIES {
        let (old, version) = view.get_json::<T>(path).await?.unzip();
        let new = change(old)?;
        match view.commit(Batch::new().expect(path, version).put_json(path, &new)?).await {
            Ok(_) => return Ok(new),
            Err(error) if is_conflict(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Err(contended())
}

/// Whether a commit failed because something else was stored first.
pub(super) fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Store(StoreError::Conflict { .. }))
}

/// After [`RETRIES`] conflicts.
pub(super) fn contended() -> Error {
    Error::Unavailable("too many changes at once; try again".into())
}

/// A user's or role's name as it is stored: lower case.
///
/// # Errors
/// 404 as Vault's router, whose pattern is letters, digits, `_`, and within also `-` and `.`; 400 for names of
/// more than 256 bytes.
pub(super) fn stored_name(name: &str) -> Result<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let inner = |c: char| word(c) || c == '-' || c == '.';
    if !(name.starts_with(word) && name.ends_with(word) && name.chars().all(inner)) {
        return Err(Error::UnsupportedPath);
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(Error::invalid(format!("a name must be of at most {NAME_BYTES_MAX} bytes")));
    }
    Ok(name.to_lowercase())
}

/// How often a change that lost is tried again.
pub(super) const RETRIES: usize = 32;
const NAME_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_vaults_router_in_lower_case() {
        for (name, stored) in [("Alice", "alice"), ("a", "a"), ("a-b.c_D", "a-b.c_d"), ("_x_", "_x_")] {
            assert_eq!(stored_name(name).unwrap(), stored);
        }
        for name in ["", "-a", "a-", ".a", "a.", "a b", "a/b", "ä", "a@b"] {
            assert_eq!(stored_name(name).unwrap_err().status(), 404, "{name}");
        }
        assert_eq!(stored_name(&"a".repeat(257)).unwrap_err().status(), 400);
    }
}
