//! base58btc, several digits at a time: a long `did:peer:4` is one number of thousands of bits, and anybody may send one.

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Digits that fit into a `u64`: 58^10 is below 2^59.
const DIGITS_READ: usize = 10;
/// Digits of a limb when writing, so that a limb of 58^5 and four more bytes fit into a `u64`.
const DIGITS_WRITTEN: u32 = 5;
const LIMB_WRITTEN: u64 = 58_u64.pow(DIGITS_WRITTEN);

/// The text of `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let number = bytes.get(zeros..).unwrap_or_default();
    // The lowest limb first.
    let mut limbs: Vec<u64> = Vec::with_capacity(number.len() * 2 / 7 + 1);
    for chunk in number.chunks(4) {
        let mut carry = chunk.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        for limb in &mut limbs {
            let value = (*limb << (8 * chunk.len())) + carry;
            (*limb, carry) = (value % LIMB_WRITTEN, value / LIMB_WRITTEN);
        }
        while carry > 0 {
            limbs.push(carry % LIMB_WRITTEN);
            carry /= LIMB_WRITTEN;
        }
    }
    let mut text = "1".repeat(zeros);
    let mut leading = true;
    for limb in limbs.iter().rev() {
        for place in (0..DIGITS_WRITTEN).rev() {
            let digit = limb / 58_u64.pow(place) % 58;
            leading &= digit == 0;
            if !leading {
                text.extend(
                    usize::try_from(digit).ok().and_then(|at| ALPHABET.get(at)).map(|c| char::from(*c)),
                );
            }
        }
    }
    text
}

/// The bytes of `text`; none if that is not base58.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let zeros = text.bytes().take_while(|byte| *byte == b'1').count();
    let number = text.as_bytes().get(zeros..).unwrap_or_default();
    // The lowest limb first.
    let mut limbs: Vec<u64> = Vec::with_capacity(number.len() / DIGITS_READ + 1);
    for group in number.chunks(DIGITS_READ) {
        let (mut value, mut scale) = (0, 1_u64);
        for byte in group {
            value = value * 58 + digit(*byte)?;
            scale *= 58;
        }
        let (mut carry, scale) = (u128::from(value), u128::from(scale));
        for limb in &mut limbs {
            carry += u128::from(*limb) * scale;
            *limb = carry as u64;
            carry >>= u64::BITS;
        }
        if carry > 0 {
            limbs.push(carry as u64);
        }
    }
    let mut bytes = vec![0; zeros];
    let digits = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes());
    bytes.extend(digits.skip_while(|byte| *byte == 0));
    Some(bytes)
}

fn digit(byte: u8) -> Option<u64> {
    let value = match byte {
        b'1'..=b'9' => byte - b'1',
        b'A'..=b'H' => byte - b'A' + 9,
        b'J'..=b'N' => byte - b'J' + 17,
        b'P'..=b'Z' => byte - b'P' + 22,
        b'a'..=b'k' => byte - b'a' + 33,
        b'm'..=b'z' => byte - b'm' + 44,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// draft-msporny-base58-03, section 5.
    #[test]
    fn the_vectors_of_the_draft() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"Hello World!", "2NEpo7TZRRrLZSi2U"),
            (
                b"The quick brown fox jumps over the lazy dog.",
                "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
            ),
            (b"\x00\x00\x28\x7f\xb4\xcd", "11233QC4"),
            (b"\x00", "1"),
        ] {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).unwrap(), bytes);
        }
        for (at, letter) in ALPHABET.iter().enumerate() {
            assert_eq!(digit(*letter), Some(at as u64));
        }
        for text in ["0", "O", "I", "l", "a b", "é", "+"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn both_ways_are_one(zeros in 0_usize..4, bytes: Vec<u8>, text in "[1-9A-HJ-NP-Za-km-z]{0,100}") {
            let bytes = [vec![0; zeros], bytes].concat();
            prop_assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
            prop_assert_eq!(encode(&decode(&text).unwrap()), text);
        }
    }
}
