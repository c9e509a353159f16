//! The program as a command line, under both of its names.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trustkeep_e2e::{Finished, Server, program, run};

use super::configuration;

/// Runs `vault …` against a server.
struct Shell {
    vault: PathBuf,
    home: PathBuf,
    address: String,
    token: String,
}

impl Shell {
    async fn run(&self, words: &str) -> Finished {
        let words: Vec<&str> = words.split(' ').collect();
        let environment = [
            ("VAULT_ADDR", self.address.as_str()),
            ("VAULT_TOKEN", &self.token),
            ("HOME", self.home.to_str().unwrap()),
        ];
        run(&self.vault, &words, &environment).await.unwrap()
    }

    async fn ok(&self, words: &str) -> String {
        let finished = self.run(words).await;
        assert_eq!(finished.code, 0, "{words}: {finished:?}");
        finished.stdout
    }

    async fn json(&self, words: &str) -> Value {
        let printed = self.ok(words).await;
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{words}: {error}: {printed}"))
    }

    async fn fails(&self, code: i32, words: &str) -> String {
        let finished = self.run(words).await;
        assert_eq!(finished.code, code, "{words}: {finished:?}");
        assert!(!finished.stderr.is_empty(), "{words} fails without a word");
        finished.stderr
    }
}

/// The program under the name `vault`.
fn symlink(dir: &Path) -> PathBuf {
    let link = dir.join("vault");
    std::os::unix::fs::symlink(program(), &link).unwrap();
    link
}

#[tokio::test]
async fn a_secret_goes_round() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::dev(&dir.path().join("data")).await.unwrap();
    let home = dir.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let shell = Shell {
        vault: symlink(dir.path()),
        home,
        address: server.address.clone(),
        token: server.token.clone(),
    };

    let put = shell.ok("kv put secret/app/db user=me pass=s3cret").await;
    assert!(put.contains("secret/data/app/db") && put.contains("version"), "{put}");
    let got = shell.json("kv get -format=json secret/app/db").await;
    assert_eq!(got["data"]["data"], json!({ "user": "me", "pass": "s3cret" }));
    assert_eq!(shell.ok("kv get -field=pass secret/app/db").await, "s3cret");
    let table = shell.ok("kv get secret/app/db").await;
    for part in ["== Secret Path ==", "======= Metadata =======", "==== Data ====", "s3cret"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert_eq!(shell.json("kv list -format=json secret/app").await, json!(["db"]));
    // The agent of `dev` keeps its keys there, too.
    assert_eq!(shell.ok("kv list secret").await, "Keys\n----\napp/\ntrustkeep/\n");
    shell.ok("kv patch secret/app/db pass=new").await;
    assert_eq!(shell.ok("kv get -mount=secret -field=pass app/db").await, "new");
    assert_eq!(shell.ok("kv get -version=1 -field=pass secret/app/db").await, "s3cret");
    let refused = shell.fails(2, "kv put -cas=1 secret/app/db pass=late").await;
    assert!(refused.contains("check-and-set"), "{refused}");

    shell.ok("kv delete secret/app/db").await;
    shell.run("kv get secret/app/db").await;
    assert_eq!(shell.ok("kv get -version=1 -field=user secret/app/db").await, "me");
    shell.ok("kv undelete -versions=2 secret/app/db").await;
    assert_eq!(shell.ok("kv get -field=user secret/app/db").await, "me");
    shell.ok("kv destroy -versions=1 secret/app/db").await;
    shell.ok("kv metadata put -max-versions=5 -custom-metadata=owner=ops secret/app/db").await;
    let metadata = shell.json("kv metadata get -format=json secret/app/db").await;
    assert_eq!(metadata["data"]["versions"]["1"]["destroyed"], true);
    assert_eq!(metadata["data"]["custom_metadata"], json!({ "owner": "ops" }));
    assert_eq!(metadata["data"]["max_versions"], 5);
    shell.ok("kv metadata delete secret/app/db").await;
    let none = shell.fails(2, "kv get secret/app/db").await;
    assert!(none.contains("No value found at secret/data/app/db"), "{none}");

    shell.ok("secrets enable -path=one -version=1 kv").await;
    shell.ok("kv put one/x k=v").await;
    assert_eq!(shell.json("kv get -format=json one/x").await["data"], json!({ "k": "v" }));
    assert_eq!(shell.json("secrets list -format=json").await["one/"]["options"]["version"], "1");
    let token = shell.json("token create -format=json -policy=default -ttl=1h").await;
    assert_eq!(token["auth"]["lease_duration"], 3600);
    let limited = Shell {
        token: token["auth"]["client_token"].as_str().unwrap().into(),
        vault: shell.vault.clone(),
        home: shell.home.clone(),
        address: shell.address.clone(),
    };
    let denied = limited.fails(2, "kv get one/x").await;
    assert!(denied.contains("preflight capability check returned 403"), "{denied}");
    let denied = limited.fails(2, "read one/x").await;
    assert!(denied.contains("permission denied"), "{denied}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn exit_codes_tell_usage_server_and_seal_apart() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::dev(&dir.path().join("data")).await.unwrap();
    let mut shell = Shell {
        vault: symlink(dir.path()),
        home: dir.path().into(),
        address: server.address.clone(),
        token: server.token.clone(),
    };
    let status = shell.json("status -format=json").await;
    assert_eq!((&status["sealed"], &status["initialized"]), (&json!(false), &json!(true)));
    shell.fails(1, "kv get").await;
    shell.fails(1, "kv get -no-such-flag secret/x").await;
    shell.fails(127, "no-such-command").await;
    assert!(shell.ok("operator seal").await.contains("sealed"));
    let sealed = shell.run("status").await;
    assert_eq!(sealed.code, 2, "{sealed:?}");
    assert!(
        sealed.stdout.lines().any(|line| line.starts_with("Sealed") && line.ends_with("true")),
        "{}",
        sealed.stdout
    );
    shell.fails(2, "kv get secret/x").await;
    server.stop().await.unwrap();
    let gone = shell.run("status").await;
    assert_eq!(gone.code, 1, "{gone:?}");
    shell.address = "nonsense".into();
    assert_eq!(shell.run("status").await.code, 1);
}

#[tokio::test]
async fn both_names_are_one_program() {
    let dir = tempfile::tempdir().unwrap();
    let link = symlink(dir.path());
    for (program, words) in [(link.as_path(), &["-version"][..]), (program(), &["vault", "-version"])] {
        let version = run(program, words, &[]).await.unwrap();
        assert_eq!(version.code, 0, "{version:?}");
        assert!(version.stdout.lines().next().unwrap().starts_with("Vault v1.14.8 ("), "{}", version.stdout);
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = run(program(), &["completion", shell], &[]).await.unwrap();
        assert_eq!(script.code, 0, "{script:?}");
        assert!(script.stdout.contains("trustkeep") && script.stdout.len() > 1000, "{shell}");
    }
    let help = run(program(), &["--help"], &[]).await.unwrap();
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("Examples"), "{}", help.stdout);
}

