//! `--log-file`: the log is what the process writes to its standard error, so the process begins anew with that being the file.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Context as _;

use super::given::Given;

const OPTION: &str = "log-file";
/// Tells the process that it has begun anew.
const BEGUN: &str = "TRUSTKEEP_AGENT_LOG_IS_FILE";

/// Lets the log go to the file, if one was given.
///
/// # Errors
/// It cannot be opened.
pub(super) fn begin(given: &Given) -> anyhow::Result<()> {
    if !given.has(OPTION) || std::env::var_os(BEGUN).is_some() {
        return Ok(());
    }
    let path = given.one(OPTION).filter(|path| !path.is_empty());
    let path = path.context("--log-file: the name of a file is expected")?;
    let file = OpenOptions::new().create(true).append(true).open(path);
    let file = file.with_context(|| format!("--log-file {path}"))?;
    let mut words = std::env::args_os();
    let name = words.next().unwrap_or_default();
    let program = std::env::current_exe().context("--log-file: the program is not found")?;
    // It comes back only if it fails.
    let failed = Command::new(program).arg0(name).args(words).env(BEGUN, "1").stderr(file).exec();
    Err(failed).context("--log-file: the process does not begin anew")
}
