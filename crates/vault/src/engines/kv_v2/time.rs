//! Times and durations as Go prints and Vault reads them.

use serde_json::Value;

use crate::request::parse_seconds;
use crate::{Error, Result};

/// Unix nanoseconds as RFC 3339 in UTC with as many decimals as it takes; empty for 0.
pub(in crate::engines) fn rfc3339(nanoseconds: i64) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)) {
        Ok(time) if nanoseconds != 0 => time.to_string(),
        _ => String::new(),
    }
}

/// A duration in seconds that may be negative.
///
/// # Errors
/// 400 where it is malformed.
pub(super) fn signed_seconds(field: &str, value: &Value) -> Result<i64> {
    let seconds = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => match text.trim().strip_prefix('-') {
            Some(positive) => parse_seconds(&Value::String(positive.to_owned())).map(|seconds| -seconds),
            None => parse_seconds(value),
        },
        _ => None,
    };
    seconds.ok_or_else(|| {
        Error::invalid(format!(
            "Field validation failed: error converting input for field {field:?}: expected a duration such as 90, \
             \"15m\" or \"1h30m\""
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::duration::go_duration;

    #[test]
    fn times_are_printed_as_go_prints_them() {
        for (nanoseconds, text) in [
            (0, ""),
            (1_521_685_446_945_319_214, "2018-03-22T02:24:06.945319214Z"),
            (1_521_685_446_945_319_000, "2018-03-22T02:24:06.945319Z"),
            (1_521_685_446_500_000_000, "2018-03-22T02:24:06.5Z"),
            (1_521_685_446_000_000_000, "2018-03-22T02:24:06Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            assert_eq!(rfc3339(nanoseconds), text);
        }
        for (seconds, text) in [(0, "0s"), (-1, "-1s"), (90, "1m30s"), (3600, "1h0m0s"), (12_319, "3h25m19s")]
        {
            assert_eq!(go_duration(seconds), text);
        }
    }

    #[test]
    fn durations_may_be_negative() {
        for (value, seconds) in
            [(json!("-1s"), -1), (json!(-5), -5), (json!("3h25m19s"), 12_319), (json!(""), 0)]
        {
            assert_eq!(signed_seconds("f", &value).unwrap(), seconds);
        }
        for value in [json!("1x"), json!(true), json!([1]), json!(1.5)] {
            assert_eq!(signed_seconds("f", &value).unwrap_err().status(), 400);
        }
    }
}
