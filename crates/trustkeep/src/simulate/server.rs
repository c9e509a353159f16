//! One simulated server: namespaces for processes, mounts, network and its name; in them an sshd and a Docker.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::Child;

use super::network::{Network, furnish};
use super::{runtime, tools, users};

/// The sshd of a server leaves port 22 to its base container.
pub(super) const SSH_PORT: u16 = 20022;
/// How long a part of a server may take to come up or to go.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is asked meanwhile.
const ROUND: Duration = Duration::from_millis(10);
/// The longest name that a socket may have.
const SOCKET_CHARS_MAX: usize = 100;
/// The keys that are let in, inside a server: where each of its users can read them.
const KEYS: &str = "/run/authorized_keys";
/// The name of what fills a disk.
const BALLAST: &str = "ballast";

/// What a server is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    pub(super) number: u8,
    pub(super) dir: &'a Path,
    pub(super) disk: Option<&'a str>,
    pub(super) network: &'a Network,
}

/// A server that lives until it is dropped or this process ends.
#[derive(Debug)]
pub(super) struct Server {
    number: u8,
    address: Ipv4Addr,
    dir: PathBuf,
    group: String,
    has_disk: bool,
    /// Ends everything in the namespaces when its standard input ends.
    keeper: Child,
    sshd: Option<Child>,
    docker: Option<Child>,
}

impl Server {
    /// Starts one, and waits until both its sshd and its Docker answer.
    pub(super) async fn start(plan: Plan<'_>) -> anyhow::Result<Self> {
        let Plan { number, network, .. } = plan;
        let dir = plan.dir.join("hosts").join(number.to_string());
        std::fs::create_dir_all(dir.join("docker"))?;
        let name = format!("server{number}");
        users::write(&dir)?;
        let script = "set -e; mount -t tmpfs -o mode=755 tmpfs /run; mkdir /run/sshd /run/lock; \
            [ -z \"$1\" ] || mount -t tmpfs -o \"size=$1\" tmpfs \"$2/docker\"; echo \"$3\" >/proc/sys/kernel/hostname; \
            for file in passwd group; do mount --bind \"$2/$file\" \"/etc/$file\"; done; \
            cat \"$4\" >\"$5\"; chmod 644 \"$5\"; ip link set lo up; echo ready; exec cat";
        let words = [
            "--net",
            "--mount",
            "--uts",
            "--ipc",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
        ];
        let mut command = tools::command("unshare", &words);
        command.args([script, "sh", plan.disk.unwrap_or_default()]).arg(&dir).arg(&name);
        command.arg(plan.dir.join("authorized_keys")).arg(KEYS);
        let keeper = furnish(command).await.with_context(|| name.clone())?;
        let mut server = Self {
            number,
            address: network.address(number),
            group: format!("tk-{}-{number}", network.id()),
            has_disk: plan.disk.is_some(),
            dir,
            keeper,
            sshd: None,
            docker: None,
        };
        network.connect(number, &server.pid()?).await?;
        server.configure_sshd().await?;
        server.start_sshd()?;
        server.start_docker()?;
        server.ready().await.with_context(|| name)?;
        Ok(server)
    }

    pub(super) fn number(&self) -> u8 {
        self.number
    }

    pub(super) fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// What is told to who uses it.
    pub(super) fn describe(&self) -> Value {
        json!({
            "number": self.number,
            "address": self.address.to_string(),
            "ssh_port": SSH_PORT,
            "user": "root",
            "docker_socket": self.socket(),
            "dir": self.dir,
        })
    }

    /// Ends all that runs in it and waits until nothing does.
    pub(super) async fn end(mut self) {
        // A process namespace is gone when all of its processes were waited for, also by those outside who started them.
        for outside in [self.sshd.take(), self.docker.take()].into_iter().flatten() {
            drop(outside);
        }
        drop(self.keeper.stdin.take());
        drop(tokio::time::timeout(PATIENCE, self.keeper.wait()).await);
    }

