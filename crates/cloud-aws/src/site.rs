//! Where and as whom, read from a place.

use std::fmt;
use std::sync::Arc;

use trustkeep_aws::Credentials;
use trustkeep_cloud::{Fault, Kind, Place, Result};
use trustkeep_crypto::SecretString;

/// The network of the catalogue and the account.
pub(crate) struct Site {
    pub(crate) region: String,
    pub(crate) subnet: String,
    pub(crate) security_group: String,
    /// Where the catalogue names it; else it is the subnet's.
    pub(crate) zone: Option<String>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) owner: String,
}

impl Site {
    /// Reads and checks.
    ///
    /// # Errors
    /// [`Kind::Invalid`] names what is missing or wrong, and where it belongs.
    pub(crate) fn of(place: &Place, provider: &str) -> Result<Self> {
        let network = |keys: &[&str]| -> Result<String> {
            let found = keys.iter().find_map(|key| place.network.get(*key)).map(|value| value.trim());
            let name = keys.first().copied().unwrap_or_default();
            found.filter(|value| !value.is_empty()).map(str::to_owned).ok_or_else(|| {
                invalid(format!("{provider}: {name} is missing in this network of the VPN catalogue"))
            })
        };
        let region = network(&["aws_region"])?;
        // It becomes part of a host name.
        let looks_right = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if region.len() > 40 || region.starts_with('-') || !region.chars().all(looks_right) {
            return Err(invalid(format!(
                "{provider}: aws_region {region:?} is not a region; one looks like ap-northeast-1"
            )));
        }
        Ok(Self {
            region,
            // The second spelling stands in the original's manual.
            subnet: network(&["aws_vpc_subnet_id", "aws_vcp_subnet_id"])?,
            security_group: network(&["aws_vpc_security_group_id", "aws_vcp_security_group_id"])?,
            zone: network(&["aws_availability_zone"]).ok(),
            credentials: Arc::new(credentials(place, provider)?),
            owner: place.owner.clone(),
        })
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("region", &self.region)
            .field("subnet", &self.subnet)
            .finish_non_exhaustive()
    }
}

/// Only those of the place: a controller that runs on EC2 must not act with its own role for its users.
fn credentials(place: &Place, provider: &str) -> Result<Credentials> {
    let given = |key: &str| {
        let value = place.credentials.get(key).map(|secret| secret.expose().trim());
        value.filter(|value| !value.is_empty() && *value != "None")
    };
    let needed = |key: &str| {
        given(key).ok_or_else(|| {
            invalid(format!(
                "{provider}: {key} is missing: give it in vcp_config.yml, as a rule as vault://cubbyhole/aws/{key}"
            ))
        })
    };
    let access_key_id = needed("access_key")?;
    if !is_key_id(access_key_id) {
        // The value is not shown: it may be the secret key, put in the wrong place.
        return Err(invalid(format!(
            "{provider}: access_key is not the id of an access key; are access_key and secret_key exchanged?"
        )));
    }
    Ok(Credentials {
        access_key_id: access_key_id.to_owned(),
        secret_access_key: SecretString::new(needed("secret_key")?.to_owned()),
        session_token: None,
        expires_at: None,
        source: "the unit's spec",
    })
}

/// Whether this may be the id of an access key (IAM API, `AccessKey`: word characters, at most 128) and is not a secret key, which has
/// 40 characters of Base64: one in four of them has neither `+` nor `/`, but all have small letters, and would be sent in the clear.
fn is_key_id(text: &str) -> bool {
    let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_secret = text.len() == SECRET_KEY_LENGTH && text.bytes().any(|byte| byte.is_ascii_lowercase());
    is_word && !is_secret && text.len() <= 128
}

const SECRET_KEY_LENGTH: usize = 40;

fn invalid(text: String) -> Fault {
    Fault::new(Kind::Invalid, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(network: &[(&str, &str)], credentials: &[(&str, &str)]) -> Place {
        Place {
            network: network.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            params: serde_json::Map::new(),
            credentials: credentials
                .iter()
                .map(|(key, value)| ((*key).to_owned(), SecretString::new((*value).to_owned())))
                .collect(),
            owner: "o".into(),
        }
    }

    #[test]
    fn both_spellings_and_stray_blanks_are_read() {
        let network = [
            ("aws_region", "eu-west-1"),
            ("aws_vcp_subnet_id", " subnet-1"),
            ("aws_vpc_security_group_id", "sg-1"),
            ("aws_availability_zone", ""),
        ];
        let site =
            Site::of(&place(&network, &[("access_key", "AKIA\n"), ("secret_key", " s/+\n")]), "aws").unwrap();
        assert_eq!(
            (site.subnet.as_str(), site.security_group.as_str(), &site.zone),
            ("subnet-1", "sg-1", &None)
        );
        assert_eq!(site.credentials.access_key_id, "AKIA");
        assert_eq!(site.credentials.secret_access_key.expose(), "s/+");
        assert!(!format!("{site:?} {:?}", site.credentials).contains("s/+"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let network =
            [("aws_region", "eu-west-1"), ("aws_vpc_subnet_id", "s"), ("aws_vpc_security_group_id", "g")];
        let text = |network: &[(&str, &str)], credentials: &[(&str, &str)]| {
            let fault = Site::of(&place(network, credentials), "aws").unwrap_err();
            assert_eq!(fault.kind, Kind::Invalid);
            fault.text
        };
        assert!(text(&network[..1], &[]).contains("aws_vpc_subnet_id is missing"));
        assert!(text(&[("aws_region", "evil.example/")], &[]).contains("is not a region"));
        assert!(text(&network, &[]).contains("access_key is missing"));
        assert!(
            text(&network, &[("access_key", "A"), ("secret_key", "None")]).contains("secret_key is missing")
        );
        for secret in ["se/cret", "wJalrXUtnFEMIaK7MDENGabPxRfiCYEXAMPLEKEY"] {
            let exchanged = text(&network, &[("access_key", secret), ("secret_key", "A")]);
            assert!(exchanged.contains("exchanged") && !exchanged.contains(secret));
        }
    }
}
