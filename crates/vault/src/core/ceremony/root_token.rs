//! A new root token, by a quorum of the holders (`hashicorp/vault: vault/generate_root.go`). It leaves the vault
//! masked with a one-time password, so that who only carries the answer cannot use it.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD_NO_PAD};
use trustkeep_crypto::{SecretBytes, SecretString, random};

use super::{Canceller, give};
use crate::core::seal::Shares;
use crate::core::{Core, NANOS, TokenEntry};
use crate::{Error, Result};

/// A generation under way.
#[derive(Debug)]
pub(in crate::core) struct RootToken {
    touched: i64,
    given: Shares,
    password: SecretString,
}

/// How far a generation is.
#[derive(Debug, Default)]
pub struct RootTokenStatus {
    /// Names it; empty without one.
    pub nonce: String,
    /// Whether there is one.
    pub started: bool,
    /// How many shares were given.
    pub progress: usize,
    /// How many are needed.
    pub required: u8,
    /// The masked token, once.
    pub token: Option<String>,
    /// The password, where it was made here and just now.
    pub password: Option<SecretString>,
}

impl Core {
    /// How far the generation is.
    ///
    /// # Errors
    /// 503 while sealed.
    pub async fn root_token_status(&self) -> Result<RootTokenStatus> {
        let unsealed = self.unsealed()?;
        let required = self.authorities().await?.1.secret_threshold;
        let under_way = unsealed.ceremonies.root_token.lock().await;
        let Some(under_way) = under_way.as_ref() else {
            return Ok(RootTokenStatus { required, ..Default::default() });
        };
        Ok(RootTokenStatus {
            nonce: under_way.given.nonce().to_owned(),
            started: true,
            progress: under_way.given.len(),
            required,
            ..Default::default()
        })
    }

    /// Begins a generation with the operator's password, or one that is made here and is in the answer.
    ///
    /// # Errors
    /// 400 for a password of another length than a token's and while one is under way, 503 while sealed.
    pub async fn begin_root_token(&self, password: SecretString) -> Result<RootTokenStatus> {
        let unsealed = self.unsealed()?;
        let made = password.is_empty();
        let password = if made { random::base62(self.random(), ROOT_TOKEN_LEN).into() } else { password };
        if password.len() != ROOT_TOKEN_LEN {
            return Err(Error::invalid("OTP string is wrong length"));
        }
        {
            let mut slot = unsealed.ceremonies.root_token.lock().await;
            if slot.is_some() {
                return Err(Error::invalid("root generation already in progress"));
            }
            let given = Shares::named(self.random());
            tracing::info!(nonce = given.nonce(), "the generation of a root token was begun");
            let password = password.duplicate();
            *slot = Some(RootToken { touched: self.now(), given, password });
        }
        Ok(RootTokenStatus { password: made.then_some(password), ..self.root_token_status().await? })
    }

    /// Ends a generation without result.
    ///
    /// # Errors
    /// 403 where the canceller may not, 503 while sealed.
    pub async fn cancel_root_token(&self, canceller: Canceller) -> Result<()> {
        let unsealed = self.unsealed()?;
        let mut slot = unsealed.ceremonies.root_token.lock().await;
        if let Some(under_way) = slot.as_ref() {
            canceller.may_end(under_way.touched, self.now())?;
            tracing::info!(nonce = under_way.given.nonce(), "the generation of a root token was cancelled");
        }
        *slot = None;
        Ok(())
    }

    /// Takes a share; with the last one the masked token is in the answer.
    ///
    /// # Errors
    /// 400 for a wrong nonce or share; the shares given so far are then forgotten where they were enough.
    pub async fn generate_root_token(&self, share: SecretBytes, nonce: &str) -> Result<RootTokenStatus> {
        let unsealed = self.unsealed()?;
        let (config, holders) = self.authorities().await?;
        let mut slot = unsealed.ceremonies.root_token.lock().await;
        let under_way = slot.as_mut().ok_or_else(|| Error::invalid("no root generation in progress"))?;
        let expected = under_way.given.nonce().to_owned();
        if nonce != expected {
            let message =
                format!("incorrect nonce supplied; nonce for this root generation operation is {expected:?}");
            return Err(Error::invalid(message));
        }
        under_way.touched = self.now();
        let required = holders.secret_threshold;
        let status = RootTokenStatus { nonce: expected, started: true, required, ..Default::default() };
        let given = &mut under_way.given;
        let Some(shares) = give(given, share, &holders, self, "generation operation")? else {
            return Ok(RootTokenStatus { progress: under_way.given.len(), ..status });
        };
        let key = holders.combine(&shares)?;
        let aborted = |error: Error| match error {
            Error::Invalid(why) => Error::invalid(format!("root generation aborted: {why}")),
            other => other,
        };
        self.check_key(&config, &key).await.map_err(aborted)?;
        let (token, _) = unsealed.tokens.create(None, TokenEntry::root(self.now() / NANOS)).await?;
        let token = SecretString::new(token);
        let masked = mask(token.expose().as_bytes(), &under_way.password);
        tracing::warn!(nonce = status.nonce, "a root token was generated");
        *slot = None;
        let token = Some(STANDARD_NO_PAD.encode(masked.expose()));
        Ok(RootTokenStatus { progress: usize::from(required), token, ..status })
    }
}

/// The token that a password unmasks.
///
/// # Errors
/// 400 where the two do not belong together.
pub fn decode_token(masked: &str, password: &SecretString) -> Result<SecretString> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let masked = GeneralPurpose::new(&alphabet::STANDARD, lenient)
        .decode(masked)
        .map_err(|_| Error::invalid("error decoding encoded token: it is not base64"))?;
    if masked.len() != password.len() {
        return Err(Error::invalid("error decoding token: lengths of the token and the OTP differ"));
    }
    SecretString::from_utf8(mask(&masked, password))
        .map_err(|_| Error::invalid("error decoding token: the OTP is not this token's"))
}

/// XOR with the password, to which the text's length was held.
fn mask(text: &[u8], password: &SecretString) -> SecretBytes {
    text.iter().zip(password.expose().as_bytes()).map(|(a, b)| a ^ b).collect::<Vec<u8>>().into()
}

/// `hvs.` and 24 characters.
pub(crate) const ROOT_TOKEN_LEN: usize = 28;
