//! What vaultrs, the client for Rust, does against a vault: `VAULT_ADDR=… VAULT_TOKEN=… trustkeep-interop-vaultrs PREFIX`.
//! Silent if all is as it should be; everything made is named after PREFIX.

use serde_json::{Value, json};
use vaultrs::api::ResponseWrapper as _;
use vaultrs::api::kv2::requests::{ReadSecretRequest, SetSecretRequestOptions};
use vaultrs::api::sys::requests::EnableEngineRequest;
use vaultrs::api::token::requests::CreateTokenRequest;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;
use vaultrs::{auth, cubbyhole, kv1, kv2, sys, token, transit};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let prefix = std::env::args().nth(1).expect("a prefix");
    let root = client(&std::env::var("VAULT_TOKEN").expect("VAULT_TOKEN"));
    system(&root).await;
    mounts_and_policies(&root, &prefix).await;
    secrets(&root, &prefix).await;
    tokens(&root).await;
    logins(&root, &prefix).await;
    wrapping(&root, &prefix).await;
    encryption(&root, &prefix).await;
}

fn client(token: &str) -> VaultClient {
    let address = std::env::var("VAULT_ADDR").expect("VAULT_ADDR");
    VaultClient::new(VaultClientSettingsBuilder::default().address(address).token(token).build().unwrap()).unwrap()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, ClientError>, status: u16, text: &str) {
    match outcome {
        Err(ClientError::APIError { code, errors }) if code == status => {
            assert!(errors.join("\n").contains(text), "{errors:?}");
        }
        other => panic!("wanted {status}, got {other:?}"),
    }
}

async fn system(root: &VaultClient) {
    let health = sys::health(root).await.unwrap();
    assert!(health.initialized && !health.sealed && !health.standby);
    assert!(health.version.starts_with("1.14."), "{}", health.version);
    assert!(matches!(sys::status(root).await.unwrap(), sys::ServerStatus::OK));
}

async fn mounts_and_policies(root: &VaultClient, prefix: &str) {
    for (name, version) in [("kv1", "1"), ("kv2", "2")] {
        let mut options = EnableEngineRequest::builder();
        options.options(std::collections::HashMap::from([("version".to_owned(), version.to_owned())]));
        sys::mount::enable(root, &format!("{prefix}-{name}"), "kv", Some(&mut options)).await.unwrap();
    }
    let mounts = sys::mount::list(root).await.unwrap();
    assert_eq!(mounts[&format!("{prefix}-kv2/")].mount_type, "kv");
    refused(sys::mount::enable(root, &format!("{prefix}-kv2"), "kv", None).await, 400, "already in use");
    assert_eq!(sys::auth::list(root).await.unwrap()["token/"].mount_type, "token");
    let rules = r#"path "secret/*" { capabilities = ["read"] }"#;
    sys::policy::set(root, prefix, rules).await.unwrap();
    assert_eq!(sys::policy::read(root, prefix).await.unwrap().rules, rules);
    assert!(sys::policy::list(root).await.unwrap().policies.contains(&prefix.to_owned()));
    sys::policy::delete(root, prefix).await.unwrap();
    refused(sys::policy::read(root, prefix).await, 404, "");
}

async fn secrets(root: &VaultClient, prefix: &str) {
    let (first, second) = (format!("{prefix}-kv1"), format!("{prefix}-kv2"));
    let value = json!({"text": "ä€𝄞", "list": [1, null, true]});
    kv1::set(root, &first, "a/b", &[("k", "v")].into()).await.unwrap();
    assert_eq!(kv1::get::<Value>(root, &first, "a/b").await.unwrap(), json!({"k": "v"}));
    assert_eq!(kv1::list(root, &first, "a").await.unwrap().data.keys, ["b"]);
    kv1::delete(root, &first, "a/b").await.unwrap();

    assert_eq!(kv2::set(root, &second, "a/b", &json!({"n": 1})).await.unwrap().version, 1);
    assert_eq!(kv2::set(root, &second, "a/b", &value).await.unwrap().version, 2);
    assert_eq!(kv2::read::<Value>(root, &second, "a/b").await.unwrap(), value);
    assert_eq!(kv2::read_version::<Value>(root, &second, "a/b", 1).await.unwrap(), json!({"n": 1}));
    let wrong = SetSecretRequestOptions { cas: 1 };
    refused(kv2::set_with_options(root, &second, "a/b", &value, wrong).await, 400, "check-and-set");
    kv2::delete_versions(root, &second, "a/b", vec![2]).await.unwrap();
    kv2::undelete_versions(root, &second, "a/b", vec![2]).await.unwrap();
    kv2::destroy_versions(root, &second, "a/b", vec![1]).await.unwrap();
    let metadata = kv2::read_metadata(root, &second, "a/b").await.unwrap();
    assert!(metadata.versions["1"].destroyed && !metadata.versions["2"].destroyed);
    assert_eq!(kv2::list(root, &second, "").await.unwrap(), ["a/"]);
    kv2::delete_metadata(root, &second, "a/b").await.unwrap();
    refused(kv2::read::<Value>(root, &second, "a/b").await, 404, "");

    cubbyhole::set(root, "cubbyhole", prefix, &[("k", "v")].into()).await.unwrap();
    assert_eq!(cubbyhole::get::<Value>(root, "cubbyhole", prefix).await.unwrap(), json!({"k": "v"}));
    cubbyhole::delete(root, "cubbyhole", prefix).await.unwrap();
}