#[tokio::test]
async fn the_environment_names_the_agent_and_whom_to_trust() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let pem = certificate.cert.pem();
    std::fs::write(dir.path().join("cert.pem"), &pem).unwrap();
    std::fs::write(dir.path().join("key.pem"), certificate.signing_key.serialize_pem()).unwrap();
    let trusted = dir.path().join("trusted");
    std::fs::create_dir(&trusted).unwrap();
    std::fs::write(trusted.join("authority.pem"), &pem).unwrap();
    let path = dir.path().display();
    let listener = format!("tls_cert_file = \"{path}/cert.pem\"\n  tls_key_file = \"{path}/key.pem\"");
    let server = Server::configured(&configuration(dir.path(), &listener, ""), &[]).await.unwrap();
    let (vault, address) = (symlink(dir.path()), server.address.as_str());
    let status = async |variables: &[(&str, &str)]| {
        let variables = [&[("HOME", dir.path().to_str().unwrap())], variables].concat();
        run(&vault, &["status", "-format=json"], &variables).await.unwrap()
    };
    let unknown = status(&[("VAULT_ADDR", address)]).await;
    assert!(unknown.code == 1 && unknown.stderr.contains("unknown authority"), "{unknown:?}");
    // The directory counts only where no certificate is given in another way.
    let nowhere = ("VAULT_CAPATH", "/nonexistent");
    for variables in [
        &[("VAULT_ADDR", address), ("VAULT_CAPATH", trusted.to_str().unwrap())][..],
        &[("VAULT_ADDR", address), ("VAULT_CACERT_BYTES", &pem), nowhere],
        &[("VAULT_ADDR", "http://127.0.0.1:1"), ("VAULT_AGENT_ADDR", address), ("VAULT_CACERT_BYTES", &pem)],
    ] {
        let seen = status(variables).await;
        assert!(seen.code == 2 && seen.stdout.contains("\"initialized\": false"), "{variables:?}: {seen:?}");
    }
    server.stop().await.unwrap();
}
