//! How much JSON a body may hold before it is parsed.
//!
//! A parsed value takes many times the memory of its text: 32 MiB of `[0,0,…` would become half a gigabyte. So the
//! text is counted first, in one pass and without memory (class of CVE-2025-6203).

use crate::{Error, Result};

/// Checks that the text nests at most [`DEPTH_MAX`] deep and holds at most [`VALUES_MAX`] values. Whether it is JSON
/// at all is the parser's business.
///
/// # Errors
/// 400 with the bound.
pub(super) fn check(text: &[u8]) -> Result<()> {
    let (mut depth, mut values) = (0_usize, 1_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                values += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > DEPTH_MAX {
            let message = format!(
                "failed to parse JSON input: it is nested deeper than the {DEPTH_MAX} levels allowed"
            );
            return Err(Error::invalid(message));
        }
        if values > VALUES_MAX {
            let message =
                format!("failed to parse JSON input: it holds more than the {VALUES_MAX} values allowed");
            return Err(Error::invalid(message));
        }
    }
    Ok(())
}

/// Levels of objects and arrays. The parser's own bound is 128.
const DEPTH_MAX: usize = 100;
/// Values of all kinds, on all levels.
pub(super) const VALUES_MAX: usize = 250_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_and_number_are_bounded_and_texts_do_not_count() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        check(nested(DEPTH_MAX).as_bytes()).unwrap();
        assert_eq!(check(nested(DEPTH_MAX + 1).as_bytes()).unwrap_err().status(), 400);
        let wide = |values: usize| format!("[{}]", vec!["0"; values].join(","));
        check(wide(VALUES_MAX - 1).as_bytes()).unwrap();
        assert_eq!(check(wide(VALUES_MAX + 1).as_bytes()).unwrap_err().status(), 400);
        let text = format!("{{\"a\":\"{}\\\"{}\"}}", ",".repeat(VALUES_MAX * 2), "[".repeat(1000));
        check(text.as_bytes()).unwrap();
        // Neither does what is broken.
        for broken in [&b"\""[..], b"\\", b"]]]]", b"{\"a", b"\xff\xfe", b""] {
            check(broken).unwrap();
        }
    }
}
