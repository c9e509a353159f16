//! Authenticated encryption with associated data: AES-GCM (NIST SP 800-38D), ChaCha20-Poly1305 (RFC 8439).
//!
//! A sealed message is `nonce (12) ‖ ciphertext ‖ tag (16)`: 28 bytes longer than the plaintext.

use std::fmt;

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroize as _;

use crate::{Error, Key256, Random, Result, SecretBytes, random};

/// Bytes of a nonce.
pub const NONCE_LEN: usize = 12;
/// Bytes of an authentication tag.
pub const TAG_LEN: usize = 16;
/// Bytes that sealing adds to a plaintext.
pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

/// The algorithms on offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// AES-GCM with a 128-bit key.
    Aes128Gcm,
    /// AES-GCM with a 256-bit key.
    Aes256Gcm,
    /// ChaCha20-Poly1305 with a 256-bit key.
    ChaCha20Poly1305,
}

impl Algorithm {
    /// Bytes of a key: 16 or 32.
    pub fn key_len(self) -> usize {
        self.provider().key_len()
    }

    fn provider(self) -> &'static aead::Algorithm {
        match self {
            Self::Aes128Gcm => &aead::AES_128_GCM,
            Self::Aes256Gcm => &aead::AES_256_GCM,
            Self::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        }
    }

    fn key_name(self) -> &'static str {
        match self {
            Self::Aes128Gcm => "AES-128-GCM key",
            Self::Aes256Gcm => "AES-256-GCM key",
            Self::ChaCha20Poly1305 => "ChaCha20-Poly1305 key",
        }
    }
}

/// A key ready for use: it is expanded once, here, and may be shared between threads.
///
/// With random nonces a key must seal no more than 2³² messages (SP 800-38D, section 8.3); its owner counts.
pub struct Aead {
    key: LessSafeKey,
    algorithm: Algorithm,
}

impl Aead {
    /// Expands `key`.
    ///
    /// # Errors
    /// [`Error::Length`] unless `key` is [`Algorithm::key_len`] bytes long.
    pub fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self> {
        if key.len() != algorithm.key_len() {
            return Err(Error::Length {
                what: algorithm.key_name(),
                expected: algorithm.key_len(),
                got: key.len(),
            });
        }
        let key = UnboundKey::new(algorithm.provider(), key)
            .map_err(|_| Error::Provider { operation: "AEAD key expansion" })?;
        Ok(Self { key: LessSafeKey::new(key), algorithm })
    }

    /// Expands an AES-256-GCM key.
    ///
    /// # Errors
    /// Only if the provider is out of memory.
    pub fn aes256_gcm(key: &Key256) -> Result<Self> {
        Self::new(Algorithm::Aes256Gcm, key.expose())
    }

