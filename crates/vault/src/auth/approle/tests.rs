//! AppRole over a real barrier.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::AppRole;
use crate::Error;
use crate::auth::{Login, TokenKind};
use crate::core::TokenEntry;
use crate::engines::Engine as _;
use crate::engines::test_support::{Fixture, data, token};
use crate::request::Request;

struct Roles {
    fixture: Fixture,
    approle: Arc<AppRole>,
}

impl Roles {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let approle = Arc::new(AppRole::new(&fixture.context()));
        Roles { fixture, approle }
    }

    async fn ask(&self, request: Request) -> crate::Result<Value> {
        Ok(self.approle.handle(&request).await?.map_or(Value::Null, |response| data(&response)))
    }

    async fn write(&self, path: &str, body: Value) -> crate::Result<Value> {
        self.ask(self.fixture.write(path, &body.to_string())).await
    }

    async fn read(&self, path: &str) -> crate::Result<Value> {
        self.ask(self.fixture.read(path)).await
    }

    async fn role_id(&self, role: &str) -> Value {
        self.read(&format!("role/{role}/role-id")).await.unwrap()["role_id"].clone()
    }

    async fn secret(&self, role: &str, body: Value) -> Value {
        self.write(&format!("role/{role}/secret-id"), body).await.unwrap()
    }

    async fn login_from(&self, address: &str, role_id: &Value, secret_id: &Value) -> crate::Result<Login> {
        let body = json!({ "role_id": role_id, "secret_id": secret_id });
        let mut request = self.fixture.write("login", &body.to_string());
        request.remote = Some(SocketAddr::new(address.parse().unwrap(), 1));
        Ok(*self.approle.handle(&request).await?.unwrap().login.unwrap())
    }

    async fn login(&self, role_id: &Value, secret_id: &Value) -> crate::Result<Login> {
        self.login_from("127.0.0.1", role_id, secret_id).await
    }

    /// Entries in a folder of the storage.
    async fn count(&self, folder: &str) -> usize {
        self.fixture.view.list(folder).await.unwrap().len()
    }
}

