//! The emulators: started once a test process, stopped when it ends.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use trustkeep_emulator::Server;
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
        static STARTED: OnceLock<Option<Server>> = OnceLock::new();
        let started = STARTED.get_or_init(|| {
            if let Ok(endpoint) = std::env::var("TRUSTKEEP_TEST_DYNAMODB_LOCAL") {
                return Some(Server::at(endpoint));
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
            Some(Server::start(&arguments, &[], Path::new(&folder)).expect("DynamoDB Local"))
        });
        Self::of("dynamodb local", "TRUSTKEEP_TEST_DYNAMODB_LOCAL_DIR", 10, started)
    }

    /// moto, or `None` with a word about it.
    pub(crate) fn moto() -> Option<Emulator> {
        static STARTED: OnceLock<Option<Server>> = OnceLock::new();
        let started = STARTED.get_or_init(|| match std::env::var("TRUSTKEEP_TEST_MOTO") {
            Ok(endpoint) => Some(Server::at(endpoint)),
            Err(_) => Server::moto(&[]).expect("moto"),
        });
        Self::of("moto", "TRUSTKEEP_TEST_MOTO_SERVER", 25, started)
    }

    fn of(
        name: &str,
        variable: &str,
        transaction_rows_max: usize,
        started: &Option<Server>,
    ) -> Option<Emulator> {
        let Some(server) = started else {
            println!("SKIPPED store-dynamodb ({name}): {variable} is not set");
            return None;
        };
        Some(Emulator { endpoint: server.endpoint.clone(), transaction_rows_max })
    }

    /// Settings for a store of its own: a prefix that no other has.
    pub(crate) fn settings(&self) -> Settings {
        Settings { transaction_rows_max: self.transaction_rows_max, ..settings_at(&self.endpoint) }
    }
}

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
