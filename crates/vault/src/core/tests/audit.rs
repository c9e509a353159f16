//! Audit: what lands in a log, and what happens when it cannot.

use bytes::Bytes;

use super::*;

/// The lines of a log.
fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

impl Vault {
    async fn enable_audit(&self, path: &str, kind: &str, options: Value) -> Result<Option<Response>> {
        self.write(&self.root, &format!("sys/audit/{path}"), json!({ "type": kind, "options": options }))
            .await
    }
}

#[tokio::test]
async fn requests_and_answers_are_logged_without_their_secrets() {
    let vault = Vault::new().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    vault.enable_audit("file", "file", json!({ "file_path": log })).await.unwrap();
    let before = lines(&log);
    assert_eq!(before.len(), 2, "the test entry and the answer to enabling it");
    assert_eq!(before[0]["request"]["path"], "sys/audit/test");
    assert_eq!(before[1]["type"], "response");
    vault.write(&vault.root, "cubbyhole/mine", json!({ "password": "Hunter2", "n": 7 })).await.unwrap();
    vault.read(&vault.root, "cubbyhole/mine").await.unwrap();
    let error = vault.read("hvs.nobody", "cubbyhole/mine").await.unwrap_err();
    assert!(matches!(error, Error::BadToken));

    let text = std::fs::read_to_string(&log).unwrap();
    for secret in ["Hunter2", &vault.root, "hvs.nobody"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
    let log = &lines(&log)[2..];
    assert_eq!(log.len(), 6);
    let hash = |input: &str| {
        let vault = vault.core.unsealed().unwrap();
        vault.audit.hash("file/", input).unwrap()
    };
    let keys: Vec<_> = log[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["time", "type", "auth", "request"]);
    let keys: Vec<_> = log[0]["auth"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "client_token",
            "accessor",
            "display_name",
            "policies",
            "token_policies",
            "policy_results",
            "token_type",
            "token_issue_time"
        ]
    );
    let keys: Vec<_> = log[0]["request"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "id",
            "client_id",
            "operation",
            "mount_point",
            "mount_type",
            "mount_accessor",
            "mount_running_version",
            "mount_class",
            "client_token",
            "client_token_accessor",
            "namespace",
            "path",
            "data"
        ]
    );
    assert_eq!(log[0]["request"]["operation"], "create");
    assert_eq!(log[0]["request"]["data"], json!({ "n": 7, "password": hash("Hunter2") }));
    assert_eq!(log[0]["request"]["client_token"], hash(&vault.root));
    // base64(sha256("root" NUL "root")): what Vault counts root tokens as.
    assert_eq!(log[0]["request"]["client_id"], "0DHqvq2D77kL2/JTPSZkTMJbkFVmUu0TzMi0jiXcFy8=");
    assert_eq!(
        log[0]["auth"]["policy_results"],
        json!({
            "allowed": true,
            "granting_policies": [{ "name": "root", "namespace_id": "root", "type": "acl" }]
        })
    );
    assert_eq!(log[1]["type"], "response");
    assert_eq!(log[1]["request"], log[0]["request"]);
    assert_eq!(log[3]["response"]["data"], json!({ "n": 7, "password": hash("Hunter2") }));
    assert_eq!(log[3]["response"]["mount_class"], "secret");
    assert_eq!(log[4]["error"], "permission denied");
    assert_eq!(log[4]["auth"], json!({ "token_type": "default" }));
    assert_eq!(log[4]["request"]["client_token"], hash("hvs.nobody"));
    assert_eq!(log[5]["response"]["data"]["error"], hash("permission denied"));
}

