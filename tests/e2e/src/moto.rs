use std::process::Stdio;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// An emulator of AWS. Dropped, it is killed.
pub struct Moto {
    /// `http://127.0.0.1:port`
    pub address: String,
    _server: Child,
}

impl Moto {
    /// Starts the program that `TRUSTKEEP_TEST_MOTO_SERVER` names; `None` where it names none.
    ///
    /// # Errors
    /// It did not start.
    pub async fn start() -> anyhow::Result<Option<Self>> {
        let Ok(program) = std::env::var("TRUSTKEEP_TEST_MOTO_SERVER") else { return Ok(None) };
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", "0"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut server = command.kill_on_drop(true).spawn()?;
        let mut lines = BufReader::new(server.stderr.take().context("no standard error")?).lines();
        let address = loop {
            let line = lines.next_line().await?.context("moto ended without an address")?;
            if let Some((_, url)) = line.split_once("Running on ") {
                break url.split_whitespace().next().unwrap_or_default().to_owned();
            }
        };
        // Its log must be read, or it stops when the pipe is full.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Some(Moto { address, _server: server }))
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
            .post(&self.address)
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
