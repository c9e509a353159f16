//! A base container, as Docker's API writes it.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use trustkeep_crypto::{SecretBytes, SecretString};

use super::engine::{CALL_WITHIN, Engine, escaped};
use super::refusal;
use super::{BaseContainer, Inspection};
use crate::fault::{Fault, Kind, Result};

/// The label that makes a container a base container, and says of which node.
pub(super) const NODE_LABEL: &str = "trustkeep.node_id";
/// The label that says what it was made by.
pub(super) const FORM_LABEL: &str = "trustkeep.form";
/// The label that names the unit group.
pub(super) const GROUP_LABEL: &str = "trustkeep.vcid";

/// A base container in the list of a machine.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    pub(super) id: String,
    #[serde(default)]
    pub(super) names: Vec<String>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) state: String,
}

impl Listed {
    pub(super) fn is_of(&self, node_id: &str) -> bool {
        self.labels.get(NODE_LABEL).is_some_and(|label| label == node_id)
    }

    /// Whether it was made as it is wanted now.
    pub(super) fn is_as(&self, wanted: &BaseContainer) -> bool {
        self.labels.get(FORM_LABEL).is_none_or(|form| *form == wanted.form)
    }

    /// What is said of it where it is in the way.
    pub(super) fn conflict(&self) -> Fault {
        let label = |name| self.labels.get(name).map_or("?", String::as_str);
        Fault::new(
            Kind::Conflict,
            format!(
                "the server has the base container of another node already: {} (node {}, unit group {}). Delete that node, or \
                 use another server",
                self.names.first().map_or("?", |name| name.trim_start_matches('/')),
                label(NODE_LABEL),
                label(GROUP_LABEL)
            ),
        )
    }
}

/// Every base container on the machine, of whichever node.
pub(super) async fn list(engine: &mut Engine) -> Result<Vec<Listed>> {
    let filters = json!({ "label": [NODE_LABEL] }).to_string();
    let path = format!("/containers/json?all=true&filters={}", escaped(&filters));
    let mut listed: Vec<Listed> = engine.call(Method::GET, &path, None, CALL_WITHIN).await?;
    // An image that was made of a base container carries the label too, but empty.
    listed.retain(|container| container.labels.get(NODE_LABEL).is_some_and(|node| !node.is_empty()));
    Ok(listed)
}

/// The base container of one node.
pub(super) async fn find(engine: &mut Engine, node_id: &str) -> Result<Option<Listed>> {
    Ok(list(engine).await?.into_iter().find(|container| container.is_of(node_id)))
}

/// The same, where without it nothing can be done.
pub(super) async fn find_existing(engine: &mut Engine, node_id: &str) -> Result<Listed> {
    find(engine, node_id)
        .await?
        .ok_or_else(|| Fault::new(Kind::Conflict, "the server has no base container of this node any more"))
}

/// How a container stands.
pub(super) async fn inspect(engine: &mut Engine, id: &str) -> Result<Option<Inspection>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Found {
        id: String,
        state: State,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct State {
        status: String,
        running: bool,
        paused: bool,
        #[serde(rename = "OOMKilled", default)]
        out_of_memory: bool,
        exit_code: i64,
        error: String,
        started_at: String,
    }

    let Some(Found { id, state }) = engine.find(&format!("/containers/{}/json", escaped(id))).await? else {
        return Ok(None);
    };
    let is_running = state.running && !state.paused && state.status == "running";
    let ended = (!is_running).then(|| {
        let mut words = match state.status.as_str() {
            "exited" => format!("the base container ended with exit code {}", state.exit_code),
            status => format!("the base container is {status}"),
        };
        if state.out_of_memory {
            words.push_str(", out of memory");
        }
        if !state.error.is_empty() {
            words = format!("{words}: {}", state.error);
        }
        words
    });
    // Docker writes the year 1 for never.
    let started_at = state.started_at.parse::<Timestamp>().ok().filter(|at| at.as_second() > 0);
    Ok(Some(Inspection { container_id: id, is_running, started_at, ended }))
}

