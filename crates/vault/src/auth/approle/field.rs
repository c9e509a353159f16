//! A role's fields by themselves: `role/<name>/<field>`.

use super::AppRole;
use super::role::Role;
use crate::auth::TokenParameters;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

/// One field with a path of its own.
struct Field {
    path: &'static str,
    /// As the role names it; older names after it.
    names: &'static [&'static str],
    /// What a DELETE does; `None` where there is none.
    reset: Option<fn(&mut Role)>,
}

impl AppRole {
    pub(super) async fn of_field(
        &self,
        request: &Request,
        name: &str,
        path: &str,
    ) -> Result<Option<Response>> {
        match (path, request.operation) {
            ("role-id", Operation::Read) => {
                let (role, _) = self.role(name).await?.ok_or(Error::NotFound)?;
                return Ok(Some(Response::object(serde_json::json!({ "role_id": role.role_id }))));
            }
            ("local-secret-ids", Operation::Read) => {
                let (role, _) = self.role(name).await?.ok_or(Error::NotFound)?;
                let data = serde_json::json!({ "local_secret_ids": role.local_secret_ids });
                return Ok(Some(Response::object(data)));
            }
            ("local-secret-ids", _) => return Err(Error::UnsupportedOperation),
            _ => {}
        }
        let field = FIELDS.iter().find(|field| field.path == path).ok_or(Error::UnsupportedPath)?;
        match (request.operation, field.reset) {
            (Operation::Read, Some(_)) => self.show_field(name, field).await,
            (Operation::Create | Operation::Update, _) => self.write_field(request, name, field).await,
            (Operation::Delete, Some(reset)) => {
                let reset = |role: &mut Role, _| {
                    reset(role);
                    Ok(())
                };
                match self.change_role(name, false, reset).await {
                    Ok(_) | Err(Error::UnsupportedPath) => Ok(None),
                    Err(error) => Err(error),
                }
            }
            _ => Err(Error::UnsupportedOperation),
        }
    }

    async fn show_field(&self, name: &str, field: &Field) -> Result<Option<Response>> {
        let (role, _) = self.role(name).await?.ok_or(Error::NotFound)?;
        let mut data = role.describe();
        let shown = match field.path {
            "bound-cidr-list" => {
                let cidrs = role.secret_id_bound_cidrs.clone().into();
                data.insert("bound_cidr_list".into(), cidrs);
                &["bound_cidr_list"]
            }
            _ => field.names,
        };
        data.retain(|key, _| shown.contains(&key.as_str()));
        let response = Response::data(data);
        Ok(Some(match field.path {
            "bound-cidr-list" => response.warn(
                "The \"bound_cidr_list\" field is deprecated and will be removed. Please use \
                 \"secret_id_bound_cidrs\" instead.",
            ),
            _ => response,
        }))
    }

    async fn write_field(&self, request: &Request, name: &str, field: &Field) -> Result<Option<Response>> {
        let mut only = request.clone();
        only.data.retain(|key, value| field.names.contains(&key.as_str()) && !value.is_null());
        if only.data.is_empty() {
            let wanted = field.names.first().copied().unwrap_or_default();
            self.role(name).await?.ok_or(Error::UnsupportedPath)?;
            return Err(Error::invalid(format!("missing {wanted}")));
        }
        self.change_role(name, false, |role, _| role.update(&only, false)).await?;
        Ok(None)
    }
}

fn token(role: &mut Role) -> &mut TokenParameters {
    &mut role.token
}

const FIELDS: &[Field] = &[
    Field {
        path: "policies",
        names: &["token_policies", "policies"],
        reset: Some(|role| {
            token(role).policies.clear();
            role.legacy.forget("policies");
        }),
    },
    Field {
        path: "bound-cidr-list",
        names: &["bound_cidr_list"],
        reset: Some(|role| {
            role.secret_id_bound_cidrs.clear();
            role.legacy.forget("bound_cidr_list");
        }),
    },
    Field {
        path: "secret-id-bound-cidrs",
        names: &["secret_id_bound_cidrs"],
        reset: Some(|role| role.secret_id_bound_cidrs.clear()),
    },
    Field {
        path: "token-bound-cidrs",
        names: &["token_bound_cidrs"],
        reset: Some(|role| token(role).bound_cidrs.clear()),
    },
    Field {
        path: "bind-secret-id",
        names: &["bind_secret_id"],
        reset: Some(|role| role.bind_secret_id = true),
    },
    Field {
        path: "secret-id-num-uses",
        names: &["secret_id_num_uses"],
        reset: Some(|role| role.secret_id_num_uses = 0),
    },
    Field { path: "secret-id-ttl", names: &["secret_id_ttl"], reset: Some(|role| role.secret_id_ttl = 0) },
    Field {
        path: "period",
        names: &["token_period", "period"],
        reset: Some(|role| {
            token(role).period = 0;
            role.legacy.forget("period");
        }),
    },
    Field {
        path: "token-num-uses",
        names: &["token_num_uses"],
        reset: Some(|role| token(role).num_uses = 0),
    },
    Field { path: "token-ttl", names: &["token_ttl"], reset: Some(|role| token(role).ttl = 0) },
    Field { path: "token-max-ttl", names: &["token_max_ttl"], reset: Some(|role| token(role).max_ttl = 0) },
    Field { path: "role-id", names: &["role_id"], reset: None },
];
