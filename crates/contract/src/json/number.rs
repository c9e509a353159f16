//! Numbers as Jackson and Java have them: integers of any size, and doubles.

use std::cmp::Ordering;
use std::fmt;

/// A number of a JSON text.
#[derive(Clone, Debug)]
pub enum Number {
    /// An integer of at most 64 bits.
    Integer(i64),
    /// A wider integer: its digits, without needless zeros.
    Big(Box<str>),
    /// What has a point or an exponent. Finite.
    Double(f64),
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => one == other,
            (Self::Big(one), Self::Big(other)) => one == other,
            // `0.0` and `-0.0` differ, as in Java.
            (Self::Double(one), Self::Double(other)) => one.to_bits() == other.to_bits(),
            _ => false,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Big(digits) => f.write_str(digits),
            Self::Double(value) => f.write_str(&double_text(*value)),
        }
    }
}

impl Number {
    /// Out of a number's text, which is well-formed JSON. `None` beyond a double's range.
    pub(super) fn of_text(text: &str, is_integer: bool) -> Option<Self> {
        if !is_integer {
            return text.parse().ok().filter(|value: &f64| value.is_finite()).map(Self::Double);
        }
        match text.parse() {
            Ok(value) => Some(Self::Integer(value)),
            Err(_) => Some(Self::Big(text.into())),
        }
    }

    /// Whether it is an integer of 32 bits.
    #[must_use]
    pub fn as_i32(&self) -> Option<i32> {
        match self {
            Self::Integer(value) => i32::try_from(*value).ok(),
            _ => None,
        }
    }

    /// Its lowest 32 bits; a double is cut.
    pub(super) fn to_int(&self) -> i32 {
        match self {
            #[expect(clippy::cast_possible_truncation, reason = "saturates, as in Java")]
            Self::Double(value) => *value as i32,
            #[expect(clippy::cast_possible_truncation, reason = "the lower bits are what Java gives")]
            Self::Integer(_) | Self::Big(_) => self.to_long() as i32,
        }
    }

    /// Its lowest 64 bits; a double is cut.
    pub(super) fn to_long(&self) -> i64 {
        match self {
            Self::Integer(value) => *value,
            Self::Big(digits) => big_low_bits(digits),
            #[expect(clippy::cast_possible_truncation, reason = "saturates, as in Java")]
            Self::Double(value) => *value as i64,
        }
    }

    /// Which is greater, exactly: as Java compares their `BigDecimal`s.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => one.cmp(other),
            _ => Decimal::of(self).cmp(&Decimal::of(other)),
        }
    }

    /// How it appears in the id of an asset: a whole number as its digits, another as Java's `BigDecimal` writes it.
    #[must_use]
    pub fn to_id_text(&self) -> String {
        match self {
            Self::Integer(_) | Self::Big(_) => self.to_string(),
            Self::Double(value) => double_id_text(*value),
        }
    }
}

/// `asInt` of a string: a number around which there may be spaces, else 0.
pub(super) fn int_of_text(text: &str) -> i32 {
    let text = text.trim();
    text.parse::<i32>().unwrap_or_else(|_| {
        #[expect(clippy::cast_possible_truncation, reason = "saturates, as in Java")]
        let cut = text.parse::<f64>().map_or(0, |value| value as i32);
        cut
    })
}

/// `asLong` of a string, likewise.
pub(super) fn long_of_text(text: &str) -> i64 {
    let text = text.trim();
    text.parse::<i64>().unwrap_or_else(|_| {
        #[expect(clippy::cast_possible_truncation, reason = "saturates, as in Java")]
        let cut = text.parse::<f64>().map_or(0, |value| value as i64);
        cut
    })
}