/// Makes the container; it does not run yet.
pub(super) async fn create(engine: &mut Engine, wanted: &BaseContainer) -> Result<String> {
    let body = creation(wanted)?;
    let path = format!("/containers/create?name={}", escaped(&wanted.name));
    engine.create(&path, body).await.map_err(|fault| {
        if refusal::is_missing(&fault) { fault.during(format!("image {}", wanted.image)) } else { fault }
    })
}

/// What is sent to make it: zeroised when it was sent, because the environment may hold secrets.
fn creation(wanted: &BaseContainer) -> Result<Bytes> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Creation<'a> {
        image: &'a str,
        hostname: &'a str,
        env: Vec<Variable<'a>>,
        labels: BTreeMap<&'a str, &'a str>,
        volumes: BTreeMap<&'a str, Value>,
        host_config: Value,
    }

    let (mut binds, volumes): (Vec<&str>, Vec<&str>) =
        wanted.binds.iter().map(String::as_str).partition(|bind| bind.contains(':'));
    binds.insert(0, "/dev:/dev");
    // Where a name stands twice, programs differ in which one they take: only the later is handed on.
    let last: BTreeMap<&str, usize> =
        wanted.env.iter().enumerate().map(|(at, (name, _))| (name.as_str(), at)).collect();
    let env = wanted.env.iter().enumerate().filter(|(at, (name, _))| last.get(name.as_str()) == Some(at));
    let env = env.map(|(_, variable)| Variable::new(variable)).collect::<Result<Vec<_>>>()?;
    let creation = Creation {
        image: &wanted.image,
        hostname: wanted.hostname.as_deref().unwrap_or_default(),
        labels: BTreeMap::from([
            (NODE_LABEL, wanted.node_id.as_str()),
            (GROUP_LABEL, wanted.vcid.as_str()),
            (FORM_LABEL, wanted.form.as_str()),
        ]),
        // As in `docker run -v /path`: a volume without a name.
        volumes: volumes.into_iter().map(|path| (path, json!({}))).collect(),
        host_config: json!({
            "Privileged": true,
            "NetworkMode": "host",
            "Binds": binds,
            "RestartPolicy": { "Name": if wanted.restart { "unless-stopped" } else { "no" } },
            "Dns": wanted.dns,
            "DnsSearch": wanted.dns_search,
            "DnsOptions": wanted.dns_options,
            "ExtraHosts": wanted.extra_hosts,
            "DeviceRequests": wanted.gpus.as_deref().map(device_requests).transpose()?.unwrap_or_default(),
        }),
        env,
    };
    let secret_bytes: usize = wanted.env.iter().map(|(name, value)| name.len() + value.len()).sum();
    // Room for the escapes, so that the buffer does not move and leave a copy.
    let mut body = Vec::with_capacity(16 * 1024 + 6 * secret_bytes);
    serde_json::to_writer(&mut body, &creation)
        .map_err(|error| Fault::new(Kind::Invalid, format!("the container cannot be described: {error}")))?;
    Ok(Bytes::from_owner(SecretBytes::new(body).into_inner()))
}

struct Variable<'a>(&'a str, &'a SecretString);

impl<'a> Variable<'a> {
    fn new((name, value): &'a (String, SecretString)) -> Result<Self> {
        if name.is_empty() || name.contains(['=', '\0']) || value.expose().contains('\0') {
            return Err(Fault::new(
                Kind::Invalid,
                format!("params_e: {name:?} is no variable of an environment"),
            ));
        }
        Ok(Self(name, value))
    }
}

impl Serialize for Variable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}={}", self.0, self.1.expose()))
    }
}

impl fmt::Debug for Variable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.0)
    }
}

