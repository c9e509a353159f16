//! The `token_…` fields that every auth method has (`hashicorp/vault: sdk/helper/tokenutil`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cidr;
use crate::request::Request;
use crate::{Error, Result};

/// What the tokens of a user or role are like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenParameters {
    /// Networks that may log in and use the token; empty for any.
    pub bound_cidrs: Vec<String>,
    /// Seconds that no renewal may pass, whatever the mount says; 0 without.
    pub explicit_max_ttl: i64,
    /// Seconds that no renewal may pass; 0 takes the mount's.
    pub max_ttl: i64,
    /// Whether `default` is left out.
    pub no_default_policy: bool,
    /// How often the token may be used; 0 for any number.
    pub num_uses: i64,
    /// Seconds that each renewal sets; 0 for tokens that are not periodic.
    pub period: i64,
    /// Policies of the token.
    pub policies: Vec<String>,
    /// Seconds; 0 takes the mount's.
    pub ttl: i64,
    /// Which kind.
    pub kind: TokenKind,
}

/// Which kind of token, or who decides it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenKind {
    /// The mount's.
    #[default]
    Default,
    /// Stored, renewable, with an accessor.
    Service,
    /// Not stored: it carries itself.
    Batch,
    /// A mount's: service unless the role says otherwise.
    DefaultService,
    /// A mount's: batch unless the role says otherwise.
    DefaultBatch,
}

impl TokenKind {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            TokenKind::Default => "default",
            TokenKind::Service => "service",
            TokenKind::Batch => "batch",
            TokenKind::DefaultService => "default-service",
            TokenKind::DefaultBatch => "default-batch",
        }
    }

    /// Reads it; empty is [`TokenKind::Default`].
    ///
    /// # Errors
    /// 400 for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "" | "default" => TokenKind::Default,
            "service" => TokenKind::Service,
            "batch" => TokenKind::Batch,
            "default-service" => TokenKind::DefaultService,
            "default-batch" => TokenKind::DefaultBatch,
            other => return Err(Error::invalid(format!("invalid 'token_type' value {other:?}"))),
        })
    }
}

impl TokenParameters {
    /// Takes over the fields that a request names; the others stay.
    ///
    /// # Errors
    /// 400 for values out of range or at odds with each other; `self` may be changed in part, so store it on
    /// success only.
    pub fn update(&mut self, request: &Request) -> Result<()> {
        if let Some(cidrs) = request.texts("token_bound_cidrs")? {
            self.bound_cidrs = cidr::checked(cidrs)?;
        }
        let seconds = |field: &str, value: &mut i64| -> Result<()> {
            if let Some(seconds) = request.seconds(field)? {
                *value = seconds;
            }
            Ok(())
        };
        seconds("token_explicit_max_ttl", &mut self.explicit_max_ttl)?;
        seconds("token_max_ttl", &mut self.max_ttl)?;
        seconds("token_period", &mut self.period)?;
        seconds("token_ttl", &mut self.ttl)?;
        if let Some(without) = request.bool("token_no_default_policy")? {
            self.no_default_policy = without;
        }
        if let Some(uses) = request.int("token_num_uses")? {
            self.num_uses = uses;
        }
        if let Some(policies) = request.texts("token_policies")? {
            self.policies = clean_policies(policies);
        }
        if let Some(kind) = request.text("token_type")? {
            self.kind = match TokenKind::parse(&kind)? {
                TokenKind::DefaultService => TokenKind::Service,
                TokenKind::DefaultBatch => TokenKind::Batch,
                kind => kind,
            };
        }
        self.check()
    }

    fn check(&self) -> Result<()> {
        let refuse = |message: &str| Err(Error::invalid(message));
        if self.max_ttl > 0 && self.ttl > self.max_ttl {
            return refuse("'token_ttl' cannot be greater than 'token_max_ttl'");
        }
        if self.num_uses < 0 {
            return refuse("'token_num_uses' cannot be negative");
        }
        if self.kind == TokenKind::Batch && self.period != 0 {
            return refuse(
                "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens",
            );
        }
        if self.kind == TokenKind::Batch && self.num_uses != 0 {
            return refuse(
                "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count",
            );
        }
        Ok(())
    }

    /// Adds the fields to an answer.
    pub fn describe(&self, data: &mut Map<String, Value>) {
        data.insert("token_bound_cidrs".into(), self.bound_cidrs.clone().into());
        data.insert("token_explicit_max_ttl".into(), self.explicit_max_ttl.into());
        data.insert("token_max_ttl".into(), self.max_ttl.into());
        data.insert("token_no_default_policy".into(), self.no_default_policy.into());
        data.insert("token_num_uses".into(), self.num_uses.into());
        data.insert("token_period".into(), self.period.into());
        data.insert("token_policies".into(), self.policies.clone().into());
        data.insert("token_ttl".into(), self.ttl.into());
        data.insert("token_type".into(), self.kind.as_str().into());
    }
}

/// Policy names as they are stored: lower case, each once, sorted.
pub(crate) fn clean_policies(names: Vec<String>) -> Vec<String> {
    let mut names: Vec<String> =
        names.into_iter().map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty()).collect();
    names.sort();
    names.dedup();
    names
}
