//! The emulator: `TRUSTKEEP_TEST_MOTO` is the address of one that runs, `TRUSTKEEP_TEST_MOTO_SERVER` the
//! program to start one with.

use std::sync::Arc;

use serde_json::{Value, json};
use trustkeep_aws::{Call, Client, Context, Credentials, Env};
use trustkeep_emulator::Server;
use trustkeep_kms_aws::{AwsKms, Settings};

pub(crate) const REGION: &str = "eu-west-1";

/// Ends when dropped.
pub(crate) struct Moto(Server);

impl Moto {
    /// The emulator, unless there is none: then says so and the test returns.
    pub(crate) async fn find() -> Option<Self> {
        let found = match std::env::var("TRUSTKEEP_TEST_MOTO") {
            Ok(endpoint) => Some(Server::at(endpoint)),
            Err(_) => tokio::task::spawn_blocking(|| Server::moto(&[])).await.unwrap().unwrap(),
        };
        if found.is_none() {
            println!("SKIPPED kms-aws: moto is not available (set TRUSTKEEP_TEST_MOTO)");
        }
        found.map(Self)
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    pub(crate) async fn kms(&self, key: &str) -> AwsKms {
        let settings = Settings {
            kms_key_id: Some(key.into()),
            region: Some(REGION.into()),
            endpoint: Some(self.endpoint().to_owned()),
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
        let client = Client::builder("kms", REGION)
            .endpoint(self.endpoint())
            .credentials(Arc::new(Arc::new(credentials)));
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
