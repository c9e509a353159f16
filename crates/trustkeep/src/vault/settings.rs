//! Where the server is and how to reach it: flags first, then the environment, then defaults.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use zeroize::Zeroizing;

use super::duration::GoDuration;
use super::error::Error;
use super::options::Options;
use super::pace::Rate;
use super::token_helper;
use crate::argv;

const DEFAULT_ADDRESS: &str = "https://127.0.0.1:8200";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_RETRIES: u32 = 2;

/// Everything a connection needs.
pub(crate) struct Settings {
    /// As given, without slashes at the end, for messages.
    pub(crate) address: String,
    /// The address to send to; for a Unix socket a stand-in host.
    pub(crate) url: Url,
    /// Path of the Unix socket, if the address was `unix://…`.
    pub(crate) socket: Option<PathBuf>,
    /// Empty if there is none.
    pub(crate) token: Zeroizing<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) tls: Tls,
    /// Of one request with its answer; zero is no limit.
    pub(crate) timeout: Duration,
    /// Attempts after the first, on 5xx and 412.
    pub(crate) retries: u32,
    /// How many requests at most, if there is a limit.
    pub(crate) rate: Option<Rate>,
    /// As a duration of Go, for the header.
    pub(crate) wrap_ttl: Option<String>,
    pub(crate) mfa: Vec<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) proxy: Option<String>,
    pub(crate) follow_redirects: bool,
    /// Overrides a soft-mandatory policy of servers that have such.
    pub(crate) policy_override: bool,
    /// What to print instead of sending the request.
    pub(crate) instead: Option<Instead>,
}

/// What a request can be turned into instead of being sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Instead {
    /// The command line of curl.
    Curl,
    /// The policy that would allow it.
    Policy,
}

/// How the server proves who it is, and the client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    pub(crate) ca_cert: Option<PathBuf>,
    pub(crate) ca_bytes: Option<String>,
    pub(crate) ca_path: Option<PathBuf>,
    pub(crate) client_cert: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    pub(crate) skip_verify: bool,
    pub(crate) server_name: Option<String>,
}

