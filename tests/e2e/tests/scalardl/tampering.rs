//! Stores that go back in time, and rows that change behind a server's back.

use std::path::Path;

use trustkeep_store::{Commit, Key, Row, Store as _, Table, Value};
use trustkeep_store_embedded::{EmbeddedStore, Settings};

use crate::domains::{Domains, refused};

#[tokio::test]
async fn a_store_that_went_back_is_found_at_the_next_access() -> anyhow::Result<()> {
    for side in ["ledger", "auditor"] {
        let mut domains = Domains::start().await?;
        for id in ["a", "b", "c"] {
            domains.put(id, 1).await?;
        }
        let server = if side == "ledger" { &mut domains.ledger } else { &mut domains.auditor };
        server.kill().await?;
        let (store, kept) = (server.store(), server.store().with_extension("kept"));
        copy(&store, &kept)?;
        server.start().await?;
        domains.put("a", 2).await?;
        domains.put("b", 2).await?;
        let server = if side == "ledger" { &mut domains.ledger } else { &mut domains.auditor };
        server.kill().await?;
        std::fs::remove_dir_all(&store)?;
        std::fs::rename(&kept, &store)?;
        server.start().await?;
        refused(domains.get("a").await, "DL-AUDITOR-30500");
        refused(domains.put("b", 3).await, "DL-AUDITOR-30500");
        // What did not change in between goes on.
        domains.put("c", 2).await?;
        assert_eq!(domains.get("c").await?, (1, 2));
    }
    Ok(())
}

#[tokio::test]
async fn a_row_that_was_changed_is_found_at_the_next_access() -> anyhow::Result<()> {
    let mut domains = Domains::start().await?;
    for id in ["a", "b", "c", "d"] {
        for state in 1..=2 {
            domains.put(id, state).await?;
        }
    }
    domains.ledger.kill().await?;
    let asset = trustkeep_ledger::namespace_tables("scalar", "default")?.remove(0);
    change(&domains.ledger.store(), &asset, &Key::of("a").at(1), "output", r#"{"state":1000}"#).await?;
    domains.ledger.start().await?;
    domains.auditor.kill().await?;
    let asset = trustkeep_auditor::namespace_tables("auditor", "default")?.remove(0);
    change(&domains.auditor.store(), &asset, &Key::of("b").at(1), "output", r#"{"state":1000}"#).await?;
    change(&domains.auditor.store(), &asset, &Key::of("c").at(1), "argument", "V2\u{1}n\u{3}\u{3}{}").await?;
    domains.auditor.start().await?;
    for id in ["a", "b", "c"] {
        let error = domains.get(id).await.unwrap_err();
        assert!((300..=305).contains(&error.code.number()), "{id}: {error}");
    }
    assert_eq!(domains.get("d").await?, (1, 2));
    Ok(())
}

async fn change(dir: &Path, table: &Table, key: &Key, column: &str, text: &str) -> anyhow::Result<()> {
    let store = EmbeddedStore::open(Settings::new(dir))?;
    let record = store.get(table, key).await?.unwrap();
    let mut values = record.row.values().to_vec();
    let index = table.columns().iter().position(|known| known.name == column).unwrap();
    values[index] = Some(Value::from(text));
    store.commit(Commit::new().put(table, key.clone(), Row::new(values))).await?;
    store.close().await;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
