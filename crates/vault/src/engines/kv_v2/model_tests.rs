//! Random requests against the engine and against a model of a few lines, which must agree.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::*;
use crate::engines::test_support::{Fixture, data};

/// What a secret should be.
#[derive(Debug, Default)]
struct Model {
    max_versions: u64,
    current: u64,
    versions: BTreeMap<u64, Version>,
}

#[derive(Debug)]
struct Version {
    data: Value,
    deleted: bool,
    destroyed: bool,
}

impl Model {
    fn push(&mut self, data: Value) {
        self.current += 1;
        self.versions.insert(self.current, Version { data, deleted: false, destroyed: false });
        let max = if self.max_versions == 0 { 10 } else { self.max_versions };
        while self.versions.len() as u64 > max {
            self.versions.pop_first();
        }
    }

    fn live(&self) -> Option<&Value> {
        let version = self.versions.get(&self.current)?;
        (!version.deleted && !version.destroyed).then_some(&version.data)
    }
}

const PATHS: [&str; 5] = ["a", "a/b", "a/b/c", "x y", "ü/%"];

#[tokio::test]
async fn random_requests_are_answered_as_the_model_says() {
    for seed in 0..12 {
        run(seed, 400).await;
    }
}

async fn run(seed: u64, steps: usize) {
    let mut random = StdRng::seed_from_u64(seed);
    let fixture = Fixture::new().await;
    let mut engine = KvV2::new(&fixture.context());
    let mut model: BTreeMap<&str, Model> = BTreeMap::new();
    for step in 0..steps {
        let path = PATHS[random.random_range(0..PATHS.len())];
        let secret = model.get_mut(path);
        let current = secret.as_ref().map_or(0, |secret| secret.current);
        let number = random.random_range(0..=current + 1);
        let at = format!("seed {seed}, step {step}, {path}");
        match random.random_range(0..12) {
            0..=3 => {
                let filler = if random.random_bool(0.15) { secret::INLINE_MAX } else { 3 };
                let value = json!({"n": step, "o": {"x": step}, "filler": "f".repeat(filler)});
                let cas = random.random_bool(0.5).then_some(number);
                let mut body = json!({"data": value});
                if let Some(cas) = cas {
                    body["options"] = json!({"cas": cas});
                }
                let answer = engine.handle(&fixture.write(&format!("data/{path}"), &body.to_string())).await;
                if cas.is_none_or(|cas| cas == current) {
                    assert_eq!(data(&answer.unwrap().unwrap())["version"], current + 1, "{at}");
                    model.entry(path).or_default().push(value);
                } else {
                    assert_eq!(answer.unwrap_err().status(), 400, "{at}");
                }
            }
            4 => {
                let patch = json!({"data": {"n": null, "o": {"y": step}}}).to_string();
                let answer = engine.handle(&fixture.patch(&format!("data/{path}"), &patch)).await;
                match secret.and_then(|secret| secret.live().cloned().map(|value| (secret, value))) {
                    Some((secret, mut value)) => {
                        assert_eq!(data(&answer.unwrap().unwrap())["version"], current + 1, "{at}");
                        value.as_object_mut().unwrap().remove("n");
                        value["o"]["y"] = json!(step);
                        secret.push(value);
                    }
                    None => {
                        let status =
                            answer.map_or_else(|e| Some(e.status()), |answer| answer.unwrap().status);
                        assert_eq!(status, Some(404), "{at}");
                    }
                }
            }
            5 => {
                engine.handle(&fixture.delete(&format!("data/{path}"))).await.unwrap();
                if let Some(version) = secret.and_then(|secret| secret.versions.get_mut(&current)) {
                    version.deleted = true;
                }
            }
            kind @ 6..=8 => {
                let command = ["delete", "undelete", "destroy"][kind - 6];
                let body = json!({"versions": [number]}).to_string();
                engine.handle(&fixture.write(&format!("{command}/{path}"), &body)).await.unwrap();
                if let Some(version) = secret.and_then(|secret| secret.versions.get_mut(&number)) {
                    match command {
                        "destroy" => version.destroyed = true,
                        _ => version.deleted = command == "delete",
                    }
                }
            }
            9 => {
                let max_versions = random.random_range(0..5);
                let body = json!({"max_versions": max_versions}).to_string();
                engine.handle(&fixture.write(&format!("metadata/{path}"), &body)).await.unwrap();
                model.entry(path).or_default().max_versions = max_versions;
            }
            10 if random.random_bool(0.3) => {
                engine.handle(&fixture.delete(&format!("metadata/{path}"))).await.unwrap();
                model.remove(path);
            }
            _ => engine = KvV2::new(&fixture.context()),
        }
        if step % 8 == 0 {
            agree(&engine, &fixture, &model, &at).await;
        }
    }
    agree(&engine, &fixture, &model, &format!("seed {seed}, end")).await;
    for path in PATHS {
        engine.handle(&fixture.delete(&format!("metadata/{path}"))).await.unwrap();
    }
    let left = fixture.view.list("").await.unwrap();
    assert!(left.is_empty() || left == ["names"], "seed {seed} leaves {left:?}");
}

async fn agree(engine: &KvV2, fixture: &Fixture, model: &BTreeMap<&str, Model>, at: &str) {
    for path in PATHS {
        let metadata = engine.handle(&fixture.read(&format!("metadata/{path}"))).await;
        let Some(secret) = model.get(path) else {
            assert_eq!(metadata.unwrap_err().status(), 404, "{at}: {path}");
            continue;
        };
        let metadata = data(&metadata.unwrap().unwrap());
        assert_eq!(metadata["current_version"], secret.current, "{at}: {path}");
        assert_eq!(metadata["versions"].as_object().unwrap().len(), secret.versions.len(), "{at}: {path}");
        for number in 0..=secret.current + 1 {
            let read = engine.handle(&fixture.read(&format!("data/{path}?version={number}"))).await;
            let number = if number == 0 { secret.current } else { number };
            match secret.versions.get(&number) {
                None => assert_eq!(read.unwrap_err().status(), 404, "{at}: {path} {number}"),
                Some(version) => {
                    let read = read.unwrap().unwrap();
                    let gone = version.deleted || version.destroyed;
                    assert_eq!(read.status, gone.then_some(404), "{at}: {path} {number}");
                    let expected = if gone { &Value::Null } else { &version.data };
                    assert_eq!(&data(&read)["data"], expected, "{at}: {path} {number}");
                    assert_eq!(
                        data(&read)["metadata"]["destroyed"],
                        version.destroyed,
                        "{at}: {path} {number}"
                    );
                }
            }
        }
    }
    let keys = match engine.handle(&fixture.list("metadata/a/")).await {
        Ok(list) => data(&list.unwrap())["keys"].clone(),
        Err(_) => json!([]),
    };
    let mut expected = Vec::new();
    expected.extend(model.contains_key("a/b").then_some("b"));
    expected.extend(model.contains_key("a/b/c").then_some("b/"));
    assert_eq!(keys, json!(expected), "{at}");
}
