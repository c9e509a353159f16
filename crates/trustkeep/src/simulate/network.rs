//! The network between simulated servers: a switch in a namespace of its own, joined to this machine.
//!
//! Not a bridge of the machine's own: there Docker's rules would drop what one server sends to another.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::tools;

/// Locks of the networks that are in use, each held by its process.
const LOCKS: &str = "/run/trustkeep-simulate";
/// The networks that are tried in turn: 10.201.0.0/24 to 10.201.255.0/24.
const FIRST: [u8; 2] = [10, 201];
/// This machine in the network.
const CONTROLLER: u8 = 254;
/// The servers come after this.
const BASE: u8 = 10;
/// What a namespace's first process says once it is furnished.
const READY: &str = "ready";

/// A network of 24 bits that this process alone uses.
#[derive(Debug)]
pub(super) struct Network {
    prefix: [u8; 3],
    switch: Child,
    _lock: File,
}

impl Network {
    /// Takes the network that is wanted, or the first that nobody uses, and makes its switch.
    pub(super) async fn claim(wanted: Option<&str>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(LOCKS).with_context(|| LOCKS.to_owned())?;
        let routes = tools::run("ip", &["-4", "route", "show", "table", "all"]).await?;
        let (prefix, lock) = match wanted {
            Some(text) => {
                let prefix = parse(text)?;
                let lock =
                    lock(prefix)?.with_context(|| format!("another `trustkeep simulate` uses {text}"))?;
                ensure!(
                    !routes.contains(&dotted(prefix)),
                    "--network {text}: this machine has a route to it already"
                );
                (prefix, lock)
            }
            None => free(&routes)?,
        };
        remove_leftovers(prefix);
        let script = "set -e; ip link add br0 type bridge; ip link set br0 up; ip link set lo up; echo ready; exec cat";
        let switch = furnish(tools::command("unshare", &["--net", "sh", "-c", script])).await?;
        let network = Self { prefix, switch, _lock: lock };
        network.join().await?;
        Ok(network)
    }

    /// Joins this machine to the switch.
    async fn join(&self) -> anyhow::Result<()> {
        let (name, switch) = (self.link(), self.switch_pid()?);
        let address = format!("{}/24", self.controller());
        tools::run("ip", &["link", "add", &name, "type", "veth", "peer", "name", "uplink", "netns", &switch])
            .await?;
        self.in_switch(&["link", "set", "dev", "uplink", "master", "br0", "up"]).await?;
        tools::run("ip", &["addr", "add", &address, "dev", &name]).await?;
        tools::run("ip", &["link", "set", &name, "up"]).await.map(drop)
    }

    /// Gives the namespace of a process a link to the switch, as its `eth0`.
    pub(super) async fn connect(&self, number: u8, pid: &str) -> anyhow::Result<()> {
        let port = port(number);
        self.in_switch(&["link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", pid]).await?;
        self.in_switch(&["link", "set", &port, "master", "br0", "up"]).await?;
        let net = format!("--net=/proc/{pid}/ns/net");
        let address = format!("{}/24", self.address(number));
        tools::run("nsenter", &[&net, "ip", "addr", "add", &address, "dev", "eth0"]).await?;
        tools::run("nsenter", &[&net, "ip", "link", "set", "eth0", "up"]).await?;
        let gateway = self.controller().to_string();
        tools::run("nsenter", &[&net, "ip", "route", "add", "default", "via", &gateway]).await.map(drop)
    }

    /// Pulls a server's cable out, or puts it in again.
    pub(super) async fn set_link(&self, number: u8, up: bool) -> anyhow::Result<()> {
        self.in_switch(&["link", "set", &port(number), if up { "up" } else { "down" }]).await
    }

    /// The address of a server.
    pub(super) fn address(&self, number: u8) -> Ipv4Addr {
        self.member(BASE.saturating_add(number))
    }

    /// The address of this machine.
    pub(super) fn controller(&self) -> Ipv4Addr {
        self.member(CONTROLLER)
    }