    /// The algorithm of this key.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Seals `plaintext` under a random nonce and binds it to `aad`.
    ///
    /// # Errors
    /// [`Error::Encrypt`] if the plaintext is too long for one message.
    pub fn seal(&self, random: &dyn Random, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD);
        self.seal_append(random, aad, plaintext, &mut sealed)?;
        Ok(sealed)
    }

    /// Like [`Self::seal`], but appends the sealed message to `out`, which may already hold a header.
    ///
    /// # Errors
    /// [`Error::Encrypt`]; `out` is then as it was.
    pub fn seal_append(
        &self,
        random: &dyn Random,
        aad: &[u8],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.seal_append_with_nonce(random::array(random), aad, plaintext, out)
    }

    /// Like [`Self::seal`] under a nonce of the caller's, who must never use it twice with this key.
    ///
    /// # Errors
    /// [`Error::Encrypt`] if the plaintext is too long for one message.
    pub fn seal_with_nonce(&self, nonce: [u8; NONCE_LEN], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD);
        self.seal_append_with_nonce(nonce, aad, plaintext, &mut sealed)?;
        Ok(sealed)
    }

    /// Encrypts `buffer` where it lies and returns the tag; the caller stores nonce and tag.
    /// The nonce must never be used twice with this key.
    ///
    /// # Errors
    /// [`Error::Encrypt`] if the plaintext is too long for one message.
    pub fn seal_in_place(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<[u8; TAG_LEN]> {
        let mut tag = [0; TAG_LEN];
        self.key
            .seal_in_place_scatter(Nonce::assume_unique_for_key(nonce), Aad::from(aad), buffer, &[], &mut tag)
            .map_err(|_| Error::Encrypt)?;
        Ok(tag)
    }

    /// Opens `nonce ‖ ciphertext ‖ tag`, straight into a buffer that is cleared when dropped.
    ///
    /// # Errors
    /// [`Error::Decrypt`], whatever the cause.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes> {
        let (nonce, rest) = sealed.split_first_chunk().ok_or(Error::Decrypt)?;
        let (ciphertext, tag) = rest.split_last_chunk().ok_or(Error::Decrypt)?;
        self.open_detached(nonce, aad, ciphertext, tag)
    }

    /// Opens a ciphertext whose nonce and tag are kept apart from it.
    ///
    /// # Errors
    /// [`Error::Decrypt`], whatever the cause.
    pub fn open_detached(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<SecretBytes> {
        let mut plaintext = SecretBytes::zeroed(ciphertext.len());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.key
            .open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, plaintext.expose_mut())
            .map_err(|_| Error::Decrypt)?;
        Ok(plaintext)
    }

    /// Opens `nonce ‖ ciphertext ‖ tag` where it lies and returns the part that now is the plaintext.
    /// On failure the whole buffer is cleared.
    ///
    /// # Errors
    /// [`Error::Decrypt`], whatever the cause.
    pub fn open_in_place<'a>(&self, aad: &[u8], sealed: &'a mut [u8]) -> Result<&'a mut [u8]> {
        let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE_LEN>().ok_or(Error::Decrypt)?;
        let (buffer, tag) = rest.split_last_chunk_mut::<TAG_LEN>().ok_or(Error::Decrypt)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        match self.key.open_in_place_separate_tag(nonce, Aad::from(aad), &tag[..], buffer) {
            Ok(_) => Ok(buffer),
            Err(_) => {
                buffer.zeroize();
                Err(Error::Decrypt)
            }
        }
    }

    fn seal_append_with_nonce(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let start = out.len();
        out.reserve_exact(plaintext.len() + OVERHEAD);
        out.extend_from_slice(&nonce);
        out.resize(start + plaintext.len() + OVERHEAD, 0);
        let mut tag = [0; TAG_LEN];
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = out
            .get_mut(start + NONCE_LEN..)
            .and_then(|rest| rest.split_last_chunk_mut::<TAG_LEN>())
            .ok_or(Error::Encrypt)
            .and_then(|(ciphertext, tag_out)| {
                self.key
                    .seal_out_of_place_scatter(nonce, Aad::from(aad), plaintext, ciphertext, &[], &mut tag)
                    .map_err(|_| Error::Encrypt)?;
                *tag_out = tag;
                Ok(())
            });
        if sealed.is_err() {
            out.truncate(start);
        }
        sealed
    }
}

