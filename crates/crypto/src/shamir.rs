//! Sharing a secret among several holders (Shamir 1979), byte by byte over GF(2⁸).
//!
//! Compatible with the shares of HashiCorp Vault: the field polynomial is x⁸+x⁴+x³+x+1 (0x11B), and a share
//! is the value of each byte's polynomial followed by the x coordinate as the **last** byte. Coordinates are
//! random, distinct and in `1..=255`. The arithmetic (vsss-rs) is constant-time and without tables.
//!
//! Shares carry no checksum: too few, or shares of different secrets, combine to a wrong secret without
//! notice. The caller must check the result against something it can decrypt.

use vsss_rs::{Gf256, IdentifierGf256};
use zeroize::Zeroize as _;

use crate::random::{Generator, below};
use crate::{Random, SecretBytes};

/// Why a secret was not split, or shares not combined.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The number of shares is out of range.
    #[error("the number of shares must be between 2 and 255, got {0}")]
    Parts(usize),
    /// The threshold is out of range.
    #[error("the threshold must be between 2 and the number of shares ({parts}), got {threshold}")]
    Threshold {
        /// The threshold asked for.
        threshold: usize,
        /// The number of shares asked for.
        parts: usize,
    },
    /// There is nothing to split.
    #[error("an empty secret cannot be split")]
    EmptySecret,
    /// Fewer than two shares.
    #[error("at least two shares are needed to combine, got {0}")]
    TooFew(usize),
    /// A share is too short to hold a value and a coordinate.
    #[error("share {0} is too short: a share is at least 2 bytes long")]
    TooShort(usize),
    /// The shares are not of one length, so they are not of one secret.
    #[error("share {index} is {got} bytes long but the first is {expected}: they are not of one secret")]
    DifferingLengths {
        /// Position of the share, from 0.
        index: usize,
        /// Length of the first share.
        expected: usize,
        /// Length of this share.
        got: usize,
    },
    /// The same share, or at least the same coordinate, was given twice.
    #[error("shares {first} and {second} are duplicates: give each share once")]
    Duplicate {
        /// Position of the first of the two, from 0.
        first: usize,
        /// Position of the second, from 0.
        second: usize,
    },
    /// The coordinate 0 is the secret itself; no holder can have been given it.
    #[error("share {0} has the coordinate 0, which no share has: it is damaged")]
    ZeroCoordinate(usize),
    /// The arithmetic refused; no known input leads here.
    #[error("secret sharing failed: {0}")]
    Arithmetic(&'static str),
}

/// Splits `secret` into `parts` shares (2 to 255), any `threshold` of which (2 to `parts`) recover it.
///
/// A share is one byte longer than the secret.
///
/// # Errors
/// [`Error::Parts`], [`Error::Threshold`], [`Error::EmptySecret`].
pub fn split(
    secret: &[u8],
    parts: usize,
    threshold: usize,
    random: &dyn Random,
) -> Result<Vec<SecretBytes>, Error> {
    if !(2..=255).contains(&parts) {
        return Err(Error::Parts(parts));
    }
    if !(2..=parts).contains(&threshold) {
        return Err(Error::Threshold { threshold, parts });
    }
    if secret.is_empty() {
        return Err(Error::EmptySecret);
    }
    let coordinates = distinct_coordinates(random).into_iter().map(|x| IdentifierGf256(Gf256(x)));
    let shares = Gf256::split_bytes_with_participant_ids_iter(
        threshold,
        parts,
        secret,
        Generator(random),
        coordinates.take(parts),
    );
    let mut shares = shares.map_err(|_| Error::Arithmetic("split"))?;
    // The library puts the coordinate first.
    shares.iter_mut().for_each(|share| share.rotate_left(1));
    Ok(shares.into_iter().map(SecretBytes::new).collect())
}

/// Recovers the secret from at least as many distinct shares as the threshold it was split with.
///
/// # Errors
/// [`Error::TooFew`], [`Error::TooShort`], [`Error::DifferingLengths`], [`Error::Duplicate`],
/// [`Error::ZeroCoordinate`]. Fewer shares than the threshold are *not* an error but a wrong secret.
pub fn combine(shares: &[SecretBytes]) -> Result<SecretBytes, Error> {
    check(shares)?;
    let mut coordinate_first = CoordinateFirst(Vec::with_capacity(shares.len()));
    for share in shares {
        let mut share = share.expose().to_vec();
        share.rotate_right(1);
        coordinate_first.0.push(share);
    }
    let secret = Gf256::combine_bytes(&coordinate_first.0).map_err(|_| Error::Arithmetic("combine"))?;
    Ok(SecretBytes::new(secret))
}

fn check(shares: &[SecretBytes]) -> Result<(), Error> {
    let expected = match shares {
        [] | [_] => return Err(Error::TooFew(shares.len())),
        [first, ..] => first.len(),
    };
    let mut seen = [None; 256];
    for (index, share) in shares.iter().enumerate() {
        if share.len() != expected {
            return Err(Error::DifferingLengths { index, expected, got: share.len() });
        }
        let x = match share.expose() {
            [] | [_] => return Err(Error::TooShort(index)),
            [_, .., 0] => return Err(Error::ZeroCoordinate(index)),
            [.., x] => *x,
        };
        // Coordinates are not secret, so they may index.
        if let Some(slot) = seen.get_mut(usize::from(x))
            && let Some(first) = slot.replace(index)
        {
            return Err(Error::Duplicate { first, second: index });
        }
    }
    Ok(())
}

/// All of `1..=255` in random order (Fisher–Yates).
fn distinct_coordinates(random: &dyn Random) -> Vec<u8> {
    let mut coordinates: Vec<u8> = (1..=255).collect();
    for bound in (2..=255_u32).rev() {
        coordinates.swap(below(random, bound) as usize, bound as usize - 1);
    }
    coordinates
}

/// Shares as the library wants them, cleared when dropped.
struct CoordinateFirst(Vec<Vec<u8>>);

impl Drop for CoordinateFirst {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|share| share.zeroize());
    }
}

#[cfg(test)]
mod tests;
