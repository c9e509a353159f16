//! The way to the running controller: its socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use trustkeep_controller::administration::Command as Order;
use trustkeep_controller::settings::Settings;

use crate::controller_server::administrators;

/// A client of one controller.
pub(super) struct Client {
    /// Where the controller may have its data, the likeliest first.
    places: Vec<PathBuf>,
}

impl Client {
    /// A client of the controller with these directories, or of the one that is found where they usually are.
    pub(super) fn new(data: Option<&Path>, config: Option<&Path>) -> Self {
        let places = match (data, config) {
            (Some(data), _) => vec![data.to_owned()],
            (None, Some(config)) => vec![data_dir(config)],
            (None, None) => vec![data_dir(Path::new(".")), PathBuf::from(USUAL_DATA_DIR)],
        };
        Self { places }
    }

    /// Has an order carried out, and gives its result.
    ///
    /// # Errors
    /// In the controller's words; that it does not run.
    pub(super) async fn send(&self, order: &Order) -> anyhow::Result<Value> {
        let http = reqwest::Client::builder().no_proxy().unix_socket(self.socket()?).build();
        let http = http.context("no HTTP client")?;
        let response = http.post("http://controller/").json(order).send().await;
        let response = response.context("the controller went away before it answered: look at its log")?;
        let is_done = response.status().is_success();
        let mut body: Value =
            response.json().await.context("the controller's answer is not one of this version")?;
        if is_done {
            return Ok(body.get_mut("result").map(Value::take).unwrap_or_default());
        }
        bail!("{}", body.get("message").and_then(Value::as_str).unwrap_or("the controller refused"))
    }

    /// Waits until the controller answers.
    ///
    /// # Errors
    /// It does not within this time.
    pub(super) async fn wait_until_ready(&self, patience: Duration) -> anyhow::Result<()> {
        let end = tokio::time::Instant::now() + patience;
        loop {
            match self.socket() {
                Ok(_) => return Ok(()),
                Err(error) if tokio::time::Instant::now() > end => return Err(error),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// The first socket at which somebody answers.
    fn socket(&self) -> anyhow::Result<PathBuf> {
        let mut tried = Vec::new();
        for place in &self.places {
            let socket = administrators::path(place);
            match std::os::unix::net::UnixStream::connect(&socket) {
                Ok(_) => return Ok(socket),
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    bail!("{} is for the controller's own user and root: {error}; try sudo", socket.display())
                }
                Err(error) => tried.push(format!("{}: {error}", socket.display())),
            }
        }
        bail!(
            "the controller does not run, or has its data elsewhere ({}): start it with `trustkeep controller`, or name its data with --data-dir or VCC_DATA_DIR",
            tried.join("; ")
        )
    }
}

/// Where a directory of configuration says that the data are.
fn data_dir(config: &Path) -> PathBuf {
    Settings::load(config).map_or_else(|_| config.join("volume"), |settings| settings.data_dir)
}

/// Where packages and the systemd unit have it.
const USUAL_DATA_DIR: &str = "/var/lib/vcc";
const PAUSE: Duration = Duration::from_millis(100);
