//! The flags every `vault` command takes: where the server is, how to reach it, how to print.

use std::path::PathBuf;

use super::screen::Format;

/// Connection and output flags. Each wins over its environment variable.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Connection and output (any command)")]
pub(crate) struct Options {
    /// Address of the server [env: VAULT_ADDR] [default: https://127.0.0.1:8200]
    #[arg(long, global = true, value_name = "URL", hide_short_help = true)]
    pub(crate) address: Option<String>,
    /// Address of a local agent, used instead of the server's [env: VAULT_AGENT_ADDR]
    #[arg(long, global = true, value_name = "URL", hide_short_help = true)]
    pub(crate) agent_address: Option<String>,
    /// PEM file of the authorities that may sign the server's certificate [env: VAULT_CACERT, VAULT_CACERT_BYTES]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) ca_cert: Option<PathBuf>,
    /// Directory of such files [env: VAULT_CAPATH]
    #[arg(long, global = true, value_name = "DIR", hide_short_help = true)]
    pub(crate) ca_path: Option<PathBuf>,
    /// PEM certificate to present to the server [env: VAULT_CLIENT_CERT]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) client_cert: Option<PathBuf>,
    /// PEM key of that certificate [env: VAULT_CLIENT_KEY]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) client_key: Option<PathBuf>,
    /// Do not verify the server's certificate: only for experiments [env: VAULT_SKIP_VERIFY]
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) tls_skip_verify: bool,
    /// Name the server's certificate must carry, if not the address's [env: VAULT_TLS_SERVER_NAME]
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub(crate) tls_server_name: Option<String>,
    /// Namespace of the request [env: VAULT_NAMESPACE]
    #[arg(long, alias = "ns", global = true, value_name = "PATH", hide_short_help = true)]
    pub(crate) namespace: Option<String>,
    /// Return a one-time token for the answer, valid this long, instead of the answer [env: VAULT_WRAP_TTL]
    #[arg(long, global = true, value_name = "TTL", hide_short_help = true)]
    pub(crate) wrap_ttl: Option<String>,
    /// Second factor, as ID or ID:CODE; may be given several times [env: VAULT_MFA]
    #[arg(long, global = true, value_name = "ID[:CODE]", hide_short_help = true)]
    pub(crate) mfa: Vec<String>,
    /// Form of the output [env: VAULT_FORMAT] [default: table]
    #[arg(long, global = true, value_enum, ignore_case = true, hide_short_help = true)]
    pub(crate) format: Option<Format>,
    /// Print only this field, without a line end when the output is not a terminal
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub(crate) field: Option<String>,
    /// Print the curl command of the request instead of sending it
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) output_curl_string: bool,
    /// Print the policy that the request needs instead of sending it
    #[arg(long, global = true, hide_short_help = true, conflicts_with = "output_curl_string")]
    pub(crate) output_policy: bool,
    /// Override a policy that may be overridden, on servers that have such
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) policy_override: bool,
    /// Key to unlock the API of a namespace, on servers that have such
    #[arg(long, global = true, value_name = "KEY", hide = true)]
    pub(crate) unlock_key: Option<String>,
    /// Header to add to requests; may be given several times
    #[arg(long, global = true, value_name = "NAME=VALUE", hide_short_help = true)]
    pub(crate) header: Vec<String>,
    /// Do not follow a redirect to the active node [env: VAULT_DISABLE_REDIRECTS]
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) disable_redirects: bool,
    /// Never ask on the terminal, never read standard input
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) non_interactive: bool,
}
