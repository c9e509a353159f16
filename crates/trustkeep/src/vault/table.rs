//! Tables as the `vault` tool prints them: headers underlined with dashes, columns four spaces apart.

use serde_json::{Map, Value};

use super::duration::GoDuration;
use super::secret::Secret;

/// Between two columns.
const GUTTER: &str = "    ";
/// In place of an empty cell.
const EMPTY: &str = "n/a";

/// Rows of cells, aligned; no header. Cells lose surrounding space, empty ones say `n/a`.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<&str>> = rows
        .iter()
        .map(|row| {
            row.iter()
                .map(|cell| Some(cell.trim()).filter(|cell| !cell.is_empty()).unwrap_or(EMPTY))
                .collect()
        })
        .collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                line.push_str(cell);
                if column + 1 < row.len() {
                    let width = widths.get(column).copied().unwrap_or(0);
                    line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
                    line.push_str(GUTTER);
                }
            }
            line
        })
        .collect();
    lines.join("\n")
}

/// The same with a header, underlined.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut all = vec![
        header.iter().map(|title| (*title).to_owned()).collect(),
        header.iter().map(|title| "-".repeat(title.chars().count())).collect(),
    ];
    all.extend(rows);
    columns(&all)
}

/// `Key` and `Value` of each row, or nothing without rows.
pub(crate) fn key_value(rows: Vec<(String, String)>) -> Option<String> {
    (!rows.is_empty())
        .then(|| table(&["Key", "Value"], rows.into_iter().map(|(key, value)| vec![key, value]).collect()))
}

/// A listing: one key a line under `Keys`.
pub(crate) fn keys(keys: &[String]) -> String {
    table(&["Keys"], keys.iter().map(|key| vec![key.clone()]).collect())
}

/// An object, sorted by key.
pub(crate) fn object(map: &Map<String, Value>) -> Option<String> {
    key_value(object_rows(map))
}

/// An answer with all its parts, or nothing if it has none to show.
pub(crate) fn secret(secret: &Secret) -> Option<String> {
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut row = |key: &str, value: String| rows.push((key.to_owned(), value));
    let lease = secret.lease_duration();
    if lease > 0 && secret.text("lease_id").is_empty() {
        row("refresh_interval", seconds(lease));
    } else if lease > 0 {
        row("lease_id", secret.text("lease_id").to_owned());
        row("lease_duration", seconds(lease));
        row("lease_renewable", secret.renewable().to_string());
    }
    if let Some(auth) = secret.auth() {
        match auth.get("mfa_requirement").and_then(Value::as_object) {
            Some(requirement) => second_factor(requirement, &mut row),
            None => login(auth, &mut row),
        }
    }
    if let Some(wrap) = secret.wrap_info() {
        row("wrapping_token:", text(wrap, "token"));
        row("wrapping_accessor:", text(wrap, "accessor"));
        row("wrapping_token_ttl:", seconds(wrap.get("ttl").and_then(Value::as_i64).unwrap_or(0)));
        row("wrapping_token_creation_time:", go_time(&text(wrap, "creation_time")));
        row("wrapping_token_creation_path:", text(wrap, "creation_path"));
        let accessor = text(wrap, "wrapped_accessor");
        if !accessor.is_empty() {
            row("wrapped_accessor:", accessor);
        }
    }
    if let Some(data) = secret.data() {
        rows.extend(object_rows(data));
    }
    key_value(rows)
}

/// `====== Title ======`, at least as wide as `width`.
pub(crate) fn banner(title: &str, width: usize) -> String {
    let signs = width.saturating_sub(title.chars().count() + 2);
    let signs = if signs == 0 { 4 } else { signs };
    let side = "=".repeat(signs.div_ceil(2));
    format!("{side} {title} {side}")
}

/// The banner above a table of `map`.
pub(crate) fn banner_above(title: &str, map: &Map<String, Value>) -> String {
    let widest = map.keys().map(|key| key.chars().count()).max().unwrap_or(0);
    banner(title, widest + GUTTER.len() + "Value".len())
}

/// A value as Go prints it with `%v`.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(value) => value.clone(),
        Value::Array(values) => format!("[{}]", values.iter().map(plain).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let mut entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}:{}", plain(value))).collect();
            entries.sort_unstable();
            format!("map[{}]", entries.join(" "))
        }
    }
}

fn object_rows(map: &Map<String, Value>) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = map
        .iter()
        .map(|(key, value)| {
            let text = match value.as_i64().filter(|_| is_duration(key)) {
                Some(duration) => seconds(duration),
                None => plain(value),
            };
            (key.clone(), text)
        })
        .collect();
    rows.sort_unstable();
    rows
}

fn login(auth: &Map<String, Value>, row: &mut impl FnMut(&str, String)) {
    row("token", text(auth, "client_token"));
    row("token_accessor", text(auth, "accessor"));
    let duration = auth.get("lease_duration").and_then(Value::as_i64).unwrap_or(0);
    // A root token lives for ever.
    row("token_duration", if duration == 0 { "∞".to_owned() } else { seconds(duration) });
    row("token_renewable", auth.get("renewable").and_then(Value::as_bool).unwrap_or(false).to_string());
    for name in ["token_policies", "identity_policies", "policies"] {
        row(name, quoted(auth.get(name)));
    }
    if let Some(metadata) = auth.get("metadata").and_then(Value::as_object) {
        for (key, value) in metadata {
            row(&format!("token_meta_{key}"), plain(value));
        }
    }
}

