use trustkeep_crypto::{Random, SecretBytes, random};

use super::SealConfig;
use crate::{Error, Result};

/// The shares of a key that were given so far: to unseal, to rekey, to make a root token.
#[derive(Debug, Default)]
pub struct Shares {
    nonce: String,
    shares: Vec<SecretBytes>,
}

impl Shares {
    /// A gathering with a name of its own.
    pub fn named(random: &dyn Random) -> Self {
        Shares { nonce: random::uuid(random).to_string(), shares: Vec::new() }
    }

    /// Names the gathering; empty before its first share.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// How many shares there are.
    pub fn len(&self) -> usize {
        self.shares.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// Adds a share; returns all of them, and holds none, once they are as many as `config` asks for.
    pub fn add(&mut self, share: SecretBytes, config: &SealConfig, random: &dyn Random) -> Given {
        if self.shares.iter().any(|other| other.ct_eq(share.expose())) {
            return Given::Again;
        }
        if self.nonce.is_empty() {
            self.nonce = random::uuid(random).to_string();
        }
        self.shares.push(share);
        // At most 255, the threshold's bound.
        if self.shares.len() < usize::from(config.secret_threshold) {
            return Given::More;
        }
        Given::Enough(std::mem::take(&mut self.shares))
    }

    /// Forgets the shares, not the name.
    pub fn clear(&mut self) {
        self.shares.clear();
    }
}

/// What a share led to.
#[derive(Debug)]
pub enum Given {
    /// It is there already.
    Again,
    /// More are needed.
    More,
    /// These are enough.
    Enough(Vec<SecretBytes>),
}

/// Reads a share, hexadecimal or base64. What is both is taken as the one whose length fits.
///
/// # Errors
/// 400 where it is neither or of the wrong length.
pub(crate) fn decode(text: &str) -> Result<SecretBytes> {
    let fits = |share: &SecretBytes| (SHARE_MIN..=SHARE_MAX).contains(&share.len());
    let share = match SecretBytes::from_hex(text).ok().filter(fits) {
        Some(share) => share,
        None => SecretBytes::from_base64(text)
            .map_err(|_| Error::invalid("'key' must be a valid hex or base64 string"))?,
    };
    if share.len() < SHARE_MIN {
        return Err(Error::invalid(format!("key is shorter than minimum {SHARE_MIN} bytes")));
    }
    if share.len() > SHARE_MAX {
        return Err(Error::invalid(format!("key is longer than maximum {SHARE_MAX} bytes")));
    }
    Ok(share)
}

/// A share of one is the key itself; others have their coordinate behind.
const SHARE_MIN: usize = 32;
const SHARE_MAX: usize = SHARE_MIN + 1;

#[cfg(test)]
mod tests {
    use super::*;
    use trustkeep_crypto::Key256;
    use trustkeep_crypto::random::SystemRandom;

    #[test]
    fn each_share_counts_once() {
        let config = SealConfig::shamir(3, 2).unwrap();
        let mut shares = config.split(&Key256::random(&SystemRandom), &SystemRandom).unwrap();
        let mut given = Shares::default();
        let first = shares.remove(0);
        assert!(matches!(given.add(first.duplicate(), &config, &SystemRandom), Given::More));
        assert!(matches!(given.add(first, &config, &SystemRandom), Given::Again));
        assert_eq!(given.len(), 1);
        let Given::Enough(all) = given.add(shares.remove(1), &config, &SystemRandom) else {
            panic!("two are enough")
        };
        assert_eq!(all.len(), 2);
        assert!(given.is_empty());
    }

    #[test]
    fn malformed_shares_are_refused() {
        assert!(decode("not a share!").unwrap_err().to_string().contains("hex or base64"));
        assert!(decode("AAAA").unwrap_err().to_string().contains("shorter"));
        assert!(decode(&"00".repeat(34)).unwrap_err().to_string().contains("longer"));
        assert_eq!(decode(&"0f".repeat(33)).unwrap().len(), 33);
        let share = SecretBytes::random(&SystemRandom, 33);
        assert!(decode(share.to_base64().expose()).unwrap().ct_eq(share.expose()));
    }
}
