//! The controller's own SSH key: what it shows to every machine.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData};
use russh::keys::{Algorithm, PrivateKey, PrivateKeyWithHashAlg};
use trustkeep_crypto::{Random, SecretBytes};

use crate::fault::{Fault, Kind, Result};

const FILE: &str = "id_ed25519";
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// An Ed25519 key pair, in a file that OpenSSH's programs read too.
#[derive(Clone)]
pub struct ControllerKey {
    key: Arc<PrivateKey>,
    public: String,
}

impl ControllerKey {
    /// The key in `<directory>/id_ed25519`. Where there is none yet, one is made there, with its public half in
    /// `id_ed25519.pub`.
    ///
    /// # Errors
    /// `Invalid` if the file is no Ed25519 key in OpenSSH's format, is encrypted, or if there is only an `id_rsa` of an earlier
    /// controller: RSA keys are not supported. `Unavailable` if the directory cannot be read or written.
    pub fn load_or_create(directory: &Path, random: &dyn Random) -> Result<Self> {
        let path = directory.join(FILE);
        match fs::metadata(&path) {
            Ok(found) if found.len() > FILE_BYTES_MAX => Err(invalid(&path, "is too large to be a key")),
            Ok(found) if found.permissions().mode() & 0o077 != 0 => {
                Err(invalid(&path, "can be read by others: chmod 600 it"))
            }
            Ok(_) => {
                let text = SecretBytes::new(fs::read(&path).map_err(|error| unavailable(&path, &error))?);
                Self::parse(&path, text.expose())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if directory.join("id_rsa").exists() {
                    return Err(invalid(
                        &directory.join("id_rsa"),
                        "is an RSA key, which this controller does not use: take it away or rename it, start again, and add \
                         the public line of the new id_ed25519 to authorized_keys on the existing servers",
                    ));
                }
                Self::create(directory, &path, random)
            }
            Err(error) => Err(unavailable(&path, &error)),
        }
    }

    /// The public half as one line for `authorized_keys`, without a line break.
    pub fn public_line(&self) -> &str {
        &self.public
    }

    pub(super) fn identity(&self) -> PrivateKeyWithHashAlg {
        PrivateKeyWithHashAlg::new(Arc::clone(&self.key), None)
    }

    fn parse(path: &Path, text: &[u8]) -> Result<Self> {
        let key = PrivateKey::from_openssh(text)
            .map_err(|error| invalid(path, &format!("is no private key in OpenSSH's format: {error}")))?;
        if key.is_encrypted() {
            return Err(invalid(path, "is encrypted; the controller's key must have no passphrase"));
        }
        if key.algorithm() != Algorithm::Ed25519 {
            return Err(invalid(
                path,
                &format!("is a key of the kind {}; ssh-ed25519 is needed", key.algorithm()),
            ));
        }
        Self::new(key).map_err(|error| invalid(path, &error))
    }

    fn create(directory: &Path, path: &Path, random: &dyn Random) -> Result<Self> {
        let mut seed = [0; 32];
        random.fill(&mut seed);
        let pair = Ed25519Keypair::from(Ed25519PrivateKey::from_bytes(&seed));
        seed.fill(0);
        let key = PrivateKey::new(KeypairData::Ed25519(pair), "trustkeep controller")
            .map_err(|error| invalid(path, &error.to_string()))?;
        let text = key.to_openssh(LineEnding::LF).map_err(|error| invalid(path, &error.to_string()))?;
        let made = Self::new(key).map_err(|error| invalid(path, &error))?;
        fs::create_dir_all(directory)
            .and_then(|()| fs::set_permissions(directory, fs::Permissions::from_mode(0o700)))
            .map_err(|error| unavailable(directory, &error))?;
        write(&directory.join("id_ed25519.pub"), format!("{}\n", made.public).as_bytes(), 0o644)?;
        write(path, text.as_bytes(), 0o600)?;
        Ok(made)
    }

    fn new(key: PrivateKey) -> std::result::Result<Self, String> {
        let public = key.public_key().to_openssh().map_err(|error| error.to_string())?;
        Ok(Self { key: Arc::new(key), public })
    }
}

impl fmt::Debug for ControllerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ControllerKey").field(&self.public).finish()
    }
}

/// Writes the file whole or not at all, under its name only when it is on disk.
fn write(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let new = path.with_extension("new");
    let written = || {
        let _ = fs::remove_file(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    written().map_err(|error: std::io::Error| unavailable(path, &error))
}

fn invalid(path: &Path, what: &str) -> Fault {
    Fault::new(Kind::Invalid, format!("{} {what}", path.display()))
}

fn unavailable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::new(Kind::Unavailable, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use trustkeep_crypto::random::SystemRandom;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join(".ssh");
        let made = ControllerKey::load_or_create(&place, &SystemRandom).unwrap();
        assert!(made.public_line().starts_with("ssh-ed25519 AAAA"), "{}", made.public_line());
        assert_eq!(fs::metadata(place.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(place.join("id_ed25519.pub")).unwrap().trim(), made.public_line());
        let again = ControllerKey::load_or_create(&place, &SystemRandom).unwrap();
        assert_eq!(again.public_line(), made.public_line());
        assert!(!format!("{made:?}").contains("PRIVATE"));
    }

    #[test]
    fn an_rsa_key_of_an_earlier_controller_is_named() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("id_rsa"), "x").unwrap();
        let fault = ControllerKey::load_or_create(directory.path(), &SystemRandom).unwrap_err();
        assert_eq!(fault.kind, Kind::Invalid);
        assert!(fault.text.contains("RSA"), "{fault}");
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        ControllerKey::load_or_create(directory.path(), &SystemRandom).unwrap();
        fs::set_permissions(directory.path().join(FILE), fs::Permissions::from_mode(0o644)).unwrap();
        let fault = ControllerKey::load_or_create(directory.path(), &SystemRandom).unwrap_err();
        assert!(fault.text.contains("chmod 600"), "{fault}");
    }
}
