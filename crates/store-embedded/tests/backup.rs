//! Export and import: a moment between two commits, whole or refused.

#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::sync::Arc;

use trustkeep_store::ColumnType::{Bytes, Int, Text};
use trustkeep_store::{Commit, Error, Key, MemoryStore, Row, Scan, Store, Table};
use trustkeep_store_embedded::{Backup, EmbeddedStore, Settings, import};

fn tables() -> [Table; 2] {
    let account = Table::define("bank", "account").partition("owner", Text).column("balance", Int);
    let entry = Table::define("bank", "entry").partition("owner", Text).clustering("at", Int);
    [account.build().unwrap(), entry.column("note", Bytes).build().unwrap()]
}

async fn filled(dir: &std::path::Path) -> Arc<EmbeddedStore> {
    let [account, entry] = tables();
    let store = EmbeddedStore::open(Settings::new(dir.join("store"))).unwrap();
    store.create_tables(&tables()).await.unwrap();
    for owner in ["alice", "bob", "carol"] {
        let mut commit = Commit::new().put(&account, Key::of(owner), Row::of([100]));
        for at in -500..500 {
            commit = commit.put(&entry, Key::of(owner).at(at), Row::of([vec![at as u8; 200]]));
        }
        store.commit(commit).await.unwrap();
    }
    Arc::new(store)
}

#[tokio::test]
async fn everything_comes_back_in_this_and_in_another_backend() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let file = dir.path().join("export");
    let backup = store.export(&file).await.unwrap();
    assert_eq!(backup, Backup { tables: 2, rows: 3_003 });
    assert!(matches!(store.export(&file).await, Err(Error::Invalid(message)) if message.contains("exists")));

    let again = EmbeddedStore::open(Settings::new(dir.path().join("again"))).unwrap();
    let targets: [&dyn Store; 2] = [&again, &MemoryStore::new()];
    for target in targets {
        assert_eq!(import(target, &file).await.unwrap(), backup);
        for table in tables() {
            let mut after = None;
            loop {
                let page = store.scan_table(&table, after.as_ref(), 300).await.unwrap();
                for record in &page.records {
                    let found = target.get(&table, &record.key).await.unwrap().unwrap();
                    assert_eq!(found.row, record.row);
                }
                let Some(last) = page.records.last().filter(|_| page.more) else { break };
                after = Some(last.key.clone());
            }
        }
        let refused = import(target, &file).await.unwrap_err();
        assert!(refused.to_string().contains("holds rows already"), "{refused}");
    }
}

#[tokio::test]
async fn a_truncated_or_altered_export_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("export");
    filled(dir.path()).await.export(&file).await.unwrap();
    let whole = std::fs::read(&file).unwrap();
    let damaged = dir.path().join("damaged");
    let mut cases: Vec<Vec<u8>> = Vec::new();
    for length in [0, 5, 12, 14, 40, 4_000, whole.len() - 30, whole.len() - 1] {
        cases.push(whole[..length].to_vec());
    }
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut altered = whole.clone();
        altered[at] ^= 0x10;
        cases.push(altered);
    }
    cases.push([whole.as_slice(), b"more"].concat());
    for (index, case) in cases.into_iter().enumerate() {
        std::fs::write(&damaged, case).unwrap();
        let target = MemoryStore::new();
        import(&target, &damaged).await.expect_err(&format!("case {index}"));
        let missing = target.get(&tables()[0], &Key::of("alice")).await;
        assert!(matches!(missing, Err(Error::Schema(_))), "case {index} wrote something");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_beside_writers_is_of_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            let [account, entry] = tables();
            for at in 1_000..3_000i64 {
                let amount = at % 7;
                let commit = Commit::new()
                    .put(&account, Key::of("alice"), Row::of([100 - amount]))
                    .put(&account, Key::of("bob"), Row::of([100 + amount]))
                    .put(&entry, Key::of("alice").at(at), Row::of([at.to_le_bytes().to_vec()]))
                    .put(&entry, Key::of("bob").at(at), Row::of([at.to_le_bytes().to_vec()]));
                store.commit(commit).await.unwrap();
            }
        }
    });
    for round in 0..6 {
        let file = dir.path().join(format!("export-{round}"));
        store.export(&file).await.unwrap();
        let target = MemoryStore::new();
        import(&target, &file).await.unwrap();
        let [account, entry] = tables();
        let mut sum = 0;
        let mut lengths = vec![];
        for owner in ["alice", "bob"] {
            sum += target.get(&account, &Key::of(owner)).await.unwrap().unwrap().int(0).unwrap();
            let page = target.scan(&entry, &Scan::partition(owner, 10_000)).await.unwrap();
            lengths.push(page.records.len());
        }
        assert_eq!(sum, 200);
        assert_eq!(lengths[0], lengths[1]);
    }
    writer.await.unwrap();
}