impl fmt::Debug for Aead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aead").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::Seeded;

    const ALL: [Algorithm; 3] = [Algorithm::Aes128Gcm, Algorithm::Aes256Gcm, Algorithm::ChaCha20Poly1305];

    fn aead(algorithm: Algorithm) -> Aead {
        let key = SecretBytes::random(&Seeded::new(9), algorithm.key_len());
        Aead::new(algorithm, key.expose()).unwrap()
    }

    #[test]
    fn aes_gcm_matches_the_published_vector() {
        // Test case 16 of the GCM submission (McGrew and Viega), 256-bit key with associated data.
        let key = SecretBytes::from_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
            .unwrap();
        let nonce = hex::decode("cafebabefacedbaddecaf888").unwrap().try_into().unwrap();
        let aad = hex::decode("feedfacedeadbeeffeedfacedeadbeefabaddad2").unwrap();
        let plaintext = hex::decode(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        )
        .unwrap();
        let expected = "cafebabefacedbaddecaf888522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b";
        let aead = Aead::new(Algorithm::Aes256Gcm, key.expose()).unwrap();
        assert_eq!(hex::encode(aead.seal_with_nonce(nonce, &aad, &plaintext).unwrap()), expected);
    }

    #[test]
    fn chacha20_poly1305_matches_rfc_8439() {
        // RFC 8439, section 2.8.2: the tag and the first ciphertext block.
        let key: Vec<u8> = (0x80..0xa0).collect();
        let nonce = hex::decode("070000004041424344454647").unwrap().try_into().unwrap();
        let aad = hex::decode("50515253c0c1c2c3c4c5c6c7").unwrap();
        let plaintext = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let sealed =
            Aead::new(Algorithm::ChaCha20Poly1305, &key).unwrap().seal_with_nonce(nonce, &aad, plaintext);
        let sealed = hex::encode(sealed.unwrap());
        assert!(sealed.starts_with("070000004041424344454647d31a8d34648e60db7b86afbc53ef7ec2"), "{sealed}");
        assert!(sealed.ends_with("1ae10b594f09e26a7e902ecbd0600691"), "{sealed}");
    }

    #[test]
    fn keys_of_another_length_are_refused() {
        for algorithm in ALL {
            assert!(matches!(Aead::new(algorithm, &[0; 24]), Err(Error::Length { got: 24, .. })));
        }
    }

    #[test]
    fn any_change_is_noticed() {
        for algorithm in ALL {
            let aead = aead(algorithm);
            let sealed = aead.seal(&Seeded::new(1), b"aad", b"some plaintext").unwrap();
            for i in 0..sealed.len() {
                let mut altered = sealed.clone();
                altered[i] ^= 1;
                assert_eq!(aead.open(b"aad", &altered).unwrap_err(), Error::Decrypt);
                assert_eq!(aead.open_in_place(b"aad", &mut altered).unwrap_err(), Error::Decrypt);
                let middle = &altered[NONCE_LEN..altered.len() - TAG_LEN];
                assert!(middle.iter().all(|byte| *byte == 0), "unverified plaintext was left behind");
            }
            for len in 0..sealed.len() {
                assert_eq!(aead.open(b"aad", &sealed[..len]).unwrap_err(), Error::Decrypt);
            }
            assert_eq!(aead.open(b"aae", &sealed).unwrap_err(), Error::Decrypt);
        }
    }

    #[test]
    fn nonces_differ() {
        let aead = aead(Algorithm::Aes256Gcm);
        let random = random::SystemRandom;
        let seal = || aead.seal(&random, b"", b"same").unwrap();
        assert_ne!(seal()[..NONCE_LEN], seal()[..NONCE_LEN]);
    }

    proptest! {
        #[test]
        fn every_form_opens_every_form(
            which in 0..3_usize, seed: u64, aad: Vec<u8>, header: Vec<u8>,
            plaintext in proptest::collection::vec(any::<u8>(), 0..2000),
        ) {
            let aead = aead(ALL[which]);
            let nonce = random::array(&Seeded::new(seed));
            let sealed = aead.seal(&Seeded::new(seed), &aad, &plaintext).unwrap();
            prop_assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
            prop_assert_eq!(&aead.seal_with_nonce(nonce, &aad, &plaintext).unwrap(), &sealed);

            let mut appended = header.clone();
            aead.seal_append(&Seeded::new(seed), &aad, &plaintext, &mut appended).unwrap();
            prop_assert_eq!(&appended[..header.len()], &header[..]);
            prop_assert_eq!(&appended[header.len()..], &sealed[..]);

            let mut buffer = plaintext.clone();
            let tag = aead.seal_in_place(nonce, &aad, &mut buffer).unwrap();
            let whole = [&nonce[..], &buffer, &tag].concat();
            prop_assert_eq!(&whole, &sealed);

            let opened = aead.open(&aad, &sealed).unwrap();
            prop_assert_eq!(opened.expose(), &plaintext[..]);
            let opened = aead.open_detached(&nonce, &aad, &buffer, &tag).unwrap();
            prop_assert_eq!(opened.expose(), &plaintext[..]);
            let mut sealed = sealed;
            prop_assert_eq!(aead.open_in_place(&aad, &mut sealed).unwrap(), &plaintext[..]);
        }
    }
}
