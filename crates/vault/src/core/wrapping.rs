//! Response wrapping: an answer is kept in the cubbyhole of a token that is good for one use
//! (`hashicorp/vault: vault/wrapping.go`).

pub(crate) mod jwt;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::barrier::Batch;
use super::mount::Mount;
use super::token::TokenEntry;
use super::{Core, NANOS, Unsealed};
use crate::engines::cubbyhole;
use crate::request::{Operation, Request};
use crate::response::{Response, WrapInfo};
use crate::{Error, Result};

/// What is kept beside a wrapped answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wrapped {
    /// Nanoseconds that the wrapping token was made to live.
    pub creation_ttl: i64,
    /// RFC 3339 with nanoseconds.
    pub creation_time: String,
    /// The path whose answer is wrapped.
    pub creation_path: String,
    /// The HTTP status it would have had, if not 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// A wrapped answer, taken out. Nobody else gets it.
#[derive(Debug)]
pub struct Unwrapped {
    /// The answer as it would have been sent.
    pub answer: String,
    /// What was kept beside it.
    pub info: Wrapped,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    response: String,
}

impl Core {
    /// Puts an answer behind a wrapping token, where the request asks for it; what tells nothing goes out as it is.
    ///
    /// # Errors
    /// 413 where the answer is more than the store takes, and the store's others.
    pub(super) async fn wrap(
        &self,
        unsealed: &Unsealed,
        mount: &Mount,
        request: &Request,
        response: Response,
    ) -> Result<Response> {
        let Some(ttl) = request.wrap_ttl else { return Ok(response) };
        if response.wrap_info.is_some() || response.raw.as_ref().is_some_and(|raw| raw.body.is_empty()) {
            return Ok(response);
        }
        let (answer, status) = text_of(&request.id, &response)?;
        let mut wrapped_accessor =
            response.auth.as_ref().map(|auth| auth.accessor.clone()).unwrap_or_default();
        if response.auth.is_none() && mount.entry.kind == "approle" {
            let data = serde_json::to_value(&response.data).unwrap_or_default();
            wrapped_accessor =
                data.get("secret_id_accessor").and_then(Value::as_str).unwrap_or_default().to_owned();
        }
        let path = format!("{}{}", request.mount_point, request.path);
        let info = Wrapped {
            creation_ttl: ttl.saturating_mul(NANOS),
            creation_time: rfc3339(request.now),
            creation_path: path,
            status,
        };
        let name = request.token.as_ref().map(|token| token.display_name.clone()).unwrap_or_default();
        let kept = unsealed.keep(request, ttl, name, &answer, &info).await;
        let (token, accessor) = match (kept, response.auth) {
            (Ok(kept), _) => kept,
            (Err(error), auth) => {
                // Nobody will ever hold the token within.
                if let Some(auth) = auth.filter(|auth| !auth.accessor.is_empty()) {
                    let hash = unsealed.tokens.hash(&auth.client_token);
                    unsealed.tokens.revoke_tree(&hash, request.now / NANOS).await?;
                }
                return Err(error);
            }
        };
        let as_jwt = request.headers.get("x-vault-wrap-format").is_some_and(|format| format == "jwt");
        // Not for what a caller made up: else its maker could pass off a token of his own as the vault's.
        let as_jwt = as_jwt && !info.creation_path.starts_with("sys/wrapping/");
        let token = if as_jwt {
            let times = (request.now / NANOS, request.now / NANOS + ttl);
            let claims = jwt::Claims::new(token, wrapped_accessor.clone(), &self.settings().api_addr, times);
            unsealed.sign_wrapping(&claims).await?
        } else {
            token
        };
        let wrap_info = WrapInfo {
            token,
            accessor,
            ttl,
            creation_time: info.creation_time,
            creation_path: info.creation_path,
            wrapped_accessor,
        };
        Ok(Response { wrap_info: Some(Box::new(wrap_info)), ..Default::default() })
    }
}

impl Unsealed {
    /// Refuses requests to unwrap, rewrap or look up whose wrapping token is none; one inside a signed token is taken
    /// out of it. To be asked before the request's own token is: that may be the wrapping token.
    ///
    /// # Errors
    /// 400 `wrapping token is not valid or does not exist`, 403 where it is malformed, and the store's.
    pub(super) async fn check_wrapping_token(&self, request: &mut Request) -> Result<()> {
        let takes_one = matches!(
            request.path.as_str(),
            "sys/wrapping/lookup" | "sys/wrapping/unwrap" | "sys/wrapping/rewrap"
        );
        if !takes_one || !(request.operation.is_write() || request.operation == Operation::Read) {
            return Ok(());
        }
        let refuse = |why: &str| Error::Forbidden(format!("error validating wrapping token: {why}"));
        let given = match request.data.get("token") {
            None | Some(Value::Null) => None,
            Some(Value::String(token)) if token.is_empty() => {
                return Err(refuse("empty token in request body"));
            }
            Some(Value::String(token)) => Some(token.clone()),
            Some(_) => return Err(refuse("could not decode token in request body")),
        };
        let in_body = given.is_some();
        let mut token =
            given.or_else(|| request.client_token.as_deref().map(str::to_owned)).unwrap_or_default();
        if token.is_empty() {
            return Err(refuse("token is empty"));
        }
        if jwt::looks_like_one(&token) {
            token = self.open_wrapping(&token).await?.ok_or_else(|| refuse("the JWT is not this vault's"))?;
            if in_body {
                request.data.insert("token".into(), token.clone().into());
            } else {
                request.client_token = Some(token.as_str().into());
            }
        }
        self.wrapping_token(&token, request.now).await.map(|_| ())
    }

