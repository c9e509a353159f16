//! A controller and two servers: a unit group, a container on each server, and a server that is lost.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use trustkeep_chassis::shutdown::Reload;
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_controller::administration;

use super::stage::{DRAIN, part};
use super::{chapter, say};
use crate::dev::controller::DevController;
use crate::simulate;

/// Tells it; controller and servers are gone then. Where servers cannot be simulated it says so.
pub(super) async fn place_and_lose(
    dir: &Path,
    supervisor: &Supervisor,
    reload: &Reload,
) -> anyhow::Result<()> {
    chapter("A controller and two servers")?;
    if let Err(reason) = simulate::check() {
        return say(&format!("Left out: {reason}."));
    }
    let own = part(supervisor);
    let scene = Scene::set(dir, &own, reload).await?;
    let told = tell(scene, &own).await;
    own.shutdown().trigger("its administrator stops it");
    told
}

async fn tell(mut scene: Scene, own: &Supervisor) -> anyhow::Result<()> {
    let [first, second] = scene.servers.addresses.clone();
    say(&format!(
        "The controller answers at {}. Two servers of this machine's own making, {first} and {second}, let it in by its key.",
        scene.controller.address
    ))?;
    let vcid = scene.call("POST", "/vcs", Some(json!({ "cci": STANDARD.encode(GROUP) }))).await?;
    let vcid = text(&vcid, "vcid")?;
    scene.call("POST", &format!("/vcs/{vcid}"), Some(scene.unit())).await?;
    scene.nodes(&vcid, ["RUNNING", "RUNNING"]).await?;
    say(
        "A unit group `demo` with a unit `web` of two nodes: the controller brought the image there, by SSH alone, and started a container on each.",
    )?;
    for address in [&first, &second] {
        let page = scene.page(address).await?;
        say(&format!("http://{address}:{WEB_PORT} in the container says: {page}"))?;
    }

    chapter("A server is lost")?;
    scene.servers.tell("cut 2").await?;
    let [_, lost] = scene.nodes(&vcid, ["RUNNING", "HOST_ERROR"]).await?;
    say(&format!(
        "Somebody pulls the cable of {second}. The controller reports, unasked:\n  HOST_ERROR {}",
        lost
    ))?;
    say(&format!("The other goes on: http://{first}:{WEB_PORT} says: {}", scene.page(&first).await?))?;
    scene.servers.tell("heal 2").await?;
    scene.nodes(&vcid, ["RUNNING", "RUNNING"]).await?;
    say("The cable is put back, and the node is RUNNING again.")?;

    chapter("And cleaned up")?;
    scene.call("DELETE", &format!("/vcs/{vcid}"), Some(json!({ "force": "true" }))).await?;
    scene.gone(&vcid).await?;
    let left = scene.servers.containers().await?;
    anyhow::ensure!(left == 0, "{left} containers are left on the servers");
    say("The unit group is removed; neither server has a container any more.")?;
    scene.strike(own).await
}

/// A controller of its own vault, its servers, and one of its users.
struct Scene {
    controller: DevController,
    servers: Servers,
    http: reqwest::Client,
}

impl Scene {
    async fn set(dir: &Path, own: &Supervisor, reload: &Reload) -> anyhow::Result<Self> {
        let dir = dir.join("controller");
        std::fs::create_dir(&dir)?;
        std::fs::write(dir.join(".env"), ENV)?;
        let controller = DevController::start(&dir, [0, 0], own, reload).await?;
        let key = dir.join("volume/.ssh/id_ed25519.pub");
        let servers = Servers::start(&dir.join("servers"), &key).await?;
        let catalogue = format!(
            "cci_version: '1.0'\nonpremises:\n  default:\n    private_network_ipmask: {}\n",
            servers.network
        );
        controller.order(administration::Command::CatalogueSet { text: Some(catalogue) }).await?;
        let image = administration::Command::ImageAdd { path: servers.image_file.clone() };
        controller.order(image).await?;
        let authority = std::fs::read(&controller.ca_file)?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only(reqwest::Certificate::from_pem_bundle(&authority)?)
            .build()?;
        Ok(Self { controller, servers, http })
    }

    async fn strike(self, own: &Supervisor) -> anyhow::Result<()> {
        drop(self.http);
        own.shutdown().trigger("its administrator stops it");
        own.join(DRAIN).await?;
        self.controller.close().await;
        self.servers.end().await
    }

    /// The document of the unit, as the SDK writes it.
    fn unit(&self) -> Value {
        let (image, [first, second]) = (&self.servers.image, &self.servers.addresses);
        let script = STANDARD.encode(SCRIPT);
        let text = format!(
            "- unit:\n    cci_version: \"1.1\"\n    name: web\n    description: \"\"\n    private_network: default\n    \
             num_nodes: 2\n    image: {image}\n    recovery_mode: none\n    docker_opt: {{}}\n    params:\n        v: []\n        \
             e: []\n    user_init_command: {script}\n    cloud_provider: onpremises\n    cloud_params:\n        \
             cci_version: \"1.0\"\n        user_name: root\n        ip_address_list: ['{first}', '{second}']\n        \
             network_if: None\n"
        );
        json!({ "info": STANDARD.encode(text), "unit_name": "web" })
    }

