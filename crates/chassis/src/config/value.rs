//! Texts of a configuration file, an environment variable or a flag, as values.
//!
//! Each function takes the text and returns the value or a [`ValueError`] that says what is expected.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The text does not have the form that the key expects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not {expected}")]
pub struct ValueError {
    text: String,
    expected: &'static str,
}

/// A duration: `30s`, `1h30m`, `768h`, `1d`, `1.5h`, `250ms`, or a bare number of seconds.
/// Units: `ns`, `us`, `µs`, `ms`, `s`, `m`, `h`, `d` (24 hours), `w` (7 days).
///
/// # Errors
/// For anything else, negative durations among it, and for more than 2^64 seconds.
pub fn duration(text: &str) -> Result<Duration, ValueError> {
    const EXPECTED: &str = "a duration (\"30s\", \"1h30m\", \"768h\", \"1d\", or a number of seconds)";
    let wrong = || ValueError { text: shown(text), expected: EXPECTED };
    let trimmed = text.trim();
    if let Ok(seconds) = trimmed.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut rest = trimmed;
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let unit_len = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_len);
        let unit_ns: u128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "w" => 604_800_000_000_000,
            _ => return Err(wrong()),
        };
        let part_ns = decimal_times(number, unit_ns).ok_or_else(wrong)?;
        let part = Duration::new(
            u64::try_from(part_ns / 1_000_000_000).map_err(|_| wrong())?,
            u32::try_from(part_ns % 1_000_000_000).map_err(|_| wrong())?,
        );
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = next;
    }
    Ok(total)
}

/// A size in bytes: a bare number, or with `b`, `k`/`kb`/`kib`, `m`/`mb`/`mib`, `g`/`gb`/`gib` in any case.
/// All are powers of 1024, as the original products read them.
///
/// # Errors
/// For anything else.
pub fn size(text: &str) -> Result<u64, ValueError> {
    let wrong =
        || ValueError { text: shown(text), expected: "a size in bytes (\"1048576\", \"512KiB\", \"32MB\")" };
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift)).ok_or_else(wrong)
}

/// A truth value: `true`/`false`, also as `1`/`0`, `t`/`f`, `yes`/`no`, `on`/`off`, in any case.
///
/// # Errors
/// For anything else.
pub fn boolean(text: &str) -> Result<bool, ValueError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" | "on" => Ok(true),
        "false" | "f" | "0" | "no" | "off" => Ok(false),
        _ => Err(ValueError { text: shown(text), expected: "true or false" }),
    }
}

/// An address to listen on: `127.0.0.1:8200`, `[::1]:8200`, `:8200` and `0.0.0.0:8200` (every interface), `localhost:8200`.
///
/// # Errors
/// For anything else; names other than `localhost` are not looked up.
pub fn socket_address(text: &str) -> Result<SocketAddr, ValueError> {
    let wrong = || ValueError {
        text: shown(text),
        expected: "an address with a port (\"127.0.0.1:8200\", \"[::1]:8200\")",
    };
    let trimmed = text.trim();
    if let Ok(address) = trimmed.parse() {
        return Ok(address);
    }
    let (host, port) = trimmed.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let ip = match host {
        "" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        _ => return Err(wrong()),
    };
    Ok(SocketAddr::new(ip, port))
}

/// A whole number.
///
/// # Errors
/// For anything that is not a number of the type's range.
pub fn number<T: std::str::FromStr>(text: &str) -> Result<T, ValueError> {
    text.trim()
        .parse()
        .map_err(|_| ValueError { text: shown(text), expected: "a whole number in the allowed range" })
}

/// The text itself.
///
/// # Errors
/// Never; the signature is that of its siblings.
pub fn text(text: &str) -> Result<String, Infallible> {
    Ok(text.to_owned())
}

/// `number` (digits with an optional fraction) times `unit`, exactly, rounded down.
fn decimal_times(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole_part = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let fraction_part = if fraction.is_empty() {
        0
    } else {
        // More than 18 digits are finer than a nanosecond of any unit; the rest is cut.
        let digits = fraction.get(..fraction.len().min(18))?;
        let scale = 10u128.checked_pow(u32::try_from(digits.len()).ok()?)?;
        u128::from(digits.parse::<u64>().ok()?).checked_mul(unit)? / scale
    };
    u128::from(whole_part).checked_mul(unit)?.checked_add(fraction_part)
}

/// Long texts are cut in messages.
fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    if text.chars().count() <= SHOWN_MAX {
        text.to_owned()
    } else {
        text.chars().take(SHOWN_MAX).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_vault_writes_them() {
        for (text, seconds) in [
            ("768h", 768.0 * 3600.0),
            ("30s", 30.0),
            ("1h30m", 5400.0),
            ("90", 90.0),
            ("1d", 86400.0),
            ("0", 0.0),
            ("1.5h", 5400.0),
            ("250ms", 0.25),
            (" 2w ", 1_209_600.0),
            (".5s", 0.5),
        ] {
            assert_eq!(duration(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        for text in ["", "h", "1x", "-5s", "1h30", "..s", "99999999999999999999h", "s1", "1 h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_truth_values_are_read_in_any_case() {
        assert_eq!(size("32MB").unwrap(), 33_554_432);
        assert_eq!(size("512 KiB").unwrap(), 524_288);
        assert_eq!(size("7").unwrap(), 7);
        assert!(size("99999999999GB").is_err());
        assert!(size("MB").is_err());
        assert!(boolean("TRUE").unwrap());
        assert!(!boolean("0").unwrap());
        assert!(boolean("maybe").is_err());
    }

    #[test]
    fn addresses_need_a_port() {
        assert_eq!(socket_address("127.0.0.1:8200").unwrap().port(), 8200);
        assert_eq!(socket_address(":8200").unwrap().to_string(), "[::]:8200");
        assert!(socket_address("localhost:1").unwrap().ip().is_loopback());
        assert!(socket_address("[::1]:8200").unwrap().ip().is_loopback());
        assert!(socket_address("127.0.0.1").is_err());
        assert!(socket_address("example.org:80").is_err());
    }
}
