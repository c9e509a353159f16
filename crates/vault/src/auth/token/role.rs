//! Token roles, `auth/token/roles/`: under which conditions which tokens can be made by whoever may use the role.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::auth::token_parameters::clean_policies;
use crate::auth::{TokenKind, TokenParameters};
use crate::core::{Batch, Unsealed};
use crate::policy::glob_matches;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result, cidr};

/// A role as it is stored. Of `token`, only what a role can set is used.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct TokenRole {
    /// Its name.
    pub name: String,
    /// Policies that tokens may have; with globs or without.
    pub allowed_policies: Vec<String>,
    /// The same with `*`.
    pub allowed_policies_glob: Vec<String>,
    /// Policies that tokens may not have.
    pub disallowed_policies: Vec<String>,
    /// The same with `*`.
    pub disallowed_policies_glob: Vec<String>,
    /// Whether its tokens have no parent.
    pub orphan: bool,
    /// Whether its tokens can be renewed.
    pub renewable: bool,
    /// Comes after the role's name in the path of its tokens, so that they can be revoked by it.
    pub path_suffix: String,
    /// Entity aliases that tokens may be made for, lower case, also with `*`.
    pub allowed_entity_aliases: Vec<String>,
    /// Bounds, period, networks, uses.
    pub token: TokenParameters,
    /// Set by the older field `period`.
    pub period: i64,
    /// Set by the older field `explicit_max_ttl`.
    pub explicit_max_ttl: i64,
    /// Set by the older field `bound_cidrs`.
    pub bound_cidrs: Vec<String>,
}

impl Default for TokenRole {
    fn default() -> Self {
        TokenRole {
            name: String::new(),
            allowed_policies: Vec::new(),
            allowed_policies_glob: Vec::new(),
            disallowed_policies: Vec::new(),
            disallowed_policies_glob: Vec::new(),
            orphan: false,
            renewable: true,
            path_suffix: String::new(),
            allowed_entity_aliases: Vec::new(),
            token: TokenParameters { kind: TokenKind::DefaultService, ..TokenParameters::default() },
            period: 0,
            explicit_max_ttl: 0,
            bound_cidrs: Vec::new(),
        }
    }
}

/// Answers a request for a role, or for the list of them.
pub(super) async fn answer(
    unsealed: &Arc<Unsealed>,
    request: &Request,
    name: &str,
    max_ttl: i64,
) -> Result<Option<Response>> {
    if request.operation == Operation::List && name.is_empty() {
        return Response::list(unsealed.tokens.roles().list("").await?);
    }
    if !is_name(name) {
        return Err(Error::UnsupportedPath);
    }
    match request.operation {
        Operation::Read => Ok(Some(load(unsealed, name).await?.ok_or(Error::NotFound)?.describe())),
        Operation::Delete => {
            unsealed.tokens.roles().commit(Batch::new().delete(name)).await?;
            Ok(None)
        }
        operation if operation.is_write() => {
            let old = load(unsealed, name).await?;
            let mut role = old.unwrap_or_else(|| TokenRole { name: name.to_owned(), ..TokenRole::default() });
            let warnings = role.update(request, max_ttl)?;
            unsealed.tokens.roles().commit(Batch::new().put_json(name, &role)?).await?;
            Ok((!warnings.is_empty()).then(|| Response { warnings, ..Default::default() }))
        }
        _ => Err(Error::UnsupportedOperation),
    }
}

/// The role of that name.
///
/// # Errors
/// 503 while sealed, and the store's.
pub(super) async fn load(unsealed: &Unsealed, name: &str) -> Result<Option<TokenRole>> {
    if !is_name(name) {
        return Ok(None);
    }
    Ok(unsealed.tokens.roles().get_json::<TokenRole>(name).await?.map(|(role, _)| role))
}

impl TokenRole {
    /// Whether it decides itself which policies its tokens have.
    pub(super) fn decides_policies(&self) -> bool {
        [
            &self.allowed_policies,
            &self.allowed_policies_glob,
            &self.disallowed_policies,
            &self.disallowed_policies_glob,
        ]
        .iter()
        .any(|list| !list.is_empty())
    }

    /// Whether a policy is among those that tokens may not have.
    pub(super) fn disallows(&self, policy: &str) -> bool {
        self.disallowed_policies.iter().any(|name| name == policy)
            || self.disallowed_policies_glob.iter().any(|glob| glob_matches(glob, policy))
    }

    /// Whether tokens may be made for an entity alias, in whatever case it is written.
    pub(super) fn allows_alias(&self, alias: &str) -> bool {
        let alias = alias.to_lowercase();
        self.allowed_entity_aliases.iter().any(|allowed| glob_matches(allowed, &alias))
    }

    /// Takes over the fields that a request names; returns warnings. `self` may be changed in part on failure.
    fn update(&mut self, request: &Request, max_ttl: i64) -> Result<Vec<String>> {
        if let Some(orphan) = request.bool("orphan")? {
            self.orphan = orphan;
        }
        if let Some(renewable) = request.bool("renewable")? {
            self.renewable = renewable;
        }
        if let Some(suffix) = request.text("path_suffix")? {
            self.path_suffix = checked_suffix(suffix)?;
        }
        for (field, slot) in [
            ("allowed_policies", &mut self.allowed_policies),
            ("allowed_policies_glob", &mut self.allowed_policies_glob),
            ("disallowed_policies", &mut self.disallowed_policies),
            ("disallowed_policies_glob", &mut self.disallowed_policies_glob),
            ("allowed_entity_aliases", &mut self.allowed_entity_aliases),
        ] {
            if let Some(names) = request.texts(field)? {
                *slot = clean_policies(names);
            }
        }
        let warnings = self.update_token(request)?;
        self.check()?;
        let explicit = self.token.explicit_max_ttl;
        let too_long = (explicit > max_ttl).then(|| {
            format!(
                "Given explicit max TTL of {explicit} is greater than system/mount allowed value of {max_ttl} seconds; \
                 until this is fixed attempting to create tokens against this role will result in an error"
            )
        });
        Ok(warnings.into_iter().chain(too_long).collect())
    }

