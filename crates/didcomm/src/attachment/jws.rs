//! Detached signatures over attachments (RFC 0017, "Signing Attachments"; JWS, RFC 7515 with its appendix F).

use serde_json::{Value, json};

use crate::encoding::{Object, from_base64, joined, object, text, to_base64url};
use crate::{DidKey, Error, Keypair, Result, Verkey};

/// Signatures over one attachment.
const SIGNATURES_MAX: usize = 8;
/// Characters of `protected`.
const PROTECTED_CHARS_MAX: usize = 8 << 10;
const ALG: &str = "EdDSA";
const CURVE: &str = "Ed25519";

/// The signatures: one, flattened, or several.
#[derive(Clone, Debug, PartialEq)]
pub struct Jws {
    signatures: Vec<JwsSignature>,
    /// As it was written: in a list, even if it is one.
    general: bool,
}

/// One signature.
#[derive(Clone, Debug, PartialEq)]
pub struct JwsSignature {
    /// The unprotected header, with the signer's `kid`.
    pub header: Object,
    /// The protected header, as text: what was signed, with the payload.
    pub protected: String,
    /// base64url of the signature.
    pub signature: String,
}

impl Jws {
    /// Signs. The signer's `did:key` stands in the header, where newer agents look for it, and with the key in the
    /// protected header, where ACA-Py before 1.3.4 and 1.6.0 does.
    pub(super) fn sign(payload: &[u8], keypairs: &[&Keypair]) -> Result<Self> {
        if keypairs.is_empty() {
            return Err(Error::missing("data.jws.signatures"));
        }
        if keypairs.len() > SIGNATURES_MAX {
            return Err(Error::too_large("data.jws.signatures", SIGNATURES_MAX));
        }
        let payload = to_base64url(payload);
        let signatures = keypairs.iter().map(|keypair| {
            let kid = keypair.verkey().did_key();
            let x = to_base64url(keypair.verkey().as_bytes());
            let protected = json!({"alg": ALG, "jwk": {"kty": "OKP", "crv": CURVE, "x": x, "kid": kid}});
            let protected = to_base64url(protected.to_string().as_bytes());
            let signature = to_base64url(&keypair.sign(format!("{protected}.{payload}").as_bytes()));
            let header = [("kid".to_owned(), kid.into())].into_iter().collect();
            JwsSignature { header, protected, signature }
        });
        Ok(Self { signatures: signatures.collect(), general: keypairs.len() > 1 })
    }

    pub(super) fn from_value(value: &Value) -> Result<Self> {
        let members = value.as_object().ok_or_else(|| Error::invalid("data.jws", "not a JSON object"))?;
        let Some(list) = members.get("signatures") else {
            return Ok(Self { signatures: vec![JwsSignature::read("data.jws", members)?], general: false });
        };
        if ["header", "protected", "signature"].iter().any(|member| members.contains_key(*member)) {
            return Err(Error::invalid("data.jws", "one signature and a list of them"));
        }
        let list = list.as_array().ok_or_else(|| Error::invalid("data.jws.signatures", "not a list"))?;
        if list.is_empty() {
            return Err(Error::missing("data.jws.signatures"));
        }
        if list.len() > SIGNATURES_MAX {
            return Err(Error::too_large("data.jws.signatures", SIGNATURES_MAX));
        }
        let read = list.iter().enumerate().map(|(index, value)| {
            let path = format!("data.jws.signatures[{index}]");
            match value {
                Value::Object(members) => JwsSignature::read(&path, members),
                _ => Err(Error::invalid(path, "not a JSON object")),
            }
        });
        Ok(Self { signatures: read.collect::<Result<_>>()?, general: true })
    }

    pub(super) fn to_value(&self) -> Value {
        match self.signatures.as_slice() {
            [one] if !self.general => one.to_value(),
            several => json!({"signatures": several.iter().map(JwsSignature::to_value).collect::<Vec<_>>()}),
        }
    }

    /// The signatures, in order.
    pub fn signatures(&self) -> &[JwsSignature] {
        &self.signatures
    }

