//! Hashes and signatures: what an interpreter would be slow at.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rquickjs::{String as JsString, Value};
use trustkeep_crypto::hash;
use trustkeep_crypto::sign::PublicKey;

use super::{Call, Method, Outcome};
use crate::limits::TICKS_SIGNATURE;

/// `sha256(text)`: the hash of its UTF-8, in hex.
pub(super) const SHA256: Method = Method { name: "sha256", call: sha256 };
/// `verifySignature(publicKeyPem, text, signature)`: whether the signature (base64; for ECDSA DER or `r ‖ s`) of the
/// text's UTF-8 is right. The key says which algorithm.
pub(super) const VERIFY_SIGNATURE: Method = Method { name: "verifySignature", call: verify_signature };

fn sha256<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let digest = hash::sha256(call.text(0, "text")?.as_bytes());
    Ok(JsString::from_str(call.ctx.clone(), &hex::encode(digest))?.into_value())
}

fn verify_signature<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let [key, text, signature] =
        [(0, "publicKeyPem"), (1, "text"), (2, "signature")].map(|(at, name)| call.text(at, name));
    let (key, text, signature) = (key?, text?, signature?);
    call.state.take(TICKS_SIGNATURE)?;
    let is_right = match (PublicKey::from_pem(&key), BASE64_STANDARD.decode(signature)) {
        (Ok(key), Ok(signature)) => {
            key.verify_fixed(text.as_bytes(), &signature).is_ok()
                || key.verify(text.as_bytes(), &signature).is_ok()
        }
        _ => false,
    };
    Ok(Value::new_bool(call.ctx.clone(), is_right))
}