    /// The `token_…` fields and their older names, which count where the newer one is not given.
    fn update_token(&mut self, request: &Request) -> Result<Vec<String>> {
        let kind = match request.data.get("token_type") {
            None => self.token.kind,
            Some(_) => kind(&request.text("token_type")?.unwrap_or_default())?,
        };
        let mut fields = request.clone();
        for not_of_roles in ["token_type", "token_ttl", "token_max_ttl", "token_policies"] {
            fields.data.remove(not_of_roles);
        }
        self.token.kind = TokenKind::Default;
        let updated = self.token.update(&fields);
        updated.map_err(|error| Error::invalid(format!("error parsing role fields: {error}")))?;
        self.token.kind = kind;
        let mut warnings = Vec::new();
        let mut both = |old: &str| {
            let given = |field: &str| request.data.get(field).is_some_and(|value| !value.is_null());
            if given(&format!("token_{old}")) && given(old) {
                warnings.push(format!(
                    "Both 'token_{old}' and deprecated '{old}' value supplied, ignoring the deprecated value"
                ));
            }
            (given(&format!("token_{old}")), given(old))
        };
        match both("period") {
            (true, _) => self.period = 0,
            (false, true) => {
                self.period = request.seconds("period")?.unwrap_or(0);
                self.token.period = self.period;
            }
            (false, false) => {}
        }
        match both("explicit_max_ttl") {
            (true, _) => self.explicit_max_ttl = 0,
            (false, true) => {
                self.explicit_max_ttl = request.seconds("explicit_max_ttl")?.unwrap_or(0);
                self.token.explicit_max_ttl = self.explicit_max_ttl;
            }
            (false, false) => {}
        }
        match both("bound_cidrs") {
            (true, _) => self.bound_cidrs.clear(),
            (false, true) => {
                self.bound_cidrs = cidr::checked(request.texts("bound_cidrs")?.unwrap_or_default())
                    .map_err(|error| Error::invalid(format!("error parsing bound_cidrs: {error}")))?;
                self.token.bound_cidrs.clone_from(&self.bound_cidrs);
            }
            (false, false) => {}
        }
        Ok(warnings)
    }

    fn check(&self) -> Result<()> {
        if self.token.kind != TokenKind::Batch {
            return Ok(());
        }
        let why = if !self.orphan {
            "non-orphan tokens"
        } else if self.token.period != 0 {
            "periodic tokens"
        } else if self.renewable {
            "renewable tokens"
        } else if self.token.explicit_max_ttl != 0 {
            "tokens with an explicit max TTL"
        } else {
            return Ok(());
        };
        Err(Error::invalid(format!("'token_type' cannot be 'batch' when role is set to generate {why}")))
    }

    fn describe(&self) -> Response {
        let mut data = json!({
            "allowed_entity_aliases": self.allowed_entity_aliases,
            "allowed_policies": self.allowed_policies,
            "allowed_policies_glob": self.allowed_policies_glob,
            "disallowed_policies": self.disallowed_policies,
            "disallowed_policies_glob": self.disallowed_policies_glob,
            "explicit_max_ttl": self.explicit_max_ttl,
            "name": self.name,
            "orphan": self.orphan,
            "path_suffix": self.path_suffix,
            "period": self.period,
            "renewable": self.renewable,
            "token_explicit_max_ttl": self.token.explicit_max_ttl,
            "token_no_default_policy": self.token.no_default_policy,
            "token_period": self.token.period,
            "token_type": self.token.kind.as_str(),
        });
        if let Some(data) = data.as_object_mut() {
            if !self.bound_cidrs.is_empty() {
                data.insert("bound_cidrs".into(), json!(self.bound_cidrs));
            }
            if !self.token.bound_cidrs.is_empty() {
                data.insert("token_bound_cidrs".into(), json!(self.token.bound_cidrs));
            }
            if self.token.num_uses > 0 {
                data.insert("token_num_uses".into(), self.token.num_uses.into());
            }
        }
        Response::object(data)
    }
}

fn kind(text: &str) -> Result<TokenKind> {
    match TokenKind::parse(text) {
        Ok(TokenKind::Default) | Err(_) => {
            Err(Error::invalid(format!("invalid 'token_type' value {text:?}")))
        }
        kind => kind,
    }
}

/// `hashicorp/vault: vault/token_store.go`, `pathSuffixSanitize`.
fn checked_suffix(suffix: String) -> Result<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let fits = suffix.len() >= 3
        && suffix.chars().all(|c| word(c) || c == '-' || c == '.')
        && suffix.starts_with(word)
        && suffix.ends_with(word);
    if suffix.contains("..") {
        return Err(Error::invalid("error registering path suffix: path cannot contain parent references"));
    }
    if !suffix.is_empty() && !fits {
        return Err(Error::invalid(
            r"given role path suffix contains invalid characters; must match \w[\w-.]+\w",
        ));
    }
    Ok(suffix)
}

fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.contains('/')
}

const NAME_BYTES_MAX: usize = 512;
