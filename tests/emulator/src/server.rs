use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::Context as _;

/// An emulator that answers. It ends when this is dropped, and when this process does, however that ends: its shell waits for
/// the end of a pipe that only this process holds.
#[derive(Debug)]
pub struct Server {
    /// `http://host:port`
    pub endpoint: String,
    _running: Option<(Child, ChildStdin)>,
}

impl Server {
    /// Starts a program that prints `Running on http://...`, in a folder and with additions to the environment, and waits until it
    /// does: seconds.
    ///
    /// # Errors
    /// It ended without; then what it printed.
    pub fn start(arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> anyhow::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", r#""$@" 2>&1 & server=$!; exec >/dev/null; cat; kill $server"#, "emulator"])
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("sh")?;
        let pipe = shell.stdin.take().context("no standard input")?;
        let mut lines = BufReader::new(shell.stdout.take().context("no standard output")?).lines();
        let mut seen = Vec::new();
        let endpoint = loop {
            let Some(Ok(line)) = lines.next() else {
                anyhow::bail!("{arguments:?} did not start:\n{}", seen.join("\n"));
            };
            if let Some((_, address)) = line.split_once("Running on ") {
                break address.split_whitespace().next().context("no address")?.to_owned();
            }
            seen.push(line);
        };
        // What it prints later must go somewhere, or it would block.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { endpoint, _running: Some((shell, pipe)) })
    }

    /// moto, by the program that `TRUSTKEEP_TEST_MOTO_SERVER` names; `None` where it names none.
    ///
    /// # Errors
    /// It did not start.
    pub fn moto(environment: &[(&str, &str)]) -> anyhow::Result<Option<Self>> {
        let Some(program) = std::env::var_os("TRUSTKEEP_TEST_MOTO_SERVER") else { return Ok(None) };
        let python = Path::new(&program).with_file_name("python").display().to_string();
        let arguments = [&python, "-c", MOTO, "-H", "127.0.0.1", "-p", "0"];
        Self::start(&arguments, environment, Path::new(".")).map(Some)
    }

    /// One that runs already, and goes on.
    pub fn at(endpoint: String) -> Self {
        Self { endpoint, _running: None }
    }
}

/// moto answers each request in a thread and locks nothing: a thread that gives way in the middle of a transaction lets
/// another one in. So none gives way before it waits for something, which within a transaction it never does.
const MOTO: &str = "import sys; sys.setswitchinterval(86400); from moto.server import main; main()";
