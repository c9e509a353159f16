//! A Ledger, an Auditor and clients of both on this machine: each server with a store and a key of its own.
//!
//! They are two administrative domains in one process, so this shows how they work and protects nothing: whoever
//! administers this machine administers both.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use trustkeep_chassis::shutdown::Reload;
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_scalar_client::{Client, ClientConfig, HashStore, TableStore};
use trustkeep_scalar_domain::edge::Addresses;
use trustkeep_scalar_rpc::messages::CertificateRegistrationRequest;
use trustkeep_scalar_rpc::properties::Properties;
use trustkeep_scalar_rpc::{Error, StatusCode};

use super::identity::{Identity, write_whole};
use crate::{auditor_server, ledger_server};

/// Where a server listens on loopback: this port for every client, the next for privileged ones, then for
/// administration, then for metrics; 0 for any four that are free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports(pub(crate) [u16; 4]);

impl Ports {
    /// Four in a row.
    ///
    /// # Errors
    /// There are no four from this one on.
    pub(crate) fn from(first: u16) -> anyhow::Result<Self> {
        let next = |more: u16| match first {
            0 => Some(0),
            _ => first.checked_add(more),
        };
        let ports = [next(0), next(1), next(2), next(3)];
        let [Some(ordinary), Some(privileged), Some(admin), Some(metrics)] = ports else {
            anyhow::bail!("port {first}: it and the three after it must be at most 65535")
        };
        Ok(Ports([ordinary, privileged, admin, metrics]))
    }

    /// Those that a server got.
    pub(crate) fn of(addresses: &Addresses) -> Self {
        let Addresses { main, privileged, admin, prometheus } = addresses;
        let metrics = prometheus.map_or(0, |address| address.port());
        Ports([main.port(), privileged.port(), admin.port(), metrics])
    }
}

/// Everything of one deployment that lies in one directory.
#[derive(Debug)]
pub(crate) struct Place {
    dir: PathBuf,
    ledger: Identity,
    auditor: Identity,
}

impl Place {
    /// Finds what is there and makes what is not.
    ///
    /// # Errors
    /// A file that cannot be read or written; a key that is lost.
    pub(crate) fn prepare(dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        // The files that are written name others, and may be used from anywhere.
        let dir = dir.canonicalize().with_context(|| format!("cannot use {}", dir.display()))?;
        let identity = |name: &str| {
            let folder = dir.join(name);
            Identity::find_or_make(&folder, name, folder.join(STORE).exists())
        };
        Ok(Place { ledger: identity("ledger")?, auditor: identity("auditor")?, dir })
    }

    /// Where the Ledger keeps its records.
    pub(crate) fn ledger_store(&self) -> PathBuf {
        self.dir.join("ledger").join(STORE)
    }

    /// Starts the Ledger.
    ///
    /// # Errors
    /// A port that is taken, a store that does not open.
    pub(crate) async fn start_ledger(
        &self,
        ports: Ports,
        supervisor: &Supervisor,
        reload: &Reload,
    ) -> anyhow::Result<ledger_server::Server> {
        let mut lines = server("ledger", ports, &self.ledger_store());
        lines.push(("scalar.dl.ledger.proof.enabled".into(), "true".into()));
        lines.push(("scalar.dl.ledger.proof.private_key_path".into(), text(&self.ledger.key_file)));
        lines.push(("scalar.dl.ledger.auditor.enabled".into(), "true".into()));
        let properties = self.write("ledger.properties", &lines)?;
        ledger_server::start(&properties, supervisor, reload).await.context("the ledger does not start")
    }

    /// Starts the Auditor of the Ledger at these ports.
    ///
    /// # Errors
    /// A port that is taken, a store that does not open.
    pub(crate) async fn start_auditor(
        &self,
        ports: Ports,
        ledger: Ports,
        supervisor: &Supervisor,
        reload: &Reload,
    ) -> anyhow::Result<auditor_server::Server> {
        let mut lines = server("auditor", ports, &self.dir.join("auditor").join(STORE));
        let [ordinary, privileged, ..] = ledger.0;
        lines.push(("scalar.dl.auditor.private_key_path".into(), text(&self.auditor.key_file)));
        lines.push(("scalar.dl.auditor.ledger.host".into(), HOST.to_string()));
        lines.push(("scalar.dl.auditor.ledger.port".into(), ordinary.to_string()));
        lines.push(("scalar.dl.auditor.ledger.privileged_port".into(), privileged.to_string()));
        let properties = self.write("auditor.properties", &lines)?;
        auditor_server::start(&properties, supervisor, reload).await.context("the auditor does not start")
    }

