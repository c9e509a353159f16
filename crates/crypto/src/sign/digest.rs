//! Signatures over a digest that the caller made, with a digest of any length for ECDSA.
//!
//! ECDSA reads a digest as a number: of one longer than the curve's order it takes the leftmost bits, a shorter
//! one it takes whole (FIPS 186-5, section 6.4.1). The provider wants the length of the curve's own digest, so
//! a longer one is cut and a shorter one gets leading zeros, which is the same number.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsBigEndian, AsDer as _, Curve25519SeedBin, EcPrivateKeyRfc5915Der};

use super::{Algorithm, Pair, PublicKey, SigningKey};
use crate::{Error, Result, SecretBytes};

impl SigningKey {
    /// Signs a digest made with any function: a DER sequence for ECDSA. Ed25519 takes no digest but the message
    /// itself, and so it is signed here.
    ///
    /// # Errors
    /// [`Error::Length`] if the digest is longer than 64 bytes for P-521, [`Error::Provider`] if the provider
    /// fails.
    pub fn sign_digest(&self, digest: &[u8]) -> Result<Vec<u8>> {
        match &self.pair {
            Pair::Ecdsa { der, .. } => ecdsa(der, self.algorithm, digest),
            Pair::Ed25519(_) => self.sign(digest),
        }
    }

    /// Like [`Self::sign_digest`] in the fixed-length form `r ‖ s`.
    ///
    /// # Errors
    /// The same.
    pub fn sign_digest_fixed(&self, digest: &[u8]) -> Result<Vec<u8>> {
        match &self.pair {
            Pair::Ecdsa { fixed, .. } => ecdsa(fixed, self.algorithm, digest),
            Pair::Ed25519(_) => self.sign(digest),
        }
    }

    /// An ECDSA key as `ECPrivateKey` (RFC 5915), with the curve's name.
    ///
    /// # Errors
    /// [`Error::Key`] for Ed25519, [`Error::Provider`] if the provider fails.
    pub fn to_sec1_der(&self) -> Result<SecretBytes> {
        match &self.pair {
            Pair::Ecdsa { der, .. } => {
                let document: EcPrivateKeyRfc5915Der<'_> = der
                    .private_key()
                    .as_der()
                    .map_err(|_| Error::Provider { operation: "private key encoding" })?;
                Ok(SecretBytes::copy_of(document.as_ref()))
            }
            Pair::Ed25519(_) => {
                Err(Error::Key { what: "private key", reason: "it is not of a curve of NIST" })
            }
        }
    }

    /// The 32-byte seed of an Ed25519 key.
    ///
    /// # Errors
    /// [`Error::Key`] for ECDSA, [`Error::Provider`] if the provider fails.
    pub fn to_ed25519_seed(&self) -> Result<SecretBytes> {
        match &self.pair {
            Pair::Ed25519(pair) => {
                let failed = |_| Error::Provider { operation: "private key encoding" };
                let seed: Curve25519SeedBin<'_> =
                    pair.seed().map_err(failed)?.as_be_bytes().map_err(failed)?;
                Ok(SecretBytes::copy_of(seed.as_ref()))
            }
            Pair::Ecdsa { .. } => Err(Error::Key { what: "private key", reason: "it is not an Ed25519 key" }),
        }
    }
}

impl PublicKey {
    /// Verifies a signature made by [`SigningKey::sign_digest`].
    ///
    /// # Errors
    /// [`Error::Verify`], whatever the cause.
    pub fn verify_digest(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        self.verify_digest_with(&self.der, digest, signature)
    }

    /// Verifies a signature made by [`SigningKey::sign_digest_fixed`].
    ///
    /// # Errors
    /// [`Error::Verify`], whatever the cause.
    pub fn verify_digest_fixed(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        self.verify_digest_with(&self.fixed, digest, signature)
    }

