//! `~/.vault-token`: the token of the last login, shared with the other tools of the family.

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::error::Error;

/// The stored token, or nothing.
pub(crate) fn read(environment: &dyn Fn(&str) -> Option<String>) -> Result<Zeroizing<String>, Error> {
    let Some(path) = path(environment) else { return Ok(Zeroizing::default()) };
    match std::fs::read_to_string(&path) {
        Ok(token) => Ok(Zeroizing::new(Zeroizing::new(token).trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Zeroizing::default()),
        Err(error) => {
            Err(Error::Usage(format!("cannot read the stored token in {}: {error}", path.display())))
        }
    }
}

/// Stores `token`, readable by its owner only, replacing the file as a whole: other tools never read half a token.
pub(crate) fn store(token: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<(), Error> {
    let path = path(environment)
        .ok_or_else(|| Error::Usage("cannot store the token: HOME is not set; use -no-store".to_owned()))?;
    let write = || -> std::io::Result<()> {
        // A temporary file is created with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(std::path::Path::new("/")))?;
        file.write_all(token.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(())
    };
    write().map_err(|error| Error::Usage(format!("cannot store the token in {}: {error}", path.display())))
}

fn path(environment: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    environment("HOME").filter(|home| !home.is_empty()).map(|home| PathBuf::from(home).join(".vault-token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_stored_token_comes_back_and_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let at = home.path().to_str().unwrap().to_owned();
        let environment = move |name: &str| (name == "HOME").then(|| at.clone());
        assert_eq!(read(&environment).unwrap().as_str(), "");
        std::fs::write(home.path().join(".vault-token"), "old").unwrap();
        store("hvs.new", &environment).unwrap();
        assert_eq!(read(&environment).unwrap().as_str(), "hvs.new");
        let mode = std::fs::metadata(home.path().join(".vault-token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
