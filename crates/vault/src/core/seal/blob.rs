//! Vault's `BlobInfo` message: how an envelope is stored (`hashicorp/go-kms-wrapping`). The few fields that are
//! used are written and read here; others are skipped.

use trustkeep_crypto::envelope::Envelope;
use trustkeep_crypto::kms::Wrapped;

/// The message of an envelope.
pub(super) fn encode(envelope: &Envelope) -> Vec<u8> {
    let mut key_info = Vec::new();
    key_info.extend_from_slice(&[KEY_MECHANISM << 3 | VARINT, MECHANISM_ENVELOPE]);
    bytes(&mut key_info, KEY_ID, envelope.wrapped_key.key_id.as_bytes());
    bytes(&mut key_info, KEY_WRAPPED, &envelope.wrapped_key.ciphertext);
    let mut blob = Vec::new();
    bytes(&mut blob, CIPHERTEXT, &envelope.ciphertext);
    bytes(&mut blob, IV, &envelope.iv);
    bytes(&mut blob, KEY_INFO, &key_info);
    blob
}

/// The envelope of a message; `None` where it is damaged.
pub(super) fn decode(blob: &[u8]) -> Option<Envelope> {
    let (mut ciphertext, mut iv, mut key_id, mut wrapped) = (None, None, None, None);
    let mut rest = blob;
    while let Some((number, value)) = field(&mut rest)? {
        match number {
            CIPHERTEXT => ciphertext = Some(value),
            IV => iv = Some(value),
            KEY_INFO => {
                let mut rest = value;
                while let Some((number, value)) = field(&mut rest)? {
                    match number {
                        KEY_ID => key_id = Some(value),
                        KEY_WRAPPED => wrapped = Some(value),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Some(Envelope {
        ciphertext: ciphertext?.to_vec(),
        iv: iv?.try_into().ok()?,
        wrapped_key: Wrapped {
            ciphertext: wrapped?.to_vec(),
            key_id: String::from_utf8(key_id?.to_vec()).ok()?,
        },
    })
}

fn bytes(out: &mut Vec<u8>, number: u8, value: &[u8]) {
    out.push(number << 3 | LENGTH_DELIMITED);
    let mut len = value.len();
    while len >= 0x80 {
        out.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(value);
}

/// The next field and its bytes (none for a number); `Some(None)` at the end, `None` where it is damaged.
fn field<'a>(rest: &mut &'a [u8]) -> Option<Option<(u8, &'a [u8])>> {
    if rest.is_empty() {
        return Some(None);
    }
    let tag = varint(rest)?;
    let number = u8::try_from(tag >> 3).ok()?;
    let len = match (tag & 7) as u8 {
        VARINT => {
            varint(rest)?;
            0
        }
        LENGTH_DELIMITED => usize::try_from(varint(rest)?).ok()?,
        _ => return None,
    };
    let (value, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(Some((number, value)))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

const CIPHERTEXT: u8 = 1;
const IV: u8 = 2;
const KEY_INFO: u8 = 5;
const KEY_MECHANISM: u8 = 1;
const KEY_ID: u8 = 3;
const KEY_WRAPPED: u8 = 5;
/// A random data key under AES-GCM, itself wrapped by the service.
const MECHANISM_ENVELOPE: u8 = 1;
const VARINT: u8 = 0;
const LENGTH_DELIMITED: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        let wrapped_key = Wrapped { ciphertext: vec![9; 200], key_id: "arn:aws:kms:x".into() };
        Envelope { ciphertext: vec![1, 2, 3], iv: [7; 12], wrapped_key }
    }

    #[test]
    fn what_is_written_is_read_and_unknown_fields_are_skipped() {
        let blob = encode(&envelope());
        assert_eq!(decode(&blob).unwrap(), envelope());
        // value_path = "x", and a number of another version.
        let mut more = vec![6 << 3 | 2, 1, b'x', 9 << 3, 0x80, 1];
        more.extend_from_slice(&blob);
        assert_eq!(decode(&more).unwrap(), envelope());
    }

    #[test]
    fn what_is_cut_off_is_not_read() {
        let blob = encode(&envelope());
        for len in 0..blob.len() {
            assert!(decode(&blob[..len]).is_none(), "{len}");
        }
        assert!(decode(&[0xff; 40]).is_none());
    }
}