/// `Double.toString` of Java since 19: the shortest text that is this double and no other, with at least one digit
/// after the point; an exponent below 10^-3 and from 10^7.
fn double_text(value: f64) -> String {
    let (negative, digits, exponent) = decimal(value);
    let sign = if negative { "-" } else { "" };
    if value == 0.0 {
        return format!("{sign}0.0");
    }
    if (-3..7).contains(&exponent) {
        return format!("{sign}{}", plain(&digits, exponent, true));
    }
    let (first, rest) = digits.split_at(1);
    let rest = if rest.is_empty() { "0" } else { rest };
    format!("{sign}{first}.{rest}E{exponent}")
}

fn double_id_text(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let (negative, mut digits, exponent) = decimal(value);
    let sign = if negative { "-" } else { "" };
    // `BigDecimal` takes its digits from the double's text, which below 10^-3 has at least two of them.
    if exponent < -3 && digits.len() == 1 {
        digits.push('0');
    }
    // A fraction is below 2^53, so that only small ones come to an exponent.
    if exponent >= -6 {
        return format!("{sign}{}", plain(&digits, exponent, false));
    }
    let (first, rest) = digits.split_at(1);
    format!("{sign}{first}.{rest}E{exponent}")
}

/// Sign, digits without needless zeros, and the power of ten of the first digit.
fn decimal(value: f64) -> (bool, String, i32) {
    let text = format!("{:e}", value.abs());
    let (digits, exponent) = split(&text);
    if digits.len() > 1 {
        return (value.is_sign_negative(), digits, exponent);
    }
    // Java prefers the nearest text of two digits to a shorter one: 4.9E-324 to 5E-324.
    let (two, exponent_of_two) = split(&format!("{:.1e}", value.abs()));
    let trimmed = two.trim_end_matches('0');
    match trimmed.len() {
        0 | 1 => (value.is_sign_negative(), digits, exponent),
        _ => (value.is_sign_negative(), trimmed.to_owned(), exponent_of_two),
    }
}

fn split(scientific: &str) -> (String, i32) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    (mantissa.chars().filter(|c| *c != '.').collect(), exponent.parse().unwrap_or(0))
}

/// Without an exponent; `pointed` with a digit after the point even if there is none.
fn plain(digits: &str, exponent: i32, pointed: bool) -> String {
    let Ok(whole) = usize::try_from(exponent + 1) else {
        let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
        return format!("0.{}{digits}", "0".repeat(zeros));
    };
    if whole == 0 {
        return format!("0.{digits}");
    }
    if digits.len() <= whole {
        let zeros = "0".repeat(whole - digits.len());
        return format!("{digits}{zeros}{}", if pointed { ".0" } else { "" });
    }
    let (before, after) = digits.split_at(whole);
    format!("{before}.{after}")
}

/// The lowest 64 bits of an integer of any size, as two's complement.
fn big_low_bits(digits: &str) -> i64 {
    let (negative, digits) = digits.strip_prefix('-').map_or((false, digits), |rest| (true, rest));
    let low = digits
        .bytes()
        .fold(0u64, |low, digit| low.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0'))))
        .cast_signed();
    if negative { low.wrapping_neg() } else { low }
}

/// A number by its digits.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    /// Without zeros at either end; empty for zero.
    digits: String,
    /// The power of ten of the first digit.
    exponent: i32,
}

impl Decimal {
    fn of(number: &Number) -> Self {
        let (negative, digits, exponent) = match number {
            Number::Double(value) => decimal(*value),
            Number::Integer(_) | Number::Big(_) => {
                let text = number.to_string();
                let digits = text.trim_start_matches('-').to_owned();
                let exponent = i32::try_from(digits.len()).unwrap_or(i32::MAX) - 1;
                (text.starts_with('-'), digits, exponent)
            }
        };
        let digits = digits.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Self { negative: false, digits, exponent: 0 };
        }
        Self { negative, digits, exponent }
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let magnitude = || (self.exponent, &self.digits).cmp(&(other.exponent, &other.digits));
        self.sign()
            .cmp(&other.sign())
            .then_with(|| if self.negative { magnitude().reverse() } else { magnitude() })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
