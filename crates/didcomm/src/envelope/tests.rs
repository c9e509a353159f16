use proptest::prelude::*;
use serde_json::{Value, json};
use trustkeep_crypto::Key256;
use trustkeep_crypto::random::{Random, Seeded};

use super::*;
use crate::encoding::{from_base64, to_base64url};
use crate::{Error, Keypair, Recipient, Verkey};

fn pairs(seed: u64, count: usize) -> Vec<Keypair> {
    let random = Seeded::new(seed);
    (0..count).map(|_| Keypair::generate(&random).unwrap()).collect()
}

fn recipient(pair: &Keypair) -> Recipient {
    Recipient::new(pair.verkey()).unwrap()
}

#[test]
fn the_wire_form_is_that_of_the_rfc() {
    let pairs = pairs(1, 2);
    let packed = authcrypt(b"hello", &[recipient(&pairs[1])], &pairs[0], &Seeded::new(2)).unwrap();
    let outer: Value = serde_json::from_slice(&packed).unwrap();
    let members: Vec<_> = outer.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["protected", "iv", "ciphertext", "tag"]);
    let protected = from_base64("x", outer["protected"].as_str().unwrap()).unwrap();
    let protected: Value = serde_json::from_slice(&protected).unwrap();
    assert_eq!(protected["enc"], "xchacha20poly1305_ietf");
    assert_eq!(protected["typ"], "JWM/1.0");
    assert_eq!(protected["alg"], "Authcrypt");
    let slot = &protected["recipients"][0];
    assert_eq!(slot["header"]["kid"], pairs[1].verkey().to_string());
    let bytes = |value: &Value| from_base64("x", value.as_str().unwrap()).unwrap().len();
    assert_eq!(bytes(&slot["encrypted_key"]), 48);
    assert_eq!(bytes(&slot["header"]["iv"]), 24);
    assert!((91..=92).contains(&bytes(&slot["header"]["sender"])));
    assert_eq!((bytes(&outer["iv"]), bytes(&outer["tag"]), bytes(&outer["ciphertext"])), (12, 16, 5));

    let packed = anoncrypt(b"hello", &[recipient(&pairs[1])], &Seeded::new(2)).unwrap();
    let outer: Value = serde_json::from_slice(&packed).unwrap();
    let protected = from_base64("x", outer["protected"].as_str().unwrap()).unwrap();
    let protected: Value = serde_json::from_slice(&protected).unwrap();
    assert_eq!(protected["alg"], "Anoncrypt");
    assert_eq!(bytes(&protected["recipients"][0]["encrypted_key"]), 80);
    assert_eq!(protected["recipients"][0]["header"], json!({"kid": pairs[1].verkey().to_string()}));
}

