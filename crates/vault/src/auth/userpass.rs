//! The userpass auth method: users with passwords (`hashicorp/vault: builtin/credential/userpass`).
//!
//! Users stand at `user/<name>` of the mount's storage, their names in lower case.

mod password;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trustkeep_crypto::{Random, SecretString};

use super::entry::{change, stored_name};
use super::legacy::LegacyNames;
use super::{Alias, Login, TokenParameters};
use crate::core::{Batch, TokenEntry, View};
use crate::engines::{Engine, EngineContext};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

/// The userpass auth method of one mount.
pub struct Userpass {
    view: View,
    random: Arc<dyn Random>,
}

/// A user as it is stored.
#[derive(Clone, Default, Serialize, Deserialize)]
struct User {
    /// bcrypt's text form.
    password_hash: String,
    token: TokenParameters,
    #[serde(default)]
    legacy: LegacyNames,
}

impl Userpass {
    /// The method over a mount's storage.
    pub fn new(context: &EngineContext) -> Self {
        Userpass { view: context.view.below("user/"), random: context.random.clone() }
    }

    async fn user(&self, name: &str) -> Result<Option<User>> {
        Ok(self.view.get_json::<User>(name).await?.map(|(user, _)| user))
    }

    async fn login(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let name = stored_name(name)?;
        let password = SecretString::new(request.required("password")?);
        let user = self.user(&name).await?;
        // Whoever does not exist is hashed for all the same: the time must not tell who does (CVE-2025-6011).
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let matches = password::verify(password, hash).await?;
        let wrong = "invalid username or password";
        // Only wrong passwords of users count towards a lockout: names that anybody can make up would fill it.
        let Some(user) = user else { return Err(Error::invalid(wrong)) };
        if !matches {
            return Err(Error::InvalidCredentials(wrong.into()));
        }
        let login = Box::new(login_of(name, user));
        Ok(Some(Response { login: Some(login), ..Default::default() }))
    }

    async fn write(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let name = stored_name(name)?;
        let hash = self.hash_of(request).await?;
        if hash.is_none() && self.user(&name).await?.is_none() {
            return Err(Error::invalid("missing password"));
        }
        change(&self.view, &name, |user: Option<User>| {
            let mut user = match (user, &hash) {
                (Some(user), _) => user,
                (None, Some(_)) => User::default(),
                (None, None) => return Err(Error::invalid("missing password")),
            };
            user.token.update(&user.legacy.rename(request, LEGACY))?;
            if let Some(hash) = &hash {
                user.password_hash.clone_from(hash);
            }
            Ok(user)
        })
        .await?;
        Ok(None)
    }

    /// `users/<name>/password` and `users/<name>/policies`.
    async fn write_part(&self, request: &Request, name: &str, part: &str) -> Result<Option<Response>> {
        let name = stored_name(name)?;
        let hash = match part {
            "password" => {
                Some(self.hash_of(request).await?.ok_or_else(|| Error::invalid("missing password"))?)
            }
            _ => None,
        };
        change(&self.view, &name, |user: Option<User>| {
            let mut user = user.ok_or_else(|| Error::invalid("username does not exist"))?;
            match &hash {
                Some(hash) => user.password_hash.clone_from(hash),
                None => {
                    let mut only = request.clone();
                    only.data.retain(|field, _| field == "policies" || field == "token_policies");
                    user.token.update(&user.legacy.rename(&only, LEGACY))?;
                }
            }
            Ok(user)
        })
        .await?;
        Ok(None)
    }

    /// The hash of the request's password; `None` where it names none.
    async fn hash_of(&self, request: &Request) -> Result<Option<String>> {
        match request.text("password")? {
            None => Ok(None),
            Some(password) if password.is_empty() => Err(Error::invalid("missing password")),
            Some(password) => {
                password::hash(SecretString::new(password), self.random.as_ref()).await.map(Some)
            }
        }
    }

    async fn show(&self, name: &str) -> Result<Option<Response>> {
        let user = self.user(&stored_name(name)?).await?.ok_or(Error::NotFound)?;
        let mut data = Map::new();
        user.token.describe(&mut data);
        user.legacy.describe(&mut data, LEGACY);
        Ok(Some(Response::data(data)))
    }
}

