//! The cubbyhole: storage of a token's own, that no other token sees and that dies with it
//! (`hashicorp/vault: vault/logical_cubbyhole.go`).
//!
//! It keeps JSON objects as KV version 1 does, without leases, in a folder named after the token's hash.

mod help;

use super::kv_v1::RawMaps;
use super::{Engine, EngineContext};
use crate::core::View;
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

/// The cubbyhole engine.
#[derive(Debug)]
pub struct Cubbyhole {
    view: View,
}

impl Cubbyhole {
    /// The engine over the mount's storage.
    pub fn new(context: &EngineContext) -> Self {
        Cubbyhole { view: context.view.clone() }
    }

    fn of_caller(&self, request: &Request) -> Result<RawMaps> {
        let token = request.token.as_ref().ok_or(Error::BadToken)?;
        Ok(RawMaps::new(folder(&self.view, &token.hash)?))
    }
}

#[async_trait::async_trait]
impl Engine for Cubbyhole {
    fn help(&self) -> crate::help::Help {
        help::HELP
    }

    async fn handle(&self, request: &Request) -> Result<Option<Response>> {
        self.of_caller(request)?.handle(request).await
    }

    async fn exists(&self, request: &Request) -> Result<Option<bool>> {
        self.of_caller(request)?.exists(&request.path).await.map(Some)
    }
}

/// A token's folder in the cubbyhole's storage, for what the core puts there itself: wrapped responses.
///
/// # Errors
/// 400 for a token without hash: batch tokens are stored nowhere and have no cubbyhole.
pub fn folder(view: &View, token_hash: &str) -> Result<View> {
    if token_hash.is_empty() || token_hash.contains('/') {
        return Err(Error::invalid("cubbyhole operations are only supported by \"service\" type tokens"));
    }
    Ok(view.below(&format!("{token_hash}/")))
}

/// Removes all that a token kept; for when it is revoked or expires.
///
/// # Errors
/// 503 while sealed, and the store's. Carrying on later is safe.
pub async fn clear(view: &View, token_hash: &str) -> Result<()> {
    match folder(view, token_hash) {
        Ok(_) => view.clear(token_hash).await,
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::test_support::{Fixture, text, token};

    #[tokio::test]
    async fn a_token_sees_its_own_only() {
        let fixture = Fixture::new().await;
        let engine = Cubbyhole::new(&fixture.context());
        let by = |hash: &str, mut request: Request| {
            request.token = Some(token(hash));
            request
        };
        let write = by("aa", fixture.write("a/secret", r#"{"v":1.0,"ttl":"5m"}"#));
        assert_eq!(engine.exists(&write).await.unwrap(), Some(false));
        assert!(engine.handle(&write).await.unwrap().is_none());
        assert_eq!(engine.exists(&write).await.unwrap(), Some(true));
        let read = engine.handle(&by("aa", fixture.read("a/secret"))).await.unwrap().unwrap();
        assert_eq!((text(&read), read.lease_duration), (r#"{"v":1.0,"ttl":"5m"}"#, 0));

        for request in [by("bb", fixture.read("a/secret")), by("bb", fixture.list(""))] {
            assert_eq!(engine.handle(&request).await.unwrap_err().status(), 404);
        }
        assert_eq!(engine.handle(&fixture.read("a/secret")).await.unwrap_err().status(), 403);
        let batch = engine.handle(&by("", fixture.read("a/secret"))).await.unwrap_err();
        assert_eq!(batch.status(), 400);
        let empty = engine.handle(&by("aa", fixture.write("a", "{}"))).await.unwrap_err();
        assert_eq!(empty.to_string(), "missing data fields");
    }

    #[tokio::test]
    async fn it_dies_with_the_token() {
        let fixture = Fixture::new().await;
        let engine = Cubbyhole::new(&fixture.context());
        for hash in ["aa", "bb"] {
            for path in ["x", "deep/er/y", "deep/z"] {
                let mut write = fixture.write(path, r#"{"k":1}"#);
                write.token = Some(token(hash));
                engine.handle(&write).await.unwrap();
            }
        }
        clear(&fixture.view, "aa").await.unwrap();
        clear(&fixture.view, "").await.unwrap();
        assert_eq!(fixture.view.list("").await.unwrap(), ["bb/"]);
        assert_eq!(fixture.view.list("bb").await.unwrap(), ["deep/", "x"]);
    }
}
