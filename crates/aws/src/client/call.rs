use bytes::Bytes;
use serde::Serialize;
use zeroize::Zeroize as _;

use super::cleared;
use crate::{Error, Result};

/// One request: an operation and its parameters. Its body is cleared from memory after use.
pub struct Call {
    pub(super) action: String,
    pub(super) content_type: &'static str,
    pub(super) target: Option<String>,
    pub(super) body: Bytes,
    pub(super) idempotent: bool,
}

impl Call {
    /// An operation of a service that speaks JSON 1.1 (KMS, ECS, CloudWatch Logs). `target` is its
    /// `X-Amz-Target`, for instance `TrentService.Encrypt`.
    ///
    /// # Errors
    /// [`Error::Setting`] if the parameters cannot be written as JSON.
    pub fn json_1_1(target: &str, parameters: &impl Serialize) -> Result<Self> {
        Self::json("application/x-amz-json-1.1", target, parameters)
    }

    /// The same for JSON 1.0 (DynamoDB, newer services).
    ///
    /// # Errors
    /// [`Error::Setting`] if the parameters cannot be written as JSON.
    pub fn json_1_0(target: &str, parameters: &impl Serialize) -> Result<Self> {
        Self::json("application/x-amz-json-1.0", target, parameters)
    }

    /// An operation of a service that speaks the query protocol (STS, EC2, IAM), with its API version.
    pub fn query<'a>(
        action: &str,
        version: &str,
        parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(4096));
        form.append_pair("Action", action).append_pair("Version", version).extend_pairs(parameters);
        let mut form = form.finish();
        if form.contains('*') {
            // As Amazon's own clients write it; who checks a signature over the decoded form expects that.
            let escaped = form.replace('*', "%2A");
            std::mem::replace(&mut form, escaped).zeroize();
        }
        Self {
            action: action.to_owned(),
            content_type: "application/x-www-form-urlencoded; charset=utf-8",
            target: None,
            body: cleared(form.into_bytes()),
            idempotent: false,
        }
    }

    /// Carrying it out twice does no harm, so it may be repeated when its fate is unknown.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    fn json(content_type: &'static str, target: &str, parameters: &impl Serialize) -> Result<Self> {
        // A capacity that growing rarely exceeds: growing would leave copies of secrets behind.
        let mut body = Vec::with_capacity(16 << 10);
        serde_json::to_writer(&mut body, parameters)
            .map_err(|error| Error::Setting { parameter: "request", reason: error.to_string() })?;
        Ok(Self {
            action: target.to_owned(),
            content_type,
            target: Some(target.to_owned()),
            body: cleared(body),
            idempotent: false,
        })
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("action", &self.action).finish_non_exhaustive()
    }
}
