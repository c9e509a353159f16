//! The keys that encrypt entries, one a term (`hashicorp/vault: vault/keyring.go`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trustkeep_crypto::aead::Aead;
use trustkeep_crypto::{Key256, Random, SecretBytes};
use zeroize::Zeroize;

use crate::{Error, Result};

/// The root key and the terms' keys, with the ciphers made from them.
///
/// Dropping it clears every key.
#[derive(Debug)]
pub struct Keyring {
    root_key: Key256,
    active: u32,
    terms: BTreeMap<u32, Term>,
}

#[derive(Debug)]
struct Term {
    key: Key256,
    cipher: Aead,
    installed: i64,
}

impl Keyring {
    /// A new root key and the key of term 1, installed `now` (unix nanoseconds).
    ///
    /// # Errors
    /// 500 where the cipher refuses the key.
    pub fn generate(random: &dyn Random, now: i64) -> Result<Self> {
        let mut keyring = Keyring { root_key: Key256::random(random), active: 0, terms: BTreeMap::new() };
        keyring.add_term(Key256::random(random), now)?;
        Ok(keyring)
    }

    /// The key that the keyring itself is stored under.
    pub fn root_key(&self) -> &Key256 {
        &self.root_key
    }

    /// The term that new entries are encrypted under.
    pub fn active_term(&self) -> u32 {
        self.active
    }

    /// Unix nanoseconds at which the active term's key was installed.
    pub fn installed(&self) -> i64 {
        self.terms.get(&self.active).map_or(0, |term| term.installed)
    }

    /// The cipher of the active term.
    ///
    /// # Errors
    /// 500 where the keyring is empty, which no constructor leaves it.
    pub fn active_cipher(&self) -> Result<&Aead> {
        self.cipher(self.active)
    }

    /// The cipher of a term.
    ///
    /// # Errors
    /// 500 for a term that is not there.
    pub fn cipher(&self, term: u32) -> Result<&Aead> {
        let term = self.terms.get(&term);
        term.map(|term| &term.cipher).ok_or_else(|| Error::internal("no decryption key for the entry's term"))
    }

    /// The same keyring with one more term, which becomes the active one.
    ///
    /// # Errors
    /// 500 where the cipher refuses the key.
    pub fn rotated(&self, random: &dyn Random, now: i64) -> Result<Self> {
        let mut next = self.under(self.root_key.duplicate())?;
        next.add_term(Key256::random(random), now)?;
        Ok(next)
    }

    /// The same terms under another root key.
    ///
    /// # Errors
    /// 500 where the cipher refuses a key.
    pub fn under(&self, root_key: Key256) -> Result<Self> {
        let mut next = Keyring { root_key, active: self.active, terms: BTreeMap::new() };
        for (number, term) in &self.terms {
            let cipher = cipher(&term.key)?;
            next.terms.insert(*number, Term { key: term.key.duplicate(), cipher, installed: term.installed });
        }
        Ok(next)
    }

