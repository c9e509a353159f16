//! The provider's parameters of PSS: it takes them by static reference, one for each digest and salt.

use std::sync::LazyLock;

use aws_lc_rs::signature::{
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaParameters, RsaPssSaltLength, RsaSignatureEncoding,
};

use super::{Size, salt_len_max, unsupported_hash};
use crate::hash::Algorithm as Hash;
use crate::{Error, Result};

/// How to sign a digest of `hash` with a salt of `len` bytes.
pub(super) fn signing(hash: Hash, len: usize) -> Result<&'static RsaSignatureEncoding> {
    pick(&SIGNING, hash, len)
}

/// How to verify it.
pub(super) fn verification(hash: Hash, len: usize) -> Result<&'static RsaParameters> {
    pick(&VERIFICATION, hash, len)
}

fn pick<T>(tables: &'static [Vec<T>; 3], hash: Hash, len: usize) -> Result<&'static T> {
    let [sha256, sha384, sha512] = tables;
    let table = match hash {
        Hash::Sha256 => sha256,
        Hash::Sha384 => sha384,
        Hash::Sha512 => sha512,
        _ => return Err(unsupported_hash()),
    };
    table.get(len).ok_or(Error::Length { what: "PSS salt (at most)", expected: table.len() - 1, got: len })
}

/// One entry for each length of salt that the longest key takes, from none.
fn table<T>(hash: Hash, with: impl Fn(RsaPssSaltLength) -> T) -> Vec<T> {
    let longest = salt_len_max(Size::Rsa4096, hash);
    (0..=longest)
        .filter_map(|len| u16::try_from(len).ok())
        .map(|len| with(RsaPssSaltLength::Custom(len)))
        .collect()
}

static SIGNING: LazyLock<[Vec<RsaSignatureEncoding>; 3]> = LazyLock::new(|| {
    [
        table(Hash::Sha256, |salt| RSA_PSS_SHA256.with_pss_salt_length(salt)),
        table(Hash::Sha384, |salt| RSA_PSS_SHA384.with_pss_salt_length(salt)),
        table(Hash::Sha512, |salt| RSA_PSS_SHA512.with_pss_salt_length(salt)),
    ]
});

static VERIFICATION: LazyLock<[Vec<RsaParameters>; 3]> = LazyLock::new(|| {
    [
        table(Hash::Sha256, |salt| RSA_PSS_2048_8192_SHA256.with_pss_salt_length(salt)),
        table(Hash::Sha384, |salt| RSA_PSS_2048_8192_SHA384.with_pss_salt_length(salt)),
        table(Hash::Sha512, |salt| RSA_PSS_2048_8192_SHA512.with_pss_salt_length(salt)),
    ]
});