/// `--gpus` as `docker run` reads it: `all`, a count, or `device=` and a list.
fn device_requests(gpus: &str) -> Result<Vec<Value>> {
    let gpus = gpus.trim().trim_matches('"');
    let request = |key: &str, value: Value| json!({ key: value, "Capabilities": [["gpu"]] });
    if gpus == "all" {
        return Ok(vec![request("Count", json!(-1))]);
    }
    if let Ok(count) = gpus.parse::<u32>() {
        return Ok(vec![request("Count", json!(count))]);
    }
    match gpus.strip_prefix("device=") {
        Some(devices) if !devices.is_empty() => {
            Ok(vec![request("DeviceIDs", devices.split(',').map(str::trim).collect())])
        }
        _ => Err(Fault::new(
            Kind::Invalid,
            format!("gpus: {gpus:?} is neither all, nor a count, nor device=LIST"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> BaseContainer {
        BaseContainer {
            node_id: "0".repeat(32),
            vcid: "1".repeat(32),
            form: "2".repeat(64),
            name: "base".into(),
            image: "vcp/base".into(),
            env: [("KEY", "earlier"), ("OTHER", "x"), ("KEY", "a=\"b\"\n$(id)")]
                .map(|(name, value)| (name.to_owned(), SecretString::new(value.to_owned())))
                .into(),
            binds: vec!["/sys/fs/cgroup:/sys/fs/cgroup:rw".into(), "/exported".into()],
            restart: true,
            hostname: Some("node; reboot".into()),
            dns: vec!["10.0.0.1".into()],
            dns_search: vec![],
            dns_options: vec![],
            extra_hosts: vec!["peer:10.0.0.2".into()],
            gpus: Some("device=0,1".into()),
        }
    }

    #[test]
    fn a_base_container_is_described_as_docker_run_would() {
        let body: Value = serde_json::from_slice(&creation(&wanted()).unwrap()).unwrap();
        assert_eq!(body["Env"], json!(["OTHER=x", "KEY=a=\"b\"\n$(id)"]), "the later of two of a name");
        assert_eq!(body["Hostname"], "node; reboot");
        assert_eq!(body["Volumes"], json!({ "/exported": {} }));
        let host = &body["HostConfig"];
        assert_eq!(host["Binds"], json!(["/dev:/dev", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]));
        assert_eq!((&host["Privileged"], &host["NetworkMode"]), (&json!(true), &json!("host")));
        assert_eq!(host["RestartPolicy"]["Name"], "unless-stopped");
        assert_eq!(host["DeviceRequests"], json!([{ "DeviceIDs": ["0", "1"], "Capabilities": [["gpu"]] }]));
        assert_eq!(body["Labels"][NODE_LABEL], "0".repeat(32));
        assert_eq!(body["Labels"][FORM_LABEL], "2".repeat(64));
    }

    #[test]
    fn a_container_that_was_made_by_something_else_is_told_apart() {
        let listed = |labels: Value| -> Listed {
            serde_json::from_value(json!({ "Id": "c", "Labels": labels })).unwrap()
        };
        assert!(listed(json!({ NODE_LABEL: "n", FORM_LABEL: "2".repeat(64) })).is_as(&wanted()));
        assert!(!listed(json!({ NODE_LABEL: "n", FORM_LABEL: "3".repeat(64) })).is_as(&wanted()));
        assert!(listed(json!({ NODE_LABEL: "n" })).is_as(&wanted()), "made before there was the label");
    }

    #[test]
    fn what_docker_would_misread_is_refused_by_name() {
        let mut bad = wanted();
        bad.env = vec![("A=B".into(), SecretString::new("secret".into()))];
        let fault = creation(&bad).unwrap_err();
        assert!(fault.text.contains("params_e") && !fault.text.contains("secret"), "{fault}");
        let mut bad = wanted();
        bad.gpus = Some("some".into());
        assert!(creation(&bad).unwrap_err().text.contains("gpus"));
        assert_eq!(device_requests("2").unwrap()[0]["Count"], 2);
        assert_eq!(device_requests("all").unwrap()[0]["Count"], -1);
    }
}