#[async_trait::async_trait]
impl Engine for Userpass {
    async fn handle(&self, request: &Request) -> Result<Option<Response>> {
        let (first, rest) = request.path.split_once('/').unwrap_or((&request.path, ""));
        let operation = request.operation;
        match (first, rest.split_once('/')) {
            ("login", None) if operation.is_write() && !rest.is_empty() => self.login(request, rest).await,
            ("users", None) if rest.is_empty() && operation == Operation::List => {
                Response::list(self.view.list("").await?)
            }
            ("users", None) if !rest.is_empty() => match operation {
                Operation::Create | Operation::Update => self.write(request, rest).await,
                Operation::Read => self.show(rest).await,
                Operation::Delete => {
                    self.view.commit(Batch::new().delete(stored_name(rest)?)).await?;
                    Ok(None)
                }
                _ => Err(Error::UnsupportedOperation),
            },
            ("users", Some((name, part @ ("password" | "policies")))) if operation.is_write() => {
                self.write_part(request, name, part).await
            }
            ("users", None | Some((_, "password" | "policies"))) => Err(Error::UnsupportedOperation),
            ("login", None) if !rest.is_empty() => Err(Error::UnsupportedOperation),
            _ => Err(Error::UnsupportedPath),
        }
    }

    async fn exists(&self, request: &Request) -> Result<Option<bool>> {
        match request.path.strip_prefix("users/").map(stored_name) {
            Some(Ok(name)) => Ok(Some(self.user(&name).await?.is_some())),
            _ => Ok(None),
        }
    }

    fn is_public(&self, path: &str) -> bool {
        path.starts_with("login/")
    }

    fn login_alias(&self, request: &Request) -> Option<String> {
        // As it is stored, so that no other spelling has tries of its own (CVE-2025-6004).
        stored_name(request.path.strip_prefix("login/")?).ok()
    }

    async fn renew_login(&self, token: &TokenEntry) -> Result<Login> {
        let name = token.internal.get("username").and_then(Value::as_str).unwrap_or_default();
        let user = self.user(name).await?;
        let user = user.ok_or_else(|| Error::invalid("the user no longer exists, not renewing"))?;
        let given =
            |names: &[String]| names.iter().filter(|name| *name != "default").cloned().collect::<Vec<_>>();
        if given(&user.token.policies) != given(&token.policies) {
            return Err(Error::invalid("policies have changed, not renewing"));
        }
        Ok(login_of(name.to_owned(), user))
    }
}

fn login_of(name: String, user: User) -> Login {
    Login {
        display_name: name.clone(),
        metadata: [("username".to_owned(), name.clone())].into(),
        alias: Some(Alias { name: name.clone(), ..Default::default() }),
        token: user.token,
        internal: [("username".to_owned(), Value::from(name))].into_iter().collect(),
    }
}

