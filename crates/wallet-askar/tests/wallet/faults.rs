//! What is acknowledged stays, whatever ends.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use trustkeep_crypto::SecretString;
use trustkeep_wallet::{Backend as _, Batch, Query, Record};
use trustkeep_wallet_askar::{AskarSettings, AskarWallet, KeyDerivation, Opening};

use crate::places::{Place, raw_key};
use crate::server::Server;

/// Names the wallet's file to the process that is killed.
const FILE: &str = "TRUSTKEEP_TEST_WALLET_FILE";
const ACKNOWLEDGED: &str = "acknowledged ";

fn insert(name: String) -> Batch {
    let mut batch = Batch::new();
    batch.insert(Record::new("c", name, "kept").tagged("t", "1"));
    batch
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_goes_on_when_its_server_was_gone() {
    let Some(server) = Server::start() else { return };
    let place = Place::on(server.address());
    let wallet = AskarWallet::open(&place.settings(), Opening::Provisioned).await.unwrap();
    // So that several connections are open, and all of them break.
    let query = Query::all("c");
    futures::future::try_join_all((0..4).map(|_| wallet.find(&query))).await.unwrap();
    for round in 0..3 {
        let outcomes = wallet.commit(&[insert(format!("{round}/before"))]).await.unwrap();
        assert!(outcomes[0].is_ok());
        server.crash();
        server.resume();
        if round == 1 {
            assert_eq!(wallet.count(&Query::all("c")).await.unwrap(), 3);
        }
        let outcomes = wallet.commit(&[insert(format!("{round}/after"))]).await.unwrap();
        assert!(outcomes[0].is_ok());
    }
    assert_eq!(wallet.count(&Query::all("c")).await.unwrap(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_acknowledged_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sqlite.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::commits_until_it_is_killed", "--nocapture"])
        .env(FILE, &file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let acknowledged: Vec<String> =
        lines.filter_map(|line| line.strip_prefix(ACKNOWLEDGED).map(str::to_owned)).take(100).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(acknowledged.len(), 100);
    let settings = AskarSettings::sqlite(&file, SecretString::new(raw_key(1)), KeyDerivation::Raw);
    let wallet = AskarWallet::open(&settings, Opening::Existing).await.unwrap();
    for name in acknowledged {
        assert!(wallet.get("c", &name).await.unwrap().is_some(), "{name}");
    }
    assert!(wallet.commit(&[insert("after".to_owned())]).await.unwrap()[0].is_ok());
}

/// Not a test by itself: the process of the one above.
#[tokio::test(flavor = "multi_thread")]
async fn commits_until_it_is_killed() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let settings = AskarSettings::sqlite(file, SecretString::new(raw_key(1)), KeyDerivation::Raw);
    let wallet = AskarWallet::open(&settings, Opening::Provisioned).await.unwrap();
    for number in 0..100_000 {
        assert!(wallet.commit(&[insert(number.to_string())]).await.unwrap()[0].is_ok());
        println!("\n{ACKNOWLEDGED}{number}");
    }
}
