use std::sync::{Mutex, PoisonError};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

use super::Random;

/// A source that repeats itself for the same seed. **For tests and simulations only.**
///
/// Draws of several threads interleave as they come; for a replay draw from one thread, or seed one each.
#[derive(Debug)]
pub struct Seeded(Mutex<ChaCha20Rng>);

impl Seeded {
    /// A source that delivers the same bytes for the same `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha20Rng::seed_from_u64(seed)))
    }
}

impl Random for Seeded {
    fn fill(&self, dest: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(dest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_bytes() {
        let draw = |seed| crate::random::array::<48>(&Seeded::new(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
