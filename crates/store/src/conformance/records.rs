//! Single records and table definitions.

use super::{Harness, amount, amount_of, table, with_tables};
use crate::ColumnType::{Bytes, Int, Text};
use crate::{Commit, Error, Key, Row, Scan, Table, Value};

/// What was put is read, with the version that the commit answered.
pub async fn a_record_reads_back_as_written<H: Harness>(harness: &H) {
    let (plain, nested) = (table("plain", Text, None), table("nested", Bytes, Some(Int)));
    let store = with_tables(harness, &[&plain, &nested]).await;
    let (first, second) = (Key::of("käse 🧀"), Key::of(vec![0, 255, 0]).at(i64::MIN));

    assert_eq!(store.get(&plain, &first).await.unwrap(), None);
    let commit = Commit::new().put(&plain, first.clone(), amount(1)).put(&nested, second.clone(), amount(2));
    let version = store.commit(commit).await.unwrap();
    for (table, key, value) in [(&plain, &first, 1), (&nested, &second, 2)] {
        let record = store.get(table, key).await.unwrap().expect("it was put");
        assert_eq!((&record.key, record.version, &record.row), (key, version, &amount(value)));
    }
    assert_eq!(store.get(&nested, &Key::of(vec![0, 255, 0]).at(0)).await.unwrap(), None);
}

/// Empty columns, empty text and empty bytes stay what they are.
pub async fn every_column_type_and_emptiness_is_kept<H: Harness>(harness: &H) {
    let rows = table("rows", Text, None);
    let bare = Table::define("conformance", "bare").partition("part", Int).build().unwrap();
    let store = with_tables(harness, &[&rows, &bare]).await;
    let bytes = |bytes: &[u8]| Some(Value::from(bytes.to_vec()));
    let text = |text: &str| Some(Value::from(text));
    let cases = [
        vec![text("words"), bytes(b"\x00\xff"), Some(i64::MAX.into()), Some(true.into())],
        vec![text(""), bytes(b""), Some(i64::MIN.into()), Some(false.into())],
        vec![None, None, None, None],
        vec![text("quote ' \" \\ % _ ; --"), None, Some(0.into()), None],
        vec![text("ａ\u{10FFFF}\u{7f}\n\t"), bytes(&[7; 70_000]), Some((-1).into()), None],
    ];
    for (index, case) in cases.into_iter().enumerate() {
        let (key, row) = (Key::of(format!("row {index}")), Row::new(case));
        store.commit(Commit::new().put(&rows, key.clone(), row.clone())).await.unwrap();
        assert_eq!(store.get(&rows, &key).await.unwrap().unwrap().row, row);
    }
    let key = Key::of(-5);
    store.commit(Commit::new().put(&bare, key.clone(), Row::default())).await.unwrap();
    assert_eq!(store.get(&bare, &key).await.unwrap().unwrap().row, Row::default());
}

/// A put leaves nothing of the row before it.
pub async fn a_put_replaces_the_whole_row<H: Harness>(harness: &H) {
    let rows = table("rows", Text, None);
    let store = with_tables(harness, &[&rows]).await;
    let key = Key::of("a");
    let full = Row::new(vec![Some("x".into()), Some(vec![1].into()), Some(1.into()), Some(true.into())]);
    let before = store.commit(Commit::new().put(&rows, key.clone(), full)).await.unwrap();
    let after = store.commit(Commit::new().put(&rows, key.clone(), amount(2))).await.unwrap();
    assert_ne!(before, after);
    let record = store.get(&rows, &key).await.unwrap().unwrap();
    assert_eq!((record.version, &record.row), (after, &amount(2)));
    // The same again is a change all the same.
    let again = store.commit(Commit::new().put(&rows, key.clone(), amount(2))).await.unwrap();
    assert_eq!(store.get(&rows, &key).await.unwrap().unwrap().version, again);
    assert_ne!(after, again);
}

/// A delete removes its row, and nothing where there is none.
pub async fn a_delete_removes_only_its_row<H: Harness>(harness: &H) {
    let rows = table("rows", Text, Some(Text));
    let store = with_tables(harness, &[&rows]).await;
    let (kept, gone) = (Key::of("p").at("kept"), Key::of("p").at("gone"));
    let both = Commit::new().put(&rows, kept.clone(), amount(1)).put(&rows, gone.clone(), amount(2));
    store.commit(both).await.unwrap();
    store.commit(Commit::new().delete(&rows, gone.clone())).await.unwrap();
    store.commit(Commit::new().delete(&rows, gone.clone())).await.unwrap();
    store.commit(Commit::new().delete(&rows, Key::of("never").at("there"))).await.unwrap();
    assert_eq!(store.get(&rows, &gone).await.unwrap(), None);
    assert_eq!(amount_of(&store.get(&rows, &kept).await.unwrap().unwrap()), 1);
    let page = store.scan(&rows, &Scan::partition("p", 10)).await.unwrap();
    assert_eq!((page.records.len(), page.more), (1, false));
}

/// Tables of like names keep their rows apart, and so do namespaces.
pub async fn tables_do_not_share_rows<H: Harness>(harness: &H) {
    let define = |namespace: &str, name: &str| {
        Table::define(namespace, name).partition("part", Text).column("amount", Int).build().unwrap()
    };
    let tables = [
        define("a", "b_c"),
        define("a_b", "c"),
        define("a", "b"),
        define("user", "order"),
        define("a", "bc"),
    ];
    let store = harness.open().await;
    store.create_tables(&tables).await.unwrap();
    for (index, table) in tables.iter().enumerate() {
        assert_eq!(store.get(table, &Key::of("k")).await.unwrap(), None, "{table:?}");
        let row = Row::of([i64::try_from(index).unwrap()]);
        store.commit(Commit::new().put(table, Key::of("k"), row)).await.unwrap();
    }
    for (index, table) in tables.iter().enumerate() {
        let record = store.get(table, &Key::of("k")).await.unwrap().unwrap();
        assert_eq!(record.int(0), i64::try_from(index).ok(), "{table:?}");
    }
}

