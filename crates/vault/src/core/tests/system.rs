//! Moving mounts, and what paths say of themselves.

use super::*;
use crate::request::Operation::{Help, Update};

async fn raw(vault: &Vault, token: &str, operation: Operation, path: &str, data: Value) -> Result<Value> {
    let answer = vault.ask(token, operation, path, data).await?.unwrap();
    Ok(serde_json::from_slice(&answer.raw.unwrap().body).unwrap())
}

async fn moved(vault: &Vault, from: &str, to: &str) -> Result<Value> {
    let body = json!({ "from": from, "to": to });
    let answer = vault.ask(&vault.root, Update, "sys/remount", body).await?.unwrap();
    assert_eq!(answer.warnings.len(), 1);
    let Some(Data::Map(data)) = answer.data else { panic!("no data") };
    let path = format!("sys/remount/status/{}", data["migration_id"].as_str().unwrap());
    loop {
        let status = vault.read(&vault.root, &path).await?;
        if status["migration_info"]["status"] != "in-progress" {
            return Ok(status["migration_info"].clone());
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_moved_mount_keeps_its_secrets_its_id_and_its_place_after_a_restart() {
    let vault = Vault::new().await;
    vault.write(&vault.root, "sys/mounts/old", json!({ "type": "kv" })).await.unwrap();
    vault.write(&vault.root, "old/a/b", json!({ "k": "v" })).await.unwrap();
    let before = vault.read(&vault.root, "sys/mounts/old").await.unwrap();
    let status = moved(&vault, "old", "team/new/").await.unwrap();
    assert_eq!(status, json!({ "source_mount": "old/", "target_mount": "team/new/", "status": "success" }));
    for round in 0..2 {
        assert_eq!(vault.read(&vault.root, "team/new/a/b").await.unwrap()["k"], "v", "{round}");
        assert_eq!(vault.read(&vault.root, "old/a/b").await.unwrap_err().status(), 404);
        let after = vault.read(&vault.root, "sys/mounts/team/new").await.unwrap();
        assert_eq!((&after["uuid"], &after["accessor"]), (&before["uuid"], &before["accessor"]));
        vault.core.seal();
        vault.unseal().await;
    }
    // The old path is free again.
    vault.write(&vault.root, "sys/mounts/old", json!({ "type": "kv" })).await.unwrap();
    assert_eq!(vault.read(&vault.root, "old/a/b").await.unwrap_err().status(), 404);
}

#[tokio::test]
async fn mounts_that_cannot_be_moved_stay() {
    let vault = Vault::new().await;
    for path in ["one", "two"] {
        vault.write(&vault.root, &format!("sys/mounts/{path}"), json!({ "type": "kv" })).await.unwrap();
    }
    let before = vault.read(&vault.root, "sys/mounts").await.unwrap();
    for (from, to, message) in [
        ("", "x", "both 'from' and 'to' path must be specified as a string"),
        ("one", "", "both 'from' and 'to' path must be specified as a string"),
        ("one ", "x", "'from' path cannot contain trailing whitespace"),
        ("one", " x", "'to' path cannot contain trailing whitespace"),
        ("none", "x", "no matching mount at \"none/\""),
        ("one", "two", "path already in use at \"two/\""),
        ("one", "two/below", "path already in use at \"two/\""),
        ("one", "sys/x", "cannot remount to destination sys/x/"),
        ("one", "identity", "cannot remount to destination identity/"),
        ("sys", "x", "cannot remount \"sys/\""),
        ("cubbyhole", "x", "cannot remount \"cubbyhole/\""),
        ("auth/token", "auth/x", "cannot remount \"auth/token/\""),
        ("auth/x", "y", "cannot remount auth mount to non-auth mount \"y/\""),
        ("auth/x", "auth/token", "cannot remount to destination \"auth/token/\""),
        ("auth/x", "auth/y", "no matching mount at \"auth/x/\""),
        ("one", "a/../b", "invalid destination mount path \"a/../b\""),
    ] {
        let body = json!({ "from": from, "to": to });
        let error = vault.write(&vault.root, "sys/remount", body).await.unwrap_err();
        assert_eq!((error.status(), error.to_string().as_str()), (400, message), "{from} {to}");
    }
    assert_eq!(vault.read(&vault.root, "sys/mounts").await.unwrap(), before);
    let unknown = vault.read(&vault.root, "sys/remount/status/none").await.unwrap_err();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn every_path_that_is_described_is_there() {
    let vault = Vault::new().await;
    let ignored = ["seal", "step-down", "init", "unseal", "rotate"];
    for path in crate::engines::system::HELP.paths {
        if ignored.contains(&path.pattern) {
            continue;
        }
        for operation in path.operations {
            let mut asked = path.pattern.replace("*}", "}");
            for name in path.parameters() {
                asked = asked.replace(&format!("{{{name}}}"), "none");
            }
            if *operation == Operation::List {
                asked.push('/');
            }
            let asked = asked.replace("catalog/none", "catalog/secret");
            let answer = vault.ask(&vault.root, *operation, &format!("sys/{asked}"), json!({})).await;
            assert!(
                !matches!(&answer, Err(Error::UnsupportedPath | Error::UnsupportedOperation)),
                "{operation:?} {asked}: {answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn help_needs_a_token_and_a_path_that_is_there() {
    let vault = Vault::new().await;
    vault.write(&vault.root, "sys/mounts/kv2", json!({ "type": "kv-v2" })).await.unwrap();
    let holder = vault.token(&vault.root, json!({ "policies": ["default"] })).await;
    for (path, part) in [
        ("sys", "^mounts/(?P<path>.+)$"),
        ("sys/remount", "Matching Route: ^remount$"),
        ("kv2/data/a/b", "^data/(?P<path>.+)$"),
        ("kv2/metadata/", "^metadata$"),
        ("cubbyhole/", "cubbyhole"),
        ("auth/token/create", "explicit_max_ttl"),
    ] {
        let help = raw(&vault, &holder, Help, path, json!({})).await.unwrap();
        assert!(help["help"].as_str().unwrap().contains(part), "{path}: {help}");
        assert!(help["openapi"]["paths"].is_object() && help["see_also"].is_null());
        if path.starts_with("kv2") {
            assert_eq!(vault.ask("none", Help, path, json!({})).await.unwrap_err().status(), 403);
        }
    }
    // What is answered without a token is also described without.
    raw(&vault, "none", Help, "sys/seal-status", json!({})).await.unwrap();
    for path in ["sys/none", "none/x", "kv2/none/x/y"] {
        assert_eq!(vault.ask(&holder, Help, path, json!({})).await.unwrap_err().status(), 404, "{path}");
    }
}

#[tokio::test]
async fn the_openapi_document_shows_what_its_reader_may_see() {
    let vault = Vault::new().await;
    vault.write(&vault.root, "sys/mounts/kv2", json!({ "type": "kv-v2" })).await.unwrap();
    let document = |token: String, data: Value| {
        let vault = &vault;
        async move { raw(vault, &token, Operation::Read, "sys/internal/specs/openapi", data).await.unwrap() }
    };
    let whole = document(vault.root.clone(), json!({})).await;
    assert_eq!(whole["openapi"], "3.0.2");
    assert_eq!(whole["paths"]["/sys/remount"]["x-vault-sudo"], true);
    assert_eq!(whole["paths"]["/sys/health"]["x-vault-unauthenticated"], true);
    assert!(
        whole["paths"]["/kv2/data/{path}"]["patch"]["requestBody"]["content"]["application/merge-patch+json"]
            .is_object()
    );
    let mut ids = std::collections::HashSet::new();
    for (path, item) in whole["paths"].as_object().unwrap() {
        for verb in ["get", "post", "patch", "delete"] {
            if let Some(id) = item[verb]["operationId"].as_str() {
                assert!(ids.insert(id.to_owned()), "{id} of {path} is taken");
            }
        }
        for name in path.split(['{', '}']).skip(1).step_by(2) {
            let known = item["parameters"].as_array().unwrap();
            assert!(known.iter().any(|parameter| parameter["name"] == name), "{path} {name}");
        }
    }
    let generic = document(vault.root.clone(), json!({ "generic_mount_paths": true })).await;
    assert!(generic["paths"]["/{kv_mount_path}/data/{path}"].is_object());
    assert!(generic["paths"]["/kv2/data/{path}"].is_null());
    let none = document("none".into(), json!({})).await;
    assert_eq!(none["paths"], json!({}));
}

#[tokio::test]
async fn what_is_configured_holds_after_a_restart() {
    let vault = Vault::new().await;
    let root = vault.root.clone();
    assert_eq!(vault.read(&root, "sys/config/cors").await.unwrap(), json!({ "enabled": false }));
    for (data, message) in [
        (json!({}), "at least one origin or the wildcard must be provided."),
        (
            json!({ "allowed_origins": "*,https://a.example" }),
            "to allow all origins the '*' must be the only value for allowed_origins",
        ),
    ] {
        let error = vault.write(&root, "sys/config/cors", data).await.unwrap_err();
        assert_eq!((error.status(), error.to_string().as_str()), (400, message));
    }
    let data = json!({ "allowed_origins": ["https://a.example"], "allowed_headers": "X-Own" });
    vault.write(&root, "sys/config/cors", data).await.unwrap();
    let refused = vault.write(&root, "sys/config/ui/headers/X-Vault-Own", json!({ "values": "a" })).await;
    assert_eq!(refused.unwrap_err().to_string(), "X-Vault headers cannot be set");
    let set = json!({ "values": ["one", "two"] });
    assert!(vault.write(&root, "sys/config/ui/headers/X-Own", set).await.unwrap().is_none());
    for _ in 0..2 {
        let cors = vault.core.cors().unwrap();
        assert!(cors.allows("https://a.example") && !cors.allows("https://b.example"));
        assert_eq!(vault.core.ui_headers().len(), 2);
        vault.core.seal();
        assert!(vault.core.cors().is_none() && vault.core.ui_headers().is_empty());
        vault.unseal().await;
    }
    assert_eq!(vault.read(&root, "sys/config/ui/headers/x-own").await.unwrap(), json!({ "value": "one" }));
    vault.ask(&root, Operation::Delete, "sys/config/ui/headers/X-Own", json!({})).await.unwrap();
    assert_eq!(vault.read(&root, "sys/config/ui/headers/X-Own").await.unwrap_err().status(), 404);
    vault.ask(&root, Operation::Delete, "sys/config/cors", json!({})).await.unwrap();
    assert!(vault.core.cors().is_none());
}

#[tokio::test]
async fn the_catalog_lists_what_can_be_mounted_and_nothing_else() {
    let vault = Vault::new().await;
    let catalog = vault.read(&vault.root, "sys/plugins/catalog").await.unwrap();
    for (kind, table) in [("secret", "mounts"), ("auth", "auth")] {
        for name in catalog[kind].as_array().unwrap() {
            if name == "token" {
                continue;
            }
            let path = format!("sys/{table}/{}", name.as_str().unwrap());
            vault.write(&vault.root, &path, json!({ "type": name })).await.unwrap();
        }
        for name in ["pki", "ssh", "totp", "database", "cert", "jwt", "oidc", "kubernetes", "aws", "none"] {
            let path = format!("sys/{table}/none");
            let error = vault.write(&vault.root, &path, json!({ "type": name })).await.unwrap_err();
            let message = format!("plugin not found in the catalog: {name}");
            assert_eq!((error.status(), error.to_string()), (400, message));
        }
    }
    let one = vault.read(&vault.root, "sys/plugins/catalog/secret/kv").await.unwrap();
    assert_eq!(one["builtin"], true);
    for (path, status) in [
        ("sys/plugins/catalog/secret/pki", 404),
        ("sys/plugins/catalog/none/kv", 400),
        ("sys/plugins/none", 404),
    ] {
        assert_eq!(vault.read(&vault.root, path).await.unwrap_err().status(), status, "{path}");
    }
    let added = json!({ "sha256": "00", "command": "x" });
    let error = vault.write(&vault.root, "sys/plugins/catalog/secret/own", added).await.unwrap_err();
    assert_eq!(error.status(), 400, "{error}");
    let reloaded = vault.write(&vault.root, "sys/plugins/reload/backend", json!({ "mounts": "none" })).await;
    assert_eq!(reloaded.unwrap_err().status(), 400);
}

#[tokio::test]
async fn raw_entries_are_there_only_where_they_are_asked_for() {
    let vault = Vault::new().await;
    assert_eq!(vault.read(&vault.root, "sys/raw/core/mounts").await.unwrap_err().status(), 404);
    let vault = Vault::with(CoreSettings { raw_storage_endpoint: true, ..CoreSettings::default() }).await;
    vault.write(&vault.root, "sys/mounts/kv", json!({ "type": "kv" })).await.unwrap();
    vault.write(&vault.root, "kv/a", json!({ "k": "v" })).await.unwrap();
    let uuid = vault.read(&vault.root, "sys/mounts/kv").await.unwrap()["uuid"].as_str().unwrap().to_owned();
    let path = format!("sys/raw/logical/{uuid}/v1/a");
    assert_eq!(vault.read(&vault.root, &path).await.unwrap()["value"], "{\"k\":\"v\"}");
    vault.write(&vault.root, &path, json!({ "value": "eyJrIjoidyJ9", "encoding": "base64" })).await.unwrap();
    assert_eq!(vault.read(&vault.root, "kv/a").await.unwrap()["k"], "w");
    vault.ask(&vault.root, Operation::Delete, &path, json!({})).await.unwrap();
    assert_eq!(vault.read(&vault.root, "kv/a").await.unwrap_err().status(), 404);
    for path in ["core/keyring", "core/seal-config", "core/hsm/barrier-unseal-keys", "core/master"] {
        for operation in [Operation::Read, Operation::Update, Operation::Delete] {
            let answer = vault.ask(&vault.root, operation, &format!("sys/raw/{path}"), json!({})).await;
            let error = answer.unwrap_err();
            assert_eq!(error.status(), 400, "{operation:?} {path}");
            assert!(error.to_string().ends_with(&format!("'{path}'")), "{error}");
        }
    }
    // The verb alone is not enough.
    let policy = json!({ "policy": "path \"sys/raw/*\" { capabilities = [\"read\"] }" });
    vault.write(&vault.root, "sys/policies/acl/reader", policy).await.unwrap();
    let reader = vault.token(&vault.root, json!({ "policies": ["reader"] })).await;
    assert_eq!(vault.read(&reader, "sys/raw/core/mounts/x").await.unwrap_err().status(), 403);
}

#[tokio::test]
async fn counters_and_history_tell_facts() {
    let vault = Vault::new().await;
    let tokens = "sys/internal/counters/tokens";
    let count = |value: Value| value["counters"]["service_tokens"]["total"].as_u64().unwrap();
    let before = count(vault.read(&vault.root, tokens).await.unwrap());
    vault.token(&vault.root, json!({})).await;
    assert_eq!(count(vault.read(&vault.root, tokens).await.unwrap()), before + 1);
    let removed = vault.read(&vault.root, "sys/internal/counters/requests").await.unwrap_err();
    assert_eq!(removed.status(), 404);
    let off = vault.read(&vault.root, "sys/internal/inspect/router/root").await.unwrap_err();
    assert!(off.to_string().contains("introspection_endpoint"), "{off}");
    let history = loop {
        let answer = vault.ask(&vault.root, Operation::List, "sys/version-history/", json!({})).await;
        match answer.unwrap().unwrap().data {
            Some(Data::Map(data)) if data["keys"] != json!([]) => break Value::Object(data),
            _ => tokio::task::yield_now().await,
        }
    };
    assert_eq!(history["keys"], json!([crate::VAULT_VERSION]));
    assert_eq!(history["key_info"][crate::VAULT_VERSION]["timestamp_installed"], "1970-01-12T13:46:40Z");
    let host = vault.read(&vault.root, "sys/host-info").await.unwrap();
    assert!(host["memory"]["total"].as_u64().unwrap() > 0 && host["host"]["hostname"].is_string());
}

#[tokio::test]
async fn metrics_come_as_json_and_as_prometheus_text() {
    let vault = Vault::new().await;
    vault.write(&vault.root, "cubbyhole/a", json!({ "k": "v" })).await.unwrap();
    vault.core.sweep().await.unwrap();
    let read = raw(&vault, &vault.root, Operation::Read, "sys/metrics", json!({})).await.unwrap();
    let named = |list: &str, name: &str| {
        let entries = read[list].as_array().unwrap().clone();
        entries.into_iter().find(|entry| entry["Name"] == name).unwrap_or_else(|| panic!("{name} in {read}"))
    };
    let unsealed = named("Gauges", "vault.core.unsealed");
    assert_eq!(unsealed["Value"], 1.0);
    assert_eq!(unsealed["Labels"]["cluster"], vault.core.unsealed().unwrap().cluster.name.as_str());
    assert_eq!(named("Samples", "vault.route.update.cubbyhole-")["Count"], 1);
    assert!(named("Samples", "vault.barrier.put")["Max"].as_f64().unwrap() > 0.0);
    let text = |format: Option<&str>, accept: Option<&str>| {
        let raw = vault.core.metrics(format, accept).raw.unwrap();
        (raw.status, raw.content_type, String::from_utf8(raw.body).unwrap())
    };
    for answer in
        [text(Some("prometheus"), None), text(None, Some("application/openmetrics-text; version=1"))]
    {
        assert_eq!((answer.0, &answer.1[..10]), (200, "text/plain"));
        for part in
            ["vault_core_unsealed{cluster=\"vault-cluster-", "vault_barrier_put_count{", "quantile=\"0.99\""]
        {
            assert!(answer.2.contains(part), "{part}\n{}", answer.2);
        }
    }
    assert_eq!(text(Some("x"), None).2, "metric response format \"x\" unknown");
    vault.core.seal();
    assert!(text(Some("prometheus"), None).2.contains("vault_core_unsealed{cluster=\"\"} 0"));
    let off = Vault::with(CoreSettings { prometheus: false, ..CoreSettings::default() }).await;
    let raw = off.core.metrics(Some("prometheus"), None).raw.unwrap();
    assert_eq!((raw.status, raw.body.as_slice()), (400, &b"prometheus is not enabled"[..]));
}