#[tokio::test]
async fn a_device_that_takes_nothing_stops_what_it_should_have_logged() {
    let vault = Vault::new().await;
    let error = vault.enable_audit("full", "file", json!({ "file_path": "/dev/full" })).await.unwrap_err();
    assert!(error.to_string().starts_with("audit backend failed test message: "), "{error}");
    let unknown = vault.enable_audit("x", "carrier-pigeon", json!({})).await.unwrap_err();
    assert_eq!(unknown.to_string(), "unknown backend type: \"carrier-pigeon\"");
    vault
        .enable_audit("full", "file", json!({ "file_path": "/dev/full", "skip_test": "true" }))
        .await
        .expect_err("its answer cannot be logged");
    let error = vault.write(&vault.root, "cubbyhole/mine", json!({ "a": 1 })).await.unwrap_err();
    assert_eq!((error.status(), error.to_string().as_str()), (500, "internal error"));
    let unsealed = vault.core.unsealed().unwrap();
    // What stands in the way of every request is taken away behind its back.
    unsealed.audit.disable("full/").await.unwrap();
    let found = vault.ask(&vault.root, Operation::Read, "cubbyhole/mine", json!({})).await;
    assert!(matches!(found, Err(Error::NotFound)), "the refused write had an effect");
}

#[tokio::test]
async fn devices_and_their_salts_outlive_sealing() {
    let vault = Vault::new().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let options = json!({ "file_path": log, "hmac_accessor": "false", "elide_list_responses": "true" });
    vault.enable_audit("file", "file", options.clone()).await.unwrap();
    let hash =
        vault.write(&vault.root, "sys/audit-hash/file", json!({ "input": "x" })).await.unwrap().unwrap();
    vault.core.seal();
    vault.unseal().await;
    let again =
        vault.write(&vault.root, "sys/audit-hash/file", json!({ "input": "x" })).await.unwrap().unwrap();
    assert_eq!(json!(hash.data), json!(again.data));
    let listed = vault.read(&vault.root, "sys/audit").await.unwrap();
    assert_eq!(
        listed["file/"],
        json!({ "description": "", "local": false, "options": options, "path": "file/", "type": "file" })
    );
    vault.write(&vault.root, "cubbyhole/a", json!({ "x": "y" })).await.unwrap();
    vault.ask(&vault.root, Operation::List, "cubbyhole/", json!({})).await.unwrap();
    let last = lines(&log).pop().unwrap();
    assert_eq!(last["response"]["data"], json!({ "keys": 1 }));
    let accessor = last["auth"]["accessor"].as_str().unwrap();
    assert!(!accessor.starts_with("hmac-"), "{accessor}");
    vault.ask(&vault.root, Operation::Delete, "sys/audit/file", json!({})).await.unwrap();
    let count = lines(&log).len();
    vault.read(&vault.root, "cubbyhole/a").await.unwrap();
    assert_eq!(lines(&log).len(), count, "a disabled device was written to");
}

#[tokio::test]
async fn the_answer_that_enables_a_device_is_told_by_it_as_by_the_others() {
    let vault = Vault::new().await;
    let folder = tempfile::tempdir().unwrap();
    let logs = ["first", "second"].map(|name| folder.path().join(name));
    for (name, log) in ["first", "second"].iter().zip(&logs) {
        let options = json!({ "file_path": log, "log_raw": "true", "skip_test": "true" });
        vault.enable_audit(name, "file", options).await.unwrap();
    }
    let [first, second] = logs.each_ref().map(|log| lines(log));
    // The one that enabled it, in a vault without devices; the request and its answer that enabled the other.
    assert_eq!((first.len(), second.len()), (3, 1));
    assert_eq!(first.last(), second.last());
    for line in [&first[0], &second[0]] {
        assert_eq!(line["auth"]["policy_results"]["granting_policies"][0]["name"], "root", "{line}");
        assert_eq!(line["request"]["client_token"], vault.root, "{line}");
    }
}

