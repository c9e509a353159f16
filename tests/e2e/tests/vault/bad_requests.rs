//! Requests that make no sense: a status, `{"errors":[…]}`, and nothing changed.

use rand::{RngCore as _, SeedableRng as _};
use serde_json::{Value, json};
use trustkeep_e2e::{Answer, Client, Server};

use super::configuration;

/// A vault with something in it, and a limit of 1 MiB a request.
async fn vault(dir: &std::path::Path) -> Server {
    let config = configuration(dir, "tls_disable = true\n  max_request_size = 1048576", "");
    let mut server = Server::configured(&config, &[]).await.unwrap();
    server.open().await.unwrap();
    let root = server.client();
    let mount =
        root.post("sys/mounts/secret", json!({ "type": "kv", "options": { "version": "2" } })).await.unwrap();
    assert_eq!(mount.status, 204, "{mount:?}");
    for path in ["a", "a/b", "folder/file"] {
        let written =
            root.post(&format!("secret/data/{path}"), json!({ "data": { "of": path } })).await.unwrap();
        assert_eq!(written.status, 200, "{written:?}");
    }
    server
}

/// The answer is an error with one of these statuses and the vault is as it was.
async fn check(root: &Client, before: &Value, what: &str, answer: &Answer, statuses: &[u16]) {
    assert!(statuses.contains(&answer.status), "{what}: {} {}", answer.status, answer.text);
    // A head that is too long ends in the HTTP library, which has no body to give.
    let is_empty = [414, 431].contains(&answer.status) && answer.text.is_empty();
    assert!(answer.is_error() || is_empty, "{what}: {}", answer.text);
    assert_eq!(&root.everything().await.unwrap(), before, "{what} changed something");
}

