//! The unit under `deploy/systemd`, and what the server tells systemd.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use trustkeep_e2e::program;

use super::configuration;

#[tokio::test]
async fn the_service_manager_hears_of_start_and_stop() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("notify");
    let manager = UnixDatagram::bind(&place).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let hear = || {
        let mut buffer = [0; 64];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let config = configuration(dir.path(), "tls_disable = true", "");
    let mut server = Command::new(program())
        .args(["vault", "server", &format!("-config={}", config.display())])
        .env("NOTIFY_SOCKET", &place)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    assert_eq!(hear(), "READY=1");
    let pid = Pid::from_raw(i32::try_from(server.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(hear(), "STOPPING=1");
    assert!(server.wait().await.unwrap().success());
}

#[tokio::test]
async fn the_unit_is_one_that_systemd_takes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/systemd");
    let unit = std::fs::read_to_string(folder.join("trustkeep-vault.service")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    // The program need not be installed for its unit to be checked.
    let here = unit.replace("/usr/local/bin/vault", program().to_str().unwrap());
    assert_ne!(here, unit);
    let file = dir.path().join("trustkeep-vault.service");
    std::fs::write(&file, here).unwrap();
    let verify = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output().await;
    let said = match verify {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("SKIPPED systemd-analyze is missing");
            return;
        }
        other => other.unwrap(),
    };
    let errors = String::from_utf8_lossy(&said.stderr);
    let about_us: Vec<&str> = errors.lines().filter(|line| line.contains("trustkeep-vault")).collect();
    assert!(about_us.is_empty() && said.status.success(), "{errors}");
}
