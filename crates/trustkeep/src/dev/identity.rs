//! A key and its certificate, made at first start and kept beside the data they sign for.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rcgen::{CertificateParams, DnType, KeyPair};
use trustkeep_crypto::SecretString;

/// Who somebody is to a Ledger and an Auditor: ECDSA on P-256.
#[derive(Debug)]
pub(crate) struct Identity {
    /// PEM (PKCS#8), readable by its owner alone.
    pub(crate) key_file: PathBuf,
    /// PEM; the servers look at nothing but the public key in it, so it need not end before the data do.
    pub(crate) certificate_file: PathBuf,
}

impl Identity {
    /// The identity in `folder`, which is made with it if it is not there yet. `is_known` says that servers know it by
    /// its certificate: then another key would be a stranger.
    ///
    /// # Errors
    /// A file that cannot be read or written, or a key that is lost.
    pub(crate) fn find_or_make(folder: &Path, name: &str, is_known: bool) -> anyhow::Result<Self> {
        let identity =
            Self { key_file: folder.join("key.pem"), certificate_file: folder.join("certificate.pem") };
        if identity.key_file.exists() && identity.certificate_file.exists() {
            return Ok(identity);
        }
        anyhow::ensure!(
            !is_known,
            "the key or the certificate of `{name}` is missing in {}, and a new one would not be known: put it back, or remove the data directory to start anew",
            folder.display()
        );
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key)?;
        write_whole(&identity.key_file, SecretString::from(key.serialize_pem()).expose())?;
        write_whole(&identity.certificate_file, &certificate.pem())?;
        Ok(identity)
    }

    /// The certificate.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn certificate(&self) -> anyhow::Result<String> {
        let file = &self.certificate_file;
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
    }
}

/// Writes a file whole or not at all, readable by its owner only.
pub(crate) fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        fs::File::open(folder)?.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use trustkeep_scalar_rpc::identity::{Certificate, PrivateKey, Signer as _, Verifier as _};

    use super::*;

    #[test]
    fn an_identity_is_made_once_and_signs() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let made = Identity::find_or_make(&folder.path().join("demo"), "demo", false)?;
        assert_eq!(fs::metadata(&made.key_file)?.permissions().mode() & 0o777, 0o600);
        let key = fs::read_to_string(&made.key_file)?;
        let signature = PrivateKey::from_pem(&key)?.sign(b"text")?;
        assert!(Certificate::from_pem(&made.certificate()?)?.holds(b"text", &signature));
        let again = Identity::find_or_make(&folder.path().join("demo"), "demo", true)?;
        assert_eq!(fs::read_to_string(again.key_file)?, key);
        fs::remove_file(&made.key_file)?;
        let refused = Identity::find_or_make(&folder.path().join("demo"), "demo", true).unwrap_err();
        assert!(refused.to_string().contains("put it back"), "{refused}");
        Ok(())
    }
}
