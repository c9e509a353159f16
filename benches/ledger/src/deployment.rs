//! A Ledger, an Auditor if there is one, and their clients: started, made known to each other, registered.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use tokio::process::Command;
use trustkeep_bench_rig::{Process, free_ports, pin_myself};
use trustkeep_crypto::SecretString;
use trustkeep_scalar_client::{Client, ClientConfig, Identity, Target, class_stub};

use crate::setting::{Authentication, Setting};
use crate::workload::{CONTRACTS, LOADER};

/// Running servers; they and their data end with it.
pub(crate) struct Deployment<'a> {
    pub(crate) setting: &'a Setting,
    ledger: Site,
    auditor: Option<Site>,
    client: Pair,
    folder: TempDir,
}

/// One server.
struct Site {
    word: &'static str,
    folder: PathBuf,
    /// For clients, for registrations, for administrators.
    ports: [u16; 3],
    core: Option<usize>,
    server: Process,
}

/// A key and its certificate.
struct Pair {
    certificate: String,
    private_key: String,
}

/// Processor time used.
#[derive(Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) ledger: Duration,
    pub(crate) auditor: Duration,
}

impl<'a> Deployment<'a> {
    /// Starts the servers on nothing, and registers a client and its contracts.
    pub(crate) async fn start(setting: &'a Setting) -> anyhow::Result<Self> {
        // A database needs a core as well, so there everyone shares both.
        let own = setting.is_embedded();
        pin_myself(own.then_some(1))?;
        let folder = match &setting.dir {
            Some(dir) => tempfile::tempdir_in(dir),
            None => tempfile::tempdir(),
        }?;
        let above = folder.path();
        let [of_ledger, of_auditor, client] =
            [Pair::new("ledger")?, Pair::new("auditor")?, Pair::new("client")?];
        for (name, pair) in [("ledger.pem", &of_ledger), ("auditor.pem", &of_auditor)] {
            std::fs::write(above.join(name), &pair.private_key)?;
        }
        let lines = ledger_lines(setting, above);
        let ledger = Site::start(setting, above, "ledger", &lines, own.then_some(0)).await?;
        let auditor = if setting.auditor {
            let lines = auditor_lines(setting, above, ledger.ports);
            Some(Site::start(setting, above, "auditor", &lines, own.then_some(1)).await?)
        } else {
            None
        };
        let deployment = Self { setting, ledger, auditor, client, folder };
        deployment
            .introduce(&of_ledger, &of_auditor)
            .await
            .with_context(|| deployment.ledger.server.log())?;
        Ok(deployment)
    }

    /// Stops the servers and starts them on the same data.
    pub(crate) async fn restart(self) -> anyhow::Result<Self> {
        let Self { setting, ledger, auditor, client, folder } = self;
        let auditor = match auditor {
            Some(auditor) => Some(auditor.restart(setting).await?),
            None => None,
        };
        let ledger = ledger.restart(setting).await?;
        Ok(Self { setting, ledger, auditor, client, folder })
    }

    /// A client with connections of its own; all are one identity.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        self.client_as("client", &self.client)
    }

    /// Processor time of the servers so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Cpu> {
        let auditor = self.auditor.as_ref().map(|auditor| auditor.server.cpu()).transpose()?;
        Ok(Cpu { ledger: self.ledger.server.cpu()?, auditor: auditor.unwrap_or_default() })
    }

    /// Bytes of memory of the Ledger.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        self.ledger.server.resident()
    }

    /// Bytes of files of the Ledger.
    pub(crate) fn disk(&self) -> anyhow::Result<u64> {
        size(&self.ledger.folder)
    }

    /// What the Ledger wrote last.
    pub(crate) fn log(&self) -> String {
        self.ledger.server.log()
    }

    async fn introduce(&self, of_ledger: &Pair, of_auditor: &Pair) -> anyhow::Result<()> {
        if self.auditor.is_some() && self.setting.authentication == Authentication::Signatures {
            for (name, pair) in [("ledger", of_ledger), ("auditor", of_auditor)] {
                self.client_as(name, pair)?.register_certificate().await?;
            }
        }
        let client = self.client()?;
        client.bootstrap().await?;
        for (id, name) in CONTRACTS {
            let class = match &self.setting.classes {
                Some(root) => {
                    let file = root.join(name.replace('.', "/")).with_extension("class");
                    std::fs::read(&file).with_context(|| file.display().to_string())?.into()
                }
                None => class_stub(name),
            };
            client.register_contract(id, name, class, "").await?;
        }
        if !self.setting.is_peer() {
            let (id, source) = LOADER;
            client.register_contract(id, "bench.Load", source.into(), "").await?;
        }
        Ok(())
    }

    fn client_as(&self, name: &str, pair: &Pair) -> anyhow::Result<Client> {
        let (entity_id, version) = (name.to_owned(), 1);
        let identity = match self.setting.authentication {
            Authentication::Hmac => Identity::Hmac { entity_id, version, secret: SecretString::from(SECRET) },
            _ => Identity::DigitalSignature {
                entity_id,
                version,
                certificate: pair.certificate.clone(),
                private_key: SecretString::from(pair.private_key.as_str()),
            },
        };
        let target = |[ordinary, privileged, _]: [u16; 3]| Target::new("127.0.0.1", ordinary, privileged);
        let mut config = ClientConfig::new(target(self.ledger.ports), identity);
        config.auditor = self.auditor.as_ref().map(|auditor| target(auditor.ports));
        Ok(Client::new(config)?)
    }
}

