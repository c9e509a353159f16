//! The ceremonies by the command line.

use serde_json::{Value, json};
use trustkeep_e2e::{Finished, Server, program, run};

use super::{awskms, moto, start};

async fn operator(server: &Server, arguments: &[&str]) -> Finished {
    let all = [&["vault", "operator"], arguments].concat();
    let environment = [("VAULT_ADDR", server.address.as_str()), ("VAULT_TOKEN", server.token.as_str())];
    run(program(), &all, &environment).await.unwrap()
}

async fn json_of(server: &Server, arguments: &[&str]) -> Value {
    let all = [arguments, &["-format=json"]].concat();
    let finished = operator(server, &all).await;
    assert_eq!(finished.code, 0, "{all:?}: {finished:?}");
    serde_json::from_str(&finished.stdout).unwrap()
}

fn list(value: &Value, name: &str) -> Vec<String> {
    let entries = value.get(name).and_then(Value::as_array).unwrap_or_else(|| panic!("{name}: {value}"));
    entries.iter().map(|entry| entry.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn key_shares_are_replaced_and_a_root_token_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = start(dir.path(), "").await;
    let made = json_of(&server, &["init", "-key-shares=3", "-key-threshold=2"]).await;
    server.token = made["root_token"].as_str().unwrap().to_owned();
    let keys = list(&made, "unseal_keys_b64");
    for key in &keys[..2] {
        assert_eq!(operator(&server, &["unseal", key]).await.code, 0);
    }
    let none = operator(&server, &["rekey", &keys[0]]).await;
    assert_eq!(none.code, 1, "{none:?}");
    let begun = json_of(&server, &["rekey", "-init", "-verify", "-key-shares=2", "-key-threshold=2"]).await;
    assert_eq!((&begun["n"], &begun["verification_required"]), (&json!(2), &json!(true)));
    assert_eq!(json_of(&server, &["rekey", "-status"]).await["nonce"], begun["nonce"]);
    json_of(&server, &["rekey", &keys[0]]).await;
    let done = json_of(&server, &["rekey", &keys[1]]).await;
    let new = list(&done, "keys_base64");
    json_of(&server, &["rekey", "-verify", &new[0]]).await;
    let shown = operator(&server, &["rekey", "-verify", &new[1]]).await;
    assert!(shown.stdout.contains("the new keys are now active"), "{shown:?}");
    assert_eq!(operator(&server, &["seal"]).await.code, 0);
    for key in &new {
        assert_eq!(operator(&server, &["unseal", key]).await.code, 0);
    }
    let status = server.client().get("sys/seal-status").await.unwrap();
    assert_eq!(status.at("/sealed"), &json!(false));

    let otp = operator(&server, &["generate-root", "-generate-otp"]).await.stdout;
    assert!(otp.len() == 28 && otp.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{otp}");
    let begun = operator(&server, &["generate-root", "-init", "-otp", &otp]).await;
    assert!(begun.code == 0 && begun.stdout.contains("OTP Length    28"), "{begun:?}");
    assert_eq!(operator(&server, &["generate-root", "-cancel"]).await.code, 0);
    // A mistyped flag is never taken for a key share.
    assert_eq!(operator(&server, &["generate-root", "-nonsense"]).await.code, 1);
    for unsupported in ["-dr-token", "-recovery-token"] {
        let refused = operator(&server, &["generate-root", "-init", unsupported]).await;
        assert!(refused.code == 1 && refused.stderr.contains("not supported"), "{refused:?}");
    }
    let begun = json_of(&server, &["generate-root", "-init"]).await;
    json_of(&server, &["generate-root", &new[0]]).await;
    let done = json_of(&server, &["generate-root", &new[1]]).await;
    let decode = format!("-decode={}", done["encoded_token"].as_str().unwrap());
    let otp = format!("-otp={}", begun["otp"].as_str().unwrap());
    let connection = ["-address", &server.address, "-tls-skip-verify"];
    let token =
        operator(&server, &[&["generate-root"], &connection[..], &[&decode, &otp]].concat()).await.stdout;
    let client = server.client().with_token(Some(token.trim()));
    assert_eq!(client.get("auth/token/lookup-self").await.unwrap().at("/data/policies"), &json!(["root"]));
    let begun = operator(&server, &["rekey", "-init"]).await;
    assert!(begun.stdout.starts_with("Key                      Value\n"), "{begun:?}");
    assert!(begun.stdout.contains("Rekey Progress           0/2\n"), "{begun:?}");
    assert!(begun.stderr.starts_with("WARNING! If you lose the unseal keys"), "{begun:?}");
    assert_eq!(operator(&server, &["rekey", "-cancel"]).await.code, 0);
    assert_eq!(json_of(&server, &["rekey", "-status"]).await["started"], false);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn recovery_and_break_glass_shares() {
    let Some(moto) = moto().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut server = start(dir.path(), &awskms(moto.address(), &moto.new_key().await.unwrap(), "")).await;
    let flags =
        ["-recovery-shares=1", "-recovery-threshold=1", "-break-glass-shares=1", "-break-glass-threshold=1"];
    let made = json_of(&server, &[&["init"], &flags[..]].concat()).await;
    server.token = made["root_token"].as_str().unwrap().to_owned();
    let (recovery, glass) = (list(&made, "recovery_keys_b64"), list(&made, "break_glass_keys_b64"));
    json_of(&server, &["rekey", "-target=recovery", "-init", "-key-shares=1", "-key-threshold=1"]).await;
    let done = json_of(&server, &["rekey", "-target=recovery", &recovery[0]]).await;
    let recovery = list(&done, "keys_base64");
    json_of(&server, &["rekey", "-init"]).await;
    let rotated = operator(&server, &["rekey", &recovery[0]]).await;
    assert!(rotated.stdout.contains("Barrier root key rotated using recovery keys."), "{rotated:?}");
    assert_eq!(operator(&server, &["seal"]).await.code, 0);
    drop(moto);
    assert_eq!(operator(&server, &["unseal", "-break-glass", &glass[0]]).await.code, 0);
    let status = server.client().get("sys/seal-status").await.unwrap();
    assert_eq!(status.at("/sealed"), &json!(false), "{status:?}");
    server.stop().await.unwrap();
}
