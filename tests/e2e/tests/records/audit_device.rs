//! A vault whose audit log stands in a ledger that others run.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trustkeep_e2e::{Client, Gate, Server, eventually, free_port};
use trustkeep_store::{Commit, Order, Row, Scan, Store as _, Value as Column};
use trustkeep_store_embedded::{EmbeddedStore, Settings};

use crate::client;

const ASSET: &str = "o_vault-audit";
const READER: &str = "com.scalar.dl.client.validation.contract.v1_1_0.ValidateLedger";

/// Ports that nobody else uses.
fn free_ports() -> [u16; 3] {
    [(); 3].map(|()| free_port().unwrap())
}

fn certificate(dir: &Path, name: &str) -> [PathBuf; 2] {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let files = [dir.join(format!("{name}.pem")), dir.join(format!("{name}.key"))];
    fs::write(&files[0], made.cert.pem()).unwrap();
    fs::write(&files[1], made.signing_key.serialize_pem()).unwrap();
    files
}

/// A ledger's configuration and its ports.
fn ledger_properties(dir: &Path) -> (PathBuf, [u16; 3]) {
    let [_, key] = certificate(dir, "ledger");
    let ports = free_ports();
    let [port, privileged, admin] = ports;
    let (store, key) = (dir.join("ledger-store"), key.display());
    let text = format!(
        "scalar.db.storage=embedded\nscalar.db.contact_points={}\n\
         scalar.dl.ledger.server.port={port}\nscalar.dl.ledger.server.privileged_port={privileged}\n\
         scalar.dl.ledger.server.admin_port={admin}\nscalar.dl.ledger.server.prometheus_exporter_port=-1\n\
         scalar.dl.ledger.server.decommissioning_duration_secs=0\n\
         scalar.dl.ledger.proof.enabled=true\nscalar.dl.ledger.proof.private_key_path={key}\n",
        store.display()
    );
    let file = dir.join("ledger.properties");
    fs::write(&file, text).unwrap();
    (file, ports)
}

/// A vault that is not initialised yet.
async fn vault(dir: &Path) -> (PathBuf, Server) {
    let hcl = format!(
        "disable_mlock = true\nstorage \"file\" {{\n  path = \"{}\"\n}}\nlistener \"tcp\" {{\n  address = \"127.0.0.1:0\"\n  tls_disable = true\n}}\n",
        dir.join("vault").display()
    );
    let hcl_file = dir.join("vault.hcl");
    fs::write(&hcl_file, hcl).unwrap();
    let vault = Server::configured(&hcl_file, &[]).await.unwrap();
    (hcl_file, vault)
}

/// A client's properties, for the ledger at these ports.
fn client_properties(dir: &Path, name: &str, port: u16, privileged: u16) -> PathBuf {
    let [certificate, key] =
        if dir.join(format!("{name}.key")).exists() { paths(dir, name) } else { certificate(dir, name) };
    let signature = "scalar.dl.client.entity.identity.digital_signature";
    let text = format!(
        "scalar.dl.client.server.host=127.0.0.1\nscalar.dl.client.server.port={port}\n\
         scalar.dl.client.server.privileged_port={privileged}\nscalar.dl.client.entity.id={name}\n\
         {signature}.cert_path={}\n{signature}.private_key_path={}\n",
        certificate.display(),
        key.display()
    );
    let file = dir.join(format!("{name}-{port}.properties"));
    fs::write(&file, text).unwrap();
    file
}

fn paths(dir: &Path, name: &str) -> [PathBuf; 2] {
    ["pem", "key"].map(|kind| dir.join(format!("{name}.{kind}")))
}

/// The whole log, as anyone reads it who may execute a contract.
async fn read_back(auditor: &Path) -> String {
    let argument = json!({ "asset_id": ASSET }).to_string();
    let read =
        client(auditor, &["execute-contract"], &["--contract-id", "read", "--contract-argument", &argument])
            .await;
    assert_eq!(read.code, 0, "{read:?}");
    let json = read.stdout.trim_start().trim_start_matches("Contract result:");
    let states: Value = serde_json::from_str(json).unwrap();
    let states = states[ASSET].as_array().unwrap();
    let entries = states.iter().flat_map(|state| state["data"]["metadata"]["entries"].as_array().unwrap());
    entries.map(|entry| entry.as_str().unwrap()).collect()
}

async fn validated(auditor: &Path) -> String {
    let validated = client(auditor, &["validate-ledger"], &["--asset-id", ASSET]).await;
    assert_eq!(validated.code, 0, "{validated:?}");
    let said: Value = serde_json::from_str(&validated.stdout).unwrap();
    said["status_code"].as_str().unwrap().to_owned()
}

