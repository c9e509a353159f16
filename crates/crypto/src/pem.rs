//! The textual encoding of keys (RFC 7468), decoded in constant time.

use pem_rfc7468::LineEnding;

use crate::{Error, Result, SecretBytes};

/// The content of the first block of `text`, which must have one of `labels`. Text before it is skipped:
/// OpenSSL writes parameters and comments there.
///
/// # Errors
/// [`Error::Encoding`] if it is not PEM, [`Error::Key`] if the block has another label.
pub fn decode(text: &str, labels: &[&str]) -> Result<SecretBytes> {
    let not_pem = || Error::Encoding { encoding: "PEM" };
    let block = first_block(text, labels).ok_or_else(not_pem)?;
    let mut decoded = SecretBytes::zeroed(block.len());
    let (label, content) =
        pem_rfc7468::decode(block.as_bytes(), decoded.expose_mut()).map_err(|_| not_pem())?;
    if !labels.contains(&label) {
        return Err(Error::Key {
            what: "PEM block",
            reason: "it holds another kind of object than expected",
        });
    }
    let len = content.len();
    let mut content = decoded.into_inner();
    content.truncate(len);
    Ok(SecretBytes::new(std::mem::take(&mut *content)))
}

/// One block with lines of 64 characters.
///
/// # Errors
/// [`Error::Provider`] if the label is not one that PEM takes.
pub fn encode(label: &str, content: &[u8]) -> Result<String> {
    pem_rfc7468::encode_string(label, LineEnding::LF, content)
        .map_err(|_| Error::Provider { operation: "PEM encoding" })
}

/// The first block with one of `labels`, else simply the first block.
fn first_block<'a>(text: &'a str, labels: &[&str]) -> Option<&'a str> {
    let wanted = labels.iter().filter_map(|label| text.find(&format!("-----BEGIN {label}-----"))).min();
    let block = text.get(wanted.or_else(|| text.find("-----BEGIN "))?..)?;
    let end = block.find("-----END ")?;
    let line = block.get(end..)?.lines().next()?.len();
    block.get(..end + line)
}
