//! The engine from outside: requests in, answers and storage out.

use serde_json::{Value, json};

use super::*;
use crate::engines::test_support::{Fixture, data, text};

mod storage;

/// An engine over a fixture, with a short way to call it.
struct Kv {
    fixture: Fixture,
    engine: KvV2,
}

impl Kv {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let engine = KvV2::new(&fixture.context());
        Kv { fixture, engine }
    }

    async fn write(&self, path: &str, body: &str) -> Result<Option<Response>> {
        self.engine.handle(&self.fixture.write(path, body)).await
    }

    async fn patch(&self, path: &str, body: &str) -> Result<Option<Response>> {
        self.engine.handle(&self.fixture.patch(path, body)).await
    }

    async fn read(&self, path: &str) -> Result<Option<Response>> {
        self.engine.handle(&self.fixture.read(path)).await
    }

    async fn delete(&self, path: &str) -> Result<Option<Response>> {
        self.engine.handle(&self.fixture.delete(path)).await
    }

    async fn keys(&self, path: &str) -> Value {
        let list = self.engine.handle(&self.fixture.list(path)).await;
        list.map_or_else(|error| json!(error.status()), |list| data(&list.unwrap())["keys"].clone())
    }

    /// The data of a read with its status.
    async fn get(&self, path: &str) -> (u16, Value) {
        match self.read(path).await {
            Ok(response) => {
                let response = response.unwrap();
                (response.status.unwrap_or(200), data(&response))
            }
            Err(error) => (error.status(), Value::Null),
        }
    }

    async fn refused(&self, path: &str, body: &str) -> (u16, String) {
        let error = self.write(path, body).await.unwrap_err();
        (error.status(), error.to_string())
    }

    /// Entries of the mount's storage below a folder, as the storage's operator counts them.
    async fn stored(&self, folder: &str) -> Vec<String> {
        let (mut found, mut folders) =
            (Vec::new(), vec![format!("logical/test/{folder}").trim_end_matches('/').to_owned()]);
        while let Some(folder) = folders.pop() {
            for name in self.fixture.paths.list(&folder, "", usize::MAX).await.unwrap() {
                match name.strip_suffix('/') {
                    Some(name) => folders.push(format!("{folder}/{name}")),
                    None => found.push(format!("{folder}/{name}")),
                }
            }
        }
        found
    }
}

