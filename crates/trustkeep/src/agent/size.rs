//! Sizes as ACA-Py writes them: `2097152`, `2M`, `512KB`.

/// The bytes of a size.
pub(super) fn bytes_of(text: &str) -> Option<usize> {
    let text = text.trim();
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit: usize = match unit.to_ascii_uppercase().trim_end_matches('B') {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        _ => return None,
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(
            [bytes_of("2097152"), bytes_of("2M"), bytes_of("512KB"), bytes_of("2x")],
            [Some(2 << 20), Some(2 << 20), Some(512 << 10), None]
        );
    }
}
