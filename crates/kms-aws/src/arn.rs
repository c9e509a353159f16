//! Key names: `arn:PARTITION:kms:REGION:ACCOUNT:key/ID` or `…:alias/NAME`.

/// The region in a key's ARN; none for ids and aliases.
pub(crate) fn region(key: &str) -> Option<&str> {
    let mut parts = key.split(':');
    (parts.next() == Some("arn")).then_some(())?;
    parts.nth(2).filter(|region| !region.is_empty())
}

/// The key that decrypts here what `key` encrypted: a multi-Region key has the same id in every region, so
/// that a replica takes over when the first region is lost.
pub(crate) fn in_region(key: &str, here: &str) -> String {
    match region(key) {
        Some(there) if there != here && key.contains(":key/mrk-") => {
            key.replacen(&format!(":{there}:"), &format!(":{here}:"), 1)
        }
        _ => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_read_from_arns_only() {
        assert_eq!(region("arn:aws:kms:eu-west-1:1:key/k"), Some("eu-west-1"));
        assert_eq!(region("arn:aws-cn:kms:cn-north-1:1:alias/a"), Some("cn-north-1"));
        for key in ["alias/a", "1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1", "", "arn:aws"] {
            assert_eq!(region(key), None, "{key}");
        }
    }

    #[test]
    fn only_multi_region_keys_move() {
        let single = "arn:aws:kms:eu-west-1:1:key/k";
        assert_eq!(in_region(single, "us-east-1"), single);
        let multi = "arn:aws:kms:eu-west-1:1:key/mrk-k";
        assert_eq!(in_region(multi, "us-east-1"), "arn:aws:kms:us-east-1:1:key/mrk-k");
        assert_eq!(in_region(multi, "eu-west-1"), multi);
        assert_eq!(in_region("alias/a", "us-east-1"), "alias/a");
    }
}
