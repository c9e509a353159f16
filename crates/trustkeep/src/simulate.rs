//! `trustkeep simulate`: servers to try the controller on, each a set of namespaces of this machine with its own address,
//! sshd and Docker.
//!
//! A server lives as long as this process: it is a process namespace whose first process ends when this one does, however
//! that happens, and the kernel ends and unmounts all the rest of it.

mod commands;
mod image;
mod network;
mod runtime;
mod server;
mod tools;
mod users;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use self::network::Network;
use self::server::{Plan, Server};

/// As many as there are addresses for.
const SERVERS_MAX: u8 = 200;
/// Commands that may wait.
const LINES_AHEAD: usize = 16;

/// How many servers, and where.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each server has its own address, an sshd on port 20022 that lets the given key in as root and as ubuntu, and a \
    Docker of its own that both may use, like an existing server that was made ready for the controller, or a cloud's machine. A \
    key that is let in is root on this machine. \
    The file DIR/image.tar is a small image for base containers, vcp/base:simulated.\n\n\
    Lines on standard input change a server, each is answered by a line of JSON:\n  \
    cut N, heal N                     its link\n  \
    kill-docker N, start-docker N     its Docker\n  \
    kill-ssh N, start-ssh N           its sshd\n  \
    hang-ssh N, resume-ssh N          its sshd, which then accepts connections and says nothing\n  \
    new-host-key N                    as after it was installed anew\n  \
    fill N, empty N                   the disk of its Docker, if it has one of its own (--disk)\n\n\
    It needs root, and the Debian packages docker.io, openssh-server, iproute2, busybox-static and util-linux.\n\n\
    Examples:\n  \
    trustkeep simulate --count 2 --dir /tmp/servers --authorized-key vcc/.ssh/id_ed25519.pub\n  \
    trustkeep simulate --count 2 --dir /tmp/servers --authorized-key key.pub --json --disk 64m"
)]
pub(crate) struct Args {
    /// How many servers
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=i64::from(SERVERS_MAX)))]
    count: u8,
    /// A directory for their files and for image.tar; what is in it of an earlier run is replaced
    #[arg(long)]
    dir: PathBuf,
    /// A file with the public keys that may log in
    #[arg(long)]
    authorized_key: PathBuf,
    /// Print what was started as one line of JSON
    #[arg(long)]
    json: bool,
    /// The network of the servers, of 24 bits; one that is free is chosen without it
    #[arg(long)]
    network: Option<String>,
    /// Give each Docker a disk of its own of this size, in memory: 64m, 2g
    #[arg(long)]
    disk: Option<String>,
    /// End when standard input ends, not only when a signal comes
    #[arg(long)]
    attached: bool,
}

/// Whether servers can be simulated here.
///
/// # Errors
/// Says what is missing.
pub(crate) fn check() -> anyhow::Result<()> {
    tools::check()
}

/// Runs until a signal comes.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    tools::check()?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let stopped = async {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
            _ = hung_up.recv() => {}
        }
    };
    let mut stopped = std::pin::pin!(stopped);
    let dir = prepare(&args.dir)?;
    let keys = std::fs::read(&args.authorized_key)
        .with_context(|| format!("--authorized-key {}", args.authorized_key.display()))?;
    std::fs::write(dir.join("authorized_keys"), keys)?;
    let network = Network::claim(args.network.as_deref()).await?;
    let mut servers = Vec::new();
    let outcome = tokio::select! {
        outcome = live(&args, &dir, &network, &mut servers) => outcome,
        () = &mut stopped => Ok(()),
    };
    futures::future::join_all(servers.into_iter().map(Server::end)).await;
    network.release().await;
    drop(std::fs::remove_dir_all(dir.join("hosts")));
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn live(args: &Args, dir: &Path, network: &Network, servers: &mut Vec<Server>) -> anyhow::Result<()> {
    let plans = (1..=args.count).map(|number| Plan { number, dir, disk: args.disk.as_deref(), network });
    let image_file = dir.join("image.tar");
    let (image, made) =
        tokio::join!(image::assemble(&image_file), futures::future::join_all(plans.map(Server::start)));
    let mut failures = Vec::new();
    for server in made {
        match server {
            Ok(server) => servers.push(server),
            Err(error) => failures.push(error),
        }
    }
    if let Some(error) = failures.into_iter().next() {
        return Err(error);
    }
    image?;
    announce(args.json, &image_file, network, servers)?;
    let mut lines = input();
    while let Some(line) = lines.recv().await {
        let answer = commands::obey(line.trim(), network, servers).await;
        say(&answer.to_string())?;
    }
    if args.attached {
        return Ok(());
    }
    std::future::pending().await
}

fn announce(as_json: bool, image: &Path, network: &Network, servers: &[Server]) -> anyhow::Result<()> {
    if as_json {
        let listed: Vec<_> = servers.iter().map(Server::describe).collect();
        return say(&json!({
            "network": network.to_string(),
            "controller": network.controller().to_string(),
            "image": image::NAME,
            "image_file": image,
            "servers": listed,
        })
        .to_string());
    }
    for server in servers {
        say(&format!("{}  ssh root@{} -p {}", server.address(), server.address(), server::SSH_PORT))?;
    }
    say(&format!(
        "Network {network}, this machine is {} in it. Image {} in {}.",
        network.controller(),
        image::NAME,
        image.display()
    ))?;
    say("They live until this program is stopped (Ctrl-C).")
}

/// The lines of standard input, read by a thread that nobody waits for: a read that is never answered does not keep the program.
fn input() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(LINES_AHEAD);
    std::thread::spawn(move || {
        let lines = std::io::stdin().lines().map_while(Result::ok);
        lines.map(|line| sender.blocking_send(line)).take_while(Result::is_ok).for_each(drop);
    });
    lines
}

/// The directory, whole and without what an earlier run left.
fn prepare(dir: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(dir).with_context(|| format!("--dir {}", dir.display()))?;
    let dir = dir.canonicalize()?;
    ensure!(
        dir.to_str().is_some_and(|path| !path.contains([' ', '"', '\n'])),
        "--dir must have a name without blanks"
    );
    match std::fs::remove_dir_all(dir.join("hosts")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be cleared", dir.join("hosts").display()))
        }
        _ => Ok(dir),
    }
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}
