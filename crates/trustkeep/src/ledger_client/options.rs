//! What every command takes, and what it opens with it.

use std::path::{Path, PathBuf};

use trustkeep_contract::json::Json;
use trustkeep_scalar_client::{Client, ClientConfig};
use trustkeep_scalar_rpc::properties::Properties;
use trustkeep_scalar_rpc::{Error, StatusCode};

use super::failure::{Failure, Outcome};

/// The largest file that is registered, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// The options of every command.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// A configuration file in properties format
    #[arg(long, visible_alias = "config", value_name = "PROPERTIES_FILE")]
    properties: PathBuf,
    /// Say on standard error as well what went wrong
    #[arg(long)]
    pub(super) stacktrace: bool,
    /// A flag to use the gateway (there is none: refused)
    #[arg(short = 'g', long)]
    use_gateway: bool,
}

impl Common {
    /// The client that the properties describe; nothing is sent yet.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        if self.use_gateway {
            let text = "The gateway is not supported: leave --use-gateway out, and give the addresses of Ledger and \
                Auditor in the properties.";
            return Err(Failure::Local(text.to_owned()));
        }
        let environment = |name: &str| std::env::var(name).ok();
        let config = Properties::load(&self.properties, &environment)
            .and_then(|properties| ClientConfig::from_properties(&properties));
        config.and_then(Client::new).map_err(|error| Failure::local(&error))
    }

    /// Opens the client, does the work, and says on standard error what went wrong if that was asked for.
    pub(super) async fn with<W: Future<Output = Outcome>>(self, work: impl FnOnce(Client) -> W) -> Outcome {
        let outcome = work(self.client()?).await;
        outcome.map_err(|failure| match failure {
            Failure::Refused { error, .. } => Failure::Refused { error, traced: self.stacktrace },
            other => other,
        })
    }
}

/// JSON out of an option.
pub(super) fn json(text: &str) -> Result<Json, Failure> {
    Json::parse(text).map_err(|error| {
        let text = format!("Deserializing the specified json string failed. Details: {error}");
        Failure::local(&Error::numbered(StatusCode::RuntimeError, "COMMON", 2, text))
    })
}

/// The JSON of an answer, which is printed; empty for nothing.
pub(super) fn answered(text: &str) -> Result<Json, Error> {
    Json::parse(text).map_err(|error| {
        let text = format!("Processing JSON failed. Details: {error}");
        Error::numbered(StatusCode::RuntimeError, "CLIENT", 4, text)
    })
}

/// A file to register.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |why: &dyn std::fmt::Display| {
        let text = format!("Reading the file failed. File: {}; Details: {why}", path.display());
        Error::numbered(StatusCode::RuntimeError, "CLIENT", 1, text)
    };
    let size = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
    if size > MAX_FILE_BYTES {
        return Err(failed(&format_args!("longer than {MAX_FILE_BYTES} bytes")));
    }
    std::fs::read(path).map_err(|error| failed(&error))
}
