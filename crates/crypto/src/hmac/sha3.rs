//! HMAC over SHA-3 (FIPS 202), for callers that choose the digest by name: nothing new needs it.

use hmac::{KeyInit as _, SimpleHmac};

use crate::hash::Algorithm;

/// The code of `data` under a key of any length; `None` where `algorithm` is not of SHA-3: take
/// [`Key`](super::Key) then.
pub fn sha3(algorithm: Algorithm, key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        Algorithm::Sha3_224 => {
            SimpleHmac::<sha3::Sha3_224>::new_from_slice(key).ok().map(|mac| finish(mac, data))
        }
        Algorithm::Sha3_256 => {
            SimpleHmac::<sha3::Sha3_256>::new_from_slice(key).ok().map(|mac| finish(mac, data))
        }
        Algorithm::Sha3_384 => {
            SimpleHmac::<sha3::Sha3_384>::new_from_slice(key).ok().map(|mac| finish(mac, data))
        }
        Algorithm::Sha3_512 => {
            SimpleHmac::<sha3::Sha3_512>::new_from_slice(key).ok().map(|mac| finish(mac, data))
        }
        _ => None,
    }
}

fn finish<M: hmac::Mac>(mut mac: M, data: &[u8]) -> Vec<u8> {
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_match_those_of_python() {
        // hmac.new(b"Jefe", b"what do ya want for nothing?", "sha3_224") and so on, of CPython's hashlib.
        for (algorithm, expected) in [
            (Algorithm::Sha3_224, "7fdb8dd88bd2f60d1b798634ad386811c2cfc85bfaf5d52bbace5e66"),
            (Algorithm::Sha3_256, "c7d4072e788877ae3596bbb0da73b887c9171f93095b294ae857fbe2645e1ba5"),
        ] {
            let code = sha3(algorithm, b"Jefe", b"what do ya want for nothing?").unwrap();
            assert_eq!(hex::encode(code), expected);
        }
        assert!(sha3(Algorithm::Sha256, b"Jefe", b"").is_none());
    }
}
