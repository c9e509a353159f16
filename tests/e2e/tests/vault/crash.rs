//! What was acknowledged outlives `kill -9`.

use serde_json::json;
use tokio::sync::mpsc;
use trustkeep_e2e::{Client, Server};

const ROUNDS: usize = 20;
const WRITERS: usize = 8;

/// Writes until the server is gone, and tells each write that was acknowledged.
async fn write(client: Client, round: usize, writer: usize, acknowledged: mpsc::UnboundedSender<String>) {
    for number in 0.. {
        let name = format!("r{round}/w{writer}/n{number}");
        let body = json!({ "data": { "name": name, "filling": "x".repeat(number % 7 * 100) } });
        match client.post(&format!("secret/data/{name}"), body).await {
            Ok(answer) if answer.status == 200 => acknowledged.send(name).unwrap(),
            Ok(answer) => panic!("{name}: {answer:?}"),
            Err(_) => return,
        }
    }
}

async fn find(client: &Client, name: &str) {
    let answer = client.get(&format!("secret/data/{name}")).await.unwrap();
    assert_eq!(answer.at("/data/data/name"), &json!(name), "acknowledged and lost: {name}: {answer:?}");
    assert_eq!(answer.at("/data/metadata/version"), &json!(1), "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_outlive_twenty_crashes() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (mut all, mut last) = (Vec::<String>::new(), Vec::<String>::new());
    for round in 0..ROUNDS {
        let mut server = Server::dev(&data).await.unwrap();
        for name in &last {
            find(&server.client(), name).await;
        }
        all.append(&mut last);
        let (sender, mut acknowledged) = mpsc::unbounded_channel();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(server.client(), round, writer, sender.clone())))
            .collect();
        drop(sender);
        // At another point of the load each time.
        let enough = 20 + rand::random_range(0..150);
        for _ in 0..enough {
            last.push(acknowledged.recv().await.unwrap());
        }
        server.crash().await.unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
        while let Some(name) = acknowledged.recv().await {
            last.push(name);
        }
    }
    all.append(&mut last);
    let server = Server::dev(&data).await.unwrap();
    for name in &all {
        find(&server.client(), name).await;
    }
    assert!(all.len() >= ROUNDS * 20);
    server.stop().await.unwrap();
}
