//! `user_lockout "userpass" { … }`: after how many failed logins who must wait.

use trustkeep_chassis::config::value;

use super::section::{Keys, Reader, Section};
use crate::core::lockout::{KINDS, LockoutRules, LockoutSettings};

const KEYS: Keys = Keys {
    keys: &["lockout_threshold", "lockout_duration", "lockout_counter_reset", "disable_lockout"],
    blocks: &[],
    without_effect: &[],
    prefixes_without_effect: &[],
};

/// All stanzas of that name; of several for one method the later value counts.
pub(super) fn parse(top: &Section<'_>, reader: &mut Reader<'_>) -> LockoutRules {
    let mut rules = LockoutRules { disabled: disabled_by_environment(reader), ..LockoutRules::default() };
    for stanza in top.blocks("user_lockout", reader) {
        for (kind, section) in stanza.all_blocks(reader) {
            let kind = kind.to_lowercase();
            if kind != "all" && !KINDS.contains(&kind.as_str()) {
                let known = format!("\"{kind}\" has no lockout; known are all, {}", KINDS.join(", "));
                section.problem("", known, reader);
                continue;
            }
            section.check_keys(&KEYS, reader);
            let settings: &mut LockoutSettings = rules.by_kind.entry(kind).or_default();
            let threshold = section.get("lockout_threshold", &[], value::number::<u32>, reader);
            settings.threshold = threshold.or(settings.threshold);
            for (key, slot) in [
                ("lockout_duration", &mut settings.duration),
                ("lockout_counter_reset", &mut settings.counter_reset),
            ] {
                if let Some(duration) = section.get(key, &[], value::duration, reader) {
                    *slot = Some(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX));
                }
            }
            settings.disabled = section.boolean("disable_lockout", &[], reader).or(settings.disabled);
        }
    }
    rules
}

fn disabled_by_environment(reader: &mut Reader<'_>) -> Option<bool> {
    let (text, place) = reader.environment(&["VAULT_DISABLE_USER_LOCKOUT"])?;
    match value::boolean(&text) {
        Ok(disabled) => Some(disabled),
        Err(error) => {
            reader.problems.add(place, "disable_lockout", error);
            None
        }
    }
}
