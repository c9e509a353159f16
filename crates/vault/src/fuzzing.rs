//! The readers of what others wrote, as functions of bytes: what the fuzz targets in `fuzz/` call, and the tests below
//! with random bytes. None may panic, run on, or take memory out of proportion; what they answer does not matter.

use std::sync::LazyLock;

use bytes::Bytes;
use trustkeep_crypto::Random;
use trustkeep_crypto::sign::{Algorithm, PublicKey, SigningKey};

use crate::core::keyring::Keyring;
use crate::policy::{Acl, Policy};
use crate::request::{Operation, parse_seconds};
use crate::{core, engines, hcl, http};

/// Configuration files and policies: HCL 1 or JSON.
pub fn hcl(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = hcl::parse(text);
    }
}

/// A policy, and the questions that its rules answer.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(policy) = Policy::parse("fuzz", text) else { return };
    let acl = Acl::new(&[policy.into()]);
    for path in ["secret/data/a", "a/b/c/", "sys/mounts", "", "/"] {
        for operation in [Operation::Read, Operation::List, Operation::Update, Operation::Delete] {
            let _ = acl.allow(operation, path, None);
        }
        let _ = acl.capabilities(path);
        let _ = acl.has_any_access_below(path);
    }
    let _ = acl.resultant();
}

/// A request: method, target, media type, each on a line, then the body.
pub fn request(data: &[u8]) {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut text = || parts.next().and_then(|part| std::str::from_utf8(part).ok()).unwrap_or_default();
    let (method, target, media) = (text(), text(), text());
    let body = Bytes::copy_from_slice(parts.next().unwrap_or_default());
    let built = ::http::Request::builder().method(method).uri(target).header("content-type", media).body(());
    let Ok(request) = built else { return };
    if let Ok(parsed) = http::read(&request.into_parts().0, body) {
        assert!(!parsed.path.split('/').any(|segment| segment == ".."), "a path leads upwards");
        for field in parsed.data.keys() {
            let _ = (parsed.text(field), parsed.bool(field), parsed.int(field), parsed.seconds(field));
            let _ = (parsed.texts(field), parsed.text_map(field));
        }
    }
}

/// A body of JSON.
pub fn body(data: &[u8]) {
    request(&[&b"POST\n/v1/secret/data/a\napplication/json\n"[..], data].concat());
}

/// An entry of the barrier: none but its own may open.
pub fn barrier_entry(data: &[u8], random: &dyn Random) {
    if let Ok(keyring) = Keyring::generate(random, 0) {
        assert!(core::barrier::open(&keyring, "logical/a", data).is_err(), "a foreign entry opened");
        let _ = Keyring::open(keyring.root_key(), data);
    }
}

/// What a caller gives as a token: a batch token, or a wrapping token in a JWT. None but this vault's own is taken.
pub fn token(data: &[u8], random: &dyn Random) {
    static SIGNER: LazyLock<Option<PublicKey>> =
        LazyLock::new(|| SigningKey::generate(Algorithm::P521).ok()?.public_key().ok());
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(key) = SIGNER.as_ref() {
        assert!(core::wrapping::jwt::token_in(text, key).is_none(), "a foreign wrapping token was taken");
    }
    if let Ok(keyring) = Keyring::generate(random, 0) {
        assert!(
            core::token_store::batch::entry_in(&keyring, text).is_none(),
            "a foreign batch token was taken"
        );
    }
}

/// What transit gives and takes: `vault:v1:…`.
pub fn ciphertext(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        engines::transit::read_ciphertext(text);
        let _ = parse_seconds(&serde_json::Value::from(text));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use trustkeep_crypto::random::SystemRandom;

    use super::*;

    /// Bytes that begin like something sensible.
    fn nearly(seeds: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
        let tail = proptest::collection::vec(any::<u8>(), 0..64);
        let symbols = proptest::collection::vec(
            proptest::sample::select(b"{}[]\":,=\\\n/*+%#<$ ab1.-".to_vec()),
            0..128,
        );
        (proptest::sample::select(seeds.to_vec()), any::<prop::sample::Index>(), symbols, tail).prop_map(
            |(seed, at, symbols, tail)| {
                let at = at.index(seed.len() + 1);
                let (before, after) = seed.split_at(at);
                [before, &symbols, &tail, after].concat()
            },
        )
    }

    const HCL: &[&[u8]] = &[
        b"path \"secret/+/a*\" { capabilities = [\"read\", \"list\"] allowed_parameters = { \"a\" = [\"b\"] } }",
        b"storage \"file\" { path = \"/x\" } listener \"tcp\" { address = \"127.0.0.1:8200\" }",
        b"{\"path\":{\"a/*\":{\"capabilities\":[\"deny\"]}}}",
        b"a = <<EOT\ntext\nEOT\n",
    ];
    const REQUESTS: &[&[u8]] = &[
        b"GET\n/v1/secret/data/a?version=1&list=true\n\n",
        b"POST\n/v1/a%2fb/%2e%2e/c\napplication/x-www-form-urlencoded\na=1&b=%20",
        b"PATCH\n/v1/a\napplication/merge-patch+json\n{\"data\":{\"a\":null}}",
    ];
    const CIPHERTEXTS: &[&[u8]] =
        &[b"vault:v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", b"vault:v99999999999:", b"1h30m"];
    const ENTRIES: &[&[u8]] = &[b"\0\0\0\x01\x02", b"{\"master_key\":\"\",\"keys\":[]}"];

    const TOKENS: &[&[u8]] = &[
        b"eyJhbGciOiJFUzUxMiIsInR5cCI6IkpXVCJ9.eyJqdGkiOiJodnMuIiwidHlwZSI6IndyYXBwaW5nIn0.AAAA",
        b"AAAAAQKqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_configuration_and_no_policy_breaks_its_reader(data in nearly(HCL)) {
            hcl(&data);
            policy(&data);
        }

        #[test]
        fn no_request_breaks_its_reader(data in nearly(REQUESTS)) {
            request(&data);
            body(&data);
        }

        #[test]
        fn no_foreign_token_is_taken(data in nearly(TOKENS)) {
            token(&data, &SystemRandom);
        }

        #[test]
        fn no_ciphertext_breaks_its_reader(data in nearly(CIPHERTEXTS)) {
            ciphertext(&data);
        }

        #[test]
        fn no_entry_but_its_own_opens(data in nearly(ENTRIES)) {
            barrier_entry(&data, &SystemRandom);
        }
    }
}
