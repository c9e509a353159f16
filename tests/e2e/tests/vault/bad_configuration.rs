//! Configurations that cannot work: exit code 1, a message that names the place, nothing left behind.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use serde_json::json;
use trustkeep_e2e::{Finished, Server, program, run};

use super::configuration;

async fn start(config: &Path) -> Finished {
    run(program(), &["vault", "server", &format!("-config={}", config.display())], &[]).await.unwrap()
}

async fn refused(dir: &Path, config: &Path, names: &[&str]) {
    let finished = start(config).await;
    assert_eq!(finished.code, 1, "{finished:?}");
    for name in names {
        assert!(finished.stderr.contains(name), "{name:?} is not named:\n{}", finished.stderr);
    }
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    assert!(!dir.join("data").exists(), "a data directory was left behind");
}

#[tokio::test]
async fn malformed_files_are_named_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let config = configuration(dir.path(), "tls_disable = true", "");
    let good = fs::read_to_string(&config).unwrap();
    for (more, names) in [
        ("storage \"file\" {\n", &["vault.hcl:"][..]),
        ("}", &["vault.hcl:10"]),
        ("x = \"unfinished", &["vault.hcl:10"]),
        ("listner \"tcp\" {}", &["vault.hcl:10", "listner", "listener"]),
        ("storage \"inmem\" {}", &["vault.hcl:10", "storage"]),
        ("listener \"unix\" {}", &["vault.hcl:10", "unix"]),
        ("listener \"tcp\" { address = \"nowhere\" }", &["vault.hcl:10", "listener.tcp.address", "nowhere"]),
        ("default_lease_ttl = \"many\"", &["vault.hcl:10", "default_lease_ttl"]),
        ("log_level = \"loud\"", &["vault.hcl:10", "log_level"]),
        ("seal \"transit\" {}", &["vault.hcl:10", "transit"]),
    ] {
        fs::write(&config, format!("{good}{more}\n")).unwrap();
        refused(dir.path(), &config, names).await;
    }
    fs::write(&config, [0xff, 0xfe, 0x00]).unwrap();
    refused(dir.path(), &config, &["vault.hcl"]).await;
    fs::write(&config, "").unwrap();
    refused(dir.path(), &config, &["vault.hcl", "storage"]).await;
    refused(dir.path(), &dir.path().join("none.hcl"), &["none.hcl"]).await;
    let json = dir.path().join("vault.json");
    fs::write(&json, "{\"storage\": {\"file\": {}}, \n").unwrap();
    refused(dir.path(), &json, &["vault.json:2"]).await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let config = configuration(dir.path(), "tls_disable = true", "");
    let text = fs::read_to_string(&config).unwrap().replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    fs::write(&config, text).unwrap();
    refused(dir.path(), &config, &[&port]).await;
    let data = dir.path().join("data");
    let arguments = ["dev", "--listen", &format!("127.0.0.1:{port}"), "--data-dir", data.to_str().unwrap()];
    let dev = run(program(), &arguments, &[]).await.unwrap();
    assert_eq!(dev.code, 1, "{dev:?}");
    assert!(dev.stderr.contains(&port), "{}", dev.stderr);
    assert!(!data.exists());
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    // Below a file nobody, not even root, can make a directory; nor in /proc.
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for folder in [file.join("data"), "/proc/trustkeep".into()] {
        let config = configuration(dir.path(), "tls_disable = true", "");
        let named = folder.to_str().unwrap();
        let text =
            fs::read_to_string(&config).unwrap().replace(dir.path().join("data").to_str().unwrap(), named);
        fs::write(&config, text).unwrap();
        refused(dir.path(), &config, &[named]).await;
        let dev =
            run(program(), &["dev", "--listen", "127.0.0.1:0", "--data-dir", named], &[]).await.unwrap();
        assert_eq!(dev.code, 1, "{dev:?}");
        assert!(dev.stderr.contains(named), "{}", dev.stderr);
    }
    assert_eq!(fs::read(&file).unwrap(), b"");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display();
    let listener = format!("tls_cert_file = \"{path}/cert.pem\"\n  tls_key_file = \"{path}/key.pem\"");
    let config = configuration(dir.path(), &listener, "");
    refused(dir.path(), &config, &["cert.pem"]).await;
    let pair = || rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(dir.path().join("cert.pem"), pair().cert.pem()).unwrap();
    refused(dir.path(), &config, &["key.pem"]).await;
    fs::write(dir.path().join("key.pem"), pair().signing_key.serialize_pem()).unwrap();
    refused(dir.path(), &config, &["key.pem", "cert.pem"]).await;
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = configuration(dir.path(), "tls_disable = true", "");
    let mut server = Server::configured(&config, &[]).await.unwrap();
    let share = server.open().await.unwrap();
    let written = server.client().post("cubbyhole/a", json!({ "k": "v" })).await.unwrap();
    assert_eq!(written.status, 204);
    let token = server.token.clone();
    server.stop().await.unwrap();
    let format = dir.path().join("data/FORMAT");
    let ours = fs::read(&format).unwrap();
    fs::write(&format, "trustkeep-store 99 77.0.0\n").unwrap();
    let before = listing(&dir.path().join("data"));
    let finished = start(&config).await;
    assert_eq!(finished.code, 1, "{finished:?}");
    let data = dir.path().join("data");
    for named in [data.to_str().unwrap(), "77.0.0", "99"] {
        assert!(finished.stderr.contains(named), "{named}: {}", finished.stderr);
    }
    assert_eq!(listing(&dir.path().join("data")), before);
    fs::write(&format, ours).unwrap();
    let mut server = Server::configured(&config, &[]).await.unwrap();
    server.token = token;
    let unsealed = server.client().post("sys/unseal", json!({ "key": share })).await.unwrap();
    assert_eq!(unsealed.status, 200, "{unsealed:?}");
    assert_eq!(server.client().get("cubbyhole/a").await.unwrap().at("/data/k"), "v");
    server.stop().await.unwrap();
}

/// Every file below a directory with its content, but locks.
fn listing(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(listing(&path));
        } else if !path.file_name().unwrap().eq_ignore_ascii_case("lock") {
            files.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}
