//! Randomness as a parameter: the system's generator in production, a seeded one in tests.

use std::fmt;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::SecretBytes;

#[cfg(any(test, feature = "test-util"))]
mod seeded;
#[cfg(any(test, feature = "test-util"))]
pub use seeded::Seeded;

/// A source of random bytes fit for keys. Infallible: a source that cannot deliver must not return.
pub trait Random: fmt::Debug + Send + Sync {
    /// Overwrites all of `dest` with random bytes.
    fn fill(&self, dest: &mut [u8]);
}

/// The generator of the cryptographic provider, seeded and reseeded from the operating system.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, dest: &mut [u8]) {
        #[expect(
            clippy::expect_used,
            reason = "without randomness every key would be guessable: stop at once"
        )]
        aws_lc_rs::rand::fill(dest).expect("the system's random generator must deliver");
    }
}

/// `N` random bytes, for public values such as nonces and salts. For keys take [`crate::SecretKey::random`].
pub fn array<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

/// A uniform number in `0..bound`, by rejection. `bound` must not be zero (a zero bound gives 0).
pub fn below(random: &dyn Random, bound: u32) -> u32 {
    if bound == 0 {
        return 0;
    }
    // The largest multiple of `bound` that fits: numbers at or above it would favour small results.
    let limit = u32::MAX - u32::MAX % bound;
    loop {
        let candidate = u32::from_le_bytes(array(random));
        if candidate < limit {
            return candidate % bound;
        }
    }
}

/// `len` characters, each uniform over `0-9A-Za-z` (5.95 bits a character).
///
/// Wrap the result in [`crate::SecretString::new`] where it is a secret; that copies nothing.
pub fn base62(random: &dyn Random, len: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // 248 is the largest multiple of 62 below 256.
    const LIMIT: u8 = 248;
    // Capacity is exact, so that no partial secret is left in a freed allocation.
    let mut text = String::with_capacity(len);
    let mut block = Zeroizing::new([0; 64]);
    while text.len() < len {
        random.fill(&mut *block);
        let missing = len - text.len();
        let characters = block.iter().filter(|byte| **byte < LIMIT);
        text.extend(
            characters
                .filter_map(|byte| ALPHABET.get(usize::from(byte % 62)))
                .map(|c| char::from(*c))
                .take(missing),
        );
    }
    text
}

/// A random UUID (version 4, RFC 9562 section 5.4): 122 random bits.
pub fn uuid(random: &dyn Random) -> Uuid {
    uuid::Builder::from_random_bytes(array(random)).into_uuid()
}

/// Fresh secret bytes; the same as [`SecretBytes::random`].
pub fn secret(random: &dyn Random, len: usize) -> SecretBytes {
    SecretBytes::random(random, len)
}

/// The same source for libraries that ask for a generator object.
pub(crate) struct Generator<'a>(pub(crate) &'a dyn Random);

impl rand_core::TryRng for Generator<'_> {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_le_bytes(array(self.0)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_le_bytes(array(self.0)))
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(dest);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Generator<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Repeats a fixed list of bytes.
    #[derive(Debug)]
    struct Cycle(std::sync::Mutex<std::iter::Cycle<std::vec::IntoIter<u8>>>);

    impl Random for Cycle {
        fn fill(&self, dest: &mut [u8]) {
            let mut bytes = self.0.lock().unwrap();
            dest.fill_with(|| bytes.next().unwrap());
        }
    }

    #[test]
    fn system_random_differs_each_time() {
        assert_ne!(array::<32>(&SystemRandom), array::<32>(&SystemRandom));
    }

    #[test]
    fn base62_rejects_bytes_that_would_bias_it() {
        // 248..=255 must be skipped, 61 is the last letter, 62 wraps to the first.
        let cycle = Cycle(std::sync::Mutex::new(vec![255, 61, 248, 62, 247, 10].into_iter().cycle()));
        assert_eq!(base62(&cycle, 6), "z0zAz0");
    }

    #[test]
    fn base62_is_uniform_and_exact_in_length() {
        let random = Seeded::new(7);
        for len in [0, 1, 24, 63, 64, 65, 1000] {
            assert_eq!(base62(&random, len).len(), len);
        }
        let mut counts = std::collections::BTreeMap::new();
        for c in base62(&random, 620_000).chars() {
            *counts.entry(c).or_insert(0_u32) += 1;
        }
        assert_eq!(counts.len(), 62);
        // 10 000 expected of each, standard deviation about 99: six of them either way.
        assert!(counts.values().all(|n| (9_400..10_600).contains(n)), "{counts:?}");
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let random = Seeded::new(3);
        let seen: std::collections::BTreeSet<_> = (0..2_000).map(|_| below(&random, 7)).collect();
        assert_eq!(seen, (0..7).collect());
        assert_eq!(below(&random, 1), 0);
    }

    #[test]
    fn uuid_has_version_and_variant() {
        let id = uuid(&Seeded::new(1));
        assert_eq!(id.get_version_num(), 4);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
    }
}