    /// What names everything of this network that has to differ from that of others on the machine.
    pub(super) fn id(&self) -> String {
        id(self.prefix)
    }

    /// Ends the switch, and with it every link.
    pub(super) async fn release(mut self) {
        drop(self.switch.stdin.take());
        drop(self.switch.wait().await);
        remove_leftovers(self.prefix);
    }

    async fn in_switch(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let net = format!("--net=/proc/{}/ns/net", self.switch_pid()?);
        let words: Vec<&str> = [net.as_str(), "ip"].into_iter().chain(arguments.iter().copied()).collect();
        tools::run("nsenter", &words).await.map(drop)
    }

    fn switch_pid(&self) -> anyhow::Result<String> {
        self.switch.id().map(|pid| pid.to_string()).context("the switch has ended")
    }

    fn link(&self) -> String {
        format!("tk{}", self.id())
    }

    fn member(&self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.prefix;
        Ipv4Addr::new(a, b, c, last)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}0/24", dotted(self.prefix))
    }
}

/// Starts the first process of a namespace, which ends with its standard input, and waits until it is ready.
pub(super) async fn furnish(mut command: Command) -> anyhow::Result<Child> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    let mut child = command.spawn().context("unshare does not start")?;
    let output = child.stdout.take().context("unshare has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).await?;
    ensure!(
        line.trim() == READY,
        "a namespace cannot be made: are user and network namespaces allowed here?"
    );
    Ok(child)
}

/// Removes the control groups of servers that are gone: nothing runs in them any more.
fn remove_leftovers(prefix: [u8; 3]) {
    let start = format!("tk-{}-", id(prefix));
    let root = Path::new("/sys/fs/cgroup");
    let controllers = std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    for place in controllers.chain([root.to_owned()]) {
        for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&start) {
                remove_group(&entry.path());
            }
        }
    }
}

fn remove_group(group: &Path) {
    for entry in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    drop(std::fs::remove_dir(group));
}

fn free(routes: &str) -> anyhow::Result<([u8; 3], File)> {
    let [a, b] = FIRST;
    for third in 0..=u8::MAX {
        let prefix = [a, b, third];
        if routes.contains(&dotted(prefix)) {
            continue;
        }
        if let Some(lock) = lock(prefix)? {
            return Ok((prefix, lock));
        }
    }
    bail!("every network from {a}.{b}.0.0/24 to {a}.{b}.255.0/24 is in use")
}

/// `None`: another process holds it.
fn lock(prefix: [u8; 3]) -> anyhow::Result<Option<File>> {
    let path = PathBuf::from(LOCKS).join(format!("{}.lock", id(prefix)));
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| path.display().to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn parse(text: &str) -> anyhow::Result<[u8; 3]> {
    let address: Ipv4Addr =
        text.strip_suffix("/24").and_then(|address| address.parse().ok()).with_context(|| {
            format!("--network {text}: a network of 24 bits is needed, such as 10.201.0.0/24")
        })?;
    let [a, b, c, last] = address.octets();
    ensure!(last == 0 && address.is_private(), "--network {text}: it must be private and end in .0/24");
    Ok([a, b, c])
}

fn id([a, b, c]: [u8; 3]) -> String {
    format!("{a:02x}{b:02x}{c:02x}")
}

fn dotted([a, b, c]: [u8; 3]) -> String {
    format!("{a}.{b}.{c}.")
}

fn port(number: u8) -> String {
    format!("h{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_private_and_of_24_bits() {
        assert_eq!(parse("10.201.7.0/24").unwrap(), [10, 201, 7]);
        for wrong in ["10.201.7.0", "10.201.7.0/16", "10.201.7.5/24", "8.8.8.0/24", "net"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_lock_is_held_once() {
        let prefix = [203, 0, 113];
        if std::fs::create_dir_all(LOCKS).is_err() {
            return;
        }
        let held = lock(prefix).unwrap().unwrap();
        assert!(lock(prefix).unwrap().is_none());
        drop(held);
        assert!(lock(prefix).unwrap().is_some());
    }
}
