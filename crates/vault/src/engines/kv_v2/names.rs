//! Secrets' names in storage: encrypted, so that whoever operates the store cannot read them.
//!
//! A path's segments are encrypted one by one, so that folders can still be listed. The nonce of a segment is
//! the HMAC of the path down to it, cut to 96 bits: the same segment at the same place always has the same
//! name, another place gives an unrelated one, and the parent is the associated data, so that a name moved to
//! another folder does not open. (Vault does so with convergent encryption of its transit engine.) An operator
//! sees the shape of the tree and the lengths of names, no more.
//!
//! A stored segment is base64url without padding of nonce (12) ‖ ciphertext ‖ tag (16).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use quick_cache::sync::Cache;
use trustkeep_crypto::aead::Aead;
use trustkeep_crypto::{SecretBytes, hkdf, hmac};

use crate::{Error, Result};

/// Where secrets' records stand.
pub(super) const RECORDS: &str = "metadata/";
/// Where earlier and large versions stand.
pub(super) const VERSIONS: &str = "versions/";

/// The keys that a mount's names are encrypted under.
#[derive(Debug)]
pub(super) struct Names {
    mac: hmac::Key,
    cipher: Aead,
    places: Cache<String, Arc<Place>>,
}

/// Where a secret stands in storage.
#[derive(Debug)]
pub(super) struct Place {
    /// Its record.
    pub(super) record: String,
    /// The folder of its versions; ends in `/`.
    pub(super) versions: String,
}

impl Names {
    /// Bytes of the secret that both keys come from.
    pub(super) const SECRET_LEN: usize = 32;

    /// The keys that come from a mount's secret.
    ///
    /// # Errors
    /// 500 where the secret is too short.
    pub(super) fn derive(secret: &SecretBytes) -> Result<Self> {
        if secret.len() < Self::SECRET_LEN {
            return Err(Error::internal("the mount's key of names is damaged"));
        }
        let key = |purpose: &str| {
            hkdf::sha256::<32>(b"trustkeep/kv-v2/names", secret.expose(), purpose.as_bytes())
                .map_err(Error::internal)
        };
        Ok(Names {
            mac: hmac::Key::new(hmac::Algorithm::Sha256, key("mac")?.expose()),
            cipher: Aead::aes256_gcm(&key("cipher")?).map_err(Error::internal)?,
            places: Cache::new(PLACES_CACHED),
        })
    }

    /// Where the secret at `path` stands; remembered, for it costs more than the rest of a read.
    ///
    /// # Errors
    /// 500 where encryption fails.
    pub(super) fn place(&self, path: &str) -> Result<Arc<Place>> {
        if let Some(place) = self.places.get(path) {
            return Ok(place);
        }
        let place = Arc::new(Place { record: self.record(path)?, versions: self.versions(path) });
        self.places.insert(path.to_owned(), place.clone());
        Ok(place)
    }

    /// Where the record of the secret at `path` stands. A `path` that ends in `/`, or is empty, is a folder.
    ///
    /// # Errors
    /// 500 where encryption fails.
    pub(super) fn record(&self, path: &str) -> Result<String> {
        let mut name = String::with_capacity(RECORDS.len() + 3 * path.len() + 64);
        name.push_str(RECORDS);
        let mut start = 0;
        for segment in path.split('/') {
            let end = start + segment.len();
            if !segment.is_empty() {
                let (parent, through) = (path.get(..start), path.get(..end));
                let (Some(parent), Some(through)) = (parent, through) else {
                    return Err(Error::internal("a path was cut wrongly"));
                };
                self.seal(parent, through, segment, &mut name)?;
            }
            if end < path.len() {
                name.push('/');
            }
            start = end + 1;
        }
        Ok(name)
    }

    /// The name of an entry in the folder `parent`, which is empty or ends in `/`. A folder's name keeps its
    /// trailing `/`.
    ///
    /// # Errors
    /// 500 where the name was not made here.
    pub(super) fn open(&self, parent: &str, stored: &str) -> Result<String> {
        let damaged =
            || Error::internal("a stored name of the mount does not open: it is damaged or was moved");
        let (sealed, slash) = match stored.strip_suffix('/') {
            Some(folder) => (folder, "/"),
            None => (stored, ""),
        };
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| damaged())?;
        let name = self.cipher.open(parent.as_bytes(), &sealed).map_err(|_| damaged())?;
        let name = std::str::from_utf8(name.expose()).map_err(|_| damaged())?;
        Ok(format!("{name}{slash}"))
    }

    /// The folder of the versions of the secret at `path`.
    fn versions(&self, path: &str) -> String {
        let mut signer = self.mac.signer();
        signer.update(b"versions:");
        signer.update(path.as_bytes());
        let tag = signer.finish();
        let tag: &[u8] = tag.as_ref();
        format!("{VERSIONS}{}/", URL_SAFE_NO_PAD.encode(tag.get(..VERSIONS_ID_LEN).unwrap_or(tag)))
    }

    fn seal(&self, parent: &str, through: &str, segment: &str, out: &mut String) -> Result<()> {
        let mut signer = self.mac.signer();
        signer.update(b"name:");
        signer.update(through.as_bytes());
        let tag = signer.finish();
        let nonce =
            tag.as_ref().first_chunk().copied().ok_or_else(|| Error::internal("the HMAC is too short"))?;
        let sealed = self.cipher.seal_with_nonce(nonce, parent.as_bytes(), segment.as_bytes());
        URL_SAFE_NO_PAD.encode_string(sealed.map_err(Error::internal)?, out);
        Ok(())
    }
}

/// Secrets whose places are remembered for each mount.
const PLACES_CACHED: usize = 4096;
/// 160 bits: no two of a mount's paths ever share them.
const VERSIONS_ID_LEN: usize = 20;

#[cfg(test)]
mod tests {
    use trustkeep_crypto::random::SystemRandom;

    use super::*;

    fn names() -> Names {
        Names::derive(&SecretBytes::random(&SystemRandom, Names::SECRET_LEN)).unwrap()
    }

    #[test]
    fn names_open_in_their_place_only() {
        let names = names();
        let record = names.record("team a/größe/a+b%20.c").unwrap();
        assert_eq!(record, names.record("team a/größe/a+b%20.c").unwrap());
        let parts: Vec<_> = record.split('/').collect();
        assert_eq!(parts.len(), 4);
        assert_eq!(names.open("team a/größe/", parts[3]).unwrap(), "a+b%20.c");
        assert_eq!(names.open("", &format!("{}/", parts[1])).unwrap(), "team a/");
        assert!(names.open("team a/", parts[3]).is_err());
        assert!(names.open("", "plain").is_err());
        assert!(record.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_".contains(&b)), "{record}");
    }

    #[test]
    fn folders_are_prefixes_of_what_is_in_them() {
        let names = names();
        assert_eq!(names.record("").unwrap(), "metadata/");
        let folder = names.record("a/b/").unwrap();
        assert!(folder.ends_with('/'));
        assert!(names.record("a/b/c").unwrap().starts_with(&folder));
        assert!(!names.record("a/bc").unwrap().starts_with(folder.trim_end_matches('/')));
    }

    #[test]
    fn the_same_segment_elsewhere_has_another_name() {
        let names = names();
        let last = |path: &str| names.record(path).unwrap().rsplit('/').next().unwrap().to_owned();
        assert_ne!(last("a/x"), last("b/x"));
        assert_ne!(names.versions("a/x"), names.versions("b/x"));
        assert_ne!(names.versions("a"), names.versions("a/"));
        assert_ne!(last("a"), super::tests::names().record("a").unwrap().trim_start_matches(RECORDS));
    }
}
