use std::net::IpAddr;

use reqwest::Url;
use trustkeep_crypto::SecretString;

use super::{Credentials, Document, Missing, Search};
use crate::{Env, transport};

/// Where the container agent of ECS answers on a relative path.
const ECS_AGENT: &str = "http://169.254.170.2";

/// The endpoint that ECS and EKS pod identity give their containers.
///
/// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `_FULL_URI`, and `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` or
/// `_TOKEN`.
pub(crate) async fn load(search: &Search<'_>) -> Result<Credentials, Missing> {
    let env = &search.context.env;
    let url = endpoint(env)?;
    let mut request = search.nearby.get(url.clone());
    if let Some(token) = authorization(env).await? {
        let mut header = reqwest::header::HeaderValue::from_str(token.expose().trim())
            .map_err(|_| Missing::broken("the authorization token is not a valid header value"))?;
        header.set_sensitive(true);
        request = request.header(reqwest::header::AUTHORIZATION, header);
    }
    let response = request.send().await.map_err(|error| Missing::broken(transport::reasons(&error)))?;
    let status = response.status();
    let body = transport::read(response).await.map_err(Missing::broken)?;
    if !status.is_success() {
        return Err(Missing::broken(format!("{url} answered HTTP {}", status.as_u16())));
    }
    Document::read(body.expose(), "container endpoint")
}

fn endpoint(env: &Env) -> Result<Url, Missing> {
    const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    if let Some(path) = env.get(RELATIVE) {
        if !path.starts_with('/') {
            return Err(Missing::broken(format!("{RELATIVE} must start with /")));
        }
        return Url::parse(&format!("{ECS_AGENT}{path}"))
            .map_err(|error| Missing::broken(format!("{RELATIVE}: {error}")));
    }
    let full =
        env.get(FULL).ok_or_else(|| Missing::absent(format!("neither {RELATIVE} nor {FULL} is set")))?;
    let url = Url::parse(&full).map_err(|error| Missing::broken(format!("{FULL}: {error}")))?;
    if url.scheme() == "https" || is_agent(&url) {
        return Ok(url);
    }
    Err(Missing::broken(format!("{FULL} must use https, unless it is loopback or the agent's own address")))
}

/// Loopback, and the link-local addresses of the ECS agent and of the EKS pod identity agent.
fn is_agent(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|ip| {
            ip.is_loopback() || ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"].contains(&host)
        })
}

/// The file is read each time: its content is rotated.
async fn authorization(env: &Env) -> Result<Option<SecretString>, Missing> {
    if let Some(path) = env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        return match tokio::fs::read_to_string(&path).await {
            Ok(token) => Ok(Some(SecretString::new(token))),
            Err(error) => {
                Err(Missing::broken(format!("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE {path}: {error}")))
            }
        };
    }
    Ok(env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(SecretString::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_agents_may_be_asked_without_tls() {
        let url = |name: &str, value: &str| endpoint(&Env::fixed([(name, value)])).map(|url| url.to_string());
        let full = |value| url("AWS_CONTAINER_CREDENTIALS_FULL_URI", value);
        let relative = |value| url("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", value);
        assert_eq!(relative("/v2/credentials/x").unwrap(), "http://169.254.170.2/v2/credentials/x");
        assert!(matches!(relative("@evil.example/"), Err(Missing::Broken(_))));
        for good in ["https://example.org/c", "http://127.0.0.1:7/c", "http://[::1]/c", "http://localhost/c"]
        {
            assert_eq!(full(good).unwrap(), good);
        }
        for good in
            ["http://169.254.170.2/c", "http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/c"]
        {
            assert_eq!(full(good).unwrap(), good);
        }
        for bad in ["http://example.org/c", "http://169.254.169.254/c", "http://10.0.0.1/c", "nonsense"] {
            assert!(matches!(full(bad), Err(Missing::Broken(_))), "{bad}");
        }
        assert!(matches!(endpoint(&Env::fixed([("A", "b")])), Err(Missing::Absent(_))));
    }
}
