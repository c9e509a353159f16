use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinHandle;
use trustkeep_crypto::kms::{Context, Error, KeyInfo, Kms, Wrapped};
use trustkeep_crypto::{SecretBytes, SecretString};

use crate::Settings;
use crate::client::Client;

/// One key of another vault's transit engine.
#[derive(Debug)]
pub struct Transit {
    client: Arc<Client>,
    mount: String,
    key: String,
    name: String,
    renewal: Option<JoinHandle<()>>,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Ciphertext {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Plaintext {
    plaintext: SecretString,
}

#[derive(Deserialize)]
struct Renewed {
    auth: Renewal,
}

#[derive(Deserialize)]
struct Renewal {
    lease_duration: u64,
    renewable: bool,
}

#[derive(Serialize)]
struct Encrypt<'a> {
    plaintext: &'a str,
}

impl Transit {
    /// The key that the settings name. The other vault is not asked yet, but from now on a task renews the token,
    /// unless that is off or there is none.
    ///
    /// # Errors
    /// [`Error::Parameter`] if a setting is missing or wrong.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        for (parameter, value) in [("key_name", &settings.key_name), ("mount_path", &settings.mount_path)] {
            let part = |part: &str| part.is_empty() || part == "." || part == "..";
            if value.trim_matches('/').split('/').any(part) {
                let detail = "it must be a path without empty parts and dots".to_owned();
                return Err(Error::Parameter { parameter: parameter.into(), detail });
            }
        }
        let client = Arc::new(Client::new(settings)?);
        let renews = !settings.disable_renewal && settings.token.is_some();
        let renewal = renews.then(|| tokio::spawn(renew(client.clone())));
        let mount = settings.mount_path.trim_matches('/').to_owned();
        let key = settings.key_name.trim_matches('/').to_owned();
        let namespace = settings.namespace.as_deref().unwrap_or_default().trim_matches('/');
        let address = settings.address.trim_end_matches('/');
        let name = [address, namespace, &mount, "keys", &key]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("/");
        Ok(Transit { client, mount, key, name, renewal })
    }

    fn path(&self, operation: &str) -> String {
        format!("{}/{operation}/{}", self.mount, self.key)
    }
}

impl Drop for Transit {
    fn drop(&mut self) {
        if let Some(renewal) = &self.renewal {
            renewal.abort();
        }
    }
}

#[async_trait]
impl Kms for Transit {
    /// The context is not passed on: a transit key takes one only if it was made for derivation.
    async fn encrypt(&self, plaintext: &SecretBytes, _context: &Context) -> Result<Wrapped, Error> {
        let plaintext = plaintext.to_base64();
        let body = Encrypt { plaintext: plaintext.expose() };
        let path = self.path("encrypt");
        let answer: Answer<Ciphertext> = self.client.write(&path, "encrypt", &self.key, &body).await?;
        Ok(Wrapped { ciphertext: answer.data.ciphertext.into_bytes(), key_id: self.name.clone() })
    }

    async fn decrypt(&self, wrapped: &Wrapped, _context: &Context) -> Result<SecretBytes, Error> {
        let ciphertext = std::str::from_utf8(&wrapped.ciphertext)
            .map_err(|_| Error::InvalidCiphertext { key: self.key.clone() })?;
        let body = json!({ "ciphertext": ciphertext });
        let path = self.path("decrypt");
        let answer: Answer<Plaintext> = self.client.write(&path, "decrypt", &self.key, &body).await?;
        SecretBytes::from_base64(answer.data.plaintext.expose())
            .map_err(|_| Error::Unavailable { detail: "the plaintext that came back is not base64".into() })
    }

    /// Encrypts something: reading the key would need another permission.
    async fn describe(&self) -> Result<KeyInfo, Error> {
        let made = self.encrypt(&SecretBytes::copy_of(b"describe"), &Context::new()).await?;
        Ok(KeyInfo { key_id: made.key_id, state: "Enabled".into(), usable: true, description: String::new() })
    }
}

/// Renews the token for as long as it can be, each time when two thirds of its life are over.
async fn renew(client: Arc<Client>) {
    let mut failing = false;
    loop {
        let renewed: Result<Renewed, _> =
            client.write("auth/token/renew-self", "renew-self", "", &json!({})).await;
        let pause = match renewed {
            Ok(Renewed { auth }) if !auth.renewable || auth.lease_duration == 0 => {
                tracing::info!("the transit seal's token does not end by itself or cannot be renewed");
                return;
            }
            Ok(Renewed { auth }) => {
                failing = false;
                (Duration::from_secs(auth.lease_duration) * 2 / 3).max(RENEWAL_MIN)
            }
            Err(error) if error.is_transient() => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!("the transit seal's token could not be renewed; trying again: {error}");
                }
                RENEWAL_RETRY
            }
            // A root token, a batch token, or one that may not: it works for as long as it works.
            Err(error) => {
                tracing::warn!("the transit seal's token cannot be renewed (set disable_renewal): {error}");
                return;
            }
        };
        tokio::time::sleep(pause).await;
    }
}

const RENEWAL_MIN: Duration = Duration::from_secs(1);
const RENEWAL_RETRY: Duration = Duration::from_secs(15);