#[tokio::test]
async fn one_device_that_writes_is_enough() {
    let vault = Vault::new().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    vault.enable_audit("good", "file", json!({ "file_path": log })).await.unwrap();
    let broken = json!({ "file_path": "/dev/full", "skip_test": "true" });
    vault.enable_audit("broken", "file", broken).await.unwrap();
    let count = lines(&log).len();
    vault.write(&vault.root, "cubbyhole/mine", json!({ "a": 1 })).await.unwrap();
    assert_eq!(lines(&log).len(), count + 2);
    let error = vault.enable_audit("good/below", "file", json!({ "file_path": log })).await.unwrap_err();
    assert_eq!(error.to_string(), "path already in use");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_under_load_loses_no_line() {
    let vault = Arc::new(Vault::new().await);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    vault.enable_audit("file", "file", json!({ "file_path": log })).await.unwrap();
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let vault = vault.clone();
            tokio::spawn(async move {
                for n in 0..100 {
                    let data = json!({ "n": n }).as_object().cloned().unwrap();
                    let path = format!("cubbyhole/{worker}");
                    let mut request = Request::internal(Operation::Update, &path, data, &vault.root);
                    request.id = format!("{worker}-{n}");
                    vault.core.handle(request).await.unwrap();
                }
            })
        })
        .collect();
    let mut files = vec![log.clone()];
    while workers.iter().any(|worker| !worker.is_finished()) && files.len() < 20 {
        let renamed = folder.path().join(format!("audit.log.{}", files.len()));
        std::fs::rename(&log, &renamed).unwrap();
        vault.core.reopen_audit().await;
        files.push(renamed);
    }
    for worker in workers {
        worker.await.unwrap();
    }
    let mut seen = std::collections::HashMap::new();
    for line in files.iter().flat_map(|file| lines(file)) {
        let id = line["request"]["id"].as_str().unwrap().to_owned();
        *seen.entry((id, line["type"].as_str().unwrap().to_owned())).or_insert(0) += 1;
    }
    assert!(files.len() > 2, "it was rotated");
    for (worker, n) in (0..8).flat_map(|worker| (0..100).map(move |n| (worker, n))) {
        for kind in ["request", "response"] {
            assert_eq!(
                seen.get(&(format!("{worker}-{n}"), kind.to_owned())),
                Some(&1),
                "{worker}-{n} {kind}"
            );
        }
    }
}

#[tokio::test]
async fn refusals_and_logins_are_logged_and_repeat_nothing() {
    let vault = Vault::new().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    vault.enable_audit("file", "file", json!({ "file_path": log, "prefix": "@cee: " })).await.unwrap();
    let poor = vault.token(&vault.root, json!({ "policies": ["default"], "display_name": "poor" })).await;
    vault.write(&poor, "cubbyhole/own", json!({ "a": "OwnSecret" })).await.unwrap();
    vault.write(&poor, "sys/policies/acl/x", json!({ "policy": "Hunter2" })).await.unwrap_err();
    vault.write(&vault.root, "sys/policies/acl/x", json!({ "policy": "Hunter2 {" })).await.unwrap_err();
    vault.write(&vault.root, "auth/token/create", json!({ "ttl": "Hunter2" })).await.unwrap_err();
    vault.ask("", Operation::Read, "sys/internal/ui/mounts", json!({})).await.unwrap();
    let text = std::fs::read_to_string(&log).unwrap();
    for secret in ["Hunter2", "OwnSecret", &poor, &vault.root] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
    let log: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line.strip_prefix("@cee: ").unwrap()).unwrap())
        .collect();
    let of =
        |path: &str| -> Vec<&Value> { log.iter().filter(|line| line["request"]["path"] == path).collect() };
    let own = of("cubbyhole/own");
    assert_eq!(own[0]["auth"]["policy_results"]["granting_policies"][0]["name"], "default");
    assert_eq!(own[0]["auth"]["display_name"], "token-poor");
    let refused = of("sys/policies/acl/x");
    assert_eq!(refused[0]["auth"]["policy_results"], json!({ "allowed": false }));
    for line in &refused[..2] {
        assert_eq!(line["error"], "1 error occurred:\n\t* permission denied\n\n");
    }
    assert_eq!(refused[3]["error"], "invalid request");
    assert_eq!(of("sys/internal/ui/mounts").len(), 2);
    let made = of("auth/token/create")[1];
    assert_eq!(made["response"]["auth"]["token_type"], "service");
    assert!(made["response"]["auth"]["client_token"].as_str().unwrap().starts_with("hmac-sha256:"));
}

