//! `did:peer:4`: a document and its hash in the long form, the hash alone in the short form.

use serde_json::Value;

use super::{also_known_as, multihash};
use crate::did::DID_CHARS_MAX;
use crate::document::contextualise;
use crate::encoding::{Object, from_base58, object, to_base58};
use crate::{Error, Result};

const PREFIX: &str = "did:peer:4";
/// The multicodec `json` as an unsigned varint.
const JSON: [u8; 2] = [0x80, 0x04];

/// A long `did:peer:4`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeerFour {
    text: String,
    short: usize,
    input: Object,
}

impl PeerFour {
    /// The DID of an input document: like a document, without `id`, with relative references only.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it has an `id`, [`Error::TooLarge`] with the field `did`.
    pub fn generate(input: Object) -> Result<Self> {
        if input.contains_key("id") {
            return Err(Error::invalid("id", "an input document has none"));
        }
        let mut bytes = JSON.to_vec();
        bytes.extend_from_slice(Value::Object(input.clone()).to_string().as_bytes());
        let encoded = format!("z{}", to_base58(&bytes));
        let short = format!("{PREFIX}{}", multihash(encoded.as_bytes()));
        let text = format!("{short}:{encoded}");
        if text.len() > DID_CHARS_MAX {
            return Err(Error::too_large("did", DID_CHARS_MAX));
        }
        Ok(Self { short: short.len(), text, input })
    }

    /// Reads a long form and checks its hash.
    ///
    /// # Errors
    /// [`Error::Hash`], [`Error::Invalid`] or [`Error::TooLarge`] with the field `did`.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > DID_CHARS_MAX {
            return Err(Error::too_large("did", DID_CHARS_MAX));
        }
        let parts = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once(':'));
        let (hash, encoded) = parts.ok_or_else(|| Error::invalid("did", "not did:peer:4hash:document"))?;
        if multihash(encoded.as_bytes()) != hash {
            return Err(Error::hash(text));
        }
        let base58 =
            encoded.strip_prefix('z').ok_or_else(|| Error::invalid("did", "not multibase base58btc"))?;
        let bytes = from_base58("did", base58, DID_CHARS_MAX)?;
        let json = bytes.strip_prefix(&JSON).ok_or_else(|| Error::invalid("did", "not multicodec json"))?;
        let input = object("did", json, DID_CHARS_MAX)?;
        Ok(Self { short: PREFIX.len() + hash.len(), text: text.to_owned(), input })
    }

    /// The long form: the DID with its document.
    pub fn long(&self) -> &str {
        &self.text
    }

    /// The short form, which names the same subject.
    pub fn short(&self) -> &str {
        self.text.get(..self.short).unwrap_or_default()
    }

    /// The document of the long form.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field `alsoKnownAs` if that is no list.
    pub fn document(&self) -> Result<Value> {
        self.named(self.long(), self.short())
    }

    /// The document of the short form.
    ///
    /// # Errors
    /// As [`Self::document`].
    pub fn document_of_short(&self) -> Result<Value> {
        self.named(self.short(), self.long())
    }

    fn named(&self, did: &str, other: &str) -> Result<Value> {
        let mut document = self.input.clone();
        contextualise(&mut document, did);
        also_known_as(&mut document, other.to_owned())?;
        Ok(Value::Object(document))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_example_of_the_specification_goes_both_ways() {
        let example: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/did-peer-4.json")).unwrap();
        let did = PeerFour::parse(example["did"].as_str().unwrap()).unwrap();
        assert_eq!(did.short(), "did:peer:4zQmd8CpeFPci817KDsbSAKWcXAE2mjvCQSasRewvbSF54Bd");
        assert_eq!(Value::Object(did.input.clone()), example["input"]);
        assert_eq!(PeerFour::generate(did.input.clone()).unwrap(), did);
        assert_eq!(did.document().unwrap(), example["long document"]);
        assert_eq!(did.document_of_short().unwrap(), example["short document"]);
    }

    #[test]
    fn long_and_short_name_one_document() {
        let input = json!({
            "verificationMethod": [{"id": "#key-0", "type": "Multikey", "publicKeyMultibase": "z6Mk"}],
            "authentication": ["#key-0", {"id": "#key-1", "type": "Multikey", "controller": "did:x:y"}],
        });
        let did = PeerFour::generate(input.as_object().unwrap().clone()).unwrap();
        assert_eq!(PeerFour::parse(did.long()).unwrap(), did);
        assert!(did.long().starts_with(did.short()));
        let (long, short) = (did.document().unwrap(), did.document_of_short().unwrap());
        assert_eq!((&long["id"], &long["alsoKnownAs"]), (&json!(did.long()), &json!([did.short()])));
        assert_eq!((&short["id"], &short["alsoKnownAs"]), (&json!(did.short()), &json!([did.long()])));
        assert_eq!(short["verificationMethod"][0]["controller"], did.short());
        assert_eq!(short["authentication"][1]["controller"], "did:x:y");
    }

    #[test]
    fn another_document_does_not_pass() {
        let one = PeerFour::generate(json!({"a": 1}).as_object().unwrap().clone()).unwrap();
        let other = PeerFour::generate(json!({"a": 2}).as_object().unwrap().clone()).unwrap();
        let (_, document) = other.long().rsplit_once(':').unwrap();
        let forged = format!("{}:{document}", one.short());
        assert!(matches!(PeerFour::parse(&forged).unwrap_err(), Error::Hash { .. }));
        assert!(PeerFour::generate(json!({"id": "x"}).as_object().unwrap().clone()).is_err());
        let also = PeerFour::generate(json!({"alsoKnownAs": 1}).as_object().unwrap().clone()).unwrap();
        assert_eq!(also.document().unwrap_err(), Error::invalid("alsoKnownAs", "not a list"));
        let large = json!({"a": "x".repeat(8000)}).as_object().unwrap().clone();
        assert_eq!(PeerFour::generate(large).unwrap_err(), Error::too_large("did", DID_CHARS_MAX));
    }
}