    fn verify_digest_with(
        &self,
        key: &aws_lc_rs::signature::ParsedPublicKey,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let verified = match self.algorithm {
            Algorithm::Ed25519 => key.verify_sig(digest, signature),
            curve => key.verify_digest_sig(&fit(curve, digest).map_err(|_| Error::Verify)?, signature),
        };
        verified.map_err(|_| Error::Verify)
    }
}

fn ecdsa(pair: &aws_lc_rs::signature::EcdsaKeyPair, algorithm: Algorithm, digest: &[u8]) -> Result<Vec<u8>> {
    let signature = pair.sign_digest(&fit(algorithm, digest)?);
    signature.map(|s| s.as_ref().to_vec()).map_err(|_| Error::Provider { operation: "signing" })
}

/// The digest as one of the curve's own length that is the same number to ECDSA.
fn fit(algorithm: Algorithm, digest: &[u8]) -> Result<digest::Digest> {
    let own = match algorithm {
        Algorithm::P256 => &digest::SHA256,
        Algorithm::P384 => &digest::SHA384,
        // The order of P-521 has more bits than any digest of 64 bytes.
        Algorithm::P521 | Algorithm::Ed25519 => &digest::SHA512,
    };
    let len = own.output_len();
    let too_long = Error::Length { what: "digest for P-521 (at most)", expected: len, got: digest.len() };
    let fitted = match digest.get(..len) {
        Some(_) if digest.len() > len && algorithm == Algorithm::P521 => return Err(too_long),
        Some(leftmost) => leftmost.to_vec(),
        None => {
            let mut padded = vec![0; len - digest.len()];
            padded.extend_from_slice(digest);
            padded
        }
    };
    digest::Digest::import_less_safe(&fitted, own)
        .map_err(|_| Error::Provider { operation: "taking a digest" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Algorithm as Hash;

    #[test]
    fn signatures_of_openssl_over_other_digests_verify() {
        // openssl pkeyutl -sign of the digest of "to be signed": one shorter than the curve, one longer.
        for (algorithm, hash, key, signature) in [
            (
                Algorithm::P384,
                Hash::Sha256,
                "3081b6020100301006072a8648ce3d020106052b8104002204819e30819b0201010430970287a6d4f54f82654097c95a14055c023b3a7af708f2729abf058eb2c8beb070205c259fa93ceed59ba92a46671e29a164036200041194f10f2b3fb7373574bd9b196733e833b52578fa86a9b6a50d38df4991b445cf304508f2ddc26c500b32adb4bbf93c86790b0ce9897e611392b7e0fe93f697efef09d6491e8854aa3adc0b62ac724d33f5de58c61928c2344c4ff685842e9c",
                "3064023023790a23bee6ef6af2e6f11ed92c654cde5e0c514e44e5c8072a01b8a4919e63ee7b49f22f2bed8c6e73b57652b68636023014b1419a7e08abf822e89af083efb40f1961621962cbda317e96d7f919cb1de781d86e7b9cedd42c2c45d2326101b1c3",
            ),
            (
                Algorithm::P256,
                Hash::Sha512,
                "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420fbc96ae291363de892446aa85dbc8339d8e92c867b99f7dc13cccae573c94497a144034200045582a2edf5528ed7565ee5a01b07a0e857d849edad51226a41835e670c7235d2bd84c7bf961869c69200e80f5b5d6f07c8803d811aa8a44fb16f4da20ebbd1c6",
                "3044022025a1cb1f7dc402c5df4ca3a494f75ce264b7491a4da9acbef3bc403552b8503502201668188af79ea6c2b971f1bf9c797b0b14d38763aed8b380e43ffcfe2d125c3e",
            ),
            (
                Algorithm::P521,
                Hash::Sha256,
                "3081ee020100301006072a8648ce3d020106052b810400230481d63081d30201010442012d71fefea8451dd0cd9ced33609fd3315733def3e33b07855effea51ecf8ed9e3a82e169a281d7c17c403be66f97ab583c071958d3281c174df6927440243abc9ba18189038186000400329d4226c41a238ddfeee6c7ac1a1b267eb00cb058253eb8d9b54768b7da5ea56e0a75456e0746c37fc5cc3737543371d10b9ac469dc986fdb66f8fc73056bfee0006a1439aa97e3cd8882ccc95e08c5417067db1155654eceec5aeb468f09dbcf668031d3709b65ee092b3e74d4991dc8909279a02a5131e91fdc5efe65623ffd9772",
                "3081880242019d37bb4bb7d769d2a88da1d63792bc055b242ede38e224085ca0b0310adda11f7c79e0d4fa8a372bbec8197a3f976bed8227f949dd95d01ea0c15e6e428ebdb121024201f1fa0a1c0e5f7433393100e6d0da02726f2cd48a5f111e3aaaad9cef80867499906689b0ed7cd6fa631f308b73f290a0a1246e9a4ea6f1be3eb90a9df0a000a23c",
            ),
        ] {
            let key = SigningKey::from_pkcs8_der(algorithm, &hex::decode(key).unwrap()).unwrap();
            let digest = hash.digest(b"to be signed");
            let public = key.public_key().unwrap();
            public.verify_digest(digest.as_ref(), &hex::decode(signature).unwrap()).unwrap();
        }
    }

    #[test]
    fn what_it_signs_it_verifies_and_nothing_else() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let public = key.public_key().unwrap();
            for len in [0, 1, 20, 28, 32, 48, 64] {
                let digest = vec![0xa5; len];
                let der = key.sign_digest(&digest).unwrap();
                let fixed = key.sign_digest_fixed(&digest).unwrap();
                assert_eq!(fixed.len(), algorithm.fixed_len());
                public.verify_digest(&digest, &der).unwrap();
                public.verify_digest_fixed(&digest, &fixed).unwrap();
                let mut other = vec![0xa5; len.max(1)];
                other[0] ^= 1;
                assert_eq!(public.verify_digest(&other, &der), Err(Error::Verify));
                assert_eq!(public.verify_digest_fixed(&other, &fixed), Err(Error::Verify));
            }
        }
    }

    #[test]
    fn a_digest_by_hand_is_the_one_of_the_message() {
        for (algorithm, hash) in [
            (Algorithm::P256, Hash::Sha256),
            (Algorithm::P384, Hash::Sha384),
            (Algorithm::P521, Hash::Sha512),
        ] {
            let key = SigningKey::generate(algorithm).unwrap();
            let digest = hash.digest(b"message");
            let signature = key.sign(b"message").unwrap();
            key.public_key().unwrap().verify_digest(digest.as_ref(), &signature).unwrap();
            let signature = key.sign_digest(digest.as_ref()).unwrap();
            key.public_key().unwrap().verify(b"message", &signature).unwrap();
        }
    }

    #[test]
    fn p521_refuses_what_it_cannot_take_whole() {
        let key = SigningKey::generate(Algorithm::P521).unwrap();
        assert!(matches!(key.sign_digest(&[1; 65]), Err(Error::Length { got: 65, .. })));
        assert_eq!(key.public_key().unwrap().verify_digest(&[1; 65], &[0; 132]), Err(Error::Verify));
    }

    #[test]
    fn other_encodings_hold_the_same_key() {
        for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::P521] {
            let key = SigningKey::generate(algorithm).unwrap();
            let sec1 = key.to_sec1_der().unwrap();
            let again = SigningKey::from_pkcs8_der(algorithm, sec1.expose()).unwrap();
            assert_eq!(again.public_key().unwrap().to_raw(), key.public_key().unwrap().to_raw());
            assert!(key.to_ed25519_seed().is_err());
        }
        let key = SigningKey::ed25519_from_seed(&[9; 32]).unwrap();
        assert!(key.to_ed25519_seed().unwrap().ct_eq(&[9; 32]));
        assert!(key.to_sec1_der().is_err());
    }
}
