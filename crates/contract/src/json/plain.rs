//! Where a string's plain run ends: the search that most of the time of reading and writing JSON goes into.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// How many bytes there are before the first `"`, `\` or control character, or the end. Eight at a time.
pub(super) fn run(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    let plain = words.iter().take_while(|word| !has_special(u64::from_ne_bytes(**word))).count() * 8;
    let rest = bytes.get(plain..).unwrap_or_default();
    plain + rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
}

/// Whether any of eight bytes ends a run.
fn has_special(word: u64) -> bool {
    // A byte is below n, at most 128, if taking n away borrows from its top bit, which it did not have itself. A borrow out
    // of a lower byte can make a higher one look small, but then the lower one is.
    let any_below = |word: u64, n: u8| word.wrapping_sub(ONES.wrapping_mul(n.into())) & !word & HIGHS;
    let any_equal = |byte: u8| any_below(word ^ ONES.wrapping_mul(byte.into()), 1);
    (any_below(word, 0x20) | any_equal(b'"') | any_equal(b'\\')) != 0
}
