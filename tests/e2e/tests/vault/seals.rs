//! Seals that a key management service holds: AWS KMS as moto plays it, and another vault.

mod auto_unseal;
mod command_line;
mod migration;
mod transit;

use std::path::Path;

use serde_json::{Value, json};
use trustkeep_e2e::{Answer, Client, Moto, Server, eventually};

use crate::configuration;

/// The emulator, or the word that the test goes without.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
async fn moto() -> Option<Moto> {
    let moto = Moto::start().await.unwrap();
    if moto.is_none() {
        println!("SKIPPED seals: moto is not available (set TRUSTKEEP_TEST_MOTO_SERVER)");
    }
    moto
}

/// `seal "awskms"` with a key behind an endpoint.
fn awskms(endpoint: &str, key: &str, more: &str) -> String {
    format!(
        "seal \"awskms\" {{\n  region = \"eu-west-1\"\n  access_key = \"AKIATEST\"\n  secret_key = \"secret\"\n  \
         endpoint = \"{endpoint}\"\n  kms_key_id = \"{key}\"\n  {more}\n}}\n"
    )
}

async fn start(dir: &Path, seals: &str) -> Server {
    Server::configured(&configuration(dir, "tls_disable = true", seals), &[]).await.unwrap()
}

/// Initialises; keeps the root token, and gives the answer.
async fn initialize(server: &mut Server, body: Value) -> Answer {
    let made = server.client().post("sys/init", body).await.unwrap();
    assert_eq!(made.status, 200, "{made:?}");
    server.token = made.at("/root_token").as_str().unwrap().to_owned();
    made
}

async fn becomes_unsealed(client: &Client) {
    eventually("unsealing", || async {
        let status = client.get("sys/seal-status").await?;
        Ok((status.at("/sealed") == &json!(false)).then_some(()))
    })
    .await
    .unwrap();
}

/// The shares of an answer's field.
fn shares(answer: &Answer, field: &str) -> Vec<String> {
    let shares = answer.at(field).as_array().unwrap_or_else(|| panic!("{field}: {answer:?}"));
    shares.iter().map(|share| share.as_str().unwrap().to_owned()).collect()
}
