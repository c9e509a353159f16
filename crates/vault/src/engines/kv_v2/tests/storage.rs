//! What becomes of secrets in storage: windows of versions, names, writers at once, the upgrade.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Kv;
use crate::engines::Engine;
use crate::engines::kv_v1::KvV1;
use crate::engines::kv_v2::config::Config;
use crate::engines::kv_v2::{KvV2, is_upgraded, upgrade};
use crate::engines::test_support::{data, text};

#[tokio::test]
async fn destroyed_versions_are_gone_from_storage() {
    let kv = Kv::new().await;
    for value in 1..=3 {
        kv.write("data/a", &json!({"data": {"v": value}}).to_string()).await.unwrap();
    }
    assert_eq!(kv.stored("versions").await.len(), 2);
    kv.write("destroy/a", r#"{"versions":[1,3]}"#).await.unwrap();
    assert_eq!(kv.stored("versions").await.len(), 1);
    let (status, gone) = kv.get("data/a").await;
    assert_eq!((status, &gone["metadata"]["destroyed"], &gone["data"]), (404, &json!(true), &Value::Null));
    kv.write("undelete/a", r#"{"versions":[1,3]}"#).await.unwrap();
    assert_eq!((kv.get("data/a").await.0, kv.get("data/a?version=1").await.0), (404, 404));
    assert_eq!(kv.get("data/a?version=2").await.1["data"]["v"], 2);
    kv.write("data/a", r#"{"data":{"v":4}}"#).await.unwrap();
    assert_eq!(
        (kv.get("data/a").await.1["data"]["v"].as_u64(), kv.get("data/a?version=3").await.0),
        (Some(4), 404)
    );
    assert_eq!(kv.get("metadata/a").await.1["versions"]["3"]["destroyed"], true);
}

#[tokio::test]
async fn old_versions_are_dropped_with_the_write_that_exceeds_the_window() {
    let kv = Kv::new().await;
    for value in 1..=12 {
        kv.write("data/a", &json!({"data": {"v": value}}).to_string()).await.unwrap();
        let oldest = kv.get("metadata/a").await.1["oldest_version"].as_u64().unwrap();
        assert_eq!(oldest, if value < 10 { 0 } else { value - 9 });
    }
    assert_eq!(kv.stored("versions").await.len(), 9);
    assert_eq!((kv.get("data/a?version=2").await.0, kv.get("data/a?version=3").await.0), (404, 200));
    // The larger of both levels counts; 0 leaves it to the other.
    kv.write("config", r#"{"max_versions":2}"#).await.unwrap();
    kv.write("metadata/a", r#"{"max_versions":3}"#).await.unwrap();
    kv.write("data/a", r#"{"data":{}}"#).await.unwrap();
    let metadata = kv.get("metadata/a").await.1;
    let versions: Vec<_> = metadata["versions"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        (versions, &metadata["oldest_version"]),
        (vec!["11".into(), "12".into(), "13".into()], &json!(11))
    );
    kv.write("metadata/a", r#"{"max_versions":0}"#).await.unwrap();
    kv.write("data/a", r#"{"data":{}}"#).await.unwrap();
    assert_eq!(
        (kv.get("metadata/a").await.1["oldest_version"].as_u64(), kv.stored("versions").await.len()),
        (Some(13), 1)
    );
}

#[tokio::test]
async fn long_histories_are_swept_in_bounded_commits() {
    let kv = Kv::new().await;
    kv.write("metadata/a", r#"{"max_versions":1000}"#).await.unwrap();
    for _ in 0..200 {
        kv.write("data/a", r#"{"data":{"v":1}}"#).await.unwrap();
    }
    assert_eq!(kv.stored("versions").await.len(), 199);
    kv.write("metadata/a", r#"{"max_versions":1}"#).await.unwrap();
    for left in [135, 71, 7, 0, 0] {
        kv.write("data/a", r#"{"data":{"v":2}}"#).await.unwrap();
        assert!(kv.stored("versions").await.len() <= left + 1, "{left}");
        assert_eq!((kv.get("data/a?version=3").await.0, kv.get("data/a").await.0), (404, 200));
    }
    assert!(kv.stored("versions").await.is_empty());

    kv.write("metadata/a", r#"{"max_versions":1000}"#).await.unwrap();
    for _ in 0..150 {
        kv.write("data/a", r#"{"data":{"v":1}}"#).await.unwrap();
    }
    let many: Vec<u64> = (200..300).collect();
    kv.write("destroy/a", &json!({"versions": many}).to_string()).await.unwrap();
    let left = kv.stored("versions").await.len();
    assert!((50..60).contains(&left), "{left}");
    kv.delete("metadata/a").await.unwrap();
    assert_eq!((kv.get("metadata/a").await.0, kv.keys("metadata/").await), (404, json!(404)));
    assert_eq!(kv.stored("").await, ["logical/test/names"]);
    kv.write("data/a", r#"{"data":{"v":7}}"#).await.unwrap();
    assert_eq!(kv.get("data/a").await.1["metadata"]["version"], 1);
}

#[tokio::test]
async fn odd_names_live_side_by_side_and_are_not_readable_in_storage() {
    let kv = Kv::new().await;
    let paths =
        ["a", "a/b", "a/b/c", "with space", "größe/日本", "v1.2..x", "a+b", "100%", "a%2Fb", "data", "names"];
    for path in paths {
        for round in 0..2 {
            let body = json!({"data": {"path": path, "round": round}}).to_string();
            kv.write(&format!("data/{path}"), &body).await.unwrap();
        }
    }
    for path in paths {
        assert_eq!(kv.get(&format!("data/{path}")).await.1["data"], json!({"path": path, "round": 1}));
        assert_eq!(kv.get(&format!("data/{path}?version=1")).await.1["data"]["round"], 0);
    }
    let top = json!(["100%", "a", "a%2Fb", "a+b", "a/", "data", "größe/", "names", "v1.2..x", "with space"]);
    assert_eq!(kv.keys("metadata/").await, top);
    assert_eq!(kv.keys("metadata/a/").await, json!(["b", "b/"]));
    assert_eq!(kv.keys("metadata/größe").await, json!(["日本"]));
    assert_eq!(kv.keys("metadata/none/").await, json!(404));
    for path in kv.stored("metadata").await.iter().chain(&kv.stored("versions").await) {
        assert!(!path.contains("größe") && !path.contains("space") && !path.contains('%'), "{path}");
    }
    kv.delete("metadata/a/b").await.unwrap();
    assert_eq!(kv.keys("metadata/a/").await, json!(["b/"]));
    assert_eq!(
        (kv.get("data/a/b").await.0, kv.get("data/a/b/c").await.0, kv.get("data/a").await.0),
        (404, 200, 200)
    );
    for path in ["data//a", "data/a//b", "metadata/a//b", "metadata/"] {
        assert_eq!(kv.get(path).await.0, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_with_check_and_set_lose_no_increment() {
    let kv = Arc::new(Kv::new().await);
    // Two engines over one storage: as if two processes wrote, with no queue between them.
    let other = Arc::new(KvV2::new(&kv.fixture.context()));
    kv.write("data/n", r#"{"data":{"n":0}}"#).await.unwrap();
    let mut tasks = Vec::new();
    for worker in 0..8 {
        let (kv, other) = (kv.clone(), other.clone());
        tasks.push(tokio::spawn(async move {
            let engine = if worker % 2 == 0 { &kv.engine } else { other.as_ref() };
            let mut done = 0;
            while done < 25 {
                let read = data(&engine.handle(&kv.fixture.read("data/n")).await.unwrap().unwrap());
                let next = read["data"]["n"].as_u64().unwrap() + 1;
                let body = json!({"data": {"n": next}, "options": {"cas": read["metadata"]["version"]}});
                match engine.handle(&kv.fixture.write("data/n", &body.to_string())).await {
                    Ok(_) => done += 1,
                    Err(error) => assert_eq!(
                        error.to_string(),
                        "check-and-set parameter did not match the current version"
                    ),
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let read = kv.get("data/n").await.1;
    assert_eq!((&read["data"]["n"], &read["metadata"]["version"]), (&json!(200), &json!(201)));
    assert_eq!(kv.stored("versions").await.len(), 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_without_check_and_set_each_make_a_version() {
    let kv = Arc::new(Kv::new().await);
    let mut tasks = Vec::new();
    for worker in 0..8 {
        let kv = kv.clone();
        tasks.push(tokio::spawn(async move {
            for n in 0..25 {
                kv.write("data/new/n", &json!({"data": {"w": worker, "n": n}}).to_string()).await.unwrap();
                assert_eq!(kv.get("data/new/n").await.0, 200);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(kv.get("data/new/n").await.1["metadata"]["version"], 200);
}

#[tokio::test]
async fn version_1_is_upgraded_once_and_for_all() {
    let kv = Kv::new().await;
    let v1 = KvV1::new(&kv.fixture.context());
    let mut paths: Vec<String> = (0..40).map(|n| format!("many/{n}")).collect();
    paths.extend(["a", "a/b", "deep/er/still", "größe x"].map(str::to_owned));
    for path in &paths {
        v1.handle(&kv.fixture.write(path, &format!(r#"{{"at": "{path}", "n":1.0}}"#))).await.unwrap();
    }
    let now = 1_700_000_000_000_000_000;
    // Stopped half-way: some are over, the rest is found by the next call.
    let engine = KvV2::over(kv.fixture.view.clone());
    let first: Vec<String> = paths[..3].to_vec();
    assert_eq!(engine.move_some(&first, &Config::default(), now).await.unwrap(), 3);
    assert!(!is_upgraded(&kv.fixture.view).await.unwrap());
    assert_eq!(upgrade(&kv.fixture.view, now).await.unwrap(), paths.len() as u64 - 3);
    assert!(is_upgraded(&kv.fixture.view).await.unwrap());
    assert_eq!(upgrade(&kv.fixture.view, now).await.unwrap(), 0);
    for path in &paths {
        let read = kv.read(&format!("data/{path}")).await.unwrap().unwrap();
        let expected = format!(
            r#"{{"data":{{"at": "{path}", "n":1.0}},"metadata":{{"created_time":"2023-11-14T22:13:20Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":1}}}}"#
        );
        assert_eq!(text(&read), expected);
        assert_eq!(v1.handle(&kv.fixture.read(path)).await.unwrap_err().status(), 404);
    }
    assert_eq!(kv.fixture.view.list("v1").await.unwrap(), Vec::<String>::new());
    v1.handle(&kv.fixture.write("a", r#"{"again":1}"#)).await.unwrap();
    assert_eq!(upgrade(&kv.fixture.view, now).await.unwrap(), 1);
    assert_eq!(kv.get("data/a").await.1["metadata"]["version"], 2);
}
