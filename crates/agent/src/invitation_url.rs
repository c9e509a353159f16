//! Invitations as links: `?oob=` (RFC 0434) and `?c_i=` (RFC 0160), with the invitation in base64url.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as UNPADDED;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use crate::{Error, Result};

/// Characters of a link that is read.
const CHARS_MAX: usize = 64 << 10;
/// The members of a query that hold an invitation.
const MEMBERS: [&str; 3] = ["oob", "c_i", "d_m"];
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The link to an invitation; `member` is `oob` or `c_i`.
pub fn to_url(endpoint: &str, member: &str, invitation: &Value) -> String {
    let encoded = UNPADDED.encode(invitation.to_string());
    let endpoint = endpoint.split(['?', '#']).next().unwrap_or_default();
    format!("{endpoint}?{member}={encoded}")
}

/// The invitation in a link.
///
/// # Errors
/// [`Error::BadRequest`] if there is none in it.
pub fn from_url(url: &str) -> Result<Value> {
    let refused = |why: &str| Error::BadRequest(format!("the URL holds no invitation: {why}"));
    if url.len() > CHARS_MAX {
        return Err(refused("it is too long"));
    }
    let query = url.split_once('?').map(|(_, query)| query).ok_or_else(|| refused("it has no query"))?;
    let query = query.split('#').next().unwrap_or_default();
    let members = query.split('&').filter_map(|member| member.split_once('='));
    let encoded = members.into_iter().find(|(name, _)| MEMBERS.contains(name)).map(|(_, value)| value);
    let encoded = encoded.ok_or_else(|| refused("neither oob nor c_i"))?;
    // The other alphabet and percent signs come of tools on the way.
    let encoded = encoded.replace("%3D", "=").replace("%3d", "=").replace("%2B", "-").replace("%2F", "_");
    let encoded = encoded.replace(['+', ' '], "-").replace('/', "_");
    let bytes = LENIENT.decode(encoded).map_err(|_| refused("not base64url"))?;
    serde_json::from_slice(&bytes).map_err(|_| refused("not JSON"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn links_go_both_ways() {
        let invitation =
            json!({"@type": "https://didcomm.org/out-of-band/1.1/invitation", "label": "Fäber??>>"});
        for member in ["oob", "c_i"] {
            let url = to_url("http://faber.example:8020/in", member, &invitation);
            assert!(url.starts_with(&format!("http://faber.example:8020/in?{member}=ey")), "{url}");
            assert_eq!(from_url(&url).unwrap(), invitation);
            for padding in ["=", "==", "%3D"] {
                assert_eq!(from_url(&format!("{url}{padding}")).unwrap(), invitation);
            }
            assert_eq!(from_url(&format!("{url}#x")).unwrap(), invitation);
        }
        for url in ["", "http://x", "http://x?a=b", "http://x?oob=%", "http://x?oob=AAAA"] {
            assert!(from_url(url).is_err(), "{url}");
        }
        assert!(from_url(&format!("http://x?oob={}", "A".repeat(CHARS_MAX))).is_err());
    }
}