/// Replaces a text in one entry of the log, in the store itself.
async fn falsify(store: &Path, from: &str, to: &str) {
    let store = EmbeddedStore::open(Settings::new(store)).unwrap();
    let tables = trustkeep_ledger::namespace_tables("scalar", "default").unwrap();
    let table = tables.iter().find(|table| table.name() == "asset").unwrap();
    store.create_tables(std::slice::from_ref(table)).await.unwrap();
    let output = table.columns().iter().position(|column| &*column.name == "output").unwrap();
    let page = store.scan(table, &Scan::partition(ASSET, 1000).order(Order::Ascending)).await.unwrap();
    let record = page.records.iter().find(|record| record.text(output).unwrap().contains(from)).unwrap();
    let mut values = record.row.values().to_vec();
    values[output] = Some(Column::from(record.text(output).unwrap().replace(from, to)));
    store.commit(Commit::new().put(table, record.key.clone(), Row::new(values))).await.unwrap();
    store.close().await;
}

async fn put(vault: &Client, name: &str) -> u16 {
    vault.post(&format!("cubbyhole/{name}"), json!({ "colour": "green" })).await.unwrap().status
}

#[tokio::test]
async fn the_log_in_the_ledger_is_whole_and_what_is_changed_in_it_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (config, [port, privileged, _]) = ledger_properties(dir);
    let ledger = Server::scalar("ledger", &config, &[port, privileged]).await.unwrap();
    let gate = Gate::before(&ledger.address).await.unwrap();
    let gate_port = gate.address.rsplit(':').next().unwrap().parse().unwrap();
    // The operator registers the vault's certificate; the vault itself needs no way to the privileged port.
    let operator = client_properties(dir, "vault", port, privileged);
    let registered = client(&operator, &["register-cert"], &[]).await;
    assert_eq!(registered.code, 0, "{registered:?}");
    let device = client_properties(dir, "vault", gate_port, 1);
    let auditor = client_properties(dir, "auditor", port, privileged);
    let registered = client(&auditor, &["register-cert"], &[]).await;
    assert_eq!(registered.code, 0, "{registered:?}");
    let class = dir.join("reader.class");
    fs::write(&class, trustkeep_scalar_client::class_stub(READER)).unwrap();
    let names = ["--contract-id", "read", "--contract-binary-name", READER, "--contract-class-file"];
    let registered =
        client(&auditor, &["register-contract"], &[&names[..], &[class.to_str().unwrap()]].concat()).await;
    assert_eq!(registered.code, 0, "{registered:?}");

    let (hcl_file, mut vault) = vault(dir).await;
    let share = vault.open().await.unwrap();
    let token = vault.token.clone();
    let root = vault.client();
    let options = json!({ "properties_file": device, "log_raw": "true", "write_timeout": "2s" });
    let enabled =
        root.post("sys/audit/ledger", json!({ "type": "ledger", "options": options })).await.unwrap();
    assert_eq!(enabled.status, 204, "{enabled:?}");
    assert_eq!(put(&root, "first").await, 204);

    // A ledger that is away: what is not on record does not happen.
    gate.close();
    assert_eq!(put(&root, "unrecorded").await, 500);
    gate.open();
    eventually("the vault's return", async || Ok((put(&root, "second").await == 204).then_some(())))
        .await
        .unwrap();
    let absent = root.get("cubbyhole/unrecorded").await.unwrap();
    assert_eq!(absent.status, 404, "{absent:?}");

    // A crash of the vault: the next start goes on with the same chain.
    vault.crash().await.unwrap();
    let vault = Server::configured(&hcl_file, &[]).await.unwrap();
    let root = Client::new(&vault.address, Some(&token));
    let unsealed = root.post("sys/unseal", json!({ "key": share })).await.unwrap();
    assert_eq!(unsealed.status, 200, "{unsealed:?}");
    let file = dir.join("audit.log");
    let options = json!({ "file_path": file, "log_raw": "true", "skip_test": "true" });
    let enabled = root.post("sys/audit/file", json!({ "type": "file", "options": options })).await.unwrap();
    assert_eq!(enabled.status, 204, "{enabled:?}");
    let many = (0..50).map(|number| {
        let root = root.clone();
        tokio::spawn(async move { put(&root, &format!("many-{number}")).await })
    });
    for one in many.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), 204);
    }
    let disabled = root.send("DELETE", "sys/audit/file", None).await.unwrap();
    assert_eq!(disabled.status, 204, "{disabled:?}");
    let log = read_back(&auditor).await;
    let written = fs::read_to_string(&file).unwrap();
    for line in written.lines() {
        assert_eq!(log.matches(line).count(), 1, "not once in the ledger: {line}");
    }
    for line in ["cubbyhole/first", "cubbyhole/second", "cubbyhole/many-49"] {
        assert!(log.contains(line), "{line} is missing");
    }
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "a line is torn");
    assert_eq!(validated(&auditor).await, "OK");
    vault.stop().await.unwrap();

    ledger.stop().await.unwrap();
    falsify(&dir.join("ledger-store"), "cubbyhole/first", "cubbyhole/faked").await;
    let ledger = Server::scalar("ledger", &config, &[port, privileged]).await.unwrap();
    assert_eq!(validated(&auditor).await, "INVALID_OUTPUT");
    ledger.stop().await.unwrap();
}