#[tokio::test]
async fn a_write_answers_with_the_versions_metadata_and_a_read_with_the_text() {
    let kv = Kv::new().await;
    let body =
        r#"{"options": {}, "data":  {"n": 1.10, "big":123456789012345678901234567890 , "é":"\u00e9"} }"#;
    let written = kv.write("data/app/db", body).await.unwrap().unwrap();
    let created = "2023-11-14T22:13:20Z";
    assert_eq!(
        text(&written),
        format!(
            r#"{{"created_time":"{created}","custom_metadata":null,"deletion_time":"","destroyed":false,"version":1}}"#
        )
    );
    assert!(written.warnings.is_empty());
    let read = kv.read("data/app/db").await.unwrap().unwrap();
    let secret = r#"{"n": 1.10, "big":123456789012345678901234567890 , "é":"\u00e9"}"#;
    assert_eq!(text(&read), format!(r#"{{"data":{secret},"metadata":{}}}"#, text(&written)));
    assert_eq!((read.status, read.lease_duration, read.warnings.len()), (None, 0, 0));
}

#[tokio::test]
async fn every_version_is_read_by_its_number() {
    let kv = Kv::new().await;
    let large = "x".repeat(secret::INLINE_MAX + 1);
    for value in ["one", &large, "three", "four"] {
        kv.write("data/a", &json!({"data": {"v": value}}).to_string()).await.unwrap();
    }
    for (version, value) in
        [("1", "one"), ("2", large.as_str()), ("3", "three"), ("4", "four"), ("0", "four")]
    {
        let (status, answer) = kv.get(&format!("data/a?version={version}")).await;
        assert_eq!((status, answer["data"]["v"].as_str()), (200, Some(value)));
    }
    assert_eq!(kv.get("data/a?version=5").await.0, 404);
    assert_eq!(kv.get("data/a?version=-1").await.1["data"]["v"], "four");
    assert_eq!(kv.get("data/a?version=x").await.0, 400);
    assert_eq!(kv.read("data/b").await.unwrap_err().status(), 404);
    assert_eq!((kv.stored("metadata").await.len(), kv.stored("versions").await.len()), (1, 3));
}

#[tokio::test]
async fn check_and_set_holds_at_both_levels() {
    let kv = Kv::new().await;
    let mismatch = (400, "check-and-set parameter did not match the current version".to_owned());
    let required = (400, "check-and-set parameter required for this call".to_owned());
    assert_eq!(kv.refused("data/a", r#"{"data":{},"options":{"cas":1}}"#).await, mismatch);
    kv.write("data/a", r#"{"data":{"v":1},"options":{"cas":0}}"#).await.unwrap();
    assert_eq!(kv.refused("data/a", r#"{"data":{},"options":{"cas":0}}"#).await, mismatch);
    assert_eq!(kv.refused("data/a", r#"{"data":{},"options":{"cas":-1}}"#).await, mismatch);
    kv.write("data/a", r#"{"data":{"v":2},"options":{"cas":"1"}}"#).await.unwrap();
    kv.write("data/a", r#"{"data":{"v":3}}"#).await.unwrap();
    for cas in ["\"x\"", "1.5", "[3]", "{}"] {
        let refused = kv.refused("data/a", &format!(r#"{{"data":{{}},"options":{{"cas":{cas}}}}}"#)).await;
        assert_eq!(refused, (400, "error parsing check-and-set parameter".to_owned()), "{cas}");
    }
    kv.write("metadata/a", r#"{"cas_required":true}"#).await.unwrap();
    assert_eq!(kv.refused("data/a", r#"{"data":{}}"#).await, required);
    let patched = kv.patch("data/a", r#"{"data":{}}"#).await.unwrap_err();
    assert_eq!((patched.status(), patched.to_string()), required);
    kv.write("data/b", r#"{"data":{}}"#).await.unwrap();
    kv.write("config", r#"{"cas_required":true}"#).await.unwrap();
    assert_eq!(kv.refused("data/b", r#"{"data":{}}"#).await, required);
    kv.write("data/b", r#"{"data":{},"options":{"cas":1}}"#).await.unwrap();
    let overruled = kv.write("metadata/b", r#"{"cas_required":false}"#).await.unwrap().unwrap();
    let warning =
        "\"cas_required\" set to false, but is mandated by backend config. This value will be ignored.";
    assert_eq!(overruled.warnings, [warning]);
    assert_eq!(kv.get("data/a").await.1["metadata"]["version"], 3);
}

#[tokio::test]
async fn what_vault_refuses_is_refused() {
    let kv = Kv::new().await;
    kv.write("data/a", r#"{"data":{}}"#).await.unwrap();
    let map = |name: &str, found: &str| {
        format!(
            "Field validation failed: error converting input for field \"{name}\": '' expected a map, got '{found}'"
        )
    };
    for (path, body, message) in [
        ("data/a", "{}", "no data provided".to_owned()),
        ("data/a", r#"{"v":1}"#, "no data provided".to_owned()),
        ("data/a", r#"{"data":"secret"}"#, map("data", "string")),
        ("data/a", r#"{"data":[1]}"#, map("data", "slice")),
        ("data/a", r#"{"data":{},"options":7}"#, map("options", "number")),
        ("data/a//b", r#"{"data":{}}"#, "a path must not hold empty segments".to_owned()),
        ("metadata/", r#"{"max_versions":1}"#, "missing path".to_owned()),
        ("metadata/a", r#"{"custom_metadata":"x"}"#, map("custom_metadata", "string")),
        ("delete/a", "{}", "No version number provided".to_owned()),
        ("undelete/a", r#"{"versions":[]}"#, "No version number provided".to_owned()),
        ("destroy/a", r#"{"versions":""}"#, "no version number provided".to_owned()),
    ] {
        assert_eq!(kv.refused(path, body).await, (400, message), "{path} {body}");
    }
    for (path, body) in [
        ("metadata/a", r#"{"max_versions":"many"}"#),
        ("metadata/a", r#"{"max_versions":-1}"#),
        ("metadata/a", r#"{"cas_required":"maybe"}"#),
        ("metadata/a", r#"{"delete_version_after":"-1s"}"#),
        ("metadata/a", r#"{"delete_version_after":"soon"}"#),
        ("config", r#"{"max_versions":[1]}"#),
        ("config", r#"{"delete_version_after":{}}"#),
        ("destroy/a", r#"{"versions":["x"]}"#),
        ("destroy/a", r#"{"versions":[1.5]}"#),
    ] {
        assert_eq!(kv.refused(path, body).await.0, 400, "{path} {body}");
    }
    let patch = kv.patch("data/a", r#"{"options":{"cas":1}}"#).await.unwrap_err();
    assert_eq!(patch.to_string(), "no data provided");
    for path in ["destroy/a", "delete/a", "undelete/a"] {
        assert_eq!(kv.read(path).await.unwrap_err().status(), 405);
    }
    assert_eq!(kv.delete("config").await.unwrap_err().status(), 405);
    assert_eq!(kv.get("data/a").await.1["metadata"]["version"], 1);
}

#[tokio::test]
async fn forms_and_null_are_taken() {
    let kv = Kv::new().await;
    let mut form = kv.fixture.write("data/form", "");
    form.data = serde_json::from_value(json!({"data": {"a": "b"}})).unwrap();
    kv.engine.handle(&form).await.unwrap();
    assert_eq!(kv.get("data/form").await.1["data"], json!({"a": "b"}));
    kv.write("data/null", r#"{"data":null}"#).await.unwrap();
    assert_eq!(kv.get("data/null").await.1["data"], Value::Null);
    kv.patch("data/null", r#"{"data":{"a":1}}"#).await.unwrap();
    assert_eq!(kv.get("data/null").await.1["data"], json!({"a": 1}));
}

#[tokio::test]
async fn deleted_versions_answer_404_with_their_metadata_and_come_back() {
    let kv = Kv::new().await;
    for value in 1..=3 {
        kv.write("data/a", &json!({"data": {"v": value}}).to_string()).await.unwrap();
    }
    assert!(kv.delete("data/a").await.unwrap().is_none());
    assert!(kv.delete("data/none").await.unwrap().is_none());
    let (status, gone) = kv.get("data/a").await;
    assert_eq!((status, &gone["data"], &gone["metadata"]["version"]), (404, &Value::Null, &json!(3)));
    assert_eq!(gone["metadata"]["destroyed"], false);
    assert!(gone["metadata"]["deletion_time"].as_str().unwrap().starts_with("2023-11-14T22:13:20."));
    let patch = kv.patch("data/a", r#"{"data":{}}"#).await.unwrap().unwrap();
    assert_eq!((patch.status, data(&patch)["version"].as_u64()), (Some(404), Some(3)));
    kv.delete("data/a").await.unwrap();
    assert_eq!(kv.get("data/a").await.1, gone, "a second deletion keeps the first one's time");

    kv.write("delete/a", r#"{"versions":[1,"2",9,-4]}"#).await.unwrap();
    assert_eq!((kv.get("data/a?version=1").await.0, kv.get("data/a?version=2").await.0), (404, 404));
    kv.write("undelete/a", r#"{"versions":"2,3"}"#).await.unwrap();
    assert_eq!(kv.get("data/a").await.1["data"]["v"], 3);
    assert_eq!(kv.get("data/a?version=2").await.1["metadata"]["deletion_time"], "");
    assert_eq!(kv.get("data/a?version=1").await.0, 404);
    for path in ["delete/none", "undelete/none", "destroy/none"] {
        assert!(kv.write(path, r#"{"versions":1}"#).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn versions_are_deleted_when_their_time_comes() {
    let kv = Kv::new().await;
    kv.write("config", r#"{"delete_version_after":"1h"}"#).await.unwrap();
    kv.write("data/a", r#"{"data":{"v":1}}"#).await.unwrap();
    assert_eq!(
        kv.get("data/a").await.1["metadata"]["deletion_time"].as_str().unwrap()[..19],
        *"2023-11-14T23:13:20"
    );
    // The shorter of both counts.
    for (own, after) in [("30m", "22:43:20"), ("2h", "23:13:20")] {
        kv.write("metadata/b", &json!({"delete_version_after": own}).to_string()).await.unwrap();
        let written = data(&kv.write("data/b", r#"{"data":{}}"#).await.unwrap().unwrap());
        assert_eq!(&written["deletion_time"].as_str().unwrap()[11..19], after);
    }
    kv.fixture.advance(3601);
    let (status, gone) = kv.get("data/a").await;
    assert_eq!((status, &gone["data"]), (404, &Value::Null));
    kv.write("undelete/a", r#"{"versions":1}"#).await.unwrap();
    assert_eq!(
        kv.get("data/a").await.1["metadata"]["deletion_time"].as_str().unwrap()[..16],
        *"2023-11-15T00:13"
    );
    // A negative one of the mount switches both off.
    kv.write("config", r#"{"delete_version_after":"-5s"}"#).await.unwrap();
    assert_eq!(kv.get("config").await.1["delete_version_after"], "-1s");
    let written = data(&kv.write("data/b", r#"{"data":{}}"#).await.unwrap().unwrap());
    assert_eq!(written["deletion_time"], "");
}

#[tokio::test]
async fn the_mounts_settings_are_kept() {
    let kv = Kv::new().await;
    let initial = json!({"cas_required": false, "delete_version_after": "0s", "max_versions": 0});
    assert_eq!(kv.get("config").await, (200, initial));
    assert!(kv.write("config", "{}").await.unwrap().is_none());
    kv.write("config", r#"{"max_versions":"5","cas_required":"true","delete_version_after":"3h25m19s"}"#)
        .await
        .unwrap();
    let set = json!({"cas_required": true, "delete_version_after": "3h25m19s", "max_versions": 5});
    assert_eq!(kv.get("config").await.1, set);
    let anew = KvV2::new(&kv.fixture.context());
    assert_eq!(data(&anew.handle(&kv.fixture.read("config")).await.unwrap().unwrap()), set);
    kv.write("config", r#"{"delete_version_after":0,"cas_required":null}"#).await.unwrap();
    assert_eq!(
        kv.get("config").await.1,
        json!({"cas_required": false, "delete_version_after": "0s", "max_versions": 5})
    );
}

#[tokio::test]
async fn metadata_are_written_patched_and_shown() {
    let kv = Kv::new().await;
    assert_eq!(kv.patch("metadata/a", r#"{"max_versions":1}"#).await.unwrap_err().status(), 404);
    kv.write("metadata/a", r#"{"custom_metadata":{"owner":"ops","n":5,"b":true},"max_versions":4}"#)
        .await
        .unwrap();
    let shown = kv.get("metadata/a").await.1;
    assert_eq!(
        shown,
        json!({
            "cas_required": false, "created_time": "2023-11-14T22:13:20.001Z", "current_version": 0,
            "custom_metadata": {"b": "1", "n": "5", "owner": "ops"}, "delete_version_after": "0s",
            "max_versions": 4, "oldest_version": 0, "updated_time": "2023-11-14T22:13:20.001Z", "versions": {},
        })
    );
    assert_eq!(kv.get("data/a").await.0, 404);
    let written = data(&kv.write("data/a", r#"{"data":{},"options":{"cas":0}}"#).await.unwrap().unwrap());
    assert_eq!(written["custom_metadata"], json!({"b": "1", "n": "5", "owner": "ops"}));
    kv.patch(
        "metadata/a",
        r#"{"custom_metadata":{"owner":null,"n":"6","new":"x"},"delete_version_after":"90s"}"#,
    )
    .await
    .unwrap();
    let shown = kv.get("metadata/a").await.1;
    assert_eq!(shown["custom_metadata"], json!({"b": "1", "n": "6", "new": "x"}));
    assert_eq!((&shown["delete_version_after"], &shown["max_versions"]), (&json!("1m30s"), &json!(4)));
    kv.write("metadata/a", r#"{"custom_metadata":{}}"#).await.unwrap();
    assert_eq!(kv.get("metadata/a").await.1["custom_metadata"], Value::Null);
    assert!(kv.write("metadata/a", "{}").await.unwrap().is_none());
}

#[tokio::test]
async fn custom_metadata_have_limits() {
    let kv = Kv::new().await;
    let many = |count: usize| {
        let fields: serde_json::Map<_, _> = (0..count).map(|n| (format!("k{n}"), json!("v"))).collect();
        json!({"custom_metadata": fields}).to_string()
    };
    kv.write("metadata/a", &many(64)).await.unwrap();
    let one = |message: &str| {
        (400, format!("1 error occurred:\n\t* custom_metadata validation failed: {message}\n\n"))
    };
    let too_many = one("payload must contain at most 64 keys, provided 65");
    assert_eq!(kv.refused("metadata/a", &many(65)).await, too_many);
    let patched = kv.patch("metadata/a", r#"{"custom_metadata":{"one more":"v"}}"#).await.unwrap_err();
    assert_eq!((patched.status(), patched.to_string()), too_many);
    let with = |name: &str, value: Value| json!({"custom_metadata": {name: value}}).to_string();
    kv.write("metadata/b", &with(&"k".repeat(128), json!("v".repeat(512)))).await.unwrap();
    let long = "k".repeat(129);
    for (body, message) in [
        (with(&long, json!("v")), format!("length of key {long:?} is 129 but must be 0 < len(key) <= 128")),
        (with("", json!("v")), "length of key \"\" is 0 but must be 0 < len(key) <= 128".into()),
        (
            with("k", json!("v".repeat(513))),
            "length of value for key \"k\" is 513 but must be 0 < len(value) <= 512".into(),
        ),
        (
            with("k", Value::Null),
            "length of value for key \"k\" is 0 but must be 0 < len(value) <= 512".into(),
        ),
        (with("k", json!("\u{7}")), "value for key \"k\" contains unprintable characters".into()),
    ] {
        assert_eq!(kv.refused("metadata/b", &body).await, one(&message));
    }
    let (status, nested) = kv.refused("metadata/b", &with("k", json!({"a": 1}))).await;
    assert_eq!(status, 400);
    assert!(nested.starts_with("custom_metadata validation failed: '' expected type 'string'"), "{nested}");
    let two = kv.refused("metadata/b", r#"{"custom_metadata":{"a":"","b":""}}"#).await.1;
    assert!(two.starts_with("2 errors occurred:\n\t* custom_metadata validation failed: "), "{two}");
}

#[tokio::test]
async fn a_patch_merges_into_the_current_version() {
    let kv = Kv::new().await;
    let missing = kv.patch("data/a", r#"{"data":{"b":1}}"#).await.unwrap_err();
    assert_eq!(missing.status(), 404);
    kv.write("data/a", r#"{"data":{"keep": 1.10,"drop":1,"o":{"x":1,"y":2}}}"#).await.unwrap();
    let cas = kv.patch("data/a", r#"{"data":{},"options":{"cas":0}}"#).await.unwrap_err();
    assert_eq!(cas.to_string(), "check-and-set parameter did not match the current version");
    let patch =
        r#"{"options":{"cas":1},"data":{"drop":null,"o":{"y":null,"z":{"n":null,"m":3}},"new":[1, 2]}}"#;
    let patched = kv.patch("data/a", patch).await.unwrap().unwrap();
    assert_eq!(data(&patched)["version"], 2);
    let read = kv.read("data/a").await.unwrap().unwrap();
    let expected = r#"{"data":{"keep":1.10,"o":{"x":1,"z":{"m":3}},"new":[1, 2]},"metadata""#;
    assert!(text(&read).starts_with(expected), "{}", text(&read));
    assert_eq!(kv.get("data/a?version=1").await.1["data"]["drop"], 1);
}

#[tokio::test]
async fn subkeys_show_the_shape_only() {
    let kv = Kv::new().await;
    kv.write("data/a", r#"{"data":{"a":1,"b":{"c":{"d":"s"},"e":{}},"f":[{"g":1}]}}"#).await.unwrap();
    let all = json!({"a": null, "b": {"c": {"d": null}, "e": null}, "f": null});
    let (status, shown) = kv.get("subkeys/a").await;
    assert_eq!((status, &shown["subkeys"], &shown["metadata"]["version"]), (200, &all, &json!(1)));
    assert_eq!(kv.get("subkeys/a?depth=1").await.1["subkeys"], json!({"a": null, "b": null, "f": null}));
    assert_eq!(kv.get("subkeys/a?depth=2").await.1["subkeys"]["b"], json!({"c": null, "e": null}));
    kv.write("data/a", r#"{"data":{"z":1}}"#).await.unwrap();
    assert_eq!(kv.get("subkeys/a?version=1").await.1["subkeys"], all);
    kv.delete("data/a").await.unwrap();
    let (status, gone) = kv.get("subkeys/a").await;
    assert_eq!((status, &gone["subkeys"], &gone["metadata"]["version"]), (404, &Value::Null, &json!(2)));
    assert_eq!(kv.get("subkeys/none").await.0, 404);
}

#[tokio::test]
async fn existence_is_checked_for_data_and_metadata() {
    let kv = Kv::new().await;
    let exists = async |path: &str| kv.engine.exists(&kv.fixture.write(path, "{}")).await.unwrap();
    assert_eq!((exists("data/a").await, exists("metadata/a").await), (Some(false), Some(false)));
    kv.write("data/a", r#"{"data":{}}"#).await.unwrap();
    assert_eq!((exists("data/a").await, exists("metadata/a").await), (Some(true), Some(true)));
    for path in ["config", "delete/a", "undelete/a", "destroy/a", "subkeys/a", "a"] {
        assert_eq!(exists(path).await, None, "{path}");
    }
}

#[tokio::test]
async fn paths_of_version_1_are_answered_with_a_hint() {
    let kv = Kv::new().await;
    let fixture = &kv.fixture;
    for (request, command) in [
        (fixture.read("app/db"), "get"),
        (fixture.write("app/db", r#"{"a":1}"#), "put"),
        (fixture.patch("app/db", r#"{"a":1}"#), "patch"),
        (fixture.delete("app/db"), "delete"),
        (fixture.list("app/"), "list"),
        (fixture.list("data/app/"), "list"),
        (fixture.read("config/x"), "get"),
    ] {
        let answer = kv.engine.handle(&request).await.unwrap().unwrap();
        let warning = format!(
            "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to \
             use. If using the Vault CLI, use 'vault kv {command}' for this operation."
        );
        assert_eq!((answer.status, answer.warnings, answer.data.is_none()), (Some(404), vec![warning], true));
    }
    let root = kv.read("data").await.unwrap().unwrap();
    assert_eq!(root.warnings, ["Non-listing operations on the root of a K/V v2 mount are not supported."]);
}

#[tokio::test]
async fn unknown_fields_are_named_in_a_warning() {
    let kv = Kv::new().await;
    let written = kv.write("data/a", r#"{"data":{},"z":1,"b":2,"path":"x"}"#).await.unwrap().unwrap();
    assert_eq!(
        written.warnings,
        [
            "Endpoint ignored these unrecognized parameters: [b z]",
            "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [path]"
        ]
    );
}
