//! Dates and times as ScalarDB reads them, in one form each.

use super::call::broken;
use crate::Result;

/// ScalarDB's years, so that all databases below it agree.
const YEARS: std::ops::RangeInclusive<u32> = 1000..=9999;

/// `YYYY-MM-DD`, of a day that there is; `None` if it is not one.
///
/// # Errors
/// [`Error::Runtime`](crate::Error::Runtime) for a year that ScalarDB does not keep.
pub(super) fn date(text: &str) -> Result<Option<String>> {
    match day(text).filter(|(year, month, day)| *day <= days(*year, *month)) {
        Some((year, month, day)) => checked(year, month, day).map(Some),
        None => Ok(None),
    }
}

/// `HH:MM[:SS[.FFFFFF]]`, as `HH:MM:SS` with as many digits as say something.
pub(super) fn time(text: &str) -> Option<String> {
    time_of_day(text, 6)
}

/// `YYYY-MM-DD HH:MM[:SS[.FFF]]`, likewise. Lenient as Java is here: a day that its month does not reach is the month's last.
///
/// # Errors
/// As for [`date`].
pub(super) fn timestamp(text: &str) -> Result<Option<String>> {
    let parts = text.split_once(' ').and_then(|(date, time)| Some((day(date)?, time_of_day(time, 3)?)));
    let Some(((year, month, day), time)) = parts else { return Ok(None) };
    let date = checked(year, month, day.min(days(year, month)))?;
    Ok(Some(format!("{date} {time}")))
}

/// Year, month and a day of 1 to 31.
fn day(text: &str) -> Option<(u32, u32, u32)> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some((year, month, day))
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

fn checked(year: u32, month: u32, day: u32) -> Result<String> {
    let text = format!("{year:04}-{month:02}-{day:02}");
    if YEARS.contains(&year) {
        Ok(text)
    } else {
        Err(broken(format_args!("{text} is out of range for a date")))
    }
}

fn time_of_day(text: &str, digits: usize) -> Option<String> {
    let (hour, rest) = text.split_once(':')?;
    let (minute, second) = rest.split_once(':').map_or((rest, "00"), |(minute, second)| (minute, second));
    let (second, fraction) = second.split_once('.').unwrap_or((second, ""));
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    let whole = hour < 24 && minute < 60 && second < 60;
    if !whole || fraction.len() > digits || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{hour:02}:{minute:02}:{second:02}{point}{fraction}"))
}

/// So many digits and nothing else.
fn number(text: &str, digits: usize) -> Option<u32> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}
