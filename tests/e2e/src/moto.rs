use anyhow::Context as _;
use serde_json::{Value, json};
use trustkeep_emulator::Server;

/// An emulator of AWS. It ends when dropped.
pub struct Moto(Server);

impl Moto {
    /// Starts the program that `TRUSTKEEP_TEST_MOTO_SERVER` names; `None` where it names none.
    ///
    /// # Errors
    /// It did not start.
    pub async fn start() -> anyhow::Result<Option<Self>> {
        Ok(tokio::task::spawn_blocking(|| Server::moto(&[])).await??.map(Self))
    }

    /// `http://127.0.0.1:port`
    pub fn address(&self) -> &str {
        &self.0.endpoint
    }

    /// Asks its KMS for an operation, as the account's owner.
    ///
    /// # Errors
    /// It refused.
    pub async fn kms(&self, operation: &str, parameters: Value) -> anyhow::Result<Value> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let authorization = "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/eu-west-1/kms/aws4_request, \
                             SignedHeaders=host, Signature=0";
        let request = http
            .post(self.address())
            .header("x-amz-target", format!("TrentService.{operation}"))
            .header("content-type", "application/x-amz-json-1.1")
            .header("authorization", authorization)
            .body(parameters.to_string());
        let response = request.send().await?;
        anyhow::ensure!(response.status().is_success(), "{operation}: {}", response.text().await?);
        Ok(serde_json::from_slice(&response.bytes().await?).unwrap_or_default())
    }

    /// A new key's id.
    ///
    /// # Errors
    /// It refused.
    pub async fn new_key(&self) -> anyhow::Result<String> {
        let made = self.kms("CreateKey", json!({})).await?;
        let id = made.pointer("/KeyMetadata/KeyId").and_then(Value::as_str);
        id.map(str::to_owned).with_context(|| made.to_string())
    }
}