    /// The bytes to store, encrypted under the root key.
    ///
    /// # Errors
    /// 500 where encryption fails.
    pub fn seal(&self, random: &dyn Random) -> Result<Vec<u8>> {
        let mut document = Document {
            format: FORMAT,
            root_key: self.root_key.expose().to_vec(),
            terms: self
                .terms
                .iter()
                .map(|(number, term)| DocumentTerm {
                    term: *number,
                    key: term.key.expose().to_vec(),
                    installed: term.installed,
                })
                .collect(),
        };
        let plain = serde_json::to_vec(&document).map(SecretBytes::new).map_err(Error::internal);
        document.clear();
        cipher(&self.root_key)?.seal(random, AAD, plain?.expose()).map_err(Error::internal)
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    /// 400 where the root key is not the one that they were stored under, 500 where they are damaged.
    pub fn open(root_key: &Key256, sealed: &[u8]) -> Result<Self> {
        let plain = cipher(root_key)?
            .open(AAD, sealed)
            .map_err(|_| Error::invalid("failed to decrypt keyring: invalid key"))?;
        let mut document: Document = serde_json::from_slice(plain.expose())
            .map_err(|_| Error::internal("the keyring is not in a form that this version reads"))?;
        let keyring = Self::from_document(&document);
        document.clear();
        keyring
    }

    /// The active term's key as [`Self::with_term`] reads it.
    ///
    /// # Errors
    /// 500 where the keyring is empty, which no constructor leaves it.
    pub fn newest_term(&self) -> Result<SecretBytes> {
        let term = self.terms.get(&self.active).ok_or_else(|| Error::internal("the keyring is empty"))?;
        let mut document =
            DocumentTerm { term: self.active, key: term.key.expose().to_vec(), installed: term.installed };
        let json = serde_json::to_vec(&document).map(SecretBytes::new).map_err(Error::internal);
        document.key.zeroize();
        json
    }

    /// The same keyring with the term that another node added after the last one that this keyring has.
    ///
    /// # Errors
    /// 500 where the bytes are damaged or hold another term.
    pub fn with_term(&self, newest: &SecretBytes) -> Result<Self> {
        let mut document: DocumentTerm = serde_json::from_slice(newest.expose())
            .map_err(|_| Error::internal("a term's key is damaged"))?;
        let key = Key256::from_slice(&document.key).map_err(Error::internal);
        document.key.zeroize();
        let mut next = self.under(self.root_key.duplicate())?;
        next.add_term(key?, document.installed)?;
        if next.active != document.term {
            return Err(Error::internal("a term's key is not that of the next term"));
        }
        Ok(next)
    }

    fn from_document(document: &Document) -> Result<Self> {
        if document.format != FORMAT {
            let found = document.format;
            return Err(Error::internal(format!(
                "the keyring's format {found} is newer than this version's {FORMAT}"
            )));
        }
        let root_key = Key256::from_slice(&document.root_key).map_err(Error::internal)?;
        let mut keyring = Keyring { root_key, active: 0, terms: BTreeMap::new() };
        for term in &document.terms {
            let key = Key256::from_slice(&term.key).map_err(Error::internal)?;
            let cipher = cipher(&key)?;
            keyring.terms.insert(term.term, Term { key, cipher, installed: term.installed });
            keyring.active = keyring.active.max(term.term);
        }
        Ok(keyring)
    }

    fn add_term(&mut self, key: Key256, now: i64) -> Result<()> {
        self.active += 1;
        let cipher = cipher(&key)?;
        self.terms.insert(self.active, Term { key, cipher, installed: now });
        Ok(())
    }
}

/// The cipher of a key.
///
/// # Errors
/// 500 where the library refuses the key.
pub fn cipher(key: &Key256) -> Result<Aead> {
    Aead::aes256_gcm(key).map_err(Error::internal)
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    root_key: Vec<u8>,
    terms: Vec<DocumentTerm>,
}

#[derive(Serialize, Deserialize)]
struct DocumentTerm {
    term: u32,
    key: Vec<u8>,
    installed: i64,
}

impl Document {
    fn clear(&mut self) {
        self.root_key.zeroize();
        for term in &mut self.terms {
            term.key.zeroize();
        }
    }
}

const FORMAT: u32 = 1;
const AAD: &[u8] = b"core/keyring";

#[cfg(test)]
mod tests {
    use super::*;
    use trustkeep_crypto::random::SystemRandom;

    #[test]
    fn a_keyring_opens_with_its_root_key_only() {
        let keyring = Keyring::generate(&SystemRandom, 7).unwrap();
        let sealed = keyring.seal(&SystemRandom).unwrap();
        let opened = Keyring::open(keyring.root_key(), &sealed).unwrap();
        assert_eq!((opened.active_term(), opened.installed()), (1, 7));
        let wrong = Keyring::open(&Key256::random(&SystemRandom), &sealed).unwrap_err();
        assert_eq!(wrong.status(), 400);
    }

    #[test]
    fn rotation_keeps_the_old_terms() {
        let keyring = Keyring::generate(&SystemRandom, 7).unwrap();
        let secret = keyring.active_cipher().unwrap().seal(&SystemRandom, b"a", b"secret").unwrap();
        let rotated = keyring.rotated(&SystemRandom, 8).unwrap();
        assert_eq!(rotated.active_term(), 2);
        assert_eq!(rotated.cipher(1).unwrap().open(b"a", &secret).unwrap().expose(), b"secret");
        assert!(rotated.active_cipher().unwrap().open(b"a", &secret).is_err());

        let caught_up = keyring.with_term(&rotated.newest_term().unwrap()).unwrap();
        assert_eq!((caught_up.active_term(), caught_up.installed()), (2, 8));
        let new = rotated.active_cipher().unwrap().seal(&SystemRandom, b"a", b"new").unwrap();
        assert_eq!(caught_up.active_cipher().unwrap().open(b"a", &new).unwrap().expose(), b"new");
        assert_eq!(caught_up.with_term(&rotated.newest_term().unwrap()).unwrap_err().status(), 500);
    }
}
