//! Random bytes and digests for callers: `sys/tools` and transit offer the same.

use serde_json::json;
use trustkeep_crypto::hash::Algorithm;
use trustkeep_crypto::{Random, SecretBytes};

use super::base64;
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

/// Answers `random[/source][/bytes]`; `rest` is what follows `random/` in the path.
///
/// # Errors
/// 400 for a source, format or number of bytes that is not on offer.
pub(super) fn random(request: &Request, rest: &str, random: &dyn Random) -> Result<Option<Response>> {
    let (source, bytes) = match rest.split_once('/') {
        Some((source, bytes)) => (source, Some(bytes)),
        None if is_source(rest) => (rest, None),
        None => ("platform", Some(rest)),
    };
    let bytes = match bytes {
        Some(text) => text.parse().map_err(|_| {
            Error::invalid(format!(
                "error parsing url-set byte count: strconv.Atoi: parsing {text:?}: invalid syntax"
            ))
        })?,
        None => request.int("bytes")?.unwrap_or(BYTES_DEFAULT),
    };
    if bytes < 1 {
        return Err(Error::invalid("'bytes' cannot be less than 1"));
    }
    let len = usize::try_from(bytes).ok().filter(|len| *len <= BYTES_MAX);
    let len = len.ok_or_else(|| Error::invalid(format!("'bytes' should be less than {BYTES_MAX}")))?;
    let format = format(request, "base64", true)?;
    if !is_source(source) {
        return Err(Error::invalid(format!(
            "unsupported entropy source {source:?}; must be \"platform\" or \"seal\", or \"all\""
        )));
    }
    let text = format.encode(SecretBytes::random(random, len).expose());
    let response = Response::object(json!({ "random_bytes": text }));
    Ok(Some(if source == "seal" {
        response.warn("no seal/entropy augmentation available, using platform entropy source")
    } else {
        response
    }))
}

/// Answers `hash[/algorithm]`; `named` is the algorithm of the path, which may be empty.
///
/// # Errors
/// 400 without input, or for an algorithm or format that is not on offer.
pub(super) fn hash(request: &Request, named: &str) -> Result<Option<Response>> {
    let input = request.text("input")?.ok_or_else(|| Error::invalid("input missing"))?;
    let name = match named {
        "" => request.text("algorithm")?.unwrap_or_else(|| "sha2-256".into()),
        named => named.to_owned(),
    };
    let input = base64::decode(&input)
        .map_err(|illegal| Error::invalid(format!("unable to decode input as base64: {illegal}")))?;
    let format = format(request, "hex", false)?;
    let algorithm = algorithm(&name).filter(|algorithm| *algorithm != Algorithm::Sha1);
    let algorithm = algorithm.ok_or_else(|| Error::invalid(format!("unsupported algorithm {name}")))?;
    Ok(Some(Response::object(json!({ "sum": format.encode(algorithm.digest(&input).as_ref()) }))))
}

/// The digest of this name.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "sha1" => Algorithm::Sha1,
        "sha2-224" => Algorithm::Sha224,
        "sha2-256" => Algorithm::Sha256,
        "sha2-384" => Algorithm::Sha384,
        "sha2-512" => Algorithm::Sha512,
        "sha3-224" => Algorithm::Sha3_224,
        "sha3-256" => Algorithm::Sha3_256,
        "sha3-384" => Algorithm::Sha3_384,
        "sha3-512" => Algorithm::Sha3_512,
        _ => return None,
    })
}

enum Format {
    Hex,
    Base64,
}

impl Format {
    fn encode(&self, bytes: &[u8]) -> String {
        match self {
            Format::Hex => hex::encode(bytes),
            Format::Base64 => base64::encode(bytes),
        }
    }
}

