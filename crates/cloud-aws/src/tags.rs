//! The tags of what is made: whose it is, and by which order.

use std::collections::BTreeMap;

use trustkeep_cloud::{Fault, Kind, Result};

/// On everything: the controller that owns it.
pub const OWNER: &str = "trustkeep:controller";
/// On instances: the token of the order, which is the node's id.
pub const NODE: &str = "trustkeep:node";
/// On volumes that were ordered as disks: the token of the order, which is the disk's id.
pub const DISK: &str = "trustkeep:disk";

/// What EC2 allows on one resource.
const TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;
/// What the keys of users do not begin with: Amazon's, and ours.
const RESERVED: [&str; 2] = ["aws:", "trustkeep:"];

/// All tags of a resource: the order's, its name unless the user gave another, the owner's and its own.
///
/// # Errors
/// [`Kind::Invalid`] for what EC2 would refuse, and for tags that would hide whose it is.
pub(crate) fn of(
    ordered: &BTreeMap<String, String>,
    name: &str,
    owner: &str,
    own: (&str, &str),
) -> Result<BTreeMap<String, String>> {
    let is_reserved =
        |key: &&String| RESERVED.iter().any(|prefix| key.to_ascii_lowercase().starts_with(prefix));
    if let Some(key) = ordered.keys().find(is_reserved) {
        return Err(invalid(format!(
            "the tag {key:?} begins with {}, which is reserved",
            RESERVED.join(" or ")
        )));
    }
    let mut tags = ordered.clone();
    tags.entry("Name".to_owned()).or_insert_with(|| name.to_owned());
    tags.insert(OWNER.to_owned(), owner.to_owned());
    tags.insert(own.0.to_owned(), own.1.to_owned());
    if tags.len() > TAGS_MAX {
        return Err(invalid(format!(
            "{} tags are too many: EC2 takes {TAGS_MAX}, ours among them",
            tags.len()
        )));
    }
    for (key, value) in &tags {
        if key.is_empty() || key.chars().count() > KEY_CHARS_MAX {
            return Err(invalid(format!("the tag {key:?} must have 1 to {KEY_CHARS_MAX} characters")));
        }
        if value.chars().count() > VALUE_CHARS_MAX {
            return Err(invalid(format!(
                "the value of the tag {key:?} has more than {VALUE_CHARS_MAX} characters"
            )));
        }
    }
    Ok(tags)
}

fn invalid(text: String) -> Fault {
    Fault::new(Kind::Invalid, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(ordered: &[(&str, &str)]) -> Result<BTreeMap<String, String>> {
        let ordered = ordered.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        of(&ordered, "VCP-a-b", "owner", (NODE, "token"))
    }

    #[test]
    fn ours_cannot_be_replaced() {
        let tags = tagged(&[("Name", "mine"), ("k", "")]).unwrap();
        assert_eq!(
            (tags[NODE].as_str(), tags[OWNER].as_str(), tags["Name"].as_str()),
            ("token", "owner", "mine")
        );
        assert_eq!(tags["k"], "");
        for ours in [NODE, OWNER, DISK, "Trustkeep:x"] {
            assert!(tagged(&[(ours, "other")]).unwrap_err().text.contains("is reserved"), "{ours}");
        }
    }

    #[test]
    fn what_ec2_refuses_is_named() {
        let text = |ordered: &[(&str, &str)]| tagged(ordered).unwrap_err().text;
        assert!(text(&[("AWS:x", "v")]).contains("\"AWS:x\""));
        assert!(text(&[("", "v")]).contains("1 to 128"));
        assert!(text(&[("k", &"v".repeat(257))]).contains("\"k\""));
        let many: Vec<String> = (0..48).map(|n| n.to_string()).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "")).collect();
        assert!(text(&many).contains("51 tags"));
        assert!(tagged(&many[1..]).is_ok());
    }
}
