//! The emulators: started once a test process, stopped when it ends.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use trustkeep_store_dynamodb::{DynamoStore, Settings};

/// An emulator that answers.
#[derive(Clone, Debug)]
pub(crate) struct Emulator {
    pub(crate) endpoint: String,
    /// How many rows of one transaction it takes, to write and to read.
    transaction_rows_max: usize,
}

impl Emulator {
    /// DynamoDB Local, or `None` with a word about it.
    pub(crate) fn dynamodb_local() -> Option<Emulator> {
        static STARTED: OnceLock<Option<(String, Option<Child>)>> = OnceLock::new();
        let started = STARTED.get_or_init(|| {
            if let Ok(endpoint) = std::env::var("TRUSTKEEP_TEST_DYNAMODB_LOCAL") {
                return Some((endpoint, None));
            }
            let folder = std::env::var("TRUSTKEEP_TEST_DYNAMODB_LOCAL_DIR").ok()?;
            let configuration = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dynamodb/dynamodb-local.xml");
            let arguments = [
                "java",
                "-Xmx512m",
                "-Djava.library.path=DynamoDBLocal_lib",
                "-Ddynamodb.port=0",
                "-cp",
                "DynamoDBLocal.jar:DynamoDBLocal_lib/*",
                "org.eclipse.jetty.xml.XmlConfiguration",
                configuration,
            ];
            Some(start(&arguments, Path::new(&folder)))
        });
        Self::of("dynamodb local", "TRUSTKEEP_TEST_DYNAMODB_LOCAL_DIR", 10, started)
    }

    /// moto, or `None` with a word about it.
    pub(crate) fn moto() -> Option<Emulator> {
        static STARTED: OnceLock<Option<(String, Option<Child>)>> = OnceLock::new();
        let started = STARTED.get_or_init(|| {
            if let Ok(endpoint) = std::env::var("TRUSTKEEP_TEST_MOTO") {
                return Some((endpoint, None));
            }
            let program = std::env::var("TRUSTKEEP_TEST_MOTO_SERVER").ok()?;
            let python = Path::new(&program).with_file_name("python").display().to_string();
            Some(start(&[&python, "-c", MOTO, "-H", "127.0.0.1", "-p", "0"], Path::new(".")))
        });
        Self::of("moto", "TRUSTKEEP_TEST_MOTO_SERVER", 25, started)
    }

    fn of(
        name: &'static str,
        variable: &str,
        transaction_rows_max: usize,
        started: &Option<(String, Option<Child>)>,
    ) -> Option<Emulator> {
        match started {
            Some((endpoint, _)) => Some(Emulator { endpoint: endpoint.clone(), transaction_rows_max }),
            None => {
                println!("SKIPPED store-dynamodb ({name}): {variable} is not set");
                None
            }
        }
    }

    /// Settings for a store of its own: a prefix that no other has.
    pub(crate) fn settings(&self) -> Settings {
        Settings { transaction_rows_max: self.transaction_rows_max, ..settings_at(&self.endpoint) }
    }
}

/// moto answers each request in a thread and locks nothing: a thread that gives way in the middle of a transaction lets
/// another one in. So none gives way before it waits for something, which within a transaction it never does.
const MOTO: &str = "import sys; sys.setswitchinterval(86400); from moto.server import main; main()";

/// Settings for an endpoint, with short pauses and a prefix that no other has.
pub(crate) fn settings_at(endpoint: &str) -> Settings {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let credentials = Settings::static_credentials("AKIATRUSTKEEPTESTS", "not-a-secret", None);
    let mut settings = Settings::new("eu-central-1", credentials);
    settings.endpoint = Some(endpoint.to_owned());
    settings.table_prefix = format!("t{}-{number}-", std::process::id());
    settings.backoff = Duration::from_millis(5);
    settings
}

pub(crate) async fn open(settings: Settings) -> DynamoStore {
    DynamoStore::open(settings, StdRng::from_os_rng()).await.expect("the store opens")
}

/// Starts a server that prints `Running on http://...`. It ends when this process does, however that ends:
/// its shell waits for the end of a pipe that only this process holds.
fn start(arguments: &[&str], folder: &Path) -> (String, Option<Child>) {
    let mut shell = Command::new("sh")
        .args(["-c", r#""$@" 2>&1 & server=$!; exec >/dev/null; cat; kill $server"#, "emulator"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut lines = BufReader::new(shell.stdout.take().expect("a pipe")).lines();
    let mut seen = Vec::new();
    let endpoint = loop {
        let Some(Ok(line)) = lines.next() else {
            panic!("{arguments:?} did not start:\n{}", seen.join("\n"));
        };
        if let Some((_, address)) = line.split_once("Running on ") {
            break address.split_whitespace().next().expect("an address").to_owned();
        }
        seen.push(line);
    };
    // What it prints later must go somewhere, or it would block.
    std::thread::spawn(move || lines.for_each(drop));
    (endpoint, Some(shell))
}
