//! The emulator: `TRUSTKEEP_TEST_MOTO` is the address of one that runs, `TRUSTKEEP_TEST_MOTO_SERVER` the
//! program to start one with.

use std::process::Stdio;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use trustkeep_aws::{Call, Client, Context, Credentials, Env};
use trustkeep_kms_aws::{AwsKms, Settings};

pub(crate) const REGION: &str = "eu-west-1";

pub(crate) struct Moto {
    pub(crate) url: String,
    /// Killed when dropped.
    _server: Option<Child>,
}

impl Moto {
    /// The emulator, unless there is none: then says so and the test returns.
    pub(crate) async fn find() -> Option<Self> {
        if let Ok(url) = std::env::var("TRUSTKEEP_TEST_MOTO") {
            return Some(Self { url, _server: None });
        }
        let Ok(program) = std::env::var("TRUSTKEEP_TEST_MOTO_SERVER") else {
            println!("SKIPPED kms-aws: moto is not available (set TRUSTKEEP_TEST_MOTO)");
            return None;
        };
        let mut server = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let url = loop {
            let line =
                lines.next_line().await.unwrap().unwrap_or_else(|| panic!("moto ended without an address"));
            if let Some((_, url)) = line.split_once("Running on ") {
                break url.split_whitespace().next().unwrap().to_owned();
            }
        };
        // Its log must be read, or it stops when the pipe is full.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Some(Self { url, _server: Some(server) })
    }

    pub(crate) async fn kms(&self, key: &str) -> AwsKms {
        let settings = Settings {
            kms_key_id: Some(key.into()),
            region: Some(REGION.into()),
            endpoint: Some(self.url.clone()),
            access_key: Some("AKIATEST".into()),
            secret_key: Some("secret".into()),
            ..Settings::default()
        };
        AwsKms::new(context(&[]), settings).await.unwrap()
    }

    /// An operation that AwsKms does not have, on behalf of the account's owner.
    pub(crate) async fn administer(&self, operation: &str, parameters: Value) -> Value {
        let credentials = Credentials {
            access_key_id: "AKIATEST".into(),
            secret_access_key: "secret".into(),
            session_token: None,
            expires_at: None,
            source: "test",
        };
        let client =
            Client::builder("kms", REGION).endpoint(&self.url).credentials(Arc::new(Arc::new(credentials)));
        let call = Call::json_1_1(&format!("TrentService.{operation}"), &parameters).unwrap();
        let reply = client.build().unwrap().send(call).await.unwrap();
        if reply.body().is_empty() { Value::Null } else { reply.json().unwrap() }
    }

    /// A new key's id and ARN.
    pub(crate) async fn create_key(&self, parameters: Value) -> (String, String) {
        let key = self.administer("CreateKey", parameters).await;
        let text = |name: &str| key["KeyMetadata"][name].as_str().unwrap().to_owned();
        (text("KeyId"), text("Arn"))
    }

    pub(crate) async fn create_alias(&self, key: &str) -> String {
        let alias = format!("alias/{key}");
        self.administer("CreateAlias", json!({ "AliasName": alias, "TargetKeyId": key })).await;
        alias
    }
}

/// The system's clock and randomness, but these variables only.
pub(crate) fn context(variables: &[(&str, &str)]) -> Context {
    Context { env: Env::fixed(variables.iter().copied()), ..Context::process() }
}
