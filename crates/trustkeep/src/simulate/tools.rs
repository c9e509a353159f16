//! The programs of this machine that simulated servers are made of.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail, ensure};
use tokio::process::Command;

/// Each program with the Debian package that has it.
const NEEDED: [(&str, &str); 8] = [
    ("dockerd", "docker.io"),
    ("docker", "docker.io"),
    ("sshd", "openssh-server"),
    ("ssh-keygen", "openssh-client"),
    ("ip", "iproute2"),
    ("busybox", "busybox-static"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
];
/// Where they are looked for: a user's PATH may lack the places of what only root needs.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Whether everything is there; says by name what is not.
pub(super) fn check() -> anyhow::Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "simulated servers need root: they are namespaces with their own network"
    );
    let missing: Vec<_> = NEEDED.iter().filter(|(program, _)| find(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let programs: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
    let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    bail!("{} not found: apt-get install {}", programs.join(", "), packages.join(" "))
}

/// The full path of a program.
pub(super) fn find(program: &str) -> Option<String> {
    PATH.split(':').map(|place| format!("{place}/{program}")).find(|path| Path::new(path).is_file())
}

/// A program with its arguments, nothing on its standard input.
pub(super) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(find(program).unwrap_or_else(|| program.to_owned()));
    command.args(arguments).env("PATH", PATH).stdin(Stdio::null());
    command
}

/// Runs a program to its end and gives what it printed.
pub(super) async fn run(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = command(program, arguments);
    let output = command.output().await.with_context(|| format!("{program} does not start"))?;
    ensure!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