fn second_factor(requirement: &Map<String, Value>, row: &mut impl FnMut(&str, String)) {
    row("mfa_request_id", text(requirement, "mfa_request_id"));
    let Some(constraints) = requirement.get("mfa_constraints").and_then(Value::as_object) else { return };
    for (name, constraint) in constraints {
        let any = constraint.get("any").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for method in any.iter().filter_map(Value::as_object) {
            let prefix = format!("mfa_constraint_{name}_{}", text(method, "type"));
            row(&format!("{prefix}_id"), text(method, "id"));
            row(
                &format!("{prefix}_uses_passcode"),
                method.get("uses_passcode").map_or("false".into(), plain),
            );
        }
    }
}

fn text(map: &Map<String, Value>, key: &str) -> String {
    map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A list of texts as Go prints it with `%q`.
fn quoted(value: Option<&Value>) -> String {
    let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let words: Vec<String> = list
        .iter()
        .map(|item| Value::String(item.as_str().map_or_else(|| plain(item), str::to_owned)).to_string())
        .collect();
    format!("[{}]", words.join(" "))
}

fn seconds(seconds: i64) -> String {
    GoDuration::from_seconds(seconds).human()
}

/// Whether numbers under this key are seconds.
fn is_duration(key: &str) -> bool {
    const WORDS: [&str; 3] = ["period", "ttl", "duration"];
    key == "lease_max"
        || key == "ttl_max"
        || WORDS
            .iter()
            .any(|word| key.strip_suffix(word).is_some_and(|rest| rest.is_empty() || rest.ends_with('_')))
}

/// RFC 3339 in the form of Go's `Time.String`.
fn go_time(time: &str) -> String {
    let Some((date, clock)) = time.split_once('T') else { return time.to_owned() };
    if let Some(clock) = clock.strip_suffix('Z') {
        return format!("{date} {clock} +0000 UTC");
    }
    match clock.rfind(['+', '-']) {
        Some(at) => {
            let (clock, offset) = clock.split_at(at);
            let offset = offset.replace(':', "");
            format!("{date} {clock} {offset} {offset}")
        }
        None => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(answer: Value) -> String {
        let secret = Secret::parse(answer.to_string().as_bytes()).unwrap().unwrap();
        super::secret(&secret).unwrap_or_default()
    }

    #[test]
    fn data_is_sorted_and_lifetimes_are_durations() {
        let text = shown(json!({"lease_duration": 2764800, "data": {
            "zone": "a", "ttl": 3600, "max_lease_ttl": 0, "settle": 5, "policies": ["a", "b"], "none": null,
            "meta": {"k": 1, "a": true}, "empty": "", "period": "text"}}));
        assert_eq!(
            text,
            "Key                 Value\n\
             ---                 -----\n\
             refresh_interval    768h\n\
             empty               n/a\n\
             max_lease_ttl       0s\n\
             meta                map[a:true k:1]\n\
             none                <nil>\n\
             period              text\n\
             policies            [a b]\n\
             settle              5\n\
             ttl                 1h\n\
             zone                a"
        );
    }

    #[test]
    fn a_login_shows_the_token_and_how_long_it_lives() {
        let text = shown(json!({"auth": {"client_token": "hvs.x", "accessor": "acc", "policies": ["root"],
            "token_policies": ["root"], "lease_duration": 0, "renewable": false, "metadata": {"username": "ann"}}}));
        assert_eq!(
            text,
            "Key                    Value\n\
             ---                    -----\n\
             token                  hvs.x\n\
             token_accessor         acc\n\
             token_duration         ∞\n\
             token_renewable        false\n\
             token_policies         [\"root\"]\n\
             identity_policies      []\n\
             policies               [\"root\"]\n\
             token_meta_username    ann"
        );
    }

    #[test]
    fn a_lease_and_a_wrapping_token() {
        let text =
            shown(json!({"lease_id": "db/creds/r/1", "lease_duration": 90, "renewable": true, "data": null}));
        assert!(text.contains("\nlease_duration     1m30s\nlease_renewable    true"), "{text}");
        let text = shown(json!({"wrap_info": {"token": "hvs.w", "accessor": "a", "ttl": 60,
            "creation_time": "2024-01-02T03:04:05.678Z", "creation_path": "secret/data/db"}}));
        assert!(text.contains("\nwrapping_token:                  hvs.w\n"), "{text}");
        assert!(text.contains("\nwrapping_token_ttl:              1m\n"), "{text}");
        assert!(text.contains("creation_time:    2024-01-02 03:04:05.678 +0000 UTC\n"), "{text}");
    }

    #[test]
    fn offsets_are_written_as_go_does() {
        assert_eq!(go_time("2024-01-02T03:04:05+09:00"), "2024-01-02 03:04:05 +0900 +0900");
    }

    #[test]
    fn banners_are_centred_above_what_follows() {
        assert_eq!(banner("Secret Path", "secret/data/customers/acme".len()), "======= Secret Path =======");
        assert_eq!(banner("Secret Path", 3), "== Secret Path ==");
        assert_eq!(banner_above("Data", json!({"foo": 1}).as_object().unwrap()), "=== Data ===");
        assert_eq!(
            banner_above("Metadata", json!({"custom_metadata": 1}).as_object().unwrap()),
            "======= Metadata ======="
        );
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        assert_eq!(table(&["A", "B"], vec![vec!["é".into(), "x".into()]]), "A    B\n-    -\né    x");
    }

    #[test]
    fn nothing_to_show_is_no_table() {
        assert_eq!(shown(json!({"data": {}})), "");
    }
}