impl Settings {
    /// Reads flags and `environment`.
    ///
    /// # Errors
    ///
    /// Names the flag or variable whose value cannot be used.
    pub(crate) fn resolve(
        options: &Options,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let either = |flag: &Option<String>, name: &str| flag.clone().or_else(|| variable(name));
        let file =
            |flag: &Option<PathBuf>, name: &str| flag.clone().or_else(|| variable(name).map(PathBuf::from));

        let address = either(&options.agent_address, "VAULT_AGENT_ADDR")
            .or_else(|| either(&options.address, "VAULT_ADDR"))
            .unwrap_or_else(|| DEFAULT_ADDRESS.to_owned());
        let address = address.trim().trim_end_matches('/').to_owned();
        let (url, socket) = place(&address)?;

        let wrap_ttl = match either(&options.wrap_ttl, "VAULT_WRAP_TTL") {
            Some(text) => {
                Some(duration("-wrap-ttl", &text)?).filter(|ttl| *ttl != GoDuration::from_seconds(0))
            }
            None => None,
        };
        let timeout = match variable("VAULT_CLIENT_TIMEOUT") {
            Some(text) => duration("VAULT_CLIENT_TIMEOUT", &text)?.to_std(),
            None => DEFAULT_TIMEOUT,
        };
        let retries = match variable("VAULT_MAX_RETRIES") {
            Some(text) => text.parse().map_err(|_| {
                Error::Usage("VAULT_MAX_RETRIES must be a whole number, 0 or more".to_owned())
            })?,
            None => DEFAULT_RETRIES,
        };
        let rate = variable("VAULT_RATE_LIMIT").map(|text| Rate::parse(&text)).transpose()?.flatten();
        let switch = |flag: bool, name: &str| -> Result<bool, Error> {
            match variable(name) {
                _ if flag => Ok(true),
                None => Ok(false),
                Some(text) => {
                    argv::truth(&text).ok_or_else(|| Error::Usage(format!("{name} must be true or false")))
                }
            }
        };
        let token = match variable("VAULT_TOKEN") {
            Some(token) => Zeroizing::new(token.trim().to_owned()),
            None => token_helper::read(environment)?,
        };
        let mut headers = Vec::with_capacity(options.header.len());
        for header in &options.header {
            let (name, value) = header
                .split_once('=')
                .ok_or_else(|| Error::Usage("-header must be NAME=VALUE".to_owned()))?;
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        let mfa = if options.mfa.is_empty() {
            variable("VAULT_MFA").into_iter().collect()
        } else {
            options.mfa.clone()
        };
        Ok(Self {
            address,
            url,
            socket,
            token,
            namespace: either(&options.namespace, "VAULT_NAMESPACE")
                .map(|path| format!("{}/", path.trim_matches('/'))),
            tls: Tls {
                ca_cert: file(&options.ca_cert, "VAULT_CACERT"),
                ca_bytes: variable("VAULT_CACERT_BYTES"),
                ca_path: file(&options.ca_path, "VAULT_CAPATH"),
                client_cert: file(&options.client_cert, "VAULT_CLIENT_CERT"),
                client_key: file(&options.client_key, "VAULT_CLIENT_KEY"),
                skip_verify: switch(options.tls_skip_verify, "VAULT_SKIP_VERIFY")?,
                server_name: either(&options.tls_server_name, "VAULT_TLS_SERVER_NAME"),
            },
            timeout,
            retries,
            rate,
            wrap_ttl: wrap_ttl.map(|ttl| ttl.to_string()),
            mfa,
            headers,
            // Both name a proxy for every request; as with Vault, the newer name wins.
            proxy: variable("VAULT_PROXY_ADDR").or_else(|| variable("VAULT_HTTP_PROXY")),
            follow_redirects: !switch(options.disable_redirects, "VAULT_DISABLE_REDIRECTS")?,
            policy_override: options.policy_override,
            instead: match (options.output_curl_string, options.output_policy) {
                (true, _) => Some(Instead::Curl),
                (false, true) => Some(Instead::Policy),
                (false, false) => None,
            },
        })
    }
}

fn duration(name: &str, text: &str) -> Result<GoDuration, Error> {
    text.parse().map_err(|error| Error::Usage(format!("{name}: {error}")))
}

fn place(address: &str) -> Result<(Url, Option<PathBuf>), Error> {
    let unusable = |why: &str| {
        Error::Usage(format!(
            "The address \"{address}\" cannot be used: {why}. Write it as https://HOST:8200 (-address or VAULT_ADDR)."
        ))
    };
    let parse = |text: &str| Url::parse(text).map_err(|error| unusable(&error.to_string()));
    if let Some(path) = address.strip_prefix("unix://") {
        return Ok((parse("http://localhost")?, Some(PathBuf::from(path))));
    }
    let url = parse(address)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(unusable("it does not begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::Usage("The address must not contain a user name or password.".to_owned()));
    }
    Ok((url, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(options: &Options, variables: &[(&str, &str)]) -> Result<Settings, String> {
        let variables: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let environment = move |name: &str| {
            variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        Settings::resolve(options, &environment).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults() {
        let settings = resolve(&Options::default(), &[]).unwrap();
        assert_eq!(settings.address, "https://127.0.0.1:8200");
        assert_eq!((settings.timeout.as_secs(), settings.retries), (60, 2));
        assert!(settings.follow_redirects && settings.token.is_empty() && settings.wrap_ttl.is_none());
    }

    #[test]
    fn flags_win_over_the_environment() {
        let options = Options {
            address: Some("http://flag:1/".into()),
            namespace: Some("team".into()),
            wrap_ttl: Some("120".into()),
            header: vec!["A=b=c".into()],
            ..Options::default()
        };
        let settings = resolve(
            &options,
            &[("VAULT_ADDR", "http://env:2"), ("VAULT_NAMESPACE", "other"), ("VAULT_WRAP_TTL", "9h")],
        )
        .unwrap();
        assert_eq!(settings.address, "http://flag:1");
        assert_eq!(settings.namespace.as_deref(), Some("team/"));
        assert_eq!(settings.wrap_ttl.as_deref(), Some("2m0s"));
        assert_eq!(settings.headers, [("A".to_owned(), "b=c".to_owned())]);
    }

    #[test]
    fn the_environment_is_heard() {
        let settings = resolve(
            &Options::default(),
            &[
                ("VAULT_ADDR", "http://env:2"),
                ("VAULT_TOKEN", " hvs.x\n"),
                ("VAULT_SKIP_VERIFY", "1"),
                ("VAULT_CLIENT_TIMEOUT", "5s"),
                ("VAULT_MAX_RETRIES", "0"),
                ("VAULT_DISABLE_REDIRECTS", "true"),
                ("VAULT_CACERT", "/ca.pem"),
            ],
        )
        .unwrap();
        assert_eq!((settings.address.as_str(), settings.token.as_str()), ("http://env:2", "hvs.x"));
        assert_eq!((settings.timeout.as_secs(), settings.retries), (5, 0));
        assert!(settings.tls.skip_verify && !settings.follow_redirects);
        assert_eq!(settings.tls.ca_cert, Some(PathBuf::from("/ca.pem")));
        let both = [("VAULT_PROXY_ADDR", "http://first"), ("VAULT_HTTP_PROXY", "http://second")];
        for (variables, proxy) in [(&both[..], "http://first"), (&both[1..], "http://second")] {
            assert_eq!(resolve(&Options::default(), variables).unwrap().proxy.as_deref(), Some(proxy));
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let cases = [
            (("VAULT_ADDR", "127.0.0.1:8200"), "cannot be used"),
            (("VAULT_ADDR", "ftp://x"), "http:// or https://"),
            (("VAULT_MAX_RETRIES", "many"), "VAULT_MAX_RETRIES"),
            (("VAULT_CLIENT_TIMEOUT", "soon"), "VAULT_CLIENT_TIMEOUT"),
            (("VAULT_SKIP_VERIFY", "perhaps"), "VAULT_SKIP_VERIFY"),
            (("VAULT_RATE_LIMIT", "fast"), "VAULT_RATE_LIMIT"),
        ];
        for (variable, expected) in cases {
            let error = resolve(&Options::default(), &[variable]).err().unwrap();
            assert!(error.contains(expected), "{variable:?}: {error}");
        }
    }

    #[test]
    fn a_unix_socket_is_an_address() {
        let settings = resolve(&Options::default(), &[("VAULT_ADDR", "unix:///run/vault.sock")]).unwrap();
        assert_eq!(settings.socket, Some(PathBuf::from("/run/vault.sock")));
    }
}
