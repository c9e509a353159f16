use std::sync::Arc;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use trustkeep_aws::{Call, Chain, Client, Context as AwsContext, CredentialsProvider, region};
use trustkeep_crypto::kms::{Context, Error, KeyInfo, Kms, Wrapped};
use trustkeep_crypto::{SecretBytes, SecretString};

use crate::settings::Settings;
use crate::{arn, error};

/// KMS encrypts no more than this directly with a symmetric key.
const PLAINTEXT_BYTES_MAX: usize = 4096;

/// One symmetric key of AWS KMS.
#[derive(Debug)]
pub struct AwsKms {
    key: String,
    client: Client,
}

impl AwsKms {
    /// The key that settings and environment name. Asks the instance for its region if nothing else tells it,
    /// but does not call KMS yet: see [`Kms::describe`].
    ///
    /// # Errors
    /// [`Error::Parameter`] if a setting is missing or wrong.
    pub async fn new(context: AwsContext, settings: Settings) -> Result<Self, Error> {
        let wrong = |parameter: &str, detail: &str| Error::Parameter {
            parameter: parameter.into(),
            detail: detail.into(),
        };
        let Some(key) = settings.key_id(&context.env) else {
            return Err(wrong("kms_key_id", "it is not set; set it or VAULT_AWSKMS_SEAL_KEY_ID"));
        };
        let endpoint = settings.endpoint(&context.env);
        let mut chain = settings.into_chain(&context.env);
        let of_key = arn::region(&key).map(str::to_owned);
        chain.region = chain.region.filter(|region| !region.is_empty()).or_else(|| of_key.clone());
        let map = |error| error::map(error, "DescribeKey", &key, "");
        let region = region::resolve(&context, &chain).await.map_err(map)?;
        if let Some(of_key) = of_key.filter(|of_key| *of_key != region) {
            let detail = format!("the key is in region {of_key}, but the region in use is {region}");
            return Err(wrong("kms_key_id", &detail));
        }
        let credentials = Arc::new(Chain::new(context.clone(), chain).map_err(map)?);
        Self::with_credentials(context, key, region, endpoint, credentials)
    }

    /// The key, with everything decided by the caller.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the endpoint is not a URL.
    pub fn with_credentials(
        context: AwsContext,
        key: String,
        region: String,
        endpoint: Option<String>,
        credentials: Arc<dyn CredentialsProvider>,
    ) -> Result<Self, Error> {
        let mut client = Client::builder("kms", &region).credentials(credentials).context(context);
        if let Some(endpoint) = endpoint {
            client = client.endpoint(endpoint);
        }
        let client = client.build().map_err(|error| error::map(error, "DescribeKey", &key, &region))?;
        Ok(Self { key, client })
    }

    /// The key as it was configured.
    pub fn key_id(&self) -> &str {
        &self.key
    }

    /// The region in use.
    pub fn region(&self) -> &str {
        self.client.region()
    }

    /// All three operations may be carried out twice without harm.
    async fn call<T: DeserializeOwned>(
        &self,
        operation: &str,
        key: &str,
        parameters: &(impl Serialize + Sync),
    ) -> Result<T, Error> {
        let call = Call::json_1_1(&format!("TrentService.{operation}"), parameters);
        let reply = match call {
            Ok(call) => self.client.send(call.idempotent()).await.and_then(|reply| reply.json()),
            Err(error) => Err(error),
        };
        reply.map_err(|error| error::map(error, operation, key, self.region()))
    }
}

#[async_trait]
impl Kms for AwsKms {
    async fn encrypt(&self, plaintext: &SecretBytes, context: &Context) -> Result<Wrapped, Error> {
        if !(1..=PLAINTEXT_BYTES_MAX).contains(&plaintext.len()) {
            return Err(Error::Parameter {
                parameter: "plaintext".into(),
                detail: format!("it must be 1 to {PLAINTEXT_BYTES_MAX} bytes, got {}", plaintext.len()),
            });
        }
        let plaintext = plaintext.to_base64();
        let request =
            EncryptRequest { key_id: &self.key, plaintext: plaintext.expose(), encryption_context: context };
        let response: EncryptResponse = self.call("Encrypt", &self.key, &request).await?;
        let ciphertext = decode(&response.ciphertext_blob)?.expose().to_vec();
        Ok(Wrapped { ciphertext, key_id: response.key_id })
    }

    async fn decrypt(&self, wrapped: &Wrapped, context: &Context) -> Result<SecretBytes, Error> {
        let key = match wrapped.key_id.as_str() {
            "" => self.key.clone(),
            key => arn::in_region(key, self.region()),
        };
        let ciphertext = SecretBytes::copy_of(&wrapped.ciphertext).to_base64();
        let request = DecryptRequest {
            key_id: &key,
            ciphertext_blob: ciphertext.expose(),
            encryption_context: context,
        };
        let response: DecryptResponse = self.call("Decrypt", &key, &request).await?;
        decode(response.plaintext.expose())
    }

    async fn describe(&self) -> Result<KeyInfo, Error> {
        let request = DescribeRequest { key_id: &self.key };
        let DescribeResponse { key_metadata: key } = self.call("DescribeKey", &self.key, &request).await?;
        let usage = key.key_usage.as_deref().unwrap_or("ENCRYPT_DECRYPT");
        let spec = key.key_spec.as_deref().unwrap_or("SYMMETRIC_DEFAULT");
        if usage != "ENCRYPT_DECRYPT" || spec != "SYMMETRIC_DEFAULT" {
            let detail =
                format!("{} is a {usage} key ({spec}); a symmetric encryption key is needed", key.arn);
            return Err(Error::Parameter { parameter: "kms_key_id".into(), detail });
        }
        Ok(KeyInfo {
            key_id: key.arn,
            state: key.key_state,
            usable: key.enabled,
            description: key.description.unwrap_or_default(),
        })
    }
}

fn decode(base64: &str) -> Result<SecretBytes, Error> {
    SecretBytes::from_base64(base64)
        .map_err(|error| Error::Unavailable { detail: format!("kms sent {error}") })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EncryptRequest<'a> {
    key_id: &'a str,
    plaintext: &'a str,
    #[serde(skip_serializing_if = "Context::is_empty")]
    encryption_context: &'a Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EncryptResponse {
    ciphertext_blob: String,
    key_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DecryptRequest<'a> {
    key_id: &'a str,
    ciphertext_blob: &'a str,
    #[serde(skip_serializing_if = "Context::is_empty")]
    encryption_context: &'a Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DecryptResponse {
    plaintext: SecretString,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeRequest<'a> {
    key_id: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeResponse {
    key_metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    arn: String,
    description: Option<String>,
    enabled: bool,
    key_state: String,
    /// Always set by AWS; emulators leave it out.
    key_usage: Option<String>,
    key_spec: Option<String>,
}
