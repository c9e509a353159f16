//! Response wrapping from outside.

use super::*;
use crate::response::WrapInfo;

impl Vault {
    async fn wrapped(&self, token: &str, operation: Operation, path: &str, data: Value) -> Result<WrapInfo> {
        let mut request =
            Request::internal(operation, path, data.as_object().cloned().unwrap_or_default(), token);
        request.id = "the-original-request".into();
        request.body = data.to_string().into();
        request.wrap_ttl = Some(60);
        Ok(*self.core.handle(request).await?.unwrap().wrap_info.unwrap())
    }

    async fn unwrap_with(&self, token: &str, wrapping: &str) -> Result<Value> {
        let answer = self.write(token, "sys/wrapping/unwrap", json!({ "token": wrapping })).await?.unwrap();
        Ok(serde_json::from_slice(&answer.raw.unwrap().body).unwrap())
    }

    async fn anonymous(&self, path: &str, data: Value) -> Result<Option<Response>> {
        let mut request =
            Request::internal(Operation::Update, path, data.as_object().cloned().unwrap_or_default(), "");
        request.client_token = None;
        self.core.handle(request).await
    }
}

const NOT_VALID: &str = "wrapping token is not valid or does not exist";

#[tokio::test]
async fn an_answer_is_unwrapped_once_and_to_the_letter() {
    let vault = Vault::new().await;
    let before = vault.rows().await;
    let body = json!({ "a": 1, "b": { "c": [true, null] } });
    let info =
        vault.wrapped(&vault.root, Operation::Update, "sys/wrapping/wrap", body.clone()).await.unwrap();
    assert_eq!((info.ttl, info.creation_path.as_str()), (60, "sys/wrapping/wrap"));
    assert!(info.wrapped_accessor.is_empty() && !info.accessor.is_empty());
    let looked_up =
        vault.anonymous("sys/wrapping/lookup", json!({ "token": info.token })).await.unwrap().unwrap();
    let looked_up = serde_json::to_value(&looked_up.data).unwrap();
    assert_eq!(
        (&looked_up["creation_ttl"], &looked_up["creation_path"]),
        (&json!(60), &json!("sys/wrapping/wrap"))
    );
    let user = vault.token(&vault.root, json!({ "policies": ["default"] })).await;
    let unwrapped = vault.unwrap_with(&user, &info.token).await.unwrap();
    assert_eq!((&unwrapped["data"], &unwrapped["request_id"]), (&body, &json!("the-original-request")));
    let again = vault.unwrap_with(&user, &info.token).await.unwrap_err();
    assert_eq!((again.to_string().as_str(), again.status()), (NOT_VALID, 400));
    vault.write(&vault.root, "auth/token/revoke", json!({ "token": user })).await.unwrap();
    assert_eq!(vault.rows().await, before, "something of the wrapped answer stayed behind");
}

#[tokio::test]
async fn the_wrapping_token_unwraps_itself_and_does_nothing_else() {
    let vault = Vault::new().await;
    let wrap = || vault.wrapped(&vault.root, Operation::Update, "sys/wrapping/wrap", json!({ "k": "v" }));
    let info = wrap().await.unwrap();
    let answer = vault.write(&info.token, "sys/wrapping/unwrap", json!({})).await.unwrap().unwrap();
    let answer: Value = serde_json::from_slice(&answer.raw.unwrap().body).unwrap();
    assert_eq!(answer["data"]["k"], "v");
    let again = vault.write(&info.token, "sys/wrapping/unwrap", json!({})).await.unwrap_err();
    assert_eq!(again.to_string(), NOT_VALID);
    // As clients of old did.
    let info = wrap().await.unwrap();
    let read = vault.read(&info.token, "cubbyhole/response").await.unwrap();
    let kept: Value = serde_json::from_str(read["response"].as_str().unwrap()).unwrap();
    assert_eq!(kept["data"]["k"], "v");
    assert!(!vault.is_alive(&info.token).await);
    // Anything else is refused, and uses it up: whoever tried has it no more.
    let info = wrap().await.unwrap();
    assert!(vault.read(&info.token, "sys/mounts").await.is_err());
    assert_eq!(vault.unwrap_with(&vault.root, &info.token).await.unwrap_err().to_string(), NOT_VALID);
}

#[tokio::test]
async fn of_many_that_unwrap_at_once_one_wins() {
    let vault = Arc::new(Vault::new().await);
    for _ in 0..8 {
        let info =
            vault.wrapped(&vault.root, Operation::Update, "sys/wrapping/wrap", json!({ "k": 1 })).await;
        let token = info.unwrap().token;
        let tasks = (0..16).map(|number| {
            let (vault, token) = (vault.clone(), token.clone());
            tokio::spawn(async move {
                match number % 2 {
                    0 => vault.unwrap_with(&vault.root, &token).await.is_ok(),
                    _ => vault.write(&token, "sys/wrapping/unwrap", json!({})).await.is_ok(),
                }
            })
        });
        let won =
            futures::future::join_all(tasks).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
        assert_eq!(won, 1);
    }
}

