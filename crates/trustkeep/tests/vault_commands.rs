//! The `vault` commands as programs, against a small double of a server: what only a misbehaving or absent server
//! shows (retries, redirects, refusals), what is sent, and what lands in files. A real server has its own suite.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

/// A request as the double saw it.
#[derive(Clone, Debug)]
struct Seen {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Value,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

type Log = Arc<Mutex<Vec<Seen>>>;

/// A server that answers with `answer`, told how many requests came before.
struct Double {
    address: String,
    log: Log,
}

impl Double {
    async fn start(answer: impl Fn(&Seen, usize) -> Response + Clone + Send + Sync + 'static) -> Self {
        let log: Log = Arc::default();
        let seen = log.clone();
        let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let request = Seen { method, path: uri.to_string(), headers, body };
            let mut log = seen.lock().unwrap();
            let response = answer(&request, log.len());
            log.push(request);
            response
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self { address, log }
    }

    fn seen(&self) -> Vec<Seen> {
        self.log.lock().unwrap().clone()
    }
}

struct Outcome {
    code: i32,
    out: String,
    err: String,
}

/// A home directory and a symlink `vault`.
struct User {
    home: tempfile::TempDir,
    vault: PathBuf,
}

impl User {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let vault = home.path().join("vault");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_trustkeep"), &vault).unwrap();
        Self { home, vault }
    }