    /// What the controller answers, if it accepts.
    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let (status, answer) = self.ask(method, path, body).await?;
        anyhow::ensure!(status.is_success(), "{method} {path}: the controller answers {status}: {answer}");
        Ok(serde_json::from_str(&answer)?)
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<(reqwest::StatusCode, String)> {
        let url = format!("{}/vcp/v1/occtr{path}", self.controller.address);
        let request = self.http.request(method.parse()?, url);
        let mut request = request.header("x-vcc-access-token", self.controller.token.expose());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.context("the controller does not answer")?;
        Ok((answer.status(), answer.text().await?))
    }

    /// Waits until the nodes are in these states; gives what is wrong with each.
    async fn nodes(&self, vcid: &str, wanted: [&str; 2]) -> anyhow::Result<[String; 2]> {
        let path = format!("/vcs/{vcid}/web");
        let mut seen = Value::Null;
        let waiting = async {
            loop {
                seen = self.call("GET", &path, None).await?;
                let nodes = seen.get("node").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let member = |name| {
                    nodes.iter().map(move |node| node.get(name).and_then(Value::as_str).unwrap_or_default())
                };
                if member("state").eq(wanted) {
                    let mut faults = member("error_message").map(str::to_owned);
                    return Ok(wanted.map(|_| faults.next().unwrap_or_default()));
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, waiting).await;
        outcome.unwrap_or_else(|_| Err(anyhow::anyhow!("the nodes are not {wanted:?}: {seen}")))
    }

    async fn gone(&self, vcid: &str) -> anyhow::Result<()> {
        let path = format!("/vcs/{vcid}");
        let waiting = async {
            while self.ask("GET", &path, None).await?.0 != reqwest::StatusCode::NOT_FOUND {
                tokio::time::sleep(PAUSE).await;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, waiting).await.context("the unit group does not go")?
    }

    /// What the container on a server tells who asks.
    async fn page(&self, address: &str) -> anyhow::Result<String> {
        let answer = self.http.get(format!("http://{address}:{WEB_PORT}/")).send().await?;
        Ok(answer.error_for_status()?.text().await?.trim().to_owned())
    }
}

/// Two simulated servers, in a process of their own: they end with this one.
struct Servers {
    addresses: [String; 2],
    network: String,
    image: String,
    image_file: String,
    sockets: Vec<String>,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Servers {
    async fn start(dir: &Path, key: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["simulate", "--count", "2", "--json", "--attached", "--dir"]).arg(dir);
        command.arg("--authorized-key").arg(key);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("the servers do not start")?;
        let input = child.stdin.take().context("the servers have no input")?;
        let mut output = BufReader::new(child.stdout.take().context("the servers have no output")?).lines();
        let told = tokio::time::timeout(PATIENCE, output.next_line())
            .await
            .context("the servers do not come up")??;
        let told: Value = serde_json::from_str(&told.context("the servers ended; see above")?)?;
        let servers = told.get("servers").and_then(Value::as_array).context("no servers")?;
        let of_each =
            |member| servers.iter().map(|server| text(server, member)).collect::<anyhow::Result<Vec<_>>>();
        let addresses = of_each("address")?;
        let addresses =
            addresses.try_into().map_err(|_| anyhow::anyhow!("two servers were expected: {told}"))?;
        Ok(Self {
            addresses,
            network: text(&told, "network")?,
            image: text(&told, "image")?,
            image_file: text(&told, "image_file")?,
            sockets: of_each("docker_socket")?,
            child,
            input,
            output,
        })
    }

    /// Changes a server: `cut 2`.
    async fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        let answer = self.output.next_line().await?.context("the servers ended; see above")?;
        let answer: Value = serde_json::from_str(&answer)?;
        anyhow::ensure!(answer.get("ok") == Some(&Value::Bool(true)), "{line}: {answer}");
        Ok(())
    }

    /// How many containers there are on both, as their own Docker says.
    async fn containers(&self) -> anyhow::Result<usize> {
        let mut count = 0;
        for socket in &self.sockets {
            let words = ["--host", &format!("unix://{socket}"), "ps", "--all", "--quiet"].map(str::to_owned);
            let listed = Command::new("docker").args(words).output().await?;
            anyhow::ensure!(listed.status.success(), "docker: {}", String::from_utf8_lossy(&listed.stderr));
            count += String::from_utf8_lossy(&listed.stdout).lines().count();
        }
        Ok(count)
    }

    async fn end(mut self) -> anyhow::Result<()> {
        drop(self.input);
        let status =
            tokio::time::timeout(PATIENCE, self.child.wait()).await.context("the servers do not end")??;
        anyhow::ensure!(status.success(), "the servers ended with {status}");
        Ok(())
    }
}

fn text(record: &Value, member: &str) -> anyhow::Result<String> {
    let text = record.get(member).and_then(Value::as_str);
    text.map(str::to_owned).with_context(|| format!("no {member} in {record}"))
}

/// A look every second, so that a demo does not have to wait for the usual thirty.
const ENV: &str = "VCP_VCC_PRIVATE_IPMASK=127.0.0.1/8\nVCC_CHECK_INTERVAL=1s\nVCC_PAUSE=1s\n";
const GROUP: &str =
    "- vc:\n    cci_version: '25.10.0+20251001'\n    type: compute\n    description: demo\n    name: demo\n";
/// What the unit's user wants done in each container: a web server that tells where it runs.
const SCRIPT: &str = "#!/bin/sh\nmkdir -p /www && echo \"served by $(hostname), node $SERF_NODE_ID\" >/www/index.html && httpd -p 8000 -h /www\n";
const WEB_PORT: u16 = 8000;
/// Between two questions whether something has happened.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest that is waited for anything.
const PATIENCE: Duration = Duration::from_secs(60);
