//! `trustkeep agent`, and the same under the name `aca-py`: an agent from ACA-Py's options.

mod arg_file;
mod features;
mod given;
mod invitation;
mod log_file;
mod option;
mod settings;
mod size;
mod wallet_key;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use self::given::Given;
use self::option::{Effect, OPTIONS, Takes};
use crate::agent_server;

pub(crate) use self::settings::{Inbound, Settings, WalletSettings};
pub(crate) use self::wallet_key::fetch as fetch_key;

/// What to do, with ACA-Py's options.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Examples:\n  \
        trustkeep agent start --help        every option\n  \
        trustkeep agent start --label Alice --inbound-transport http 0.0.0.0 8030 --outbound-transport http \\\n    \
        --endpoint http://alice.example:8030 --admin 127.0.0.1 8031 --admin-insecure-mode \\\n    \
        --wallet-name alice --wallet-key secret --auto-provision\n\n\
        Also under ACA-Py's name: link this program as `aca-py`."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run an agent
    Start(Words),
    /// Make the wallet, and end
    Provision(Words),
}

/// ACA-Py's options, which have a grammar of their own.
#[derive(Debug, clap::Args)]
#[command(
    disable_help_flag = true,
    after_help = "Example:\n  trustkeep agent start --arg-file agent.yml    options from a file\n\n--help lists every option."
)]
struct Words {
    /// Options, as ACA-Py has them; --help lists them
    #[arg(value_name = "OPTION", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Runs the program under the name `aca-py`.
pub(crate) fn words_of_aca_py(rest: &[OsString]) -> Option<Vec<OsString>> {
    let is_version = rest.first().is_some_and(|word| word == "--version" || word == "-v");
    (!is_version).then(|| std::iter::once(OsString::from("agent")).chain(rest.iter().cloned()).collect())
}

/// Starts an agent or makes its wallet.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (is_start, words) = match args.command {
        Command::Start(words) => (true, words.words),
        Command::Provision(words) => (false, words.words),
    };
    let name = if is_start { "start" } else { "provision" };
    let words: Result<Vec<String>, OsString> = words.into_iter().map(OsString::into_string).collect();
    let Ok(words) = words else { return Ok(usage(name, "an argument is not UTF-8")) };
    if words.iter().any(|word| word == "--help" || word == "-h") {
        write!(std::io::stdout(), "{}", help(name, is_start))?;
        return Ok(ExitCode::SUCCESS);
    }
    let given = match Given::read(&words, &|name| std::env::var(name).ok(), is_start) {
        Ok(given) => given,
        Err(error) => return Ok(usage(name, &error.to_string())),
    };
    let settings = Settings::read(&given, is_start)?;
    log_file::begin(&given)?;
    if is_start { agent_server::run(settings).await } else { agent_server::provision(settings).await }
}

/// What `aca-py start` makes of these words alone.
///
/// # Errors
/// What does not go together.
pub(crate) fn settings(words: &[String]) -> anyhow::Result<Settings> {
    Ok(Settings::read(&Given::read(words, &|_| None, true)?, true)?)
}

fn usage(command: &str, why: &str) -> ExitCode {
    // With standard error gone there is nobody left to tell.
    let _ = writeln!(
        std::io::stderr(),
        "usage: aca-py {command} [OPTION ...]\naca-py {command}: error: {why}\n`aca-py {command} --help` lists every option."
    );
    ExitCode::from(2)
}

fn help(command: &str, is_start: bool) -> String {
    let mut text = format!(
        "usage: aca-py {command} [OPTION ...]\n\nOptions, each also from its variable or, under its name, from the YAML file of --arg-file:\n\n"
    );
    let (mut noted, mut refused) = (Vec::new(), Vec::new());
    for option in OPTIONS.iter().filter(|option| is_start || !option.is_of_start) {
        let what = match option.effect {
            Effect::Does(what) => what,
            Effect::Noted(_) => {
                noted.push(format!("--{}", option.name));
                continue;
            }
            Effect::Refused(_) => {
                refused.push(format!("--{}", option.name));
                continue;
            }
        };
        let short = if option.short.is_empty() { String::new() } else { format!("-{}, ", option.short) };
        let values = match option.takes {
            Takes::Nothing => "",
            Takes::One => " VALUE",
            Takes::Maybe => " [VALUE]",
            Takes::Many | Takes::Exactly(_) => " VALUE ...",
        };
        let repeated = if option.is_repeated { " (may be repeated)" } else { "" };
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {short}--{}{values}\n        {what}{repeated}", option.name);
        if !option.variable.is_empty() {
            let _ = writeln!(text, "        [{}]", option.variable);
        }
    }
    let _ = writeln!(text, "\nAccepted, without effect, and told of in the log:\n  {}", noted.join(" "));
    let _ = writeln!(text, "\nRefused:\n  {}", refused.join(" "));
    text
}
