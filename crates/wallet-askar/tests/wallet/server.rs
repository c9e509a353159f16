//! PostgreSQL servers for the tests.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The address of the server that tests share, `user[:password]@host:port`, or `None` where there is none.
pub(crate) fn shared() -> Option<String> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    if let Ok(url) = std::env::var("TRUSTKEEP_TEST_POSTGRES") {
        let address = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        return Some(address.split('/').next().unwrap_or_default().to_owned());
    }
    SERVER.get_or_init(Server::start).as_ref().map(Server::address)
}

/// A server of a test's own. It is stopped, and its files removed, when the test process ends in whatever way.
pub(crate) struct Server {
    programs: PathBuf,
    directory: PathBuf,
    port: u16,
    keeper: Child,
}

impl Server {
    /// Starts a server from the newest installed binaries.
    pub(crate) fn start() -> Option<Server> {
        let Some(programs) = programs() else {
            println!("SKIPPED wallet-askar: no PostgreSQL found (set TRUSTKEEP_TEST_POSTGRES)");
            return None;
        };
        let directory = tempfile::Builder::new().prefix("wallet-askar").tempdir().unwrap().keep();
        if let Some(user) = unprivileged() {
            assert!(Command::new("chown").arg(user).arg(&directory).status().unwrap().success());
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = directory.join("data");
        let mut initdb = as_user(&programs.join("initdb"));
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"]);
        run(initdb.arg("-D").arg(&data));
        let settings = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n\
             max_connections = 300\nlogging_collector = off\n"
        );
        append(&data.join("postgresql.conf"), &settings).unwrap();
        // Ends with this process's end of the pipe, and takes the server with it.
        let script = "trap '' INT TERM; cat > /dev/null; \"$1/pg_ctl\" stop -s -m immediate -D \"$2/data\"; rm -rf \"$2\"";
        let keeper = as_user(Path::new("sh"))
            .args(["-c", script, "keeper"])
            .arg(&programs)
            .arg(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server { programs, directory, port, keeper };
        server.resume();
        Some(server)
    }

    /// `user@host:port`.
    pub(crate) fn address(&self) -> String {
        format!("postgres@127.0.0.1:{}", self.port)
    }

    /// Stops it as a crash would: nothing is written any more, recovery follows.
    pub(crate) fn crash(&self) {
        run(self.control().args(["stop", "-s", "-m", "immediate"]));
    }

    /// Starts it again and waits until it takes connections.
    pub(crate) fn resume(&self) {
        let log = self.directory.join("log");
        run(self
            .control()
            .args(["start", "-s", "-w", "-l"])
            .arg(log)
            .stdout(Stdio::null())
            .stderr(Stdio::null()));
    }

    fn control(&self) -> Command {
        let mut control = as_user(&self.programs.join("pg_ctl"));
        control.arg("-D").arg(self.directory.join("data"));
        control
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Adds to a file that belongs to another user.
fn append(path: &Path, text: &str) -> io::Result<()> {
    io::Write::write_all(&mut std::fs::OpenOptions::new().append(true).open(path)?, text.as_bytes())
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?} ended with {status}");
}

/// A command, not as root: PostgreSQL refuses that.
fn as_user(program: &Path) -> Command {
    let mut command = match unprivileged() {
        Some(user) => {
            let mut command = Command::new("runuser");
            command.args(["-u", user, "--"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.current_dir("/").stdout(Stdio::null());
    command
}

/// The user to become, for root.
fn unprivileged() -> Option<&'static str> {
    static USER: OnceLock<Option<&'static str>> = OnceLock::new();
    *USER.get_or_init(|| {
        let id = |arguments: &[&str]| Command::new("id").args(arguments).output().ok();
        let is_root = id(&["-u"]).is_some_and(|output| output.stdout == b"0\n");
        let exists = |user: &&str| id(&["-u", user]).is_some_and(|output| output.status.success());
        is_root.then(|| ["postgres", "nobody"].into_iter().find(exists)).flatten()
    })
}

/// The newest binaries: of the Debian layout, or on the path.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/initdb").exists())
        .max_by_key(|path| path.file_name()?.to_str()?.parse::<u32>().ok());
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").exists())
    };
    newest.map(|path| path.join("bin")).or_else(on_path)
}
