//! Literals as the JSON they become. Numbers keep their digits, as a `BigInteger` or `BigDecimal` of Java is written.

use trustkeep_contract::json::write_string;

/// How far a decimal's exponent may go, as in Java.
const MAX_EXPONENT: i64 = i32::MAX as i64;

/// The JSON string of a text.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_string(text, &mut out);
    out
}

/// An integer without needless zeros.
pub(super) fn integer(digits: &str, negative: bool) -> String {
    let digits = significant(digits);
    if negative && digits != "0" { format!("-{digits}") } else { digits.to_owned() }
}

/// A decimal: as it stands where its exponent is small, else `d.dddE±x`. `None` if the exponent is beyond 32 bits.
pub(super) fn decimal(literal: &str, negative: bool) -> Option<String> {
    let (mantissa, exponent) = literal.split_once(['e', 'E']).unwrap_or((literal, "0"));
    let exponent: i64 = exponent.parse().ok().filter(|exponent: &i64| exponent.abs() <= MAX_EXPONENT)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let digits = significant(&digits);
    let scale = i64::try_from(fraction.len()).ok()? - exponent;
    let count = i64::try_from(digits.len()).ok()?;
    let adjusted = count - 1 - scale;
    let sign = if negative && digits != "0" { "-" } else { "" };
    if scale == 0 {
        return Some(format!("{sign}{digits}"));
    }
    if scale > 0 && adjusted >= -6 {
        let places = usize::try_from(scale).ok()?;
        let padded = format!("{digits:0>width$}", width = places + 1);
        let (before, after) = padded.split_at(padded.len() - places);
        return Some(format!("{sign}{before}.{after}"));
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let exponent = if adjusted == 0 { String::new() } else { format!("E{adjusted:+}") };
    Some(format!("{sign}{first}{point}{rest}{exponent}"))
}

/// The digits without zeros before them; at least one.
fn significant(digits: &str) -> &str {
    match digits.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    }
}
