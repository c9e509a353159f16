//! `vault policy`: what tokens may do.

use std::process::ExitCode;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};
use trustkeep_vault::policy::Policy;

use super::client::Request;
use super::error::Error;
use super::session::Session;
use super::{hcl, input};

/// What to do with policies.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a policy
    #[command(after_help = "Example:\n  vault policy read app")]
    Read {
        /// Name of the policy
        name: String,
    },
    /// Write a policy from a file
    #[command(after_help = "Examples:\n  vault policy write app app.hcl\n  \
        echo 'path \"secret/data/app/*\" { capabilities = [\"read\"] }' | vault policy write app -")]
    Write {
        /// Name of the policy; capitals become small
        name: String,
        /// File in HCL or JSON, or - for standard input
        file: String,
    },
    /// List the policies
    #[command(after_help = "Example:\n  vault policy list")]
    List,
    /// Delete a policy; tokens that have it lose it
    #[command(after_help = "Example:\n  vault policy delete app")]
    Delete {
        /// Name of the policy
        name: String,
    },
    /// Format a policy file in place; no server is asked
    #[command(after_help = "Example:\n  vault policy fmt app.hcl")]
    Fmt {
        /// File in HCL
        file: String,
    },
}

pub(crate) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    match args.command {
        Command::Read { name } => {
            let name = name.trim().to_lowercase();
            let at = format!("sys/policies/acl/{name}");
            let answer = session.data(Request::new(Method::GET, &at)).await;
            let nothing = || Error::Nothing(format!("No policy named: {name}"));
            let data = match answer {
                Err(error) if error.status() == Some(404) => return Err(nothing()),
                other => other.map_err(|error| error.during(format!("Error reading policy named {name}")))?,
            };
            let policy = data.get("policy").and_then(Value::as_str).ok_or_else(nothing)?;
            if session.screen.is_table() {
                session.screen.line(policy.trim())
            } else {
                session.screen.structured(&json!({"policy": policy}))
            }
        }
        Command::Write { name, file } => {
            let policy = match file.as_str() {
                "-" => input::standard_input(session.non_interactive)?.to_string(),
                path => input::file(path)?,
            };
            let stored = name.trim().to_lowercase();
            let at = format!("sys/policies/acl/{stored}");
            let request = Request::new(Method::PUT, &at).body(json!({"policy": policy}));
            session.client.json(request).await.map_err(|error| error.during("Error uploading policy"))?;
            if stored != name {
                session.screen.warn(&format!("Policy name was converted from \"{name}\" to \"{stored}\""));
            }
            session.screen.line(&format!("Success! Uploaded policy: {stored}"))
        }
        Command::List => {
            let query = vec![("list".to_owned(), "true".to_owned())];
            let request = Request::new(Method::GET, "sys/policies/acl").query(query);
            let data = session.data(request).await.map_err(|error| error.during("Error listing policies"))?;
            let names: Vec<&str> = data
                .get("keys")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            if session.screen.is_table() {
                session.screen.line(&names.join("\n"))
            } else {
                session.screen.structured(&names.into())
            }
        }
        Command::Delete { name } => {
            let name = name.trim().to_lowercase();
            let at = format!("sys/policies/acl/{name}");
            let doing = format!("Error deleting {name}");
            session
                .client
                .json(Request::new(Method::DELETE, &at))
                .await
                .map_err(|error| error.during(doing))?;
            session.screen.line(&format!("Success! Deleted policy: {name}"))
        }
        Command::Fmt { file } => {
            let text = input::file(&file)?;
            let checked = Policy::parse("formatted", &text);
            checked.map_err(|error| Error::Usage(format!("Failed to parse policy: {error}")))?;
            let formatted = hcl::format(&text);
            if formatted != text {
                std::fs::write(&file, formatted)
                    .map_err(|error| Error::Usage(format!("cannot write {file}: {error}")))?;
            }
            session.screen.line(&format!("Success! Formatted policy: {file}"))
        }
    }
}
