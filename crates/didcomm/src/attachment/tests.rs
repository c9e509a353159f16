use proptest::prelude::*;
use serde_json::json;
use trustkeep_crypto::random::Seeded;

use super::*;
use crate::encoding::to_base64url;

fn pairs(count: usize) -> Vec<Keypair> {
    let random = Seeded::new(1);
    (0..count).map(|_| Keypair::generate(&random).unwrap()).collect()
}

fn signed(keypairs: &[&Keypair]) -> Attachment {
    let mut attachment = Attachment::from_bytes(Some("a".into()), "application/json", b"{\"a\": 1}");
    attachment.sign(keypairs).unwrap();
    attachment
}

#[test]
fn every_kind_of_data_goes_both_ways() {
    for value in [
        json!({"@id": "a", "mime-type": "text/string", "data": {"base64": "aGVsbG8="}}),
        json!({"mime-type": "application/json", "data": {"json": {"b": [1]}}}),
        json!({
            "@id": "a", "mime-type": "image/png", "filename": "f", "lastmod_time": "t", "description": "d",
            "byte_count": 5, "x": 1,
            "data": {"links": ["https://a", "https://b"], "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
        }),
    ] {
        let attachment = Attachment::from_value(value.clone()).unwrap();
        assert_eq!(attachment.to_value(), value);
    }
    let hello = |base64: &str| Attachment::from_value(json!({"data": {"base64": base64}})).unwrap().data();
    for base64 in ["aGVsbG8", "aGVsbG8="] {
        assert_eq!(hello(base64).unwrap(), b"hello");
    }
    let json = Attachment::from_json(None, json!({"b": [1]}));
    assert_eq!(json.data().unwrap(), br#"{"b":[1]}"#);
    let links = Attachment::from_value(json!({"data": {"links": "https://a"}})).unwrap();
    assert_eq!(links.data().unwrap_err(), Error::unsupported("data.links", "https://a"));
}

#[test]
fn hashes_are_checked() {
    let of = |hash: &str| {
        Attachment::from_value(json!({"data": {"base64": "aGVsbG8=", "sha256": hash}})).unwrap().data()
    };
    of("2CF24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824").unwrap();
    assert_eq!(of("00").unwrap_err(), Error::invalid("data.sha256", "not the hash of the data"));
}

#[test]
fn one_signature_is_flat_and_names_its_key_twice() {
    let pairs = pairs(2);
    let attachment = signed(&[&pairs[0]]);
    let value = attachment.to_value();
    let jws = &value["data"]["jws"];
    let kid = pairs[0].verkey().did_key();
    assert_eq!(jws["header"], json!({"kid": kid}));
    let protected = from_base64("x", jws["protected"].as_str().unwrap()).unwrap();
    let protected: Value = serde_json::from_slice(&protected).unwrap();
    let x = to_base64url(pairs[0].verkey().as_bytes());
    assert_eq!(
        protected,
        json!({"alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid}})
    );
    let read = Attachment::from_value(value).unwrap();
    assert_eq!(read, attachment);
    assert_eq!(read.signers().unwrap(), [pairs[0].verkey()]);
    read.signed_by(&pairs[0].verkey()).unwrap();
    let refused = Error::Signature { field: "data.jws".into() };
    assert_eq!(read.signed_by(&pairs[1].verkey()).unwrap_err(), refused);
}

#[test]
fn several_signatures_must_all_hold() {
    let pairs = pairs(3);
    let attachment = signed(&[&pairs[0], &pairs[1]]);
    let value = attachment.to_value();
    assert_eq!(value["data"]["jws"]["signatures"].as_array().unwrap().len(), 2);
    assert_eq!(Attachment::from_value(value.clone()).unwrap(), attachment);
    assert_eq!(attachment.signers().unwrap(), [pairs[0].verkey(), pairs[1].verkey()]);
    attachment.signed_by(&pairs[1].verkey()).unwrap();
    assert!(attachment.signed_by(&pairs[2].verkey()).is_err());
    let mut broken = value;
    let first = broken["data"]["jws"]["signatures"][0]["signature"].clone();
    broken["data"]["jws"]["signatures"][1]["signature"] = first;
    let broken = Attachment::from_value(broken).unwrap();
    let refused = Error::Signature { field: "data.jws".into() };
    assert_eq!(broken.signers().unwrap_err(), refused);
    assert_eq!(broken.signed_by(&pairs[0].verkey()).unwrap_err(), refused);
}

/// Signs with another header than ours.
fn signed_with(pair: &Keypair, header: &Value, protected: &Value) -> Attachment {
    let protected = to_base64url(protected.to_string().as_bytes());
    let input = format!("{protected}.{}", to_base64url(b"hello"));
    let jws = json!({"header": header, "protected": protected, "signature": to_base64url(&pair.sign(input.as_bytes()))});
    Attachment::from_value(json!({"data": {"base64": "aGVsbG8", "jws": jws}})).unwrap()
}

#[test]
fn signers_are_found_wherever_agents_name_them() {
    let pairs = pairs(2);
    let (pair, other) = (&pairs[0], &pairs[1]);
    let (kid, wrong) = (pair.verkey().did_key(), other.verkey().did_key());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": to_base64url(pair.verkey().as_bytes())});
    let jwk_with = |kid: &str| {
        let mut jwk = jwk.clone();
        jwk["kid"] = kid.into();
        jwk
    };
    for (header, protected) in [
        (json!({"kid": kid}), json!({"alg": "EdDSA"})),
        (json!({"kid": kid}), json!({"alg": "EdDSA", "jwk": jwk})),
        (json!({}), json!({"alg": "EdDSA", "jwk": jwk_with(&kid)})),
        (json!({"kid": kid}), json!({"alg": "EdDSA", "kid": kid, "jwk": jwk_with(&kid)})),
        (json!({"kid": "did:peer:4zQm#key-0"}), json!({"alg": "EdDSA", "jwk": jwk})),
        (json!({"kid": "#key-0"}), json!({"alg": "EdDSA", "jwk": jwk})),
        (json!({"kid": pair.verkey()}), json!({"alg": "EdDSA"})),
    ] {
        let attachment = signed_with(pair, &header, &protected);
        assert_eq!(attachment.signers().unwrap(), [pair.verkey()], "{header} {protected}");
        attachment.signed_by(&pair.verkey()).unwrap();
        assert!(attachment.signed_by(&other.verkey()).is_err());
    }
    // A reference alone: only who expects a key can check it.
    let attachment = signed_with(pair, &json!({"kid": "did:sov:x#1"}), &json!({"alg": "EdDSA"}));
    assert_eq!(attachment.signers().unwrap_err(), Error::unsupported("data.jws.header.kid", "did:sov:x#1"));
    attachment.signed_by(&pair.verkey()).unwrap();
    assert!(attachment.signed_by(&other.verkey()).is_err());
    // A signature of one key in the name of another.
    let two = Error::invalid("data.jws", "names two keys as one signer");
    for (header, protected) in [
        (json!({"kid": wrong}), json!({"alg": "EdDSA", "jwk": jwk})),
        (json!({"kid": kid}), json!({"alg": "EdDSA", "jwk": jwk_with(&wrong)})),
        (json!({"kid": kid}), json!({"alg": "EdDSA", "kid": wrong})),
    ] {
        assert_eq!(signed_with(pair, &header, &protected).signers().unwrap_err(), two);
    }
}

#[test]
fn what_is_malformed_is_named() {
    let pair = &pairs(1)[0];
    let kid = json!({"kid": pair.verkey().did_key()});
    for (protected, expected) in [
        (json!({}), "data.jws.protected.alg is missing"),
        (json!({"alg": "none"}), r#"data.jws.protected.alg: "none" is not supported"#),
        (
            json!({"alg": "EdDSA", "crit": ["b64"]}),
            r#"data.jws.protected.crit: "[\"b64\"]" is not supported"#,
        ),
        (
            json!({"alg": "EdDSA", "jwk": {"kty": "EC"}}),
            r#"data.jws.protected.jwk.kty: "EC" is not supported"#,
        ),
        (json!({"alg": "EdDSA", "jwk": {"kty": "OKP"}}), "data.jws.protected.jwk.crv is missing"),
        (
            json!({"alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AA"}}),
            "data.jws.protected.jwk.x: not 32 bytes",
        ),
    ] {
        assert_eq!(signed_with(pair, &kid, &protected).signers().unwrap_err().to_string(), expected);
    }
    let nobody = signed_with(pair, &json!({}), &json!({"alg": "EdDSA"}));
    assert_eq!(nobody.signers().unwrap_err(), Error::missing("data.jws.header.kid"));
    for (value, expected) in [
        (json!([]), "attachment: not a JSON object"),
        (json!({}), "data is missing"),
        (json!({"data": {}}), "data: not exactly one of base64, json and links"),
        (json!({"data": {"base64": "", "json": 1}}), "data: not exactly one of base64, json and links"),
        (json!({"data": {"base64": 1}}), "data.base64: not a text"),
        (json!({"data": {"links": [1]}}), "data.links: not a list of texts"),
        (json!({"data": {"links": vec!["x"; 33]}}), "data.links is too large: at most 32"),
        (json!({"data": {"json": 1}, "@id": 1}), "@id: not a text"),
        (json!({"data": {"base64": "", "jws": 1}}), "data.jws: not a JSON object"),
        (json!({"data": {"base64": "", "jws": {}}}), "data.jws.protected is missing"),
        (json!({"data": {"base64": "", "jws": {"signatures": []}}}), "data.jws.signatures is missing"),
        (
            json!({"data": {"base64": "", "jws": {"signatures": [], "signature": ""}}}),
            "data.jws: one signature and a list of them",
        ),
        (
            json!({"data": {"base64": "", "jws": {"signatures": [1]}}}),
            "data.jws.signatures[0]: not a JSON object",
        ),
        (
            json!({"data": {"base64": "", "jws": {"signatures": [{"protected": "", "header": 1}]}}}),
            "data.jws.signatures[0].header: not a JSON object",
        ),
    ] {
        assert_eq!(Attachment::from_value(value).unwrap_err().to_string(), expected);
    }
    let mut json = Attachment::from_json(None, json!(1));
    assert!(matches!(json.sign(&[pair]).unwrap_err(), Error::Unsupported { .. }));
    assert_eq!(json.signers().unwrap_err(), Error::missing("data.jws"));
    let mut plain = Attachment::from_bytes(None, "x", b"");
    assert_eq!(plain.sign(&[]).unwrap_err(), Error::missing("data.jws.signatures"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_data_is_signed_and_read(data: Vec<u8>, signers in 1_usize..4) {
        let pairs = pairs(signers);
        let mut attachment = Attachment::from_bytes(None, "x", &data);
        attachment.sign(&pairs.iter().collect::<Vec<_>>()).unwrap();
        let read = Attachment::from_value(attachment.to_value()).unwrap();
        prop_assert_eq!(read.data().unwrap(), data);
        prop_assert_eq!(read.signers().unwrap(), pairs.iter().map(Keypair::verkey).collect::<Vec<_>>());
    }

    #[test]
    fn any_text_is_read_in_peace(text: String, other: String) {
        let value = json!({"data": {"base64": text, "jws": {"header": {"kid": other}, "protected": text, "signature": other}}});
        if let Ok(attachment) = Attachment::from_value(value) {
            let _ = (attachment.data(), attachment.signers());
        }
    }
}
