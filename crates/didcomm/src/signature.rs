//! The signature decorator `~sig` (RFC 0234, `ed25519Sha512_single`): a member of a message, signed at a time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::encoding::{from_base64, value};
use crate::message::{MessageType, Prefix, Version};
use crate::{Error, Keypair, Result, Verkey};

/// Bytes of the signed data that is read.
pub const SIGNED_BYTES_MAX: usize = 1 << 20;
/// Bytes of the time before the data.
const TIME_BYTES: usize = 8;

/// What stands in a message instead of the member that was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureDecorator {
    /// `@type`: `signature/1.0/ed25519Sha512_single` with either prefix.
    #[serde(rename = "@type")]
    pub kind: MessageType,
    /// base64url of the signature.
    pub signature: String,
    /// base64url of the time, in seconds since 1970 as eight bytes, and the member as JSON.
    pub sig_data: String,
    /// Who says that he signed: base58, as agents write it, or the RFC's base64url.
    pub signer: String,
}

/// A member whose signature holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Signed {
    /// The member.
    pub value: Value,
    /// When it was signed, as the signer says: seconds since 1970.
    pub signed_at: u64,
    /// Who signed. Whether he is the one to sign, such as the holder of an invitation's key, is the caller's question.
    pub signer: Verkey,
}

impl SignatureDecorator {
    /// Signs a member at `now`, in seconds since 1970.
    pub fn sign(value: &Value, keypair: &Keypair, now: u64, prefix: Prefix) -> Self {
        let mut data = now.to_be_bytes().to_vec();
        data.extend_from_slice(value.to_string().as_bytes());
        Self {
            kind: MessageType::new(prefix, "signature", Version::new(1, 0), "ed25519Sha512_single"),
            // Padded, which ACA-Py up to 0.7 insists on.
            signature: URL_SAFE.encode(keypair.sign(&data)),
            sig_data: URL_SAFE.encode(&data),
            signer: keypair.verkey().to_string(),
        }
    }

    /// Checks the signature and gives the member back.
    ///
    /// # Errors
    /// [`Error::Signature`] if it does not hold, otherwise the member of the decorator that is malformed.
    pub fn verify(&self) -> Result<Signed> {
        if !self.kind.is("signature", 1, "ed25519Sha512_single") {
            return Err(Error::unsupported("~sig.@type", &self.kind.to_string()));
        }
        if self.sig_data.len() / 4 * 3 > SIGNED_BYTES_MAX {
            return Err(Error::too_large("~sig.sig_data", SIGNED_BYTES_MAX));
        }
        let signer = self.signer()?;
        let data = from_base64("~sig.sig_data", &self.sig_data)?;
        let signature = from_base64("~sig.signature", &self.signature)?;
        signer.verify(&data, &signature).map_err(|_| Error::Signature { field: "~sig".into() })?;
        let (time, json) = data
            .split_first_chunk::<TIME_BYTES>()
            .ok_or_else(|| Error::invalid("~sig.sig_data", "shorter than its time"))?;
        let value = value("~sig.sig_data", json, SIGNED_BYTES_MAX)?;
        Ok(Signed { value, signed_at: u64::from_be_bytes(*time), signer })
    }

    fn signer(&self) -> Result<Verkey> {
        Verkey::from_any_form(&self.signer).or_else(|_| {
            let bytes = from_base64("~sig.signer", &self.signer)?;
            bytes.try_into().map(Verkey::new).map_err(|_| Error::invalid("~sig.signer", "not a key"))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trustkeep_crypto::random::Seeded;

    use super::*;

    #[test]
    fn what_is_signed_comes_back_with_its_time_and_signer() {
        let pair = Keypair::generate(&Seeded::new(1)).unwrap();
        let value = json!({"DID": "x", "DIDDoc": {"é": [1]}});
        for prefix in [Prefix::Sov, Prefix::DidComm] {
            let decorator = SignatureDecorator::sign(&value, &pair, 1_700_000_000, prefix);
            let signed = decorator.verify().unwrap();
            assert_eq!(
                signed,
                Signed { value: value.clone(), signed_at: 1_700_000_000, signer: pair.verkey() }
            );
            let json = serde_json::to_value(&decorator).unwrap();
            assert_eq!(json["@type"], format!("{}signature/1.0/ed25519Sha512_single", prefix.as_str()));
            assert_eq!(serde_json::from_value::<SignatureDecorator>(json).unwrap(), decorator);
        }
    }

    #[test]
    fn signers_are_read_as_the_rfc_writes_them_too() {
        let pair = Keypair::generate(&Seeded::new(2)).unwrap();
        let mut decorator = SignatureDecorator::sign(&json!(1), &pair, 0, Prefix::DidComm);
        decorator.signer = URL_SAFE.encode(pair.verkey().as_bytes());
        decorator.signature = decorator.signature.trim_end_matches('=').to_owned();
        assert_eq!(decorator.verify().unwrap().signer, pair.verkey());
    }

    #[test]
    fn what_was_altered_does_not_hold() {
        let random = Seeded::new(3);
        let (pair, other) = (Keypair::generate(&random).unwrap(), Keypair::generate(&random).unwrap());
        let good = SignatureDecorator::sign(&json!({"a": 1}), &pair, 5, Prefix::DidComm);
        let changed = |change: fn(&mut SignatureDecorator, &Keypair)| {
            let mut decorator = good.clone();
            change(&mut decorator, &other);
            decorator.verify().unwrap_err().to_string()
        };
        let refused = "~sig: the signature does not match";
        assert_eq!(changed(|d, other| d.signer = other.verkey().to_string()), refused);
        assert_eq!(
            changed(|d, other| {
                d.sig_data = SignatureDecorator::sign(&json!({"a": 2}), other, 5, Prefix::DidComm).sig_data;
            }),
            refused
        );
        assert_eq!(changed(|d, _| d.signature.clear()), refused);
        assert_eq!(changed(|d, _| d.signature = "?".into()), "~sig.signature: not base64");
        assert_eq!(changed(|d, _| d.signer = "x".into()), "~sig.signer: not base64");
        assert!(changed(|d, _| d.kind.name = "x".into()).starts_with("~sig.@type"));
        assert!(changed(|d, _| d.sig_data = "A".repeat(2 << 20)).starts_with("~sig.sig_data is too large"));
        // Signed, and still no value with a time.
        let short = SignatureDecorator {
            signature: URL_SAFE.encode(pair.sign(b"short")),
            sig_data: URL_SAFE.encode(b"short"),
            ..good.clone()
        };
        assert_eq!(short.verify().unwrap_err(), Error::invalid("~sig.sig_data", "shorter than its time"));
    }
}