/// RFC 0019 names its recipients and sender but not their secrets; the first recipient's is the seed of Indy's test
/// ledgers.
#[test]
fn the_examples_of_the_rfc_open() {
    let seed = Key256::from_slice(b"000000000000000000000000Trustee1").unwrap();
    let trustee = Keypair::from_seed(&seed).unwrap();
    let sender: Verkey = "DWwLsbKCRAbYtfYnQNmzfKV7ofVhMBi6T4o3d2SCxVuX".parse().unwrap();
    let message = concat!(
        r#"{ "@id": "123456780","@type":"https://didcomm.org/basicmessage/1.0/message","#,
        r#""sent_time": "2019-01-15 18:42:01Z","content": "Your hovercraft is full of eels."}"#
    );
    for (file, expected) in [("authcrypt", Some(sender)), ("anoncrypt", None)] {
        let path = format!("{}/tests/vectors/rfc0019-{file}.json", env!("CARGO_MANIFEST_DIR"));
        let envelope = Envelope::parse(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(envelope.recipients().count(), 2);
        assert_eq!(envelope.recipients().next().unwrap(), trustee.verkey().to_string());
        let opened = envelope.open(&trustee).unwrap();
        assert_eq!(
            std::str::from_utf8(&opened.message)
                .unwrap()
                .replace("did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/", "https://didcomm.org/"),
            message
        );
        assert_eq!((opened.sender, opened.recipient), (expected, trustee.verkey()));
    }
}

#[test]
fn only_a_recipient_opens_it() {
    let pairs = pairs(3, 4);
    let to: Vec<_> = pairs[1..3].iter().map(recipient).collect();
    let packed = authcrypt(b"hello", &to, &pairs[0], &Seeded::new(4)).unwrap();
    for reader in &pairs[1..3] {
        let opened = Envelope::parse(&packed).unwrap().open(reader).unwrap();
        assert_eq!(opened.message, b"hello");
        assert_eq!((opened.sender, opened.recipient), (Some(pairs[0].verkey()), reader.verkey()));
    }
    let refused = Envelope::parse(&packed).unwrap().open(&pairs[3]).unwrap_err();
    assert_eq!(refused, Error::NotAddressed(pairs[3].verkey().to_string()));
}

/// Rewrites the protected header, which invalidates what it authenticates but not the parsing of it.
fn with_header(packed: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut outer: Value = serde_json::from_slice(packed).unwrap();
    let protected = from_base64("x", outer["protected"].as_str().unwrap()).unwrap();
    let mut protected: Value = serde_json::from_slice(&protected).unwrap();
    change(&mut protected);
    outer["protected"] = to_base64url(protected.to_string().as_bytes()).into();
    outer.to_string().into_bytes()
}

#[test]
fn what_is_malformed_is_named() {
    let pairs = pairs(5, 2);
    let packed = authcrypt(b"hello", &[recipient(&pairs[1])], &pairs[0], &Seeded::new(6)).unwrap();
    let refusal = |change: fn(&mut Value)| {
        Envelope::parse(&with_header(&packed, change)).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(refusal(|p| p["alg"] = "ECDH-1PU".into()), r#"protected.alg: "ECDH-1PU" is not supported"#);
    assert_eq!(refusal(|p| p["typ"] = "x".into()), r#"protected.typ: "x" is not supported"#);
    assert_eq!(refusal(|p| p["enc"] = "A256GCM".into()), r#"protected.enc: "A256GCM" is not supported"#);
    assert_eq!(refusal(|p| p["recipients"] = json!([])), "protected.recipients is missing");
    assert!(
        refusal(|p| {
            let again = p["recipients"][0].clone();
            p["recipients"].as_array_mut().unwrap().push(again);
        })
        .ends_with("is there twice")
    );
    assert!(
        refusal(|p| {
            let slot = p["recipients"][0].clone();
            p["recipients"] = vec![slot; 65].into();
        })
        .starts_with("protected.recipients is too large")
    );
    let header = "protected.recipients[0].header";
    for (member, value, expected) in [
        ("iv", Value::Null, format!("{header}.iv is missing")),
        ("sender", Value::Null, format!("{header}.sender is missing")),
        ("iv", "".into(), format!("{header}.iv is missing")),
        ("iv", "AAAA".into(), format!("{header}.iv: not 24 bytes")),
        ("kid", "".into(), format!("{header}.kid is missing")),
        ("sender", "?".into(), format!("{header}.sender: not base64")),
    ] {
        let bad = with_header(&packed, |p| p["recipients"][0]["header"][member] = value);
        assert_eq!(Envelope::parse(&bad).unwrap_err().to_string(), expected);
    }
    let bare = with_header(&packed, |p| {
        let header = p["recipients"][0]["header"].as_object_mut().unwrap();
        header.remove("sender");
        header.remove("iv");
    });
    assert_eq!(
        Envelope::parse(&bare).unwrap_err().to_string(),
        "protected.recipients[0].header.sender is missing"
    );
    for bad in [&b""[..], b"{", b"[]", b"{}", br#"{"@type":"x"}"#, b"\xff"] {
        assert!(matches!(Envelope::parse(bad), Err(Error::Invalid { .. })), "{bad:?}");
    }
    let more = String::from_utf8(packed.clone()).unwrap().replacen('{', r#"{"recipients":[],"#, 1);
    assert!(Envelope::parse(more.as_bytes()).unwrap_err().to_string().contains("unknown field `recipients`"));
}

#[test]
fn other_base64_and_member_order_are_read() {
    let pairs = pairs(7, 2);
    let packed = anoncrypt(b"hello, it is me", &[recipient(&pairs[1])], &Seeded::new(8)).unwrap();
    let outer: Value = serde_json::from_slice(&packed).unwrap();
    let standard = |member: &str| {
        let text = outer[member].as_str().unwrap().replace('-', "+").replace('_', "/");
        format!("{text}{}", "=".repeat(text.len().wrapping_neg() % 4))
    };
    let other = json!({
        "tag": standard("tag"), "iv": standard("iv"), "ciphertext": standard("ciphertext"),
        "protected": outer["protected"],
    });
    // A slash may come escaped.
    let other = other.to_string().replace('/', "\\/");
    let opened = Envelope::parse(other.as_bytes()).unwrap().open(&pairs[1]).unwrap();
    assert_eq!(opened.message, b"hello, it is me");
}

#[test]
fn nobody_can_write_in_anothers_name() {
    let pairs = pairs(9, 3);
    let random = Seeded::new(10);
    let (alice, bob, mallory) = (&pairs[0], &pairs[1], &pairs[2]);
    // Mallory packs and then puts a sealed name of Alice where her own was.
    let packed = authcrypt(b"pay mallory", &[recipient(bob)], mallory, &random).unwrap();
    let name = seal::anonymous(recipient(bob).agreement(), alice.verkey().to_string().as_bytes(), &random);
    let name = to_base64url(&name.unwrap());
    let forged = with_header(&packed, |p| p["recipients"][0]["header"]["sender"] = name.into());
    let refused = Envelope::parse(&forged).unwrap().open(bob).unwrap_err();
    assert_eq!(refused, Error::Open { part: "encrypted_key" });
    // A name that is none.
    let name = to_base64url(&seal::anonymous(recipient(bob).agreement(), b"nobody", &random).unwrap());
    let forged = with_header(&packed, |p| p["recipients"][0]["header"]["sender"] = name.into());
    let refused = Envelope::parse(&forged).unwrap().open(bob).unwrap_err();
    assert_eq!(refused, Error::Open { part: "sender" });
}

#[test]
fn recipients_are_some_and_bounded() {
    let pair = &pairs(11, 1)[0];
    let random = Seeded::new(12);
    assert_eq!(anoncrypt(b"", &[], &random).unwrap_err(), Error::missing("recipients"));
    let many = vec![recipient(pair); RECIPIENTS_MAX + 1];
    assert_eq!(anoncrypt(b"", &many, &random).unwrap_err(), Error::too_large("recipients", RECIPIENTS_MAX));
    let most: Vec<_> = (0..RECIPIENTS_MAX).map(|_| recipient(&Keypair::generate(&random).unwrap())).collect();
    let packed = authcrypt(b"", &most, pair, &random).unwrap();
    assert_eq!(Envelope::parse(&packed).unwrap().recipients().count(), RECIPIENTS_MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_packed_opens(message: Vec<u8>, seed: u64, readers in 1_usize..5, named: bool) {
        let pairs = pairs(seed, readers + 1);
        let to: Vec<_> = pairs[1..].iter().map(recipient).collect();
        let random = Seeded::new(seed ^ 1);
        let packed = if named {
            authcrypt(&message, &to, &pairs[0], &random).unwrap()
        } else {
            anoncrypt(&message, &to, &random).unwrap()
        };
        for reader in &pairs[1..] {
            let opened = Envelope::parse(&packed).unwrap().open(reader).unwrap();
            prop_assert_eq!(&opened.message, &message);
            prop_assert_eq!(opened.sender, named.then(|| pairs[0].verkey()));
        }
    }

    #[test]
    fn what_was_altered_does_not_open(at: prop::sample::Index, bit in 0_u8..8, named: bool) {
        let pairs = pairs(13, 2);
        let random = Seeded::new(14);
        let mut packed = if named {
            authcrypt(b"hello", &[recipient(&pairs[1])], &pairs[0], &random).unwrap()
        } else {
            anoncrypt(b"hello", &[recipient(&pairs[1])], &random).unwrap()
        };
        let at = at.index(packed.len());
        packed[at] ^= 1 << bit;
        let opened = Envelope::parse(&packed).and_then(|envelope| envelope.open(&pairs[1]));
        prop_assert!(opened.is_err());
    }

    #[test]
    fn any_bytes_are_refused_in_peace(bytes: Vec<u8>) {
        prop_assert!(Envelope::parse(&bytes).is_err());
    }
}

#[test]
fn a_seed_replays_a_packing() {
    let pairs = pairs(15, 2);
    let pack = |random: &dyn Random| authcrypt(b"x", &[recipient(&pairs[1])], &pairs[0], random).unwrap();
    assert_eq!(pack(&Seeded::new(16)), pack(&Seeded::new(16)));
    assert_ne!(pack(&Seeded::new(16)), pack(&Seeded::new(17)));
}