async fn tokens(root: &VaultClient) {
    let mut wanted = CreateTokenRequest::builder();
    wanted.policies(vec!["default".to_owned()]).ttl("1h");
    let made = token::new(root, Some(&mut wanted)).await.unwrap();
    let own = client(&made.client_token);
    let found = token::lookup_self(&own).await.unwrap();
    assert_eq!((found.policies, found.orphan), (vec!["default".to_owned()], false));
    assert_eq!(token::lookup_accessor(root, &made.accessor).await.unwrap().id, "");
    assert_eq!(token::renew_self(&own, Some("20m")).await.unwrap().lease_duration, 1200);
    token::revoke(root, &made.client_token).await.unwrap();
    refused(token::lookup_self(&own).await, 403, "permission denied");
    let orphan = token::new_orphan(root, None).await.unwrap();
    assert!(orphan.orphan);
    token::revoke_accessor(root, &orphan.accessor).await.unwrap();
}

async fn logins(root: &VaultClient, prefix: &str) {
    let (people, programs) = (format!("{prefix}-people"), format!("{prefix}-programs"));
    sys::auth::enable(root, &people, "userpass", None).await.unwrap();
    auth::userpass::user::set(root, &people, "ann", "correct horse", None).await.unwrap();
    let login = auth::userpass::login(root, &people, "ann", "correct horse").await.unwrap();
    token::lookup_self(&client(&login.client_token)).await.unwrap();
    refused(auth::userpass::login(root, &people, "ann", "wrong").await, 400, "invalid username or password");

    sys::auth::enable(root, &programs, "approle", None).await.unwrap();
    auth::approle::role::set(root, &programs, "app", None).await.unwrap();
    let role = auth::approle::role::read_id(root, &programs, "app").await.unwrap().role_id;
    let secret = auth::approle::role::secret::generate(root, &programs, "app", None).await.unwrap();
    let login = auth::approle::login(root, &programs, &role, &secret.secret_id).await.unwrap();
    assert_eq!(token::lookup_self(&client(&login.client_token)).await.unwrap().orphan, true);
    refused(auth::approle::login(root, &programs, &role, "wrong").await, 400, "invalid role or secret ID");
}

async fn wrapping(root: &VaultClient, prefix: &str) {
    let mount = format!("{prefix}-kv2");
    kv2::set(root, &mount, "wrapped", &json!({"n": 1})).await.unwrap();
    let request = ReadSecretRequest::builder().mount(mount.as_str()).path("wrapped").build().unwrap();
    let wrapped = request.wrap(root).await.unwrap();
    assert_eq!(wrapped.lookup(root).await.unwrap().creation_path, format!("{mount}/data/wrapped"));
    assert_eq!(wrapped.unwrap(root).await.unwrap().data, json!({"n": 1}));
    assert!(wrapped.unwrap(root).await.is_err(), "a wrapping token opens once");
}

async fn encryption(root: &VaultClient, prefix: &str) {
    let mount = format!("{prefix}-transit");
    sys::mount::enable(root, &mount, "transit", None).await.unwrap();
    transit::key::create(root, &mount, "app", None).await.unwrap();
    let sealed = transit::data::encrypt(root, &mount, "app", "aGVsbG8=", None).await.unwrap().ciphertext;
    assert!(sealed.starts_with("vault:v1:"), "{sealed}");
    transit::key::rotate(root, &mount, "app").await.unwrap();
    let opened = transit::data::decrypt(root, &mount, "app", &sealed, None).await.unwrap();
    assert_eq!(opened.plaintext, "aGVsbG8=");
}
