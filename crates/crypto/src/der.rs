//! As much of DER (X.690) as it takes to find the key within a PKCS#8 document.

/// The content of `privateKey` of a `PrivateKeyInfo` (RFC 5958): the algorithm's own form of the key.
pub(crate) fn private_key_of_pkcs8(document: &[u8]) -> Option<&[u8]> {
    let (info, _) = element(document, SEQUENCE)?;
    let (_version, rest) = element(info, INTEGER)?;
    let (_algorithm, rest) = element(rest, SEQUENCE)?;
    element(rest, OCTET_STRING).map(|(key, _)| key)
}

/// The content of the first element, which must have this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (len, rest) = rest.split_first()?;
    if *first != tag {
        return None;
    }
    let (len, rest) = match len {
        0..=0x7f => (usize::from(*len), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(len & 0x7f))?;
            (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_key_and_survives_junk() {
        let document = hex::decode("300d0201003000040600010203040500").unwrap();
        let document = &document[..15];
        assert_eq!(private_key_of_pkcs8(document), Some(&[0, 1, 2, 3, 4, 5][..]));
        for len in 0..document.len() {
            assert_eq!(private_key_of_pkcs8(&document[..len]), None);
        }
        assert_eq!(private_key_of_pkcs8(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(private_key_of_pkcs8(&[0x30, 0x80, 0, 0]), None);
    }
}