fn format(request: &Request, default: &str, quoted: bool) -> Result<Format> {
    match request.text("format")?.as_deref().unwrap_or(default) {
        "hex" => Ok(Format::Hex),
        "base64" => Ok(Format::Base64),
        other => {
            let other = if quoted { format!("{other:?}") } else { other.to_owned() };
            Err(Error::invalid(format!("unsupported encoding format {other}; must be \"hex\" or \"base64\"")))
        }
    }
}

fn is_source(name: &str) -> bool {
    matches!(name, "" | "platform" | "seal" | "all")
}

/// Bytes a request without a number gets.
const BYTES_DEFAULT: i64 = 32;
/// Bytes one request may ask for.
const BYTES_MAX: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use trustkeep_crypto::random::SystemRandom;

    use super::*;
    use crate::engines::test_support::{Fixture, data};

    #[tokio::test]
    async fn random_bytes_come_in_the_length_and_form_asked_for() {
        let fixture = Fixture::new().await;
        for (rest, body, hex, len) in [
            ("", "{}", false, 32),
            ("", r#"{"bytes":5,"format":"hex"}"#, true, 5),
            ("12", r#"{"bytes":5}"#, false, 12),
            ("platform", r#"{"bytes":"131072"}"#, false, 131_072),
            ("all/3", r#"{"format":"hex"}"#, true, 3),
            ("seal/1", "{}", false, 1),
        ] {
            let answer = random(&fixture.write("random", body), rest, &SystemRandom).unwrap().unwrap();
            let Value::String(text) = &data(&answer)["random_bytes"] else { panic!("no text") };
            let bytes = if hex { hex::decode(text).unwrap() } else { base64::decode(text).unwrap().to_vec() };
            assert_eq!(bytes.len(), len, "{rest}");
            assert_eq!(answer.warnings.len(), usize::from(rest.starts_with("seal")));
        }
        for (rest, body, message) in [
            ("0", "{}", "'bytes' cannot be less than 1"),
            ("131073", "{}", "'bytes' should be less than 131072"),
            ("x", "{}", "error parsing url-set byte count: strconv.Atoi: parsing \"x\": invalid syntax"),
            (
                "dice/3",
                "{}",
                "unsupported entropy source \"dice\"; must be \"platform\" or \"seal\", or \"all\"",
            ),
            ("", r#"{"format":"x"}"#, "unsupported encoding format \"x\"; must be \"hex\" or \"base64\""),
        ] {
            let error = random(&fixture.write("random", body), rest, &SystemRandom).unwrap_err();
            assert_eq!((error.status(), error.to_string().as_str()), (400, message));
        }
    }

    #[tokio::test]
    async fn digests_are_those_of_the_standards() {
        let fixture = Fixture::new().await;
        // Of "abc": FIPS 180-4 and FIPS 202.
        for (named, body, sum) in [
            ("", r#"{"input":"YWJj"}"#, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "",
                r#"{"input":"YWJj","algorithm":"sha2-224","format":"base64"}"#,
                "Iwl9IjQF2CKGQqR3vaJVsyqtvOS9oLP342ydpw==",
            ),
            (
                "sha3-224",
                r#"{"input":"YWJj","algorithm":"x"}"#,
                "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf",
            ),
        ] {
            let answer = hash(&fixture.write("hash", body), named).unwrap().unwrap();
            assert_eq!(data(&answer)["sum"], sum);
        }
        for (named, body, message) in [
            ("", "{}", "input missing"),
            ("md5", r#"{"input":""}"#, "unsupported algorithm md5"),
            ("sha1", r#"{"input":""}"#, "unsupported algorithm sha1"),
            ("", r#"{"input":"="}"#, "unable to decode input as base64: illegal base64 data at input byte 0"),
            (
                "",
                r#"{"input":"","format":"x"}"#,
                "unsupported encoding format x; must be \"hex\" or \"base64\"",
            ),
        ] {
            let error = hash(&fixture.write("hash", body), named).unwrap_err();
            assert_eq!((error.status(), error.to_string().as_str()), (400, message));
        }
    }
}
