//! `vcc`: users, tokens, the VPN catalogue, images and repairs of a running controller, with the commands, arguments and old names of the
//! original's tools.
//!
//! Exit codes: 0 done; 1 the controller refused or does not run; 2 wrong use.

mod client;
mod command;
mod show;

use std::ffi::OsString;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use trustkeep_controller::administration::Command as Order;
use trustkeep_controller::secrets::TokenForm;
use trustkeep_crypto::SecretString;

use self::client::Client;
use self::command::{Catalogue, Command, HostKey, Image, NodeState, Token, User};

/// Shown after the list of commands.
pub(crate) const OVERVIEW: &str = "Run it on the controller's machine as the controller's user. It finds the controller by its data: --data-dir or\n\
    VCC_DATA_DIR, the volume/ of --config or VCC_CONFIG_DIR, ./volume, /var/lib/vcc.\n\n\
    Examples:\n  \
    vcc user add yamada regular         a user\n  \
    vcc token create yamada             the user's access token, for the SDK and for the vault\n  \
    vcc token list                      who has which\n  \
    vcc vpncatalog set                  take config/vpn_catalog.yml over after an edit\n\n\
    Linked under those names, the program also is `vcc_user_cli.py`, `create_token.sh` and `init.sh`.";

/// What the `vcc` commands take.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

/// Which controller, and how to print.
#[derive(Debug, clap::Args)]
struct Options {
    /// Directory of the controller's data
    #[arg(long, value_name = "DIR", env = "VCC_DATA_DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// Directory of the controller's configuration, whose volume/ holds the data
    #[arg(long, value_name = "DIR", env = "VCC_CONFIG_DIR", global = true)]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

/// Names under which the program is `vcc`, without their endings. Others have an init.sh too, but not one that is a link to this program.
pub(crate) const NAMES: [&str; 4] = ["vcc", "vcc_user_cli", "create_token", "init"];

/// The words of `trustkeep` for those of a program of one of these names.
pub(crate) fn words_of(name: &str, rest: Vec<OsString>) -> Vec<OsString> {
    let first: &[&str] = match name {
        "vcc_user_cli" => &["vcc", "user"],
        "create_token" => &["vcc", "token", "create", "--uuid"],
        "init" => &["vcc", "init"],
        _ => &["vcc"],
    };
    first.iter().map(OsString::from).chain(rest).collect()
}

/// Runs one command.
///
/// # Errors
/// The controller refused, or does not run.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { options, command } = args;
    let client = Client::new(options.data_dir.as_deref(), options.config.as_deref());
    let json = options.json;
    match command {
        Command::User(command) => user(&client, command, json).await?,
        Command::Token(command) => token(&client, command, json).await?,
        Command::Vpncatalog(Catalogue::Get {}) => {
            let got = client.send(&Order::CatalogueGet {}).await?;
            show::text(got.get("text").and_then(Value::as_str).unwrap_or_default())?;
        }
        Command::Vpncatalog(Catalogue::Set { path }) => {
            let read = |path: PathBuf| {
                std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
            };
            client.send(&Order::CatalogueSet { text: path.map(read).transpose()? }).await?;
        }
        Command::ClearProcessing { vcid, unit_name } => {
            client.send(&Order::ClearProcessing { vcid, unit_name }).await?;
        }
        Command::NodeState(NodeState::Get { vcid, unit_name, node_id }) => {
            let node = client.send(&Order::NodeStateGet { vcid, unit_name, node_id }).await?;
            show::fields(&node, json)?;
        }
        Command::NodeState(NodeState::Set { vcid, unit_name, node_id, state }) => {
            client.send(&Order::NodeStateSet { vcid, unit_name, node_id, state }).await?;
        }
        Command::Publickey {} => {
            let got = client.send(&Order::PublicKey {}).await?;
            show::text(got.get("publickey").and_then(Value::as_str).unwrap_or_default())?;
        }
        Command::HostKey(HostKey::Forget { address }) => {
            client.send(&Order::HostKeyForget { address }).await?;
        }
        Command::Image(command) => image(&client, command, json).await?,
        Command::Init {} => {
            client.wait_until_ready(INIT_PATIENCE).await?;
            client.send(&Order::Init {}).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn user(client: &Client, command: User, json: bool) -> anyhow::Result<()> {
    match command {
        User::Add { user_name, user_role } => {
            let user = client.send(&Order::UserAdd { user_name, user_role }).await?;
            show::fields(&user, json)
        }
        User::Modify { user_name, user_role } => {
            let user = client.send(&Order::UserModify { user_name, user_role }).await?;
            show::fields(&user, json)
        }
        User::Check { user_name } => show::fields(&client.send(&Order::UserCheck { user_name }).await?, json),
        User::List {} => {
            let users = client.send(&Order::UserList {}).await?;
            show::table(&["user_name", "user_role", "created_at"], &users, json)
        }
        User::Delete { user_name, force } => {
            client.send(&Order::UserDelete { user_name, force }).await.map(|_| ())
        }
    }
}

async fn token(client: &Client, command: Token, json: bool) -> anyhow::Result<()> {
    match command {
        Token::Create { user_name, readonly, uuid } => {
            let form = if uuid { TokenForm::Uuid } else { TokenForm::Vault };
            let made = client.send(&Order::TokenCreate { user_name, readonly, form }).await?;
            show::text(made.get("token").and_then(Value::as_str).unwrap_or_default())
        }
        Token::Check { token } => {
            let token = given(token)?;
            show::fields(&client.send(&Order::TokenCheck { token }).await?, json)
        }
        Token::List { user_name } => {
            let tokens = client.send(&Order::TokenList { user_name }).await?;
            let columns = ["accessor", "user_name", "user_role", "role", "created_at", "expires_at"];
            show::table(&columns, &tokens, json)
        }
        Token::Revoke { token, accessor } => {
            for target in token.into_iter().chain(accessor) {
                client.send(&Order::TokenRevoke { target: given(target)? }).await?;
            }
            Ok(())
        }
    }
}

async fn image(client: &Client, command: Image, json: bool) -> anyhow::Result<()> {
    match command {
        Image::Add { file } => {
            // The controller reads it, whose working directory is another.
            let path =
                std::fs::canonicalize(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let Some(path) = path.to_str().map(str::to_owned) else { bail!("the path is not UTF-8") };
            let added = client.send(&Order::ImageAdd { path }).await?;
            let names = added.get("names").and_then(Value::as_array).into_iter().flatten();
            names.filter_map(Value::as_str).try_for_each(show::text)
        }
        Image::List {} => show::table(&["name", "size"], &client.send(&Order::ImageList {}).await?, json),
        Image::Remove { name } => client.send(&Order::ImageRemove { name }).await.map(|_| ()),
    }
}

/// A token as it was given; `-`: on standard input, where no list of processes shows it.
fn given(token: String) -> anyhow::Result<SecretString> {
    if token != "-" {
        return Ok(SecretString::new(token));
    }
    let mut text = String::new();
    std::io::stdin().take(TOKEN_BYTES_MAX).read_to_string(&mut text).context("no token on standard input")?;
    let token = SecretString::from(text.trim());
    drop(SecretString::new(text));
    Ok(token)
}

const INIT_PATIENCE: Duration = Duration::from_secs(120);
const TOKEN_BYTES_MAX: u64 = 64 << 10;
