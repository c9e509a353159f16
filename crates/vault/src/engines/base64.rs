//! Base64 as Go's standard library reads it, with its words for what is wrong: clients of transit match them.

use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine as _};
use zeroize::Zeroizing;

/// Text that is not base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("illegal base64 data at input byte {0}")]
pub(super) struct Illegal(usize);

/// Decodes standard base64 with padding; line breaks are skipped, as Go does.
pub(super) fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, Illegal> {
    decode_with(&PADDED, text)
}

/// Decodes base64 for URLs without padding.
pub(super) fn decode_url(text: &str) -> Result<Zeroizing<Vec<u8>>, Illegal> {
    decode_with(&URL, text)
}

/// Standard base64 with padding.
pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    PADDED.encode(bytes)
}

/// Base64 for URLs without padding.
pub(super) fn encode_url(bytes: impl AsRef<[u8]>) -> String {
    URL.encode(bytes)
}

fn decode_with(engine: &GeneralPurpose, text: &str) -> Result<Zeroizing<Vec<u8>>, Illegal> {
    let is_break = |c: char| c == '\n' || c == '\r';
    let decoded = if text.contains(is_break) {
        let joined = Zeroizing::new(text.replace(is_break, ""));
        engine.decode(joined.as_bytes())
    } else {
        engine.decode(text)
    };
    decoded.map(Zeroizing::new).map_err(|error| match error {
        DecodeError::InvalidByte(offset, _) | DecodeError::InvalidLastSymbol(offset, _) => Illegal(offset),
        // Go names the beginning of the group of four that is not whole.
        DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => Illegal(text.len() - text.len() % 4),
    })
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
const PADDED: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    LENIENT.with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, bytes) in [("", &b""[..]), ("aGk=", b"hi"), ("aG\r\nk=\n", b"hi"), ("aGl=", b"hi")] {
            assert_eq!(decode(text).unwrap().as_slice(), bytes, "{text}");
        }
        assert_eq!(decode_url("_-8").unwrap().as_slice(), &[0xff, 0xef]);
        assert_eq!(encode_url([0xff, 0xef]), "_-8");
        assert_eq!(encode([0xff, 0xef]), "/+8=");
        assert!(decode_url("_-8=").is_err());
    }

    #[test]
    fn says_what_go_says() {
        for (text, byte) in [("aG$=", 2), ("aGk", 0), ("aGkaa", 4), ("_", 0), ("$", 0)] {
            let error = decode(text).unwrap_err().to_string();
            assert_eq!(error, format!("illegal base64 data at input byte {byte}"), "{text}");
        }
    }
}
