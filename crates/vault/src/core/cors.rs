//! Which web pages of other origins may call the API (`hashicorp/vault: vault/cors.go`).

use serde::{Deserialize, Serialize};

use super::barrier::Batch;
use super::view::View;
use super::{Core, Unsealed};
use crate::{Error, Result};

/// What is allowed; stored behind the barrier, in force from the next request on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    /// Origins to the letter, or `*` alone.
    pub allowed_origins: Vec<String>,
    /// Request headers, the standard ones first.
    pub allowed_headers: Vec<String>,
    /// Whether browsers may send credentials along.
    pub allow_credentials: bool,
}

impl Cors {
    /// What an operator asks for, with the headers that every client of the API sends.
    ///
    /// # Errors
    /// 400 in Vault's words.
    pub fn new(origins: Vec<String>, headers: Vec<String>, allow_credentials: bool) -> Result<Self> {
        if origins.is_empty() {
            return Err(Error::invalid("at least one origin or the wildcard must be provided."));
        }
        if origins.len() > 1 && origins.iter().any(|origin| origin == "*") {
            return Err(Error::invalid(
                "to allow all origins the '*' must be the only value for allowed_origins",
            ));
        }
        if origins.len() + headers.len() > ENTRIES_MAX {
            return Err(Error::invalid(format!("at most {ENTRIES_MAX} origins and headers are allowed")));
        }
        let is_name = |header: &String| http::HeaderName::try_from(header.as_str()).is_ok();
        if let Some(bad) = headers.iter().find(|header| !is_name(header)) {
            return Err(Error::invalid(format!("allowed_headers: {bad:?} is not the name of a header")));
        }
        let mut allowed_headers: Vec<String> = STANDARD_HEADERS.iter().map(|name| (*name).into()).collect();
        allowed_headers.extend(headers);
        Ok(Cors { allowed_origins: origins, allowed_headers, allow_credentials })
    }

    /// Whether pages of this origin may call.
    pub fn allows(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
    }
}

impl Core {
    /// What is allowed; `None` where nothing is, or while sealed.
    pub fn cors(&self) -> Option<std::sync::Arc<Cors>> {
        self.unsealed.read().as_ref()?.cors.read().clone()
    }
}

impl Unsealed {
    /// Stores what is allowed and puts it in force; `None` switches it off.
    ///
    /// # Errors
    /// The store's.
    pub async fn set_cors(&self, cors: Option<Cors>) -> Result<()> {
        let batch = match &cors {
            Some(cors) => Batch::new().put_json(CORS, cors)?,
            None => Batch::new().delete(CORS),
        };
        View::new(self.barrier.clone(), super::SYSTEM_CONFIG).commit(batch).await?;
        *self.cors.write() = cors.map(Into::into);
        Ok(())
    }
}

/// What is stored of it.
///
/// # Errors
/// The store's.
pub(super) async fn load(view: &View) -> Result<Option<std::sync::Arc<Cors>>> {
    Ok(view.get_json::<Cors>(CORS).await?.map(|(cors, _)| cors.into()))
}

const CORS: &str = "cors";
const ENTRIES_MAX: usize = 256;
const STANDARD_HEADERS: [&str; 11] = [
    "Content-Type",
    "X-Requested-With",
    "X-Vault-AWS-IAM-Server-ID",
    "X-Vault-MFA",
    "X-Vault-No-Request-Forwarding",
    "X-Vault-Wrap-Format",
    "X-Vault-Wrap-TTL",
    "X-Vault-Policy-Override",
    "Authorization",
    "X-Vault-Token",
    "X-Vault-Namespace",
];