/// Keys and rows of the very size that [`Store::limits`](crate::Store::limits) names.
pub async fn the_largest_keys_and_rows_are_kept<H: Harness>(harness: &H) {
    let rows = table("rows", Bytes, Some(Bytes));
    let store = with_tables(harness, &[&rows]).await;
    let limits = store.limits();
    // Bytes that no engine can press together.
    let noise = |length: usize, seed: u32| -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..length).map(|_| next()).collect()
    };
    let key = Key::of(noise(limits.partition_bytes_max, 1)).at(noise(limits.clustering_bytes_max, 2));
    store.commit(Commit::new().put(&rows, key.clone(), amount(1))).await.unwrap();
    assert_eq!(amount_of(&store.get(&rows, &key).await.unwrap().unwrap()), 1);

    let small = Key::of(vec![1]).at(vec![2]);
    let data = noise(limits.row_bytes_max - small.size(), 3);
    let row = Row::new(vec![None, Some(data.into()), None, None]);
    store.commit(Commit::new().put(&rows, small.clone(), row.clone())).await.unwrap();
    assert_eq!(store.get(&rows, &small).await.unwrap().unwrap().row, row);
    let page = store.scan(&rows, &Scan::partition(vec![1], 5)).await.unwrap();
    assert_eq!((page.records.len(), &page.records[0].row), (1, &row));
}

/// Whatever is done with a table that was never made says so.
pub async fn a_missing_table_is_a_schema_error<H: Harness>(harness: &H) {
    let (made, missing) = (table("made", Text, Some(Text)), table("missing", Text, Some(Text)));
    let store = with_tables(harness, &[&made]).await;
    let key = Key::of("a").at("b");
    let answers = [
        store.get(&missing, &key).await.map(drop),
        store.scan(&missing, &Scan::partition("a", 1)).await.map(drop),
        store.scan_table(&missing, None, 1).await.map(drop),
        store.commit(Commit::new().put(&missing, key.clone(), amount(1))).await.map(drop),
        store.commit(Commit::new().expect_absent(&missing, key.clone())).await.map(drop),
    ];
    for (index, answer) in answers.into_iter().enumerate() {
        let error = answer.expect_err("the table is missing");
        assert!(matches!(error, Error::Schema(_)), "call {index} answered {error:?}");
        assert!(error.to_string().contains("missing"), "call {index} does not name the table: {error}");
    }
    let mixed = Commit::new().put(&made, key.clone(), amount(1)).put(&missing, key.clone(), amount(1));
    assert!(matches!(store.commit(mixed).await, Err(Error::Schema(_))));
    assert_eq!(store.get(&made, &key).await.unwrap(), None, "half of a refused commit was written");
}

/// Tables are made once; a definition that differs is refused and changes nothing.
pub async fn making_tables_is_idempotent_and_refuses_another_shape<H: Harness>(harness: &H) {
    let (one, two) = (table("one", Text, None), table("two", Int, Some(Bytes)));
    let store = with_tables(harness, &[&one]).await;
    let key = Key::of("kept");
    store.commit(Commit::new().put(&one, key.clone(), amount(7))).await.unwrap();
    store.create_tables(&[one.clone(), two.clone()]).await.unwrap();
    store.create_tables(&[two.clone(), one.clone()]).await.unwrap();
    assert_eq!(amount_of(&store.get(&one, &key).await.unwrap().unwrap()), 7);
    let build = |table: crate::TableBuilder| table.build().unwrap();
    let others = [
        table("one", Text, Some(Text)),
        table("one", Bytes, None),
        build(Table::define("conformance", "one").partition("part", Text).column("words", Text)),
        build(Table::define("conformance", "one").partition("part", Text)),
    ];
    for other in others {
        let answer = store.create_tables(std::slice::from_ref(&other)).await;
        let error = answer.expect_err("the table stands in another shape");
        assert!(matches!(error, Error::Schema(_)), "{error:?}");
        assert!(error.to_string().contains("one"), "the message names the table: {error}");
    }
    assert_eq!(amount_of(&store.get(&one, &key).await.unwrap().unwrap()), 7);
}

/// Where the backend keeps data: it is there after the store was closed, with versions going on.
pub async fn data_outlives_the_store<H: Harness>(harness: &H) {
    let rows = table("rows", Text, Some(Int));
    let store = with_tables(harness, &[&rows]).await;
    let key = Key::of("p").at(3);
    let first = store.commit(Commit::new().put(&rows, key.clone(), amount(5))).await.unwrap();
    let gone = Key::of("p").at(4);
    let second = store.commit(Commit::new().put(&rows, gone.clone(), amount(5))).await.unwrap();
    store.commit(Commit::new().delete(&rows, gone.clone())).await.unwrap();
    let Some(store) = harness.reopen(store).await else { return };
    store.create_tables(std::slice::from_ref(&rows)).await.unwrap();
    let record = store.get(&rows, &key).await.unwrap().expect("acknowledged commits are durable");
    assert_eq!((record.version, amount_of(&record)), (first, 5));
    assert_eq!(store.get(&rows, &gone).await.unwrap(), None);
    let third = store.commit(Commit::new().put(&rows, gone.clone(), amount(6))).await.unwrap();
    assert!(third != first && third != second, "a version came back after the store was opened again");
    let stale = Commit::new().expect_version(&rows, gone.clone(), second).delete(&rows, gone);
    assert!(matches!(store.commit(stale).await, Err(Error::Conflict { .. })));
}