    /// Checks every signature over `payload`. `expected` is the key of signers that only a reference names.
    pub(super) fn signers(&self, payload: &[u8], expected: Option<&Verkey>) -> Result<Vec<Verkey>> {
        let payload = to_base64url(payload);
        self.signatures.iter().map(|signature| signature.signer(&payload, expected)).collect()
    }
}

impl JwsSignature {
    fn read(path: &str, members: &Object) -> Result<Self> {
        let required =
            |member| text(members, path, member)?.ok_or_else(|| Error::missing(joined(path, member)));
        let header = match members.get("header") {
            None | Some(Value::Null) => Object::new(),
            Some(Value::Object(header)) => header.clone(),
            Some(_) => return Err(Error::invalid(joined(path, "header"), "not a JSON object")),
        };
        Ok(Self {
            header,
            protected: required("protected")?.to_owned(),
            signature: required("signature")?.to_owned(),
        })
    }

    fn to_value(&self) -> Value {
        json!({"header": self.header, "protected": self.protected, "signature": self.signature})
    }

    /// The one key that signed. Wherever a key is named, it must be the same: a signature that holds for one key and
    /// names another proves nothing.
    fn signer(&self, payload: &str, expected: Option<&Verkey>) -> Result<Verkey> {
        const PATH: &str = "data.jws.protected";
        let json = from_base64(PATH, &self.protected)?;
        let protected = object(PATH, &json, PROTECTED_CHARS_MAX)?;
        let alg = text(&protected, PATH, "alg")?.ok_or_else(|| Error::missing("data.jws.protected.alg"))?;
        if alg != ALG {
            return Err(Error::unsupported("data.jws.protected.alg", alg));
        }
        if let Some(critical) = protected.get("crit") {
            return Err(Error::unsupported("data.jws.protected.crit", &critical.to_string()));
        }
        let jwk = protected.get("jwk").and_then(Value::as_object);
        let kids = [
            text(&self.header, "data.jws.header", "kid")?,
            text(&protected, PATH, "kid")?,
            jwk.map(|jwk| text(jwk, "data.jws.protected.jwk", "kid")).transpose()?.flatten(),
        ];
        let mut named: Vec<Verkey> = jwk.map(key_of).transpose()?.into_iter().collect();
        let mut reference = None;
        for kid in kids.into_iter().flatten() {
            match Verkey::from_any_form(kid) {
                Ok(key) => named.push(key),
                Err(refused) if kid.starts_with(DidKey::PREFIX) => return Err(refused),
                Err(_) => reference = Some(kid),
            }
        }
        let signer = match (named.first(), reference, expected) {
            (Some(key), ..) => *key,
            (None, Some(_), Some(expected)) => *expected,
            (None, Some(reference), None) => {
                return Err(Error::unsupported("data.jws.header.kid", reference));
            }
            (None, None, _) => return Err(Error::missing("data.jws.header.kid")),
        };
        if named.iter().any(|key| *key != signer) {
            return Err(Error::invalid("data.jws", "names two keys as one signer"));
        }
        let signature = from_base64("data.jws.signature", &self.signature)?;
        signer
            .verify(format!("{}.{payload}", self.protected).as_bytes(), &signature)
            .map_err(|_| Error::Signature { field: "data.jws".into() })?;
        Ok(signer)
    }
}

/// The key of a JWK (RFC 8037).
fn key_of(jwk: &Object) -> Result<Verkey> {
    const PATH: &str = "data.jws.protected.jwk";
    let member = |name| text(jwk, PATH, name)?.ok_or_else(|| Error::missing(joined(PATH, name)));
    for (name, expected) in [("kty", "OKP"), ("crv", CURVE)] {
        let value = member(name)?;
        if value != expected {
            return Err(Error::unsupported(joined(PATH, name), value));
        }
    }
    let bytes = from_base64("data.jws.protected.jwk.x", member("x")?)?;
    bytes.try_into().map(Verkey::new).map_err(|_| Error::invalid("data.jws.protected.jwk.x", "not 32 bytes"))
}