    /// Waits until sshd greets and Docker answers.
    pub(super) async fn ready(&mut self) -> anyhow::Result<()> {
        let socket = self.socket();
        let waiting = async {
            let mut rounds = tokio::time::interval(ROUND);
            while !(greets(self.address).await && docker_answers(&socket).await) {
                rounds.tick().await;
                if let Some(Some(status)) = self.docker.as_mut().map(|child| child.try_wait().ok().flatten())
                {
                    bail!("dockerd ended ({status}); its last words:\n{}", self.last_words("dockerd.log"));
                }
                if let Some(Some(status)) = self.sshd.as_mut().map(|child| child.try_wait().ok().flatten()) {
                    bail!("sshd ended ({status}); its last words:\n{}", self.last_words("sshd.log"));
                }
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .context("sshd and dockerd did not come up within a minute")?
    }

    /// Ends Docker as a crash does.
    pub(super) async fn kill_docker(&mut self) -> anyhow::Result<()> {
        self.signal("KILL", "dockerd").await?;
        self.signal("KILL", "containerd").await?;
        if let Some(mut docker) = self.docker.take() {
            docker.wait().await?;
        }
        Ok(())
    }

    /// Starts Docker again.
    pub(super) async fn restart_docker(&mut self) -> anyhow::Result<()> {
        ensure!(self.docker.is_none(), "its Docker runs");
        // What the killed ones left would be waited for.
        let script = "rm -f /run/docker.pid /run/docker.sock /run/docker/containerd/containerd.pid \
            /run/docker/containerd/*.sock*";
        self.inside(&["sh", "-c", script]).await?;
        self.start_docker()?;
        self.ready().await
    }

    /// Stops or resumes its sshd, so that connections are accepted by the kernel and then nothing happens.
    pub(super) async fn hang_sshd(&self, hang: bool) -> anyhow::Result<()> {
        self.signal(if hang { "STOP" } else { "CONT" }, "sshd").await?;
        // nsenter stops itself when what it started is stopped.
        let outside = self.sshd.as_ref().and_then(Child::id).and_then(|pid| Pid::from_raw(pid.cast_signed()));
        if let (false, Some(outside)) = (hang, outside) {
            kill_process(outside, Signal::CONT)?;
        }
        Ok(())
    }

    /// Ends its sshd, so that connections are refused.
    pub(super) async fn kill_sshd(&mut self) -> anyhow::Result<()> {
        self.signal("KILL", "sshd").await?;
        if let Some(mut sshd) = self.sshd.take() {
            sshd.wait().await?;
        }
        Ok(())
    }

    /// Starts sshd again.
    pub(super) async fn restart_sshd(&mut self) -> anyhow::Result<()> {
        ensure!(self.sshd.is_none(), "its sshd runs");
        self.start_sshd()?;
        self.ready().await
    }

    /// A new host key, as after an installation.
    pub(super) async fn change_host_key(&mut self) -> anyhow::Result<()> {
        self.kill_sshd().await?;
        self.make_host_key().await?;
        self.restart_sshd().await
    }

    /// Fills the disk of Docker, or gives the space back.
    pub(super) async fn fill_disk(&self, full: bool) -> anyhow::Result<()> {
        ensure!(self.has_disk, "its Docker has no disk of its own; start with --disk SIZE");
        let ballast = self.dir.join("docker").join(BALLAST);
        let ballast = ballast.to_str().context("a path is not in UTF-8")?;
        // A disk that is full is what is wanted: dd says that it failed.
        let script =
            if full { "dd if=/dev/zero of=\"$1\" bs=1M 2>/dev/null; test -s \"$1\"" } else { "rm -f \"$1\"" };
        self.inside(&["sh", "-c", script, "sh", ballast]).await
    }

    async fn configure_sshd(&self) -> anyhow::Result<()> {
        self.make_host_key().await?;
        let (dir, address) = (self.dir.display(), self.address);
        let path = tools::PATH;
        std::fs::write(
            self.dir.join("sshd_config"),
            format!(
                "ListenAddress {address}:{SSH_PORT}\nHostKey {dir}/host_key\nAuthorizedKeysFile {KEYS}\nStrictModes no\n\
                 UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
                 UseDNS no\nPrintMotd no\nPidFile none\nSetEnv PATH={path}\nSubsystem sftp internal-sftp\n"
            ),
        )?;
        Ok(())
    }

    async fn make_host_key(&self) -> anyhow::Result<()> {
        let file = self.dir.join("host_key");
        drop(std::fs::remove_file(&file));
        let file = file.to_str().context("a path is not in UTF-8")?;
        tools::run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "simulated", "-f", file])
            .await
            .map(drop)
    }