#[tokio::test]
async fn a_role_id_and_a_secret_id_log_in() {
    let roles = Roles::new().await;
    let body = json!({ "token_policies": "B,a", "token_type": "batch", "token_ttl": 60 });
    assert_eq!(roles.write("role/Web", body).await.unwrap(), Value::Null);
    let role_id = roles.role_id("web").await;
    let secret = roles
        .secret("web", json!({ "metadata": r#"{"host":"h1"}"#, "token_bound_cidrs": ["10.0.0.0/8"] }))
        .await;
    let login = roles.login(&role_id, &secret["secret_id"]).await.unwrap();
    assert_eq!(
        (login.token.kind, login.token.policies),
        (TokenKind::Batch, vec!["a".to_owned(), "b".to_owned()])
    );
    assert_eq!(
        login.metadata,
        [("host", "h1"), ("role_name", "web")].map(|(k, v)| (k.into(), v.into())).into()
    );
    assert_eq!(login.alias.unwrap().name, role_id.as_str().unwrap());
    assert_eq!(login.token.bound_cidrs, ["10.0.0.0/8"], "the secret id's networks replace the role's");

    let wrong = roles.login(&role_id, &json!("x")).await.unwrap_err();
    assert!(matches!(&wrong, Error::InvalidCredentials(text) if text == "invalid role or secret ID"));
    let nobody = roles.login(&json!("x"), &secret["secret_id"]).await.unwrap_err();
    assert_eq!((nobody.status(), nobody.to_string()), (400, wrong.to_string()));
    assert_eq!(roles.write("login", json!({})).await.unwrap_err().to_string(), "missing role_id");
    let missing = roles.write("login", json!({ "role_id": role_id })).await.unwrap_err();
    assert_eq!(missing.to_string(), "missing secret_id");

    let mut entry = TokenEntry::clone(&token("t"));
    entry.internal.insert("role_name".into(), "web".into());
    assert_eq!(roles.approle.renew_login(&entry).await.unwrap().token.ttl, 60);
    roles.ask(roles.fixture.delete("role/web")).await.unwrap();
    assert!(roles.approle.renew_login(&entry).await.unwrap_err().to_string().contains("does not exist"));
    assert_eq!(roles.login(&role_id, &secret["secret_id"]).await.unwrap_err().status(), 400);
}

#[tokio::test]
async fn a_role_made_again_does_not_take_the_old_secret_ids() {
    let roles = Roles::new().await;
    roles.write("role/r", json!({ "role_id": "fixed" })).await.unwrap();
    let secret = roles.secret("r", json!({ "ttl": "1h" })).await;
    roles.login(&json!("fixed"), &secret["secret_id"]).await.unwrap();
    roles.ask(roles.fixture.delete("role/r")).await.unwrap();
    roles.write("role/r", json!({ "role_id": "fixed" })).await.unwrap();
    assert!(roles.login(&json!("fixed"), &secret["secret_id"]).await.is_err());
    roles.approle.tick(1_700_000_000).await.unwrap();
    for folder in ["secret", "accessor", "expire", "gone"] {
        assert_eq!(roles.count(folder).await, 0, "{folder}");
    }
}

#[tokio::test]
async fn every_field_has_a_path() {
    let roles = Roles::new().await;
    roles.write("role/r", json!({ "token_bound_cidrs": "10.0.0.0/8" })).await.unwrap();
    for (path, field, value, reset) in [
        ("policies", "token_policies", json!(["p"]), json!([])),
        ("secret-id-bound-cidrs", "secret_id_bound_cidrs", json!(["10.0.0.0/8"]), Value::Null),
        ("bound-cidr-list", "bound_cidr_list", json!(["10.0.0.0/8"]), json!([])),
        ("bind-secret-id", "bind_secret_id", json!(false), json!(true)),
        ("token-bound-cidrs", "token_bound_cidrs", json!(["10.0.0.0/9"]), json!([])),
        ("secret-id-num-uses", "secret_id_num_uses", json!(3), json!(0)),
        ("secret-id-ttl", "secret_id_ttl", json!(60), json!(0)),
        ("period", "token_period", json!(61), json!(0)),
        ("token-num-uses", "token_num_uses", json!(4), json!(0)),
        ("token-ttl", "token_ttl", json!(62), json!(0)),
        ("token-max-ttl", "token_max_ttl", json!(63), json!(0)),
    ] {
        let path = &format!("role/r/{path}");
        let missing = roles.write(path, json!({})).await.unwrap_err();
        assert_eq!(missing.to_string(), format!("missing {field}"));
        roles.write(path, json!({ field: value })).await.unwrap();
        assert_eq!(roles.read(path).await.unwrap()[field], value, "{path}");
        roles.ask(roles.fixture.delete(path)).await.unwrap();
        assert_eq!(roles.read(path).await.unwrap()[field], reset, "{path}");
        let nobodys = path.replace("/r/", "/x/");
        assert_eq!(roles.read(&nobodys).await.unwrap_err().status(), 404);
        assert_eq!(roles.write(&nobodys, json!({ field: value })).await.unwrap_err().status(), 404);
    }
    roles.write("role/r/role-id", json!({ "role_id": "mine" })).await.unwrap();
    assert_eq!(roles.role_id("r").await, "mine");
    let taken = roles.write("role/other", json!({ "role_id": "mine" })).await.unwrap_err();
    assert_eq!(taken.to_string(), "role_id already in use");
    assert_eq!(roles.read("role/r/local-secret-ids").await.unwrap()["local_secret_ids"], false);
    let late = roles.write("role/r", json!({ "local_secret_ids": true })).await.unwrap_err();
    assert_eq!(late.to_string(), "local_secret_ids can only be modified during role creation");
    let unbound = roles.write("role/r/bind-secret-id", json!({ "bind_secret_id": false })).await.unwrap_err();
    assert!(unbound.to_string().contains("at least one constraint"), "{unbound}");
    assert_eq!(roles.ask(roles.fixture.list("role")).await.unwrap()["keys"], json!(["r"]));
    assert_eq!(roles.read("role/r/nothing").await.unwrap_err().status(), 404);
}

#[tokio::test]
async fn uses_are_counted_to_the_last_also_in_parallel() {
    let roles = Arc::new(Roles::new().await);
    roles.write("role/r", json!({ "secret_id_num_uses": 8 })).await.unwrap();
    let role_id = roles.role_id("r").await;
    let secret = roles.secret("r", json!({ "ttl": "1h" })).await;
    assert_eq!(secret["secret_id_num_uses"], 8);
    let mut logins = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (roles, role_id, secret) = (roles.clone(), role_id.clone(), secret.clone());
        logins.spawn(async move { roles.login(&role_id, &secret["secret_id"]).await.is_ok() });
    }
    let passed = logins.join_all().await.into_iter().filter(|passed| *passed).count();
    assert_eq!(passed, 8);
    for folder in ["secret", "accessor", "expire"] {
        assert_eq!(roles.count(folder).await, 0, "{folder}");
    }
    for uses in [0, 9] {
        let more = roles.write("role/r/secret-id", json!({ "num_uses": uses })).await.unwrap_err();
        assert_eq!(more.to_string(), "num_uses cannot be higher than the role's secret_id_num_uses");
    }
}

#[tokio::test]
async fn secret_ids_end_and_are_swept() {
    let roles = Roles::new().await;
    roles.write("role/r", json!({ "secret_id_ttl": "10m" })).await.unwrap();
    let role_id = roles.role_id("r").await;
    let short = roles.secret("r", json!({ "ttl": 60 })).await;
    let long = roles.secret("r", json!({})).await;
    assert_eq!((&short["secret_id_ttl"], &long["secret_id_ttl"]), (&60.into(), &600.into()));
    let longer = roles.write("role/r/secret-id", json!({ "ttl": "11m" })).await.unwrap_err();
    assert_eq!(longer.to_string(), "ttl cannot be longer than the role's secret_id_ttl");
    roles.login(&role_id, &short["secret_id"]).await.unwrap();
    roles.fixture.advance(61);
    assert!(roles.login(&role_id, &short["secret_id"]).await.is_err(), "ended, though it is still stored");
    roles.login(&role_id, &long["secret_id"]).await.unwrap();
    let answer = roles.approle.handle(&roles.fixture.write("tidy/secret-id", "{}")).await.unwrap().unwrap();
    assert_eq!((answer.status, answer.warnings.len()), (Some(202), 1));
    assert_eq!((roles.count("expire").await, roles.count("accessor/").await), (1, 1));
    let left = roles.ask(roles.fixture.list("role/r/secret-id")).await.unwrap();
    assert_eq!(left["keys"], json!([long["secret_id_accessor"]]));
    roles.approle.tick(1_700_000_000 + 3600).await.unwrap();
    assert_eq!((roles.count("expire").await, roles.count("secret").await), (0, 0));
}

#[tokio::test]
async fn secret_ids_are_looked_up_and_destroyed_below_their_own_role_only() {
    let roles = Roles::new().await;
    for role in ["mine", "other"] {
        roles.write(&format!("role/{role}"), json!({})).await.unwrap();
    }
    let role_id = roles.role_id("mine").await;
    let body = json!({ "secret_id": "chosen", "metadata": "a=b", "cidr_list": "127.0.0.1/32" });
    let secret = roles.write("role/mine/custom-secret-id", body.clone()).await.unwrap();
    assert_eq!(secret["secret_id"], "chosen");
    let again = roles.write("role/mine/custom-secret-id", body).await.unwrap_err();
    assert!(again.to_string().contains("already registered"));
    let (by_id, by_accessor) =
        (json!({ "secret_id": "chosen" }), json!({ "secret_id_accessor": secret["secret_id_accessor"] }));
    let found = roles.write("role/mine/secret-id/lookup", by_id.clone()).await.unwrap();
    assert_eq!(found, roles.write("role/mine/secret-id-accessor/lookup", by_accessor.clone()).await.unwrap());
    assert_eq!(
        (&found["metadata"], &found["expiration_time"]),
        (&json!({ "a": "b" }), &json!("0001-01-01T00:00:00Z"))
    );
    assert!(found.get("secret_id").is_none());

    // CVE-2023-24999: who may write below one role reaches no other's.
    assert_eq!(roles.write("role/other/secret-id/lookup", by_id.clone()).await.unwrap(), Value::Null);
    for way in ["lookup", "destroy"] {
        let path = format!("role/other/secret-id-accessor/{way}");
        let error = roles.write(&path, by_accessor.clone()).await.unwrap_err();
        assert_eq!(error.status(), 404, "{error}");
    }
    roles.write("role/other/secret-id/destroy", by_id.clone()).await.unwrap();
    roles.login(&role_id, &json!("chosen")).await.unwrap();

    roles.write("role/mine/secret-id-accessor/destroy", by_accessor).await.unwrap();
    assert!(roles.login(&role_id, &json!("chosen")).await.is_err(), "also out of the cache");
    roles.secret("mine", json!({})).await;
    let unbound = json!({ "bind_secret_id": false, "token_bound_cidrs": "10.0.0.0/8" });
    roles.write("role/other", unbound).await.unwrap();
    let refused = roles.write("role/other/secret-id", json!({})).await.unwrap_err();
    assert_eq!(refused.to_string(), "bind_secret_id is not set on the role");
}

#[tokio::test]
async fn networks_bound_who_may_use_an_id() {
    let roles = Roles::new().await;
    roles
        .write("role/r", json!({ "secret_id_bound_cidrs": "10.0.0.0/8", "secret_id_num_uses": 2 }))
        .await
        .unwrap();
    let role_id = roles.role_id("r").await;
    let outside = roles.write("role/r/secret-id", json!({ "cidr_list": "11.0.0.0/8" })).await.unwrap_err();
    assert!(outside.to_string().contains("subset relationship"), "{outside}");
    let secret = roles.secret("r", json!({ "cidr_list": "10.1.0.0/16" })).await["secret_id"].clone();
    for address in ["127.0.0.1", "10.2.0.1"] {
        let error = roles.login_from(address, &role_id, &secret).await.unwrap_err();
        assert!(error.to_string().contains("unauthorized through CIDR restrictions"), "{error}");
    }
    roles.login_from("10.1.2.3", &role_id, &secret).await.unwrap();
    roles.write("role/r", json!({ "secret_id_bound_cidrs": "10.2.0.0/16" })).await.unwrap();
    let stricter = roles.login_from("10.1.2.3", &role_id, &secret).await.unwrap_err();
    assert!(stricter.to_string().contains("unauthorized"), "{stricter}");
    let without = json!({ "bind_secret_id": false, "secret_id_bound_cidrs": "127.0.0.1" });
    roles.write("role/open", without).await.unwrap();
    let role_id = roles.role_id("open").await;
    roles.login(&role_id, &Value::Null).await.unwrap();
    assert!(roles.login_from("127.0.0.2", &role_id, &Value::Null).await.is_err());
}
