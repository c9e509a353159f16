//! Records, one at a time.

use super::{Harness, assert_same, commit, make, plain};
use crate::{Batch, Query, Record, Write};

/// Whatever bytes, characters and emptiness are put in come out.
pub async fn a_record_reads_back_as_written<H: Harness>(harness: &H) {
    let backend = harness.open().await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let long = vec![b'x'; 300_000];
    let records = [
        Record::new("connection", "1", "{}"),
        Record::new("connection", "", every_byte)
            .tagged("state", "active")
            .tagged("state", "")
            .tagged("", ""),
        plain(
            Record::new("Ünïcode \u{1f511}", "näme", "").tagged("tág:1,2", "wért:3,4"),
            "tág:1,2",
            "plain:5",
        ),
        Record::new("c", "long", long).tagged("state", "x".repeat(5_000)),
    ];
    make(&*backend, records.clone()).await;
    for record in &records {
        assert_same(backend.get(&record.category, &record.name).await.unwrap(), record);
        let found = backend.find(&Query::all(&record.category)).await.unwrap();
        assert_same(found.into_iter().find(|found| found.name == record.name), record);
    }
    assert!(backend.get("connection", "2").await.unwrap().is_none());
}

/// Nothing is left of what stood there.
pub async fn a_put_replaces_value_and_tags<H: Harness>(harness: &H) {
    let backend = harness.open().await;
    make(&*backend, [plain(Record::new("c", "1", "before").tagged("old", "1"), "old", "2")]).await;
    let after = Record::new("c", "1", "after").tagged("new", "1");
    let mut batch = Batch::new();
    batch.write(Write::Put(after.clone()));
    commit(&*backend, batch).await.unwrap();
    assert_same(backend.get("c", "1").await.unwrap(), &after);
    assert_eq!(backend.find(&Query::tagged("c", "old", "1")).await.unwrap(), []);
    assert_eq!(backend.count(&Query::tagged("c", "new", "1")).await.unwrap(), 1);
}

/// A name is unique in its category only.
pub async fn categories_do_not_share_names<H: Harness>(harness: &H) {
    let backend = harness.open().await;
    let records =
        [Record::new("a", "1", "of a"), Record::new("b", "1", "of b"), Record::new("", "1", "of none")];
    make(&*backend, records.clone()).await;
    let mut batch = Batch::new();
    batch.remove(records[0].clone());
    commit(&*backend, batch).await.unwrap();
    assert!(backend.get("a", "1").await.unwrap().is_none());
    assert_same(backend.get("b", "1").await.unwrap(), &records[1]);
    assert_same(backend.get("", "1").await.unwrap(), &records[2]);
}

/// Removing nothing is no error.
pub async fn what_is_not_there_is_removed_already<H: Harness>(harness: &H) {
    let backend = harness.open().await;
    let mut batch = Batch::new();
    batch.write(Write::Remove { category: "c".to_owned(), name: "1".to_owned() });
    batch.write(Write::RemoveKey { name: "k".to_owned() });
    batch.write(Write::Put(Record::new("c", "2", "")));
    commit(&*backend, batch).await.unwrap();
    assert_eq!(backend.count(&Query::all("c")).await.unwrap(), 1);
}

/// Another instance sees it, and one that comes after the last was closed.
pub async fn what_was_committed_outlives_the_instance<H: Harness>(harness: &H) {
    let record = Record::new("c", "1", "kept").tagged("state", "active");
    let (one, other) = (harness.open().await, harness.open().await);
    make(&*one, [record.clone()]).await;
    assert_same(other.get("c", "1").await.unwrap(), &record);
    one.close().await;
    other.close().await;
    let third = harness.open().await;
    assert_same(third.get("c", "1").await.unwrap(), &record);
}