/// Adds lines to a file of properties.
fn add(file: &Path, lines: &str) {
    let text = fs::read_to_string(file).unwrap();
    fs::write(file, text + lines).unwrap();
}

/// The file of a client that knows the auditor too.
fn audited(file: PathBuf, [port, privileged, _]: [u16; 3]) -> PathBuf {
    let of = "scalar.dl.client.auditor";
    add(
        &file,
        &format!(
            "{of}.enabled=true\n{of}.host=127.0.0.1\n{of}.port={port}\n{of}.privileged_port={privileged}\n"
        ),
    );
    file
}

#[tokio::test]
async fn a_state_that_the_auditor_ordered_goes_on_when_the_ledger_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (config, [port, privileged, _]) = ledger_properties(dir);
    add(&config, "scalar.dl.ledger.auditor.enabled=true\n");
    let ledger = Server::scalar("ledger", &config, &[port, privileged]).await.unwrap();
    let gate = Gate::before(&ledger.address).await.unwrap();
    let gate_port = gate.address.rsplit(':').next().unwrap().parse().unwrap();

    let [_, key] = certificate(dir, "auditor");
    let ports = free_ports();
    let [auditor_port, auditor_privileged, auditor_admin] = ports;
    let (store, key) = (dir.join("auditor-store"), key.display());
    let of = "scalar.dl.auditor";
    // Nobody's order is ever given up: what the vault left behind it must end itself.
    let text = format!(
        "scalar.db.storage=embedded\nscalar.db.contact_points={}\n\
         {of}.server.port={auditor_port}\n{of}.server.privileged_port={auditor_privileged}\n\
         {of}.server.admin_port={auditor_admin}\n{of}.server.prometheus_exporter_port=-1\n\
         {of}.server.decommissioning_duration_secs=0\n{of}.private_key_path={key}\n\
         {of}.ledger.host=127.0.0.1\n{of}.ledger.port={port}\n\
         {of}.lock_recovery.grace_period_millis=3600000\n",
        store.display()
    );
    let config = dir.join("auditor.properties");
    fs::write(&config, text).unwrap();
    let auditor = Server::scalar("auditor", &config, &[auditor_port, auditor_privileged]).await.unwrap();
    for name in ["ledger", "auditor", "vault"] {
        let properties = audited(client_properties(dir, name, port, privileged), ports);
        let registered = client(&properties, &["register-cert"], &[]).await;
        assert_eq!(registered.code, 0, "{registered:?}");
    }
    let operator = dir.join(format!("vault-{port}.properties"));
    let device = audited(client_properties(dir, "vault", gate_port, 1), [auditor_port, 1, 1]);

    let (_, mut vault) = vault(dir).await;
    vault.open().await.unwrap();
    let root = vault.client();
    let options = json!({ "properties_file": device, "write_timeout": "2s" });
    let enabled =
        root.post("sys/audit/ledger", json!({ "type": "ledger", "options": options })).await.unwrap();
    assert_eq!(enabled.status, 204, "{enabled:?}");
    for round in 0..3 {
        gate.close();
        assert_eq!(put(&root, "unrecorded").await, 500);
        assert_eq!(put(&root, "unrecorded").await, 500);
        gate.open();
        eventually("the vault's return", async || Ok((put(&root, "recorded").await == 204).then_some(())))
            .await
            .unwrap();
        assert_eq!(root.get("cubbyhole/unrecorded").await.unwrap().status, 404, "in round {round}");
    }
    let bootstrapped = client(&operator, &["bootstrap"], &[]).await;
    assert_eq!(bootstrapped.code, 0, "{bootstrapped:?}");
    assert_eq!(validated(&operator).await, "OK");
    vault.stop().await.unwrap();
    auditor.stop().await.unwrap();
    ledger.stop().await.unwrap();
}