#[tokio::test]
async fn tokens_and_lists_are_wrapped_and_rewrapping_keeps_where_they_are_from() {
    let vault = Vault::new().await;
    let info = vault
        .wrapped(&vault.root, Operation::Update, "auth/token/create", json!({ "policies": ["default"] }))
        .await
        .unwrap();
    assert_eq!(info.creation_path, "auth/token/create");
    let answer = vault
        .write(&vault.root, "sys/wrapping/rewrap", json!({ "token": info.token }))
        .await
        .unwrap()
        .unwrap();
    let rewrapped = answer.wrap_info.unwrap();
    assert_eq!((rewrapped.creation_path.as_str(), rewrapped.ttl), ("auth/token/create", 60));
    assert!(vault.unwrap_with(&vault.root, &info.token).await.is_err());
    let unwrapped = vault.unwrap_with(&vault.root, &rewrapped.token).await.unwrap();
    assert_eq!(unwrapped["auth"]["accessor"], json!(info.wrapped_accessor));
    assert!(vault.is_alive(unwrapped["auth"]["client_token"].as_str().unwrap()).await);
    let list = vault.wrapped(&vault.root, Operation::List, "sys/policies/acl/", json!({})).await.unwrap();
    let keys = vault.unwrap_with(&vault.root, &list.token).await.unwrap()["data"]["keys"].clone();
    assert!(keys.as_array().unwrap().contains(&json!("root")));
    let none = vault.wrapped(&vault.root, Operation::List, "cubbyhole/", json!({})).await.unwrap_err();
    assert_eq!(none.status(), 404);
}

#[tokio::test]
async fn wrapping_tokens_end_and_other_tokens_are_none() {
    let vault = Vault::new().await;
    let info =
        vault.wrapped(&vault.root, Operation::Update, "sys/wrapping/wrap", json!({ "k": 1 })).await.unwrap();
    vault.clock.advance(Duration::from_secs(60));
    assert_eq!(vault.unwrap_with(&vault.root, &info.token).await.unwrap_err().to_string(), NOT_VALID);
    let plain = vault.token(&vault.root, json!({})).await;
    for (token, text) in [(plain.as_str(), NOT_VALID), ("hvs.unknown", NOT_VALID)] {
        assert_eq!(vault.unwrap_with(&vault.root, token).await.unwrap_err().to_string(), text);
    }
    let empty = vault.unwrap_with(&vault.root, "").await.unwrap_err();
    assert_eq!(empty.status(), 403);
    let bare = vault.write(&vault.root, "sys/wrapping/wrap", json!({ "k": 1 })).await.unwrap_err();
    assert_eq!(bare.to_string(), "endpoint requires response wrapping to be used");
    assert_eq!(
        vault.anonymous("sys/wrapping/unwrap", json!({ "token": plain })).await.unwrap_err().status(),
        400
    );
}

#[tokio::test]
async fn policies_bound_the_time_of_wrapping() {
    let vault = Vault::new().await;
    let policy = r#"path "sys/wrapping/wrap" { capabilities = ["update"] min_wrapping_ttl = "30s" max_wrapping_ttl = "90s" }"#;
    vault.write(&vault.root, "sys/policies/acl/w", json!({ "policy": policy })).await.unwrap();
    let token = vault.token(&vault.root, json!({ "policies": ["w"], "no_default_policy": true })).await;
    for (ttl, allowed) in [(Some(60), true), (Some(29), false), (Some(91), false), (None, false)] {
        let data = json!({ "k": 1 }).as_object().cloned().unwrap();
        let mut request = Request::internal(Operation::Update, "sys/wrapping/wrap", data, &token);
        request.wrap_ttl = ttl;
        assert_eq!(vault.core.handle(request).await.is_ok(), allowed, "{ttl:?}");
    }
}

#[tokio::test]
async fn a_signed_wrapping_token_is_unwrapped_if_this_vault_signed_it() {
    let vault = Vault::new().await;
    let signed = |path: &'static str, operation| {
        let mut request = Request::internal(operation, path, Default::default(), &vault.root);
        request.wrap_ttl = Some(60);
        request.headers.insert("x-vault-wrap-format", "jwt".parse().unwrap());
        let core = vault.core.clone();
        async move { core.handle(request).await.unwrap().unwrap().wrap_info.unwrap().token }
    };
    let jwt = signed("auth/token/lookup-self", Operation::Read).await;
    assert!(jwt.starts_with("eyJ"));
    let mut forged = jwt.clone().into_bytes();
    let at = jwt.rfind('.').unwrap() - 4;
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    assert_eq!(vault.unwrap_with(&vault.root, &forged).await.unwrap_err().status(), 403);
    let looked_up = vault.anonymous("sys/wrapping/lookup", json!({ "token": jwt })).await;
    assert!(looked_up.is_ok());
    let unwrapped = vault.unwrap_with(&vault.root, &jwt).await.unwrap();
    assert_eq!(unwrapped["data"]["display_name"], "root");
    assert!(vault.unwrap_with(&vault.root, &jwt).await.is_err());
    assert!(
        signed("sys/wrapping/wrap", Operation::Update).await.starts_with("hvs."),
        "wrap gives no signed tokens"
    );
    let key = vault.read(&vault.root, "sys/wrapping/pubkey").await.unwrap();
    assert!(key["public_key"].as_str().unwrap().contains("BEGIN PUBLIC KEY"));
}