    /// What is told of a wrapped answer without unwrapping it.
    ///
    /// # Errors
    /// 400 where there is none, and the store's.
    pub async fn look_up_wrapped(&self, request: &Request) -> Result<Wrapped> {
        let token =
            match request.text("token")?.or_else(|| request.client_token.as_deref().map(str::to_owned)) {
                Some(token) => self.wrapping_token(&token, request.now).await?,
                None => return Err(not_valid()),
            };
        self.wrapped_info(&token).await
    }

    /// Takes a wrapped answer out: of all that ask at once, one gets it.
    ///
    /// # Errors
    /// 400 where there is none or somebody was quicker, and the store's.
    pub async fn unwrap(&self, request: &Request) -> Result<Unwrapped> {
        let now = request.now / NANOS;
        let Some(given) = request.text("token")? else {
            // The request's own token: its one use is counted already, and it goes when the request is done.
            let token = request.token.as_ref().ok_or(Error::BadToken)?;
            return self.wrapped(token).await;
        };
        let token = self.wrapping_token(&given, request.now).await?;
        let used = self.tokens.count_use(&token, now).await;
        let used =
            used.map_err(|error| if matches!(error, Error::BadToken) { not_valid() } else { error })?;
        let unwrapped = self.wrapped(&used).await;
        self.tokens.revoke_tree(&used.hash, now).await?;
        unwrapped
    }

    /// Keeps an answer that was taken out behind a new wrapping token; where it came from stays the same.
    ///
    /// # Errors
    /// The store's.
    pub async fn rewrap(&self, request: &Request, unwrapped: Unwrapped) -> Result<WrapInfo> {
        let mut ttl = unwrapped.info.creation_ttl / NANOS;
        if let Some(wanted) = request.wrap_ttl {
            ttl = ttl.min(wanted);
        }
        let info = Wrapped {
            creation_ttl: ttl.saturating_mul(NANOS),
            creation_time: rfc3339(request.now),
            ..unwrapped.info
        };
        let name = request.token.as_ref().map(|token| token.display_name.clone()).unwrap_or_default();
        let (token, accessor) = self.keep(request, ttl, name, &unwrapped.answer, &info).await?;
        Ok(WrapInfo {
            token,
            accessor,
            ttl,
            creation_time: info.creation_time,
            creation_path: info.creation_path,
            wrapped_accessor: String::new(),
        })
    }

    /// A new wrapping token with its answer, in one commit; returns it and its accessor.
    async fn keep(
        &self,
        request: &Request,
        ttl: i64,
        display_name: String,
        answer: &str,
        info: &Wrapped,
    ) -> Result<(String, String)> {
        let now = request.now / NANOS;
        let entry = TokenEntry {
            policies: vec![crate::policy::RESPONSE_WRAPPING.into()],
            path: info.creation_path.clone(),
            display_name,
            num_uses: 1,
            creation_ttl: ttl,
            expire_time: now.saturating_add(ttl),
            explicit_max_ttl: ttl,
            ..TokenEntry::root(now)
        };
        let kept = Kept { response: answer.to_owned() };
        let cubbyhole = |_: &TokenEntry| Batch::new().put_json(RESPONSE, &kept)?.put_json(WRAPINFO, info);
        let (id, entry) = self.tokens.create_with(None, entry, cubbyhole).await?;
        Ok((id, entry.accessor.clone()))
    }

    async fn wrapping_token(&self, id: &str, now: i64) -> Result<Arc<TokenEntry>> {
        let found = self.tokens.find(id, now / NANOS).await?;
        found.filter(|token| token.is_wrapping()).ok_or_else(not_valid)
    }

    async fn wrapped(&self, token: &TokenEntry) -> Result<Unwrapped> {
        let folder = cubbyhole::folder(self.tokens.cubbyhole(), &token.hash)?;
        let (kept, _) = folder.get_json::<Kept>(RESPONSE).await?.ok_or_else(not_valid)?;
        Ok(Unwrapped { answer: kept.response, info: self.wrapped_info(token).await? })
    }

    async fn wrapped_info(&self, token: &TokenEntry) -> Result<Wrapped> {
        let folder = cubbyhole::folder(self.tokens.cubbyhole(), &token.hash)?;
        Ok(folder.get_json::<Wrapped>(WRAPINFO).await?.ok_or_else(not_valid)?.0)
    }
}

/// The answer as it would be sent, and its status if that is not 200.
fn text_of(id: &str, response: &Response) -> Result<(String, Option<u16>)> {
    let (text, status) = match &response.raw {
        Some(raw) if raw.content_type == "application/json" => (raw.body.clone(), Some(raw.status)),
        Some(_) => return Err(Error::invalid("the answer to this path is not JSON and cannot be wrapped")),
        None => (response.to_envelope(id, false).map_err(Error::internal)?, response.status),
    };
    let text = String::from_utf8(text).map_err(|_| Error::internal("an answer is not UTF-8"))?;
    Ok((text, status.filter(|status| *status != 200)))
}

fn not_valid() -> Error {
    Error::invalid("wrapping token is not valid or does not exist")
}

fn rfc3339(nanoseconds: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)).map(|time| time.to_string()).unwrap_or_default()
}

const RESPONSE: &str = "response";
const WRAPINFO: &str = "wrapinfo";