    fn start_sshd(&mut self) -> anyhow::Result<()> {
        let config = self.dir.join("sshd_config").display().to_string();
        let sshd = tools::find("sshd").context("sshd is gone")?;
        self.sshd = Some(self.spawn(&[&sshd, "-D", "-e", "-f", &config], "sshd.log")?);
        Ok(())
    }

    fn start_docker(&mut self) -> anyhow::Result<()> {
        let config = self.dir.join("daemon.json");
        std::fs::write(&config, runtime::configuration(&self.dir)?.to_string())?;
        let (config, data) = (config.display().to_string(), self.dir.join("docker").display().to_string());
        let (group, socket) = (format!("/{}", self.group), format!("unix://{}", self.socket()));
        let mut words =
            vec!["dockerd", "--config-file", &config, "--data-root", &data, "--cgroup-parent", &group];
        words.extend([
            "--group",
            users::DOCKER,
            "--exec-opt",
            "native.cgroupdriver=cgroupfs",
            "--bridge",
            "none",
            "--iptables=false",
        ]);
        words.extend(["--log-level", "warn", "-H", "unix:///run/docker.sock", "-H", &socket]);
        self.docker = Some(self.spawn(&words, "dockerd.log")?);
        Ok(())
    }

    /// Starts a program in the namespaces.
    fn spawn(&self, words: &[&str], log: &str) -> anyhow::Result<Child> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.dir.join(log))?;
        let mut command = tools::command("nsenter", &[]);
        command.args(self.namespaces()?).args(words);
        command.stdout(log.try_clone()?).stderr(log).stdin(Stdio::null()).kill_on_drop(true);
        command.spawn().context("nsenter does not start")
    }

    /// Runs a program in the namespaces to its end.
    async fn inside(&self, words: &[&str]) -> anyhow::Result<()> {
        let namespaces = self.namespaces()?;
        let words: Vec<&str> = namespaces.iter().map(String::as_str).chain(words.iter().copied()).collect();
        tools::run("nsenter", &words).await.map(drop)
    }

    /// Sends a signal to the server's processes of one name. Those of its containers are in other process namespaces.
    async fn signal(&self, signal: &str, name: &str) -> anyhow::Result<()> {
        // Newer sshds have a program of their own for each session. What ends by itself meanwhile is no failure.
        let script = "own=$(readlink /proc/1/ns/pid); for process in /proc/[0-9]*; do \
            case $(cat \"$process/comm\") in \"$2\"|\"$2-session\") [ \"$(readlink \"$process/ns/pid\")\" = \"$own\" ] && \
            kill \"-$1\" \"${process#/proc/}\";; esac; done 2>/dev/null; true";
        self.inside(&["sh", "-c", script, "sh", signal, name]).await
    }

    fn namespaces(&self) -> anyhow::Result<[String; 5]> {
        let pid = self.pid()?;
        Ok([("net", "net"), ("mount", "mnt"), ("uts", "uts"), ("ipc", "ipc"), ("pid", "pid_for_children")]
            .map(|(option, file)| format!("--{option}=/proc/{pid}/ns/{file}")))
    }

    fn pid(&self) -> anyhow::Result<String> {
        self.keeper.id().map(|pid| pid.to_string()).context("the server has ended")
    }

    /// Where this machine reaches its Docker.
    fn socket(&self) -> String {
        let path = self.dir.join("docker.sock").display().to_string();
        if path.len() <= SOCKET_CHARS_MAX {
            path
        } else {
            format!("/run/trustkeep-simulate/{}.sock", self.group)
        }
    }

    fn last_words(&self, log: &str) -> String {
        let text = std::fs::read(self.dir.join(log)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("\n")
    }
}

async fn greets(address: Ipv4Addr) -> bool {
    let greeting = async {
        let mut start = [0; 4];
        TcpStream::connect((address, SSH_PORT)).await?.read_exact(&mut start).await?;
        Ok::<_, std::io::Error>(&start == b"SSH-")
    };
    matches!(tokio::time::timeout(Duration::from_secs(1), greeting).await, Ok(Ok(true)))
}

async fn docker_answers(socket: &str) -> bool {
    let asking = async {
        let mut stream = UnixStream::connect(socket).await?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\n\r\n").await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer.ends_with(b" 200"))
    };
    matches!(tokio::time::timeout(Duration::from_secs(1), asking).await, Ok(Ok(true)))
}