const LEGACY: &[(&str, &str)] = &[
    ("policies", "token_policies"),
    ("ttl", "token_ttl"),
    ("max_ttl", "token_max_ttl"),
    ("bound_cidrs", "token_bound_cidrs"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::test_support::{Fixture, data, token};

    #[tokio::test]
    async fn a_user_logs_in_in_any_case_and_nobody_else() {
        let fixture = Fixture::new().await;
        let users = Userpass::new(&fixture.context());
        let body = r#"{"password":"pw","token_policies":["B","a"],"token_ttl":"1h"}"#;
        let create = fixture.write("users/Alice", body);
        assert_eq!(users.exists(&create).await.unwrap(), Some(false));
        assert!(users.handle(&create).await.unwrap().is_none());
        assert_eq!(users.exists(&create).await.unwrap(), Some(true));
        let answer =
            users.handle(&fixture.write("login/aLICE", r#"{"password":"pw"}"#)).await.unwrap().unwrap();
        let login = answer.login.unwrap();
        assert_eq!(login.alias.unwrap().name, "alice");
        assert_eq!((login.token.policies, login.token.ttl), (vec!["a".to_owned(), "b".to_owned()], 3600));
        assert_eq!(login.metadata["username"], "alice");

        let refused = |path: &str, body: &str| {
            let request = fixture.write(path, body);
            let users = &users;
            async move { users.handle(&request).await.unwrap_err() }
        };
        let wrong = refused("login/alice", r#"{"password":"no"}"#).await;
        assert!(matches!(wrong, Error::InvalidCredentials(_)) && wrong.status() == 400);
        let nobody = refused("login/bob", r#"{"password":"pw"}"#).await;
        assert_eq!((nobody.status(), nobody.to_string()), (400, wrong.to_string()), "the same to the client");
        assert_eq!(refused("login/alice", "{}").await.to_string(), "missing password");
        assert_eq!(refused("users/carol", "{}").await.to_string(), "missing password");
        assert_eq!(refused("users/carol/policies", "{}").await.to_string(), "username does not exist");
        assert_eq!(refused("users/-", r#"{"password":"pw"}"#).await.status(), 404);
        for path in ["login/ALICE", "login/alice"] {
            assert_eq!(users.login_alias(&fixture.write(path, "{}")).unwrap(), "alice");
        }
    }

    #[tokio::test]
    async fn users_are_written_shown_and_listed() {
        let fixture = Fixture::new().await;
        let users = Userpass::new(&fixture.context());
        assert_eq!(users.handle(&fixture.list("users")).await.unwrap_err().status(), 404);
        users.handle(&fixture.write("users/u", r#"{"password":"1","policies":"p","ttl":60}"#)).await.unwrap();
        let shown = data(&users.handle(&fixture.read("users/u")).await.unwrap().unwrap());
        assert_eq!(
            (&shown["policies"], &shown["token_policies"]),
            (&serde_json::json!(["p"]), &serde_json::json!(["p"]))
        );
        assert_eq!((&shown["ttl"], &shown["token_ttl"]), (&60.into(), &60.into()));
        assert!(shown.get("password_hash").is_none() && shown.get("max_ttl").is_none());
        users
            .handle(&fixture.write("users/u/policies", r#"{"token_policies":["q"],"token_ttl":1}"#))
            .await
            .unwrap();
        users.handle(&fixture.write("users/u/password", r#"{"password":"2"}"#)).await.unwrap();
        let shown = data(&users.handle(&fixture.read("users/u")).await.unwrap().unwrap());
        assert_eq!((&shown["token_policies"], &shown["token_ttl"]), (&serde_json::json!(["q"]), &60.into()));
        assert!(shown.get("policies").is_none());
        assert!(users.handle(&fixture.write("login/u", r#"{"password":"1"}"#)).await.is_err());
        assert!(users.handle(&fixture.write("login/u", r#"{"password":"2"}"#)).await.is_ok());
        let listed = data(&users.handle(&fixture.list("users/")).await.unwrap().unwrap());
        assert_eq!(listed["keys"], serde_json::json!(["u"]));
        users.handle(&fixture.delete("users/U")).await.unwrap();
        assert_eq!(users.handle(&fixture.read("users/u")).await.unwrap_err().status(), 404);
    }

    #[tokio::test]
    async fn a_renewal_asks_whether_the_user_is_still_the_same() {
        let fixture = Fixture::new().await;
        let users = Userpass::new(&fixture.context());
        let write = |body: &str| fixture.write("users/u", body);
        users.handle(&write(r#"{"password":"1","token_policies":["p"],"token_ttl":"60s"}"#)).await.unwrap();
        let mut entry = TokenEntry::clone(&token("t"));
        entry.policies = vec!["default".into(), "p".into()];
        entry.internal.insert("username".into(), "u".into());
        assert_eq!(users.renew_login(&entry).await.unwrap().token.ttl, 60);
        users.handle(&write(r#"{"token_policies":["p","q"]}"#)).await.unwrap();
        assert_eq!(
            users.renew_login(&entry).await.unwrap_err().to_string(),
            "policies have changed, not renewing"
        );
        users.handle(&fixture.delete("users/u")).await.unwrap();
        assert_eq!(users.renew_login(&entry).await.unwrap_err().status(), 400);
    }
}
