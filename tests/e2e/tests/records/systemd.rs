//! The units under `deploy/systemd`, and what the servers tell systemd.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use trustkeep_e2e::program;

const KINDS: [&str; 4] = ["vault", "ledger", "auditor", "agent"];

#[tokio::test]
async fn the_service_manager_hears_of_start_and_stop() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("notify");
        let manager = UnixDatagram::bind(&place).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let hear = || {
            let mut buffer = [0; 64];
            let length = manager.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        let config = configuration(kind, dir.path());
        let mut server = Command::new(program())
            .args(match kind {
                "vault" => vec!["vault", "server", "--config"],
                "agent" => vec!["agent", "start", "--arg-file"],
                other => vec![other, "--config"],
            })
            .arg(config)
            .env("NOTIFY_SOCKET", &place)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        assert_eq!(hear(), "READY=1", "{kind}");
        let pid = Pid::from_raw(i32::try_from(server.id().unwrap()).unwrap()).unwrap();
        kill_process(pid, if kind == "vault" { Signal::INT } else { Signal::TERM }).unwrap();
        assert_eq!(hear(), "STOPPING=1", "{kind}");
        assert!(server.wait().await.unwrap().success(), "{kind}");
    }
}

#[tokio::test]
async fn the_units_are_such_as_systemd_takes() {
    let dir = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let unit = std::fs::read_to_string(deployed(&format!("trustkeep-{kind}.service"))).unwrap();
        // The program need not be installed for its unit to be checked.
        let place = if kind == "vault" { "/usr/local/bin/vault" } else { "/usr/local/bin/trustkeep" };
        let here = unit.replace(place, program().to_str().unwrap());
        assert_ne!(here, unit);
        let file = dir.path().join(format!("trustkeep-{kind}.service"));
        std::fs::write(&file, here).unwrap();
        let file = file.to_str().unwrap();
        let Some(errors) = takes("systemd-analyze", &["verify", "--man=no", file]).await else { return };
        assert!(!errors.contains("trustkeep-"), "{errors}");
        let users = deployed(&format!("{kind}.sysusers.conf"));
        takes("systemd-sysusers", &["--dry-run", users.to_str().unwrap()]).await;
        // Whoever owns the folders need not exist here either.
        let folders = std::fs::read_to_string(deployed(&format!("{kind}.tmpfiles.conf"))).unwrap();
        let owners = [format!("root {kind}"), format!("{kind} {kind}"), "root root".into()];
        let ours = owners.iter().fold(folders, |text, owner| text.replace(owner, "- -"));
        let file = dir.path().join("tmpfiles.conf");
        std::fs::write(&file, ours).unwrap();
        let root = format!("--root={}", dir.path().join("root").display());
        takes("systemd-tmpfiles", &["--create", &root, file.to_str().unwrap()]).await;
    }
}

/// What a tool of systemd says of something that it takes; nothing where systemd is not.
#[expect(clippy::print_stderr, reason = "a test says what it skips")]
async fn takes(tool: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(tool).args(arguments).output().await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("SKIPPED {tool} is missing");
            None
        }
        said => {
            let said = said.unwrap();
            let errors = String::from_utf8_lossy(&said.stderr).into_owned();
            assert!(said.status.success(), "{tool} {arguments:?}: {errors}");
            Some(errors)
        }
    }
}

fn deployed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/systemd").canonicalize().unwrap().join(name)
}

fn configuration(kind: &str, dir: &Path) -> PathBuf {
    if kind == "vault" {
        let text = "disable_mlock = true\nstorage \"inmem\" {}\nlistener \"tcp\" {\n  address = \"127.0.0.1:0\"\n  \
                    tls_disable = true\n}\n";
        let file = dir.join("vault.hcl");
        std::fs::write(&file, text).unwrap();
        return file;
    }
    if kind == "agent" {
        // What is deployed, on free ports, with a wallet that leaves nothing behind.
        let mut text = std::fs::read_to_string(deployed("agent.yml")).unwrap();
        for (there, here) in [
            ("[http, 0.0.0.0, 8020]", "[http, 127.0.0.1, 0]"),
            ("[127.0.0.1, 8021]", "[127.0.0.1, 0]"),
            ("[127.0.0.1, 8022]", "[127.0.0.1, 0]"),
            ("wallet-type: askar", "wallet-type: in_memory"),
            ("wallet-key-file: ", "# wallet-key-file: "),
        ] {
            assert!(text.contains(there), "{there} is not in agent.yml");
            text = text.replace(there, here);
        }
        let file = dir.join("agent.yml");
        std::fs::write(&file, text).unwrap();
        return file;
    }
    let mut text = String::from("scalar.db.storage=memory\n");
    for (key, value) in [
        ("server.host", "127.0.0.1"),
        ("server.port", "0"),
        ("server.privileged_port", "0"),
        ("server.admin_port", "0"),
        ("server.prometheus_exporter_port", "-1"),
        ("server.decommissioning_duration_secs", "0"),
        ("authentication.method", "hmac"),
        ("authentication.hmac.cipher_key", "a key"),
        ("servers.authentication.hmac.secret_key", "a secret"),
    ] {
        text += &format!("scalar.dl.{kind}.{key}={value}\n");
    }
    let file = dir.join("server.properties");
    std::fs::write(&file, text).unwrap();
    file
}
