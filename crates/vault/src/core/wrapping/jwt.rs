//! Wrapping tokens inside a signed JWT (ES512), for receivers that check where a token is from before they use it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use trustkeep_crypto::sign::{Algorithm, PublicKey, SigningKey};
use trustkeep_store::Error as StoreError;

use super::Unsealed;
use crate::core::{Batch, View};
use crate::{Error, Result};

/// What a signed wrapping token says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    accessor: String,
    addr: String,
    exp: i64,
    iat: i64,
    /// The wrapping token itself.
    jti: String,
    nbf: i64,
    #[serde(rename = "type")]
    kind: String,
}

impl Claims {
    /// Claims on a wrapping token that is made and ends at `times` (unix seconds); `addr` is where to unwrap it.
    pub(super) fn new(token: String, accessor: String, addr: &str, times: (i64, i64)) -> Self {
        let (iat, exp) = times;
        Claims { accessor, addr: addr.into(), exp, iat, jti: token, nbf: iat - 5, kind: KIND.into() }
    }
}

impl Unsealed {
    /// The claims, signed.
    pub(super) async fn sign_wrapping(&self, claims: &Claims) -> Result<String> {
        let header = URL_SAFE_NO_PAD.encode(HEADER);
        let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).map_err(Error::internal)?);
        let text = format!("{header}.{claims}");
        let signature = self.wrapping_key().await?.sign_fixed(text.as_bytes()).map_err(Error::internal)?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The wrapping token in a JWT; `None` where this vault did not sign it.
    pub(super) async fn open_wrapping(&self, jwt: &str) -> Result<Option<String>> {
        Ok(token_in(jwt, &self.wrapping_public_key().await?))
    }

    /// The key that verifies signed wrapping tokens.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub(crate) async fn wrapping_public_key(&self) -> Result<PublicKey> {
        self.wrapping_key().await?.public_key().map_err(Error::internal)
    }

    /// The key that signs; made when it is first asked for.
    async fn wrapping_key(&self) -> Result<SigningKey> {
        let view = View::new(self.barrier.clone(), FOLDER);
        loop {
            if let Some(entry) = view.get(KEY).await? {
                return SigningKey::from_pkcs8_der(Algorithm::P521, entry.value.expose())
                    .map_err(Error::internal);
            }
            let key = SigningKey::generate(Algorithm::P521).map_err(Error::internal)?;
            let der = key.to_pkcs8_der().map_err(Error::internal)?;
            match view.commit(Batch::new().expect(KEY, None).put(KEY, der)).await {
                Ok(_) => return Ok(key),
                Err(Error::Store(StoreError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The wrapping token in a JWT that the holder of `key` signed.
pub(crate) fn token_in(jwt: &str, key: &PublicKey) -> Option<String> {
    let (text, signature) = jwt.rsplit_once('.')?;
    let (header, claims) = text.split_once('.')?;
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    if decoded(header)? != HEADER {
        return None;
    }
    key.verify_fixed(text.as_bytes(), &decoded(signature)?).ok()?;
    let claims: Claims = serde_json::from_slice(&decoded(claims)?).ok()?;
    (claims.kind == KIND).then_some(claims.jti)
}

/// Whether a token is a JWT rather than one of the vault's own.
pub(super) fn looks_like_one(token: &str) -> bool {
    token.starts_with("eyJ") && token.bytes().filter(|byte| *byte == b'.').count() == 2
}

const HEADER: &[u8] = br#"{"alg":"ES512","typ":"JWT"}"#;
const KIND: &str = "wrapping";
const FOLDER: &str = "core/wrapping/";
const KEY: &str = "jwtkey";
