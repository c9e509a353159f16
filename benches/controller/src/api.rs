//! The REST API over TLS, as the SDK calls it.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use trustkeep_bench_rig::http::{Connection, Request};

/// Where the API stands.
pub(crate) const BASE: &str = "/vcp/v1/occtr";

/// A kept connection.
pub(crate) type Tls = Connection<TlsStream<TcpStream>>;

/// One user of a controller.
#[derive(Clone)]
pub(crate) struct Api {
    port: u16,
    connector: TlsConnector,
    token: String,
}

impl Api {
    /// Trusts what this file holds.
    ///
    /// # Errors
    /// It holds no certificate.
    pub(crate) fn new(port: u16, authority: &Path, token: String) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(authority)? {
            roots.add(certificate?)?;
        }
        ensure!(!roots.is_empty(), "{} holds no certificate", authority.display());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { port, connector: TlsConnector::from(Arc::new(config)), token })
    }

    /// A new connection.
    ///
    /// # Errors
    /// Nobody answers there.
    pub(crate) async fn connect(&self) -> anyhow::Result<Tls> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("127.0.0.1")?;
        Ok(Connection::over(self.connector.connect(name, stream).await?))
    }

    /// A call below the base; without a body it is a GET.
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> Request {
        let headers = [("x-vcc-access-token", self.token.as_str()), ("Content-Type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Request::new(method, &format!("{BASE}{path}"), &headers, body.as_bytes())
    }

    /// Makes a unit group; gives its `vcid`.
    pub(crate) async fn create_group(&self, connection: &mut Tls, name: &str) -> anyhow::Result<String> {
        let cci = format!("\n- vc:\n    cci_version: \"1.0\"\n    type: compute\n    name: {name}\n");
        let answer =
            connection.ask(&self.call("POST", "/vcs", &json!({ "cci": STANDARD.encode(cci) }))).await?;
        Ok(answer.get("vcid").and_then(Value::as_str).context("vcid")?.to_owned())
    }

    /// Adds a unit of a node on each of these servers.
    pub(crate) async fn add_unit(
        &self,
        connection: &mut Tls,
        vcid: &str,
        name: &str,
        servers: &[IpAddr],
    ) -> anyhow::Result<()> {
        let (count, servers) = (servers.len(), json!(servers));
        let cci = format!(
            "
- unit:
    cci_version: \"1.1\"
    name: {name}
    description: \"\"
    private_network: default
    num_nodes: {count}
    image: vcp/base:2.1.0-alpine3.21-x86_64
    recovery_mode: none
    docker_opt: {{}}
    params:
        v:
        - /sys/fs/cgroup:/sys/fs/cgroup:ro
        e:
        - AUTHORIZED_KEYS=c3NoLWVkMjU1MTkgQUFBQQ==
    cloud_provider: onpremises
    cloud_params:
        cci_version: \"1.0\"
        user_name: None
        ip_address_list: {servers}
        network_if: None
"
        );
        let body = json!({ "info": STANDARD.encode(cci), "unit_name": name });
        connection.send(&self.call("POST", &format!("/vcs/{vcid}"), &body)).await
    }

    /// Waits until a unit group has so many nodes, all running.
    pub(crate) async fn until_running(
        &self,
        connection: &mut Tls,
        vcid: &str,
        count: usize,
    ) -> anyhow::Result<()> {
        let (look, began) = (self.call("GET", &format!("/vcs/{vcid}"), &Value::Null), Instant::now());
        loop {
            let group = connection.ask(&look).await?;
            let nodes = list(&group, "unit").flat_map(|unit| list(unit, "node"));
            let mut running = 0;
            for node in nodes {
                let text = |name: &str| node.get(name).and_then(Value::as_str).unwrap_or_default();
                match text("state") {
                    "RUNNING" => running += 1,
                    "BOOTING" => {}
                    state => bail!("a node is {state}: {}", text("error_message")),
                }
            }
            if running == count {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "{running} of {count} nodes run after {PATIENCE:?}");
            tokio::time::sleep(pause(count)).await;
        }
    }

    /// Removes all units of a unit group, then itself, as the SDK cleans up; waits until it is gone.
    pub(crate) async fn delete_group(
        &self,
        connection: &mut Tls,
        vcid: &str,
        count: usize,
    ) -> anyhow::Result<()> {
        let (path, politely) = (format!("/vcs/{vcid}"), json!({ "force": "false" }));
        let (look, began) = (self.call("GET", &path, &Value::Null), Instant::now());
        let group = connection.ask(&look).await?;
        for name in list(&group, "unit").filter_map(|unit| unit.get("name")?.as_str()) {
            connection.send(&self.call("DELETE", &format!("{path}/{name}"), &politely)).await?;
        }
        while list(&connection.ask(&look).await?, "unit").next().is_some() {
            ensure!(began.elapsed() < PATIENCE, "units are still there after {PATIENCE:?}");
            tokio::time::sleep(pause(count)).await;
        }
        connection.send(&self.call("DELETE", &path, &politely)).await?;
        while connection.status(&look).await? != "404" {
            ensure!(began.elapsed() < PATIENCE, "the unit group is still there after {PATIENCE:?}");
            tokio::time::sleep(pause(count)).await;
        }
        Ok(())
    }
}

/// Looking costs the controller processor time that its work needs.
fn pause(count: usize) -> Duration {
    Duration::from_millis(if count > 100 { 250 } else { 20 })
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

const PATIENCE: Duration = Duration::from_secs(300);
