//! Durations as Go writes them: `1h30m`, `768h`, `0s`; a bare number is seconds.

/// A signed span with nanosecond resolution (negative values mean "the system's value" to some commands).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GoDuration {
    nanoseconds: i64,
}

const UNITS: [(&str, i64); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
];

impl GoDuration {
    /// A span of whole seconds, at the limit of what fits if it is longer.
    pub(crate) fn from_seconds(seconds: i64) -> Self {
        Self { nanoseconds: seconds.saturating_mul(1_000_000_000) }
    }

    /// Whole seconds; below one second is zero.
    pub(crate) fn whole_seconds(self) -> i64 {
        (self.nanoseconds / 1_000_000_000).max(0)
    }

    /// For timeouts: nothing below zero.
    pub(crate) fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(u64::try_from(self.nanoseconds).unwrap_or(0))
    }

    /// The form of lease settings: nothing for zero, `system` for negative values, else the duration.
    pub(crate) fn to_setting(self) -> String {
        match self.nanoseconds {
            0 => String::new(),
            negative if negative < 0 => "system".to_owned(),
            _ => self.to_string(),
        }
    }

    /// The short form of tables: `768h` for `768h0m0s`.
    pub(crate) fn human(self) -> String {
        let mut text = self.to_string();
        if text.ends_with("m0s") {
            text.truncate(text.len() - 2);
        }
        match text.split_once("h0m") {
            Some((hours, after)) if !hours.is_empty() => format!("{hours}h{after}"),
            _ => text,
        }
    }
}

impl std::str::FromStr for GoDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).map(|nanoseconds| Self { nanoseconds }).ok_or_else(|| {
            "not a duration: write seconds, or numbers with units as in 90s, 5m, 1h30m".to_owned()
        })
    }
}

impl std::fmt::Display for GoDuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let total = self.nanoseconds.unsigned_abs();
        let sign = if self.nanoseconds < 0 { "-" } else { "" };
        let fraction = |units: u64, per: u64| -> String {
            let below = units % per;
            if below == 0 {
                return (units / per).to_string();
            }
            let width = per.to_string().len() - 1;
            format!("{}.{:0width$}", units / per, below).trim_end_matches('0').to_owned()
        };
        match total {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{sign}{total}ns"),
            1_000..1_000_000 => write!(f, "{sign}{}µs", fraction(total, 1_000)),
            1_000_000..1_000_000_000 => write!(f, "{sign}{}ms", fraction(total, 1_000_000)),
            _ => {
                let (minutes, rest) = (total / 60_000_000_000, total % 60_000_000_000);
                let seconds = fraction(rest, 1_000_000_000);
                match (minutes / 60, minutes % 60) {
                    (0, 0) => write!(f, "{sign}{seconds}s"),
                    (0, minutes) => write!(f, "{sign}{minutes}m{seconds}s"),
                    (hours, minutes) => write!(f, "{sign}{hours}h{minutes}m{seconds}s"),
                }
            }
        }
    }
}

fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1_000_000_000);
    }
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut total: i64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        total = total.checked_add(scaled(number, scale)?)?;
        rest = after;
    }
    Some(if negative { -total } else { total })
}

/// `number` may have a fraction; digits below a nanosecond are cut.
fn scaled(number: &str, scale: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()?.checked_mul(scale)? };
    let mut place = scale;
    for digit in fraction.chars() {
        place /= 10;
        value = value.checked_add(i64::from(digit.to_digit(10)?).checked_mul(place)?)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_prints_as_go_does() {
        let cases = [
            ("0", "0s", "0s"),
            ("3600", "1h0m0s", "1h"),
            ("768h", "768h0m0s", "768h"),
            ("90s", "1m30s", "1m30s"),
            ("1h30m", "1h30m0s", "1h30m"),
            ("1h0m5s", "1h0m5s", "1h5s"),
            ("5m", "5m0s", "5m"),
            ("1.5h", "1h30m0s", "1h30m"),
            ("1d", "24h0m0s", "24h"),
            ("250ms", "250ms", "250ms"),
            ("1.25s", "1.25s", "1.25s"),
            ("-1", "-1s", "-1s"),
            ("-2m", "-2m0s", "-2m"),
            ("10us", "10µs", "10µs"),
        ];
        for (text, long, short) in cases {
            let duration: GoDuration = text.parse().unwrap();
            assert_eq!(
                (duration.to_string().as_str(), duration.human().as_str()),
                (long, short),
                "for {text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_without_repeating_it() {
        for text in ["", "h", "1x", "1h2", "-", "1..2s", "hvs.CAESI", "99999999999999999999", "9999999999h"] {
            let error = text.parse::<GoDuration>().unwrap_err();
            assert!(error.starts_with("not a duration"), "{text}: {error}");
        }
    }

    #[test]
    fn settings_know_the_systems_value() {
        assert_eq!("-1".parse::<GoDuration>().unwrap().to_setting(), "system");
        assert_eq!("0".parse::<GoDuration>().unwrap().to_setting(), "");
        assert_eq!("1h".parse::<GoDuration>().unwrap().to_setting(), "1h0m0s");
    }
}
