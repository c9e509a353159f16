use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use anyhow::Context as _;
use tokio::process::Command;

use crate::PATIENCE;

/// The program under test.
///
/// # Panics
/// If there is none and none can be built.
#[expect(clippy::expect_used, reason = "without the program there is nothing to test")]
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(given) = std::env::var_os("TRUSTKEEP_BIN") {
            return given.into();
        }
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let built = top.join("target/debug/trustkeep");
        if !built.exists() {
            let mut cargo = std::process::Command::new(env!("CARGO"));
            let status = cargo.args(["build", "--quiet", "-p", "trustkeep"]).current_dir(&top).status();
            assert!(status.expect("cargo runs").success(), "the program cannot be built");
        }
        built.canonicalize().expect("the program is there")
    })
}

/// A command that came to its end.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

/// Runs `program` with nothing on its standard input and no `VAULT_…` settings but those given.
///
/// # Errors
/// It could not be started, or did not end in [`PATIENCE`].
pub async fn run(
    program: &Path,
    arguments: &[impl AsRef<OsStr>],
    environment: &[(&str, &str)],
) -> anyhow::Result<Finished> {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VAULT_")) {
        command.env_remove(name);
    }
    command.args(arguments).envs(environment.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let ended = tokio::time::timeout(PATIENCE, command.output());
    let output = ended.await.context("the command did not end")?.context("the command did not start")?;
    Ok(Finished {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