    /// A client of both with a key of its own, and the file of properties by which any client is the same one. Its
    /// certificate is registered, unless it is already.
    ///
    /// # Errors
    /// The servers refuse.
    pub(crate) async fn client(
        &self,
        name: &str,
        file: &str,
        ledger: Ports,
        auditor: Ports,
    ) -> anyhow::Result<(Client, PathBuf)> {
        let properties_file = self.dir.join(file);
        let identity = Identity::find_or_make(&self.dir.join(name), name, properties_file.exists())?;
        let key = |name: &str| format!("scalar.dl.client.{name}");
        let mut lines = Vec::new();
        for (prefix, ports) in [("server", ledger), ("auditor", auditor)] {
            let [ordinary, privileged, ..] = ports.0;
            lines.push((key(&format!("{prefix}.host")), HOST.to_string()));
            lines.push((key(&format!("{prefix}.port")), ordinary.to_string()));
            lines.push((key(&format!("{prefix}.privileged_port")), privileged.to_string()));
        }
        lines.push((key("auditor.enabled"), "true".into()));
        lines.push((key("entity.id"), name.into()));
        let signature = |name: &str| key(&format!("entity.identity.digital_signature.{name}"));
        lines.push((signature("cert_path"), text(&identity.certificate_file)));
        lines.push((signature("private_key_path"), text(&identity.key_file)));
        let properties = self.write(file, &lines)?;
        let client = Client::new(ClientConfig::from_properties(&properties)?)?;
        client.bootstrap().await.with_context(|| format!("the client `{name}` cannot be registered"))?;
        Ok((client, properties_file))
    }

    /// Tells each server of the other's certificate.
    ///
    /// # Errors
    /// The servers refuse.
    pub(crate) async fn acquaint(&self, client: &Client) -> anyhow::Result<()> {
        let auditor = client.auditor().context("there is no auditor")?;
        let registration = |name: &str, identity: &Identity| {
            anyhow::Ok(CertificateRegistrationRequest {
                entity_id: name.to_owned(),
                key_version: 1,
                cert_pem: identity.certificate()?,
                ..Default::default()
            })
        };
        let request = auditor.request(registration("ledger", &self.ledger)?);
        let answer = auditor.privileged.clone().register_cert(request).await;
        unless_known(answer.err().map(|status| Error::from_grpc(&status)))?;
        let request = client.ledger().request(registration("auditor", &self.auditor)?);
        let answer = client.ledger().privileged.clone().register_cert(request).await;
        unless_known(answer.err().map(|status| Error::from_grpc(&status)))
    }

    fn write(&self, file: &str, lines: &[(String, String)]) -> anyhow::Result<Properties> {
        let line = |(name, value): &(String, String)| format!("{name}={}\n", value.replace('\\', "\\\\"));
        let text: String = lines.iter().map(line).collect();
        write_whole(&self.dir.join(file), &text)?;
        // Values are taken as they stand there: a directory may have `${` in its name.
        Ok(Properties::parse(&text, &|_| None)?)
    }
}

/// Registers what users of the generic contracts expect.
///
/// # Errors
/// The servers refuse.
pub(crate) async fn bootstrap(client: &Client) -> anyhow::Result<()> {
    HashStore::new(client.clone()).bootstrap().await?;
    TableStore::new(client.clone()).bootstrap().await?;
    Ok(())
}

/// What every server has.
fn server(kind: &str, ports: Ports, store: &Path) -> Vec<(String, String)> {
    let key = |name: &str| format!("scalar.dl.{kind}.server.{name}");
    let [ordinary, privileged, admin, metrics] = ports.0;
    vec![
        ("scalar.db.storage".into(), "embedded".into()),
        ("scalar.db.contact_points".into(), text(store)),
        (key("host"), HOST.to_string()),
        (key("port"), ordinary.to_string()),
        (key("privileged_port"), privileged.to_string()),
        (key("admin_port"), admin.to_string()),
        (key("prometheus_exporter_port"), metrics.to_string()),
        (key("decommissioning_duration_secs"), "0".into()),
    ]
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn unless_known(error: Option<Error>) -> anyhow::Result<()> {
    match error {
        Some(error) if error.code != StatusCode::CertificateAlreadyRegistered => Err(error.into()),
        _ => Ok(()),
    }
}

const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;
const STORE: &str = "store";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_four_in_a_row_or_any() {
        assert_eq!(Ports::from(50051).ok().map(|ports| ports.0), Some([50051, 50052, 50053, 50054]));
        assert_eq!(Ports::from(0).ok().map(|ports| ports.0), Some([0; 4]));
        assert!(Ports::from(65533).is_err());
    }
}