#[tokio::test]
async fn paths_that_lead_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let server = vault(dir.path()).await;
    let root = server.client();
    let before = root.everything().await.unwrap();
    let deep = "a/".repeat(10_000);
    for (method, path, statuses) in [
        ("GET", "secret/data/../../sys/mounts", &[400][..]),
        ("GET", "secret/data/./a", &[400]),
        ("GET", "secret/%2e%2e/sys/mounts", &[400]),
        ("GET", "secret/data/%2E%2E%2Fa", &[400]),
        ("POST", "secret/data/%2e%2e/%2e%2e/sys/seal", &[400]),
        ("DELETE", "secret/metadata/folder/%2e%2e/a", &[400]),
        ("GET", "secret/data/a%00b", &[400]),
        ("GET", "secret/data/a%0d%0aX-Header:%20b", &[400]),
        ("GET", "secret/data/%ff%fe", &[400]),
        ("GET", "secret/data/%zz", &[400]),
        ("GET", "secret/data/%", &[400]),
        ("GET", "secret/data/a%2f%2fb", &[400]),
        ("GET", &format!("secret/data/{deep}x"), &[400, 414, 431]),
        ("GET", &format!("secret/data/{}", "x".repeat(100_000)), &[400, 414, 431]),
        ("POST", "secret/data/a/", &[400]),
        ("LIST", "secret/metadata/a%00", &[400]),
    ] {
        let line = format!("{method} /v1/{path}");
        let answer = root.send_line(line.as_bytes()).await.unwrap();
        check(&root, &before, &line[..line.len().min(60)], &answer, statuses).await;
    }
    // Raw bytes that no URL has: the listener may just refuse to read on.
    for line in
        [&b"GET /v1/secret/data/a\0b"[..], b"GET /v1/secret/data/\xff", b"GET  /v1/secret", b"\x16\x03\x01"]
    {
        if let Ok(answer) = root.send_line(line).await {
            assert_eq!(answer.status, 400, "{answer:?}");
        }
        assert_eq!(root.everything().await.unwrap(), before);
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn bodies_that_make_no_sense() {
    let dir = tempfile::tempdir().unwrap();
    let server = vault(dir.path()).await;
    let root = server.client();
    let before = root.everything().await.unwrap();
    let nested = format!("{{\"data\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let two_mib = json!({ "data": { "k": "x".repeat(2 << 20) } }).to_string();
    for (what, body, statuses) in [
        ("over the limit", "x".repeat(1_048_577), &[413][..]),
        ("a value of 2 MiB", two_mib, &[413]),
        ("broken", "{\"data\":".into(), &[400]),
        ("two documents", "{\"data\":{}}{}".into(), &[400]),
        ("an array", "[1,2]".into(), &[400]),
        ("a text", "\"text\"".into(), &[400]),
        ("a number", "7".into(), &[400]),
        ("a word", "nonsense".into(), &[400]),
        ("no data", "{}".into(), &[400]),
        ("data that is no map", "{\"data\":7}".into(), &[400]),
        ("very deep", nested, &[400]),
        ("a lone surrogate", "{\"data\":{\"k\":\"\\ud800\"}}".into(), &[400]),
        ("a bad option", "{\"data\":{},\"options\":{\"cas\":\"x\"}}".into(), &[400]),
    ] {
        let answer = root.send_bytes("POST", "secret/data/a", body.into_bytes(), &[]).await.unwrap();
        check(&root, &before, what, &answer, statuses).await;
    }
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    for round in 0..100 {
        let mut body = vec![0; 1 + round * 37];
        random.fill_bytes(&mut body);
        for path in ["secret/data/a", "sys/policies/acl/random", "auth/token/create"] {
            let answer = root.send_bytes("POST", path, body.clone(), &[]).await.unwrap();
            assert_eq!(answer.status, 400, "random body {round}: {answer:?}");
            assert!(answer.is_error(), "{}", answer.text);
        }
    }
    assert_eq!(root.everything().await.unwrap(), before);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_body_is_called_does_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    let server = vault(dir.path()).await;
    let root = server.client();
    let body = json!({ "data": { "k": "v" } }).to_string();
    for kind in [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "nonsense",
        "multipart/form-data",
    ] {
        let headers = [("content-type", kind)];
        let answer =
            root.send_bytes("POST", "secret/data/typed", body.clone().into_bytes(), &headers).await.unwrap();
        assert_eq!(answer.status, 200, "{kind}: {answer:?}");
    }
    let before = root.everything().await.unwrap();
    for (what, kind, body) in [
        ("a form where a map is wanted", "application/x-www-form-urlencoded", "data=v"),
        ("no JSON", "application/xml", "<data/>"),
    ] {
        let headers = [("content-type", kind)];
        let answer = root.send_bytes("POST", "secret/data/typed", body.into(), &headers).await.unwrap();
        check(&root, &before, what, &answer, &[400]).await;
    }
    let answer = root.send_bytes("PATCH", "secret/data/typed", body.into_bytes(), &[]).await.unwrap();
    check(&root, &before, "a patch that is not called so", &answer, &[415]).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn methods_and_headers_that_make_no_sense() {
    let dir = tempfile::tempdir().unwrap();
    let server = vault(dir.path()).await;
    let root = server.client();
    let before = root.everything().await.unwrap();
    for (method, path, statuses) in [
        ("LIST", "secret/metadata/folder/file", &[404][..]),
        ("TRACE", "secret/data/a", &[405]),
        ("BREW", "secret/data/a", &[405]),
        ("DELETE", "sys/health", &[405]),
        ("PUT", "sys/seal-status", &[405]),
        ("GET", "sys/seal", &[405]),
        ("DELETE", "auth/token/create", &[405]),
        ("GET", "nowhere/at/all", &[404]),
        ("POST", "sys/nothing", &[404]),
        ("GET", "secret/data/none", &[404]),
        ("GET", "secret/data/a?version=x", &[400]),
        ("GET", "secret/metadata?list=maybe", &[400]),
        ("DELETE", "sys/mounts/sys", &[400]),
        ("DELETE", "sys/policies/acl/root", &[400]),
    ] {
        let answer = root.send(method, path, None).await.unwrap();
        check(&root, &before, &format!("{method} {path}"), &answer, statuses).await;
    }
    // Version 1's manner on version 2: a hint instead of an error.
    let hint = root.send("LIST", "secret/data/a", None).await.unwrap();
    assert_eq!(hint.status, 404, "{hint:?}");
    assert!(hint.at("/warnings/0").as_str().unwrap().contains("versioned"), "{hint:?}");
    let long = root.with_token(Some(&"t".repeat(4000)));
    check(&root, &before, "a long token", &long.get("secret/data/a").await.unwrap(), &[403]).await;
    // More than the listener reads of headers.
    let huge = root.with_token(Some(&"t".repeat(1 << 20)));
    if let Ok(answer) = huge.send_line(b"GET /v1/secret/data/a").await {
        assert!([400, 403, 431].contains(&answer.status), "{}", answer.status);
    }
    for token in ["", "hvs.", "hvs.AAAAAAAAAAAAAAAAAAAAAAAA", "root", "'; --", "../../"] {
        let answer = root.with_token(Some(token)).get("secret/data/a").await.unwrap();
        check(&root, &before, "an unknown token", &answer, &[403]).await;
    }
    let wrapped =
        root.send_bytes("GET", "secret/data/a", Vec::new(), &[("x-vault-wrap-ttl", "-5")]).await.unwrap();
    check(&root, &before, "a senseless lifetime", &wrapped, &[400]).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn shares_that_are_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = vault(dir.path()).await;
    let root = server.client();
    let before = root.everything().await.unwrap();
    let share = {
        // Another vault's share has the right form.
        let other = tempfile::tempdir().unwrap();
        let config = configuration(other.path(), "tls_disable = true", "");
        let mut other = Server::configured(&config, &[]).await.unwrap();
        let share = other.open().await.unwrap();
        other.stop().await.unwrap();
        share
    };
    assert_eq!(root.send("PUT", "sys/seal", None).await.unwrap().status, 204);
    for key in [&share, "", "AAAA", "not base64!", &"A".repeat(10_000)] {
        let answer = root.post("sys/unseal", json!({ "key": key })).await.unwrap();
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.is_error(), "{}", answer.text);
        assert_eq!(root.get("sys/health").await.unwrap().status, 503);
    }
    for body in [json!({}), json!({ "key": 7 }), json!({ "key": [] }), json!({ "reset": "perhaps" })] {
        assert_eq!(root.post("sys/unseal", body).await.unwrap().status, 400);
    }
    server.crash().await.unwrap();
    assert!(before.is_object());
}