impl Site {
    async fn start(
        setting: &Setting,
        above: &Path,
        word: &'static str,
        lines: &str,
        core: Option<usize>,
    ) -> anyhow::Result<Self> {
        let folder = above.join(word);
        std::fs::create_dir_all(&folder)?;
        let database = above.file_name().unwrap_or_default().to_string_lossy();
        let database = format!("bench_{word}_{}", database.trim_start_matches('.').to_lowercase());
        if let Some(url) = setting.postgres.as_deref().filter(|_| !setting.is_embedded()) {
            make_database(url, &database).await?;
        }
        let ports = free_ports()?;
        let [ordinary, privileged, admin] = ports;
        let text = format!(
            "{}{lines}scalar.dl.{word}.server.host=127.0.0.1\nscalar.dl.{word}.server.port={ordinary}\n\
             scalar.dl.{word}.server.privileged_port={privileged}\nscalar.dl.{word}.server.admin_port={admin}\n\
             scalar.dl.{word}.server.prometheus_exporter_port=-1\n\
             scalar.dl.{word}.server.decommissioning_duration_secs=0\n",
            setting.storage_lines(&folder, &database)?
        );
        std::fs::write(folder.join("server.properties"), text)?;
        let server = launch(setting, word, &folder, ports, core).await?;
        Ok(Self { word, folder, ports, core, server })
    }

    async fn restart(self, setting: &Setting) -> anyhow::Result<Self> {
        let Self { word, folder, ports, core, server } = self;
        server.stop().await?;
        let server = launch(setting, word, &folder, ports, core).await?;
        Ok(Self { word, folder, ports, core, server })
    }
}

async fn launch(
    setting: &Setting,
    word: &str,
    folder: &Path,
    ports: [u16; 3],
    core: Option<usize>,
) -> anyhow::Result<Process> {
    let properties = folder.join("server.properties").display().to_string();
    let mut server = Process::start(&setting.program, [word, "--config", &properties], folder, core, &[])?;
    server.until_open(&ports).await?;
    Ok(server)
}

impl Pair {
    fn new(name: &str) -> anyhow::Result<Self> {
        let key = rcgen::KeyPair::generate()?;
        let certificate = rcgen::CertificateParams::new(vec![name.to_owned()])?.self_signed(&key)?;
        Ok(Self { certificate: certificate.pem(), private_key: key.serialize_pem() })
    }
}

fn ledger_lines(setting: &Setting, above: &Path) -> String {
    let key = format!(
        "scalar.dl.ledger.proof.enabled=true\nscalar.dl.ledger.proof.private_key_path={}\n",
        above.join("ledger.pem").display()
    );
    let proofs = match (setting.authentication, setting.auditor) {
        (Authentication::Hmac, false) => "",
        _ => &key,
    };
    format!("scalar.dl.ledger.auditor.enabled={}\n{proofs}{}", setting.auditor, secrets(setting, "ledger"))
}

fn auditor_lines(setting: &Setting, above: &Path, [ordinary, privileged, _]: [u16; 3]) -> String {
    format!(
        "scalar.dl.auditor.private_key_path={}\nscalar.dl.auditor.ledger.host=127.0.0.1\n\
         scalar.dl.auditor.ledger.port={ordinary}\nscalar.dl.auditor.ledger.privileged_port={privileged}\n{}",
        above.join("auditor.pem").display(),
        secrets(setting, "auditor")
    )
}

fn secrets(setting: &Setting, word: &str) -> String {
    let shared = format!("scalar.dl.{word}.servers.authentication.hmac.secret_key={SECRET}\n");
    let clients = format!(
        "scalar.dl.{word}.authentication.method=hmac\nscalar.dl.{word}.authentication.hmac.cipher_key={SECRET}\n"
    );
    match (setting.authentication, setting.auditor) {
        (Authentication::Signatures, _) => String::new(),
        (Authentication::SignaturesAndSecret, _) => shared,
        (Authentication::Hmac, true) => shared + &clients,
        (Authentication::Hmac, false) => clients,
    }
}

async fn make_database(url: &str, name: &str) -> anyhow::Result<()> {
    let made = Command::new("psql")
        .args(["-q", "-d", url, "-c", &format!("CREATE DATABASE \"{name}\"")])
        .stdin(Stdio::null())
        .status()
        .await
        .context("psql, of PostgreSQL's clients, makes databases")?;
    ensure!(made.success(), "psql could not make the database {name}");
    Ok(())
}

fn size(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // A file may go away meanwhile.
        let Ok(about) = entry.metadata() else { continue };
        bytes += if about.is_dir() { size(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}

/// Of everyone, in a benchmark.
const SECRET: &str = "a secret of the benchmark that nobody else uses";