    async fn run(&self, program: &Path, line: &str, variables: &[(&str, &str)]) -> Outcome {
        let output = Command::new(program)
            .args(line.split_whitespace())
            .env_clear()
            .env("HOME", self.home.path())
            .envs(variables.iter().copied())
            .stdin(std::process::Stdio::null())
            .output()
            .await
            .unwrap();
        Outcome {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    async fn vault(&self, line: &str, double: &Double) -> Outcome {
        self.run(&self.vault, line, &[("VAULT_ADDR", &double.address), ("VAULT_TOKEN", "hvs.secret-token")])
            .await
    }
}

fn answer(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

#[tokio::test]
async fn the_name_of_the_link_makes_it_the_vault_tool() {
    let user = User::new();
    for line in ["-version", "--version", "version", "-v"] {
        let outcome = user.run(&user.vault, line, &[]).await;
        assert_eq!((outcome.code, &outcome.out[..15]), (0, "Vault v1.14.8 ("), "{line}");
    }
    let own = user.run(Path::new(env!("CARGO_BIN_EXE_trustkeep")), "vault version", &[]).await;
    assert!(own.out.starts_with("Vault v1.14.8 ("), "{}", own.out);
    let own = user.run(Path::new(env!("CARGO_BIN_EXE_trustkeep")), "--version", &[]).await;
    assert!(own.out.starts_with("trustkeep 0."), "{}", own.out);
}

#[tokio::test]
async fn wrong_use_is_1_and_help_is_0() {
    let user = User::new();
    for (line, code) in
        [("kv get", 1), ("nonsense", 127), ("kv get -nonsense x", 1), ("kv get -help", 0), ("-h", 0)]
    {
        assert_eq!(user.run(&user.vault, line, &[]).await.code, code, "{line}");
    }
}

#[tokio::test]
async fn a_passing_error_is_tried_again_and_a_lasting_one_is_not() {
    let user = User::new();
    for passing in [500, 502, 503, 412] {
        let double = Double::start(move |_, before| match before {
            0 => answer(passing, json!({"errors": ["not now"]})),
            _ => answer(200, json!({"data": {"a": "1"}})),
        })
        .await;
        let outcome = user.vault("read -field=a x/y", &double).await;
        assert_eq!((outcome.code, outcome.out.as_str(), double.seen().len()), (0, "1", 2), "{passing}");
    }
    for (lasting, message) in [(400, "no"), (403, "permission denied"), (501, "no"), (503, "Vault is sealed")]
    {
        let double = Double::start(move |_, _| answer(lasting, json!({"errors": [message]}))).await;
        let outcome = user.vault("read x/y", &double).await;
        let expected = format!(
            "Error reading x/y: Error making API request.\n\nURL: GET {}/v1/x/y\nCode: {lasting}. Errors:\n\n* {message}\n",
            double.address
        );
        assert_eq!((outcome.code, outcome.err, double.seen().len()), (2, expected, 1));
    }
}

#[tokio::test]
async fn one_redirect_to_the_active_node_is_followed_with_everything() {
    let user = User::new();
    let active = Double::start(|_, _| StatusCode::NO_CONTENT.into_response()).await;
    let to = active.address.clone();
    let standby = Double::start(move |seen, _| {
        let location = format!("{to}{}", seen.path);
        (StatusCode::TEMPORARY_REDIRECT, [("location", location)]).into_response()
    })
    .await;
    let outcome = user.vault("write a/b k=v", &standby).await;
    assert_eq!(
        (outcome.code, outcome.out.as_str()),
        (0, "Success! Data written to: a/b\n"),
        "{}",
        outcome.err
    );
    let seen = &active.seen()[0];
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("PUT", "/v1/a/b"));
    assert_eq!((seen.header("x-vault-token"), &seen.body), ("hvs.secret-token", &json!({"k": "v"})));

    let circle = Double::start(|seen, _| {
        (StatusCode::TEMPORARY_REDIRECT, [("location", seen.path.clone())]).into_response()
    })
    .await;
    assert_eq!(user.vault("read a/b", &circle).await.code, 2);
    assert_eq!(circle.seen().len(), 2, "a second redirect is not followed");
    let outcome = user.vault("read -disable-redirects a/b", &circle).await;
    assert_eq!((outcome.code, circle.seen().len()), (2, 3));
}

#[tokio::test]
async fn an_absent_server_is_said_with_the_next_step_and_without_the_token() {
    let user = User::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let variables = [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", "hvs.secret-token")];
    let read = user.run(&user.vault, "read x", &variables).await;
    assert_eq!(read.code, 2);
    assert!(read.err.contains("connection refused") && read.err.contains("trustkeep dev"), "{}", read.err);
    assert!(!read.err.contains("secret-token"));
    let status = user.run(&user.vault, "status", &variables).await;
    assert_eq!(status.code, 1, "2 would say that it is sealed");
}

#[tokio::test]
async fn http_where_https_was_expected_is_said() {
    let user = User::new();
    let double = Double::start(|_, _| answer(200, json!({}))).await;
    let address = double.address.replace("http:", "https:");
    let outcome =
        user.run(&user.vault, "read x", &[("VAULT_ADDR", &address), ("VAULT_SKIP_VERIFY", "1")]).await;
    assert_eq!(outcome.code, 2);
    assert!(outcome.err.contains("server gave HTTP response to HTTPS client"), "{}", outcome.err);
    assert!(outcome.err.contains(&format!("VAULT_ADDR={}", double.address)), "{}", outcome.err);
}

#[tokio::test]
async fn status_says_sealed_with_2() {
    let user = User::new();
    for (sealed, code) in [(true, 2), (false, 0)] {
        let double = Double::start(move |seen, _| match seen.path.as_str() {
            "/v1/sys/leader" if sealed => answer(503, json!({"errors": ["Vault is sealed"]})),
            "/v1/sys/leader" => answer(200, json!({"ha_enabled": false})),
            _ => {
                answer(200, json!({"type": "shamir", "initialized": true, "sealed": sealed, "t": 1, "n": 1}))
            }
        })
        .await;
        assert_eq!(user.vault("status", &double).await.code, code);
        let field = user.vault("status -field=sealed", &double).await;
        assert_eq!((field.code, field.out), (code, sealed.to_string()));
    }
}

#[tokio::test]
async fn a_login_is_kept_and_used_by_the_next_command() {
    use std::os::unix::fs::PermissionsExt as _;
    let user = User::new();
    let double = Double::start(|seen, _| match seen.header("x-vault-token") {
        "hvs.mine" => answer(
            200,
            json!({"data": {"accessor": "acc", "ttl": 60, "policies": ["app"], "renewable": true}}),
        ),
        _ => answer(403, json!({"errors": ["permission denied"]})),
    })
    .await;
    let variables = [("VAULT_ADDR", double.address.as_str())];
    let refused = user.run(&user.vault, "login hvs.wrong", &variables).await;
    assert_eq!(refused.code, 2);
    assert!(!user.home.path().join(".vault-token").exists() && !refused.err.contains("hvs.wrong"));

    let unstored = user.run(&user.vault, "login -token-only hvs.mine", &variables).await;
    assert_eq!((unstored.code, unstored.out.as_str(), unstored.err.as_str()), (0, "hvs.mine", ""));
    assert!(!user.home.path().join(".vault-token").exists());

    let login = user.run(&user.vault, "login hvs.mine", &variables).await;
    assert_eq!(login.code, 0, "{}", login.err);
    assert!(login.out.contains("\ntoken_duration       1m\n"), "{}", login.out);
    let file = user.home.path().join(".vault-token");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "hvs.mine");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(user.run(&user.vault, "token lookup", &variables).await.code, 0);
    assert_eq!(user.run(&user.vault, "print token", &variables).await.out, "hvs.mine\n");
}

#[tokio::test]
async fn kv_asks_for_the_version_of_the_mount_and_never_wraps_that_question() {
    let user = User::new();
    let double = Double::start(|seen, _| match seen.path.as_str() {
        "/v1/sys/internal/ui/mounts/secret" | "/v1/sys/internal/ui/mounts/secret/db" => {
            answer(200, json!({"data": {"path": "secret/", "options": {"version": "2"}}}))
        }
        "/v1/secret/data/db" => answer(
            200,
            json!({"wrap_info": {"token": "hvs.w", "ttl": 60, "accessor": "a",
            "creation_time": "2024-01-01T00:00:00Z", "creation_path": "secret/data/db"}}),
        ),
        _ => answer(404, json!({"errors": []})),
    })
    .await;
    let outcome = user.vault("kv get secret/db -wrap-ttl 60 -field wrapping_token", &double).await;
    assert_eq!((outcome.code, outcome.out.as_str()), (0, "hvs.w"), "{}", outcome.err);
    let seen = double.seen();
    assert_eq!((seen[0].header("x-vault-wrap-ttl"), seen[1].header("x-vault-wrap-ttl")), ("", "1m0s"));

    user.vault("kv put -mount=secret -cas 0 db a=1", &double).await;
    let seen = double.seen();
    assert_eq!(seen.last().unwrap().body, json!({"data": {"a": "1"}, "options": {"cas": 0}}));
    user.vault("kv patch -remove-data=b secret/db a=1", &double).await;
    let seen = double.seen();
    let patch = seen.last().unwrap();
    assert_eq!(
        (patch.method.as_str(), patch.header("content-type")),
        ("PATCH", "application/merge-patch+json")
    );
    assert_eq!(patch.body, json!({"data": {"a": "1", "b": null}, "options": {}}));
    user.vault("kv delete -versions=1,2 secret/db", &double).await;
    assert_eq!(double.seen().last().unwrap().body, json!({"versions": [1, 2]}));
}

#[tokio::test]
async fn a_deleted_version_is_shown_and_nothing_is_2() {
    let user = User::new();
    let double = Double::start(|seen, _| match seen.path.as_str() {
        path if path.starts_with("/v1/sys/internal") => {
            answer(200, json!({"data": {"path": "secret/", "options": {"version": "2"}}}))
        }
        "/v1/secret/data/gone" => answer(
            404,
            json!({"data": {"data": null,
            "metadata": {"version": 1, "deletion_time": "2024-01-01T00:00:00Z"}}}),
        ),
        _ => answer(404, json!({"errors": []})),
    })
    .await;
    let gone = user.vault("kv get secret/gone", &double).await;
    assert_eq!(gone.code, 0);
    assert!(gone.out.contains("deletion_time    2024-01-01T00:00:00Z"), "{}", gone.out);
    let nothing = user.vault("kv get secret/never", &double).await;
    assert_eq!((nothing.code, nothing.err.as_str()), (2, "No value found at secret/data/never\n"));
    let nothing = user.vault("kv list -format=json secret", &double).await;
    assert_eq!((nothing.code, nothing.out.as_str()), (2, "{}\n"));
}

#[tokio::test]
async fn curl_commands_hold_no_token_and_send_nothing() {
    let user = User::new();
    let double = Double::start(|_, _| answer(200, json!({}))).await;
    let outcome = user.vault("write -output-curl-string a/b k=it's", &double).await;
    assert_eq!(outcome.code, 0);
    assert_eq!(
        outcome.out,
        format!(
            "curl -X PUT -H \"X-Vault-Request: true\" -H \"X-Vault-Token: $(vault print token)\" \
             -d '{{\"k\":\"it'\\''s\"}}' \"{}/v1/a/b\"\n",
            double.address
        )
    );
    assert!(double.seen().is_empty());
}

#[tokio::test]
async fn a_path_does_not_climb_and_special_characters_are_encoded() {
    let user = User::new();
    let double = Double::start(|_, _| answer(200, json!({"data": {"a": "1"}}))).await;
    let climbing = user.vault("read secret/../sys/raw/x", &double).await;
    assert_eq!((climbing.code, double.seen().len()), (1, 0), "{}", climbing.err);
    user.vault("read secret/a%2Fb?c", &double).await;
    assert_eq!(double.seen()[0].path, "/v1/secret/a%252Fb%3Fc");
}

#[tokio::test]
async fn the_environment_names_a_proxy_and_a_rate() {
    let user = User::new();
    let [proxy, other] = [
        Double::start(|_, _| answer(200, json!({"data": {"a": "1"}}))).await,
        Double::start(|_, _| answer(500, json!({"errors": ["not this one"]}))).await,
    ];
    let variables = [
        ("VAULT_ADDR", "http://vault.test:8200"),
        ("VAULT_PROXY_ADDR", &proxy.address),
        ("VAULT_HTTP_PROXY", &other.address),
    ];
    let outcome = user.run(&user.vault, "read -field=a x/y", &variables).await;
    assert_eq!((outcome.code, outcome.out.as_str()), (0, "1"), "{}", outcome.err);
    let old = [("VAULT_ADDR", "http://vault.test:8200"), ("VAULT_HTTP_PROXY", &proxy.address)];
    assert_eq!(user.run(&user.vault, "read -field=a x/y", &old).await.out, "1");
    let through: Vec<String> = proxy.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(through, ["http://vault.test:8200/v1/x/y"; 2]);
    assert!(other.seen().is_empty());

    // Two requests, the mount's version first: the second waits for its turn.
    let limited = [("VAULT_ADDR", proxy.address.as_str()), ("VAULT_RATE_LIMIT", "2:1")];
    let began = std::time::Instant::now();
    let outcome = user.run(&user.vault, "kv get x/y", &limited).await;
    assert_eq!((outcome.code, proxy.seen().len()), (0, 4), "{}", outcome.err);
    assert!(began.elapsed() >= std::time::Duration::from_millis(500), "{:?}", began.elapsed());
}