#[tokio::test]
async fn headers_and_exempt_keys_are_shown() {
    let vault = Vault::new().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    vault.enable_audit("file", "file", json!({ "file_path": log })).await.unwrap();
    let header = "sys/config/auditing/request-headers/X-Request-Source";
    vault.write(&vault.root, header, json!({ "hmac": false })).await.unwrap();
    vault
        .write(&vault.root, "sys/config/auditing/request-headers/user-agent", json!({ "hmac": true }))
        .await
        .unwrap();
    let listed = vault.read(&vault.root, "sys/config/auditing/request-headers").await.unwrap();
    assert_eq!(
        listed,
        json!({ "headers": { "user-agent": { "hmac": true }, "x-request-source": { "hmac": false } } })
    );
    vault
        .write(
            &vault.root,
            "sys/mounts/kv",
            json!({ "type": "kv", "config": { "audit_non_hmac_request_keys": ["open"] } }),
        )
        .await
        .unwrap();
    let data = json!({ "open": "Visible", "shut": "Hunter2" }).as_object().cloned().unwrap();
    let mut request = Request::internal(Operation::Update, "kv/x", data, &vault.root);
    request.body = Bytes::from_static(b"{\"open\":\"Visible\",\"shut\":\"Hunter2\"}");
    request.headers.insert("x-request-source", "ci".parse().unwrap());
    request.headers.insert("user-agent", "curl".parse().unwrap());
    request.headers.insert("x-vault-token", vault.root.parse().unwrap());
    request.remote = Some("[::ffff:192.0.2.7]:4711".parse().unwrap());
    vault.core.handle(request).await.unwrap();
    let line = lines(&log).into_iter().rfind(|line| line["type"] == "request").unwrap();
    let hash = |text: &str| vault.core.unsealed().unwrap().audit.hash("file/", text).unwrap();
    assert_eq!(
        line["request"]["headers"],
        json!({ "user-agent": [hash("curl")], "x-request-source": ["ci"] })
    );
    assert_eq!(line["request"]["data"], json!({ "open": "Visible", "shut": hash("Hunter2") }));
    assert_eq!(
        (&line["request"]["remote_address"], &line["request"]["remote_port"]),
        (&json!("192.0.2.7"), &json!(4711))
    );
    vault.ask(&vault.root, Operation::Delete, header, json!({})).await.unwrap();
    let error = vault.read(&vault.root, header).await.unwrap_err();
    assert_eq!(error.to_string(), "Could not find header in config");
}

#[tokio::test]
async fn what_shares_authorise_is_logged_once() {
    let vault = Vault::new().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    vault.enable_audit("file", "file", json!({ "file_path": log })).await.unwrap();
    let mut before = lines(&log).len();
    for (operation, path) in [
        (Operation::Read, "sys/rekey/init"),
        (Operation::Help, "sys/rekey/init"),
        (Operation::Read, "sys/rekey/nowhere"),
        (Operation::Read, "sys/rekey/backup"),
        (Operation::Read, "sys/rekey-recovery-key/nowhere"),
        (Operation::Read, "sys/generate-root/attempt"),
        (Operation::Update, "sys/generate-root/update"),
        (Operation::Update, "sys/generate-root/nowhere"),
        (Operation::Update, "sys/decode-token"),
        (Operation::Update, "sys/decode-token/nowhere"),
        (Operation::Update, "sys/decode-tokens"),
    ] {
        let _answer = vault.ask(&vault.root, operation, path, json!({})).await;
        let now = lines(&log);
        let kinds: Vec<_> = now[before..].iter().map(|line| line["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["request", "response"], "{operation:?} {path}");
        before = now.len();
    }
}
