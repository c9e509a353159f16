//! `trustkeep completion`: completion scripts for shells.

use std::process::ExitCode;

use crate::{cli, ledger_client};

/// Which shell, and under which name the program is called.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trustkeep completion bash > /etc/bash_completion.d/trustkeep\n  \
    trustkeep completion zsh > ~/.zfunc/_trustkeep\n  \
    trustkeep completion bash --name vault > /etc/bash_completion.d/vault")]
pub(crate) struct Args {
    /// The shell to write for
    #[arg(value_enum)]
    shell: Shell,
    /// The name the program is called by; under `vault`, `scalardl` and its relatives the script completes their commands
    #[arg(long, default_value = "trustkeep", value_name = "NAME")]
    name: String,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Prints the script on standard output.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut command = match args.name.as_str() {
        "vault" => cli::vault_command(),
        name => ledger_client::command(name).unwrap_or_else(cli::command),
    };
    let shell = match args.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, args.name.as_str(), &mut script);
    match std::io::Write::write_all(&mut std::io::stdout(), &script) {
        // Whoever reads it has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => Ok(written.map(|()| ExitCode::SUCCESS)?),
    }
}
