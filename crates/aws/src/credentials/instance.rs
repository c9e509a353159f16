use reqwest::{StatusCode, Url};
use trustkeep_crypto::{SecretBytes, SecretString};

use super::{Credentials, Document, Missing};
use crate::{Env, transport};

/// Six hours, the longest that the service grants; we ask rarely and keep no token.
const TOKEN_TTL_SECONDS: &str = "21600";

/// The instance metadata service, version 2 only (a session token for every request).
///
/// `AWS_EC2_METADATA_SERVICE_ENDPOINT` (or `_MODE`), `AWS_EC2_METADATA_DISABLED`.
pub(crate) struct Imds<'a> {
    nearby: &'a reqwest::Client,
    base: Url,
    token: SecretString,
}

impl<'a> Imds<'a> {
    /// Opens a session. Where nothing answers, we are not on an instance.
    pub(crate) async fn open(env: &Env, nearby: &'a reqwest::Client) -> Result<Self, Missing> {
        if env.get("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Err(Missing::absent("switched off by AWS_EC2_METADATA_DISABLED"));
        }
        let base = base(env)?;
        let response = nearby
            .put(join(&base, "/latest/api/token")?)
            .header("X-aws-ec2-metadata-token-ttl-seconds", TOKEN_TTL_SECONDS)
            .send()
            .await
            .map_err(|error| {
                Missing::absent(format!("not on an EC2 instance ({})", transport::reasons(&error)))
            })?;
        let status = response.status();
        if !status.is_success() {
            // A container one hop too far gets no answer at all; 403 is the service switched off.
            return Err(Missing::absent(format!(
                "the metadata service gives no token (HTTP {})",
                status.as_u16()
            )));
        }
        let token = transport::read(response).await.map_err(Missing::broken)?;
        let token = SecretString::from_utf8(token).map_err(Missing::broken)?;
        Ok(Self { nearby, base, token })
    }

    /// The credentials of the instance's role.
    pub(crate) async fn credentials(&self) -> Result<Credentials, Missing> {
        const PATH: &str = "/latest/meta-data/iam/security-credentials/";
        let role = match self.get(PATH).await? {
            Some(role) => SecretString::from_utf8(role).map_err(Missing::broken)?,
            None => return Err(Missing::absent("the instance has no role; attach an instance profile")),
        };
        let role = role.expose().lines().next().unwrap_or_default().trim().to_owned();
        if role.is_empty() {
            return Err(Missing::absent("the instance has no role; attach an instance profile"));
        }
        let document = self.get(&format!("{PATH}{role}")).await?;
        let document = document
            .ok_or_else(|| Missing::broken(format!("there are no credentials of the role {role}")))?;
        Document::read(document.expose(), "instance metadata")
    }

    /// The region the instance runs in.
    pub(crate) async fn region(&self) -> Result<String, Missing> {
        let region = self.get("/latest/meta-data/placement/region").await?;
        let region = region.ok_or_else(|| Missing::absent("the metadata service names no region"))?;
        let region = SecretString::from_utf8(region).map_err(Missing::broken)?;
        Ok(region.expose().trim().to_owned())
    }

    async fn get(&self, path: &str) -> Result<Option<SecretBytes>, Missing> {
        let mut token = reqwest::header::HeaderValue::from_str(self.token.expose().trim())
            .map_err(|_| Missing::broken("the metadata token is not a valid header value"))?;
        token.set_sensitive(true);
        let request = self.nearby.get(join(&self.base, path)?).header("X-aws-ec2-metadata-token", token);
        let response = request.send().await.map_err(|error| Missing::broken(transport::reasons(&error)))?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => {
                transport::read(response).await.map(Some).map_err(Missing::broken)
            }
            status => Err(Missing::broken(format!("{path} answered HTTP {}", status.as_u16()))),
        }
    }
}

fn base(env: &Env) -> Result<Url, Missing> {
    const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
    let ipv6 =
        env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").is_some_and(|m| m.eq_ignore_ascii_case("ipv6"));
    let default = if ipv6 { "http://[fd00:ec2::254]" } else { "http://169.254.169.254" };
    let base = env.get(ENDPOINT).unwrap_or_else(|| default.to_owned());
    Url::parse(&base).map_err(|error| Missing::broken(format!("{ENDPOINT}: {error}")))
}

fn join(base: &Url, path: &str) -> Result<Url, Missing> {
    base.join(path).map_err(|error| Missing::broken(format!("{path}: {error}")))
}
