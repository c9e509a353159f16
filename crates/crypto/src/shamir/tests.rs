use proptest::prelude::*;

use super::*;
use crate::random::Seeded;

/// Multiplication in GF(2⁸) as a child would do it: long multiplication, then long division by 0x11B.
fn slow_mul(a: u8, b: u8) -> u8 {
    let mut product = 0_u16;
    for bit in 0..8 {
        if b & (1 << bit) != 0 {
            product ^= u16::from(a) << bit;
        }
    }
    for bit in (8..16).rev() {
        if product & (1 << bit) != 0 {
            product ^= 0x11b << (bit - 8);
        }
    }
    u8::try_from(product).unwrap()
}

/// The polynomial with these coefficients (constant first) at `x`, term by term.
fn slow_polynomial(coefficients: &[u8], x: u8) -> u8 {
    let mut power = 1;
    let mut sum = 0;
    for coefficient in coefficients {
        sum ^= slow_mul(*coefficient, power);
        power = slow_mul(power, x);
    }
    sum
}

/// Shares of `secret` at `xs`, made by the slow reference: values first, coordinate last.
fn slow_split(secret: &[u8], coefficients: &[Vec<u8>], xs: &[u8]) -> Vec<SecretBytes> {
    let share = |x: &u8| {
        let values = secret.iter().zip(coefficients).map(|(byte, rest)| {
            let all: Vec<u8> = std::iter::once(*byte).chain(rest.iter().copied()).collect();
            slow_polynomial(&all, *x)
        });
        SecretBytes::new(values.chain([*x]).collect())
    };
    xs.iter().map(share).collect()
}

fn shares(hex: &[&str]) -> Vec<SecretBytes> {
    hex.iter().map(|share| SecretBytes::from_hex(share).unwrap()).collect()
}

#[test]
fn reference_multiplication_is_the_one_of_aes() {
    // FIPS 197, section 4.2: {57} * {83} = {c1}; {57} * {13} = {fe}.
    assert_eq!(slow_mul(0x57, 0x83), 0xc1);
    assert_eq!(slow_mul(0x57, 0x13), 0xfe);
}

#[test]
fn shares_worked_out_by_hand_combine() {
    // f(x) = 0x42 + 0x01·x at x = 1, 2, 255 and g(x) = 0x00 + 0x02·x: 2·255 = 0x1fe, less 0x11b = 0xe5.
    let secret = [0x42, 0x00];
    let all = shares(&["430201", "400402", "bde5ff"]);
    for pair in [[0, 1], [1, 2], [2, 0]] {
        let pair = pair.map(|i| all[i].duplicate());
        assert!(combine(&pair).unwrap().ct_eq(&secret));
    }
    assert!(combine(&all).unwrap().ct_eq(&secret));
}

#[test]
fn the_largest_split_works() {
    let secret = b"k";
    let shares = split(secret, 255, 255, &Seeded::new(5)).unwrap();
    let xs: std::collections::BTreeSet<u8> = shares.iter().map(|s| *s.expose().last().unwrap()).collect();
    assert_eq!(xs, (1..=255).collect());
    assert!(combine(&shares).unwrap().ct_eq(secret));
}

#[test]
fn coordinates_are_random() {
    let order = |seed| -> Vec<u8> {
        split(b"k", 5, 3, &Seeded::new(seed)).unwrap().iter().map(|s| *s.expose().last().unwrap()).collect()
    };
    assert_ne!(order(1), vec![1, 2, 3, 4, 5]);
    assert_ne!(order(1), order(2));
    // Every coordinate comes first sometimes.
    let first: std::collections::BTreeSet<u8> =
        (0..4_000).map(|s| distinct_coordinates(&Seeded::new(s))[0]).collect();
    assert_eq!(first, (1..=255).collect());
}

#[test]
fn a_single_share_says_nothing_about_the_secret() {
    // With a threshold of two, the value at one coordinate must be uniform whatever the secret byte is.
    let random = Seeded::new(11);
    let mut counts = [0_u32; 256];
    for _ in 0..25_600 {
        let shares = split(&[0x5a], 2, 2, &random).unwrap();
        counts[usize::from(shares[0].expose()[0])] += 1;
    }
    // 100 expected of each, standard deviation 10. A biased coefficient would leave one value at 0.
    assert!(counts.iter().all(|n| (40..160).contains(n)), "{counts:?}");
}

#[test]
fn bad_arguments_are_named() {
    let random = Seeded::new(1);
    let failure = |secret: &[u8], parts, threshold| split(secret, parts, threshold, &random).unwrap_err();
    assert_eq!(failure(b"k", 1, 1), Error::Parts(1));
    assert_eq!(failure(b"k", 256, 2), Error::Parts(256));
    assert_eq!(failure(b"k", 3, 1), Error::Threshold { threshold: 1, parts: 3 });
    assert_eq!(failure(b"k", 3, 4), Error::Threshold { threshold: 4, parts: 3 });
    assert_eq!(failure(b"", 3, 2), Error::EmptySecret);
}

#[test]
fn bad_shares_are_named() {
    let failure = |hex: &[&str]| combine(&shares(hex)).unwrap_err();
    assert_eq!(failure(&[]), Error::TooFew(0));
    assert_eq!(failure(&["4301"]), Error::TooFew(1));
    assert_eq!(failure(&["01", "02"]), Error::TooShort(0));
    assert_eq!(failure(&["", ""]), Error::TooShort(0));
    assert_eq!(failure(&["4301", "400002"]), Error::DifferingLengths { index: 1, expected: 2, got: 3 });
    assert_eq!(failure(&["4301", "4002", "4301"]), Error::Duplicate { first: 0, second: 2 });
    assert_eq!(failure(&["4301", "5501"]), Error::Duplicate { first: 0, second: 1 });
    assert_eq!(failure(&["4301", "4200"]), Error::ZeroCoordinate(1));
}

proptest! {
    #[test]
    fn shares_of_the_slow_reference_combine(
        secret in proptest::collection::vec(any::<u8>(), 1..40),
        threshold in 2..8_usize,
        xs in Just((1..=255_u8).collect::<Vec<_>>()).prop_shuffle(),
        seed: u64,
    ) {
        let random = Seeded::new(seed);
        let coefficients: Vec<Vec<u8>> =
            secret.iter().map(|_| SecretBytes::random(&random, threshold - 1).expose().to_vec()).collect();
        let shares = slow_split(&secret, &coefficients, &xs[..threshold]);
        prop_assert!(combine(&shares).unwrap().ct_eq(&secret));
    }

    #[test]
    fn exactly_threshold_subsets_recover(
        secret in proptest::collection::vec(any::<u8>(), 16..64),
        parts in 2..12_usize,
        pick in any::<prop::sample::Index>(),
        order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle(),
        seed: u64,
    ) {
        let threshold = 2 + pick.index(parts - 1);
        let shares = split(&secret, parts, threshold, &Seeded::new(seed)).unwrap();
        prop_assert_eq!(shares.len(), parts);
        prop_assert!(shares.iter().all(|share| share.len() == secret.len() + 1));
        let chosen: Vec<SecretBytes> =
            order.iter().filter_map(|i| shares.get(*i)).take(threshold).map(SecretBytes::duplicate).collect();
        prop_assert!(combine(&chosen).unwrap().ct_eq(&secret));
        prop_assert!(combine(&shares).unwrap().ct_eq(&secret));
        if threshold > 2 {
            // One too few gives other bytes; for 16 bytes or more by chance the same about never.
            prop_assert!(!combine(&chosen[1..]).unwrap().ct_eq(&secret));
        }
    }
}
