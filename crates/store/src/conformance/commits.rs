//! Expectations, versions, and what is refused.

use std::collections::HashSet;

use super::{AMOUNT, Harness, amount, amount_of, table, with_tables};
use crate::ColumnType::{Int, Text};
use crate::{Commit, Error, Expect, Key, Row, Value, Version};

/// Each kind of expectation, holding and failing.
pub async fn expectations_decide<H: Harness>(harness: &H) {
    let rows = table("rows", Text, None);
    let store = with_tables(harness, &[&rows]).await;
    let (here, nowhere) = (Key::of("here"), Key::of("nowhere"));
    let version = store.commit(Commit::new().put(&rows, here.clone(), amount(5))).await.unwrap();
    let column = |key: &Key, column: usize, value: Value| Expect::Column {
        table: rows.clone(),
        key: key.clone(),
        column,
        value,
    };
    let absent = |key: &Key| Expect::Absent { table: rows.clone(), key: key.clone() };
    let at = |key: &Key, version: Version| Expect::Version { table: rows.clone(), key: key.clone(), version };
    let holding = [absent(&nowhere), at(&here, version), column(&here, AMOUNT, 5.into())];
    let failing = [
        absent(&here),
        at(&here, Version(version.0.wrapping_add(1))),
        at(&nowhere, version),
        column(&here, AMOUNT, 6.into()),
        column(&nowhere, AMOUNT, 5.into()),
        // An empty column equals no value.
        column(&here, 0, "".into()),
        column(&here, 3, false.into()),
    ];
    for (index, expectation) in holding.into_iter().enumerate() {
        let target = Key::of(format!("target {index}"));
        let commit = Commit::new().expect(expectation).put(&rows, target.clone(), amount(1));
        store.commit(commit).await.unwrap();
        assert!(store.get(&rows, &target).await.unwrap().is_some());
    }
    for (index, expectation) in failing.into_iter().enumerate() {
        let (target, key) = (Key::of(format!("spared {index}")), expectation.key().clone());
        let commit = Commit::new().expect(expectation.clone()).put(&rows, target.clone(), amount(1));
        match store.commit(commit).await {
            Err(Error::Conflict { table, key: found }) => {
                assert_eq!((table.as_str(), found), (rows.qualified(), key), "{expectation:?}");
            }
            other => panic!("{expectation:?} gave {other:?}"),
        }
        assert_eq!(store.get(&rows, &target).await.unwrap(), None, "{expectation:?}");
    }
    let all_types = Key::of("types");
    let row = Row::new(vec![Some("w".into()), Some(vec![0, 1].into()), Some((-1).into()), Some(true.into())]);
    let mut commit = Commit::new();
    for (index, value) in row.values().iter().enumerate() {
        commit = commit.expect(column(&all_types, index, value.clone().unwrap()));
    }
    store.commit(Commit::new().put(&rows, all_types, row)).await.unwrap();
    store.commit(commit).await.unwrap();
}

/// One failing expectation among many, over several tables: nothing at all is written.
pub async fn a_failed_expectation_writes_nothing_anywhere<H: Harness>(harness: &H) {
    let (one, two) = (table("one", Text, None), table("two", Int, Some(Text)));
    let store = with_tables(harness, &[&one, &two]).await;
    let (kept, place) = (Key::of("kept"), Key::of(1).at("a"));
    let version = store.commit(Commit::new().put(&one, kept.clone(), amount(1))).await.unwrap();
    let commit = Commit::new()
        .expect_version(&one, kept.clone(), version)
        .expect_absent(&two, place.clone())
        .expect_absent(&one, kept.clone())
        .put(&one, Key::of("new"), amount(2))
        .put(&two, place.clone(), amount(2))
        .delete(&one, kept.clone());
    match store.commit(commit).await {
        Err(Error::Conflict { table, key }) => {
            assert_eq!((table.as_str(), key), (one.qualified(), kept.clone()))
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(store.get(&one, &Key::of("new")).await.unwrap(), None);
    assert_eq!(store.get(&two, &place).await.unwrap(), None);
    assert_eq!(store.get(&one, &kept).await.unwrap().unwrap().version, version);
}

/// No version of a row is ever seen twice, through deletes too.
pub async fn versions_never_come_back<H: Harness>(harness: &H) {
    let rows = table("rows", Text, None);
    let store = with_tables(harness, &[&rows]).await;
    let key = Key::of("phoenix");
    let mut seen = HashSet::new();
    for round in 0..10 {
        let made = Commit::new().expect_absent(&rows, key.clone()).put(&rows, key.clone(), amount(round));
        let first = store.commit(made).await.unwrap();
        let changed =
            Commit::new().expect_version(&rows, key.clone(), first).put(&rows, key.clone(), amount(round));
        let second = store.commit(changed).await.unwrap();
        for stale in &seen {
            let stale = Commit::new().expect_version(&rows, key.clone(), *stale).delete(&rows, key.clone());
            assert!(matches!(store.commit(stale).await, Err(Error::Conflict { .. })));
        }
        assert!(seen.insert(first) && seen.insert(second), "a version came back in round {round}");
        let gone = Commit::new().expect_version(&rows, key.clone(), second).delete(&rows, key.clone());
        store.commit(gone).await.unwrap();
    }
}

/// Without writes, a commit tells whether its expectations hold.
pub async fn a_commit_without_writes_checks<H: Harness>(harness: &H) {
    let rows = table("rows", Text, None);
    let store = with_tables(harness, &[&rows]).await;
    store.commit(Commit::new()).await.expect("an empty commit holds");
    let key = Key::of("a");
    let version = store.commit(Commit::new().put(&rows, key.clone(), amount(1))).await.unwrap();
    let holds = Commit::new().expect_version(&rows, key.clone(), version).expect_absent(&rows, Key::of("b"));
    store.commit(holds).await.unwrap();
    let fails = Commit::new().expect_version(&rows, key.clone(), version).expect_absent(&rows, key.clone());
    assert!(matches!(store.commit(fails).await, Err(Error::Conflict { .. })));
    assert_eq!(store.get(&rows, &key).await.unwrap().unwrap().version, version);
}

/// Expectations see what stood before the commit, also of rows that it writes.
pub async fn one_commit_can_look_and_write_at_the_same_row<H: Harness>(harness: &H) {
    let rows = table("rows", Text, None);
    let store = with_tables(harness, &[&rows]).await;
    let (a, b) = (Key::of("a"), Key::of("b"));
    let swap = Commit::new()
        .expect_absent(&rows, a.clone())
        .put(&rows, a.clone(), amount(1))
        .expect_absent(&rows, b.clone())
        .delete(&rows, b.clone());
    let version = store.commit(swap).await.unwrap();
    let gone = Commit::new().expect_version(&rows, a.clone(), version).delete(&rows, a.clone()).put(
        &rows,
        b.clone(),
        amount(2),
    );
    store.commit(gone).await.unwrap();
    assert_eq!(store.get(&rows, &a).await.unwrap(), None);
    assert_eq!(amount_of(&store.get(&rows, &b).await.unwrap().unwrap()), 2);
}

/// Two expectations of one row must both hold.
pub async fn several_expectations_may_look_at_one_row<H: Harness>(harness: &H) {
    let rows = table("rows", Text, None);
    let store = with_tables(harness, &[&rows]).await;
    let key = Key::of("a");
    let version = store.commit(Commit::new().put(&rows, key.clone(), amount(1))).await.unwrap();
    let holds = |value: i64| {
        let column =
            Expect::Column { table: rows.clone(), key: key.clone(), column: AMOUNT, value: value.into() };
        Commit::new().expect_version(&rows, key.clone(), version).expect(column)
    };
    store.commit(holds(1).expect_version(&rows, key.clone(), version)).await.unwrap();
    let wrong = holds(2).put(&rows, key.clone(), amount(9));
    assert!(matches!(store.commit(wrong).await, Err(Error::Conflict { .. })));
    store.commit(holds(1).put(&rows, key.clone(), amount(3))).await.unwrap();
}

/// A commit that names a row twice among its writes is refused.
pub async fn writing_a_row_twice_is_refused<H: Harness>(harness: &H) {
    let rows = table("rows", Text, None);
    let store = with_tables(harness, &[&rows]).await;
    let key = Key::of("a");
    let put_put = Commit::new().put(&rows, key.clone(), amount(1)).put(&rows, key.clone(), amount(2));
    let put_delete = Commit::new().put(&rows, key.clone(), amount(1)).delete(&rows, key.clone());
    for commit in [put_put, put_delete] {
        assert!(matches!(store.commit(commit).await, Err(Error::Invalid(_))));
    }
    assert_eq!(store.get(&rows, &key).await.unwrap(), None);
}

/// NUL, empty and mistyped keys and rows are refused by reads and writes alike.
pub async fn keys_that_do_not_fit_are_refused<H: Harness>(harness: &H) {
    let rows = table("rows", Text, Some(Text));
    let store = with_tables(harness, &[&rows]).await;
    let bad = [
        Key::of(""),
        Key::of("a"),
        Key::of("a").at(""),
        Key::of("").at("a"),
        Key::of("a\0").at("b"),
        Key::of("a").at("\0"),
        Key::of(1).at("b"),
        Key::of("a").at(vec![1]),
    ];
    for key in bad {
        let answers = [
            store.get(&rows, &key).await.map(drop),
            store.commit(Commit::new().put(&rows, key.clone(), amount(1))).await.map(drop),
            store.commit(Commit::new().delete(&rows, key.clone())).await.map(drop),
            store.commit(Commit::new().expect_absent(&rows, key.clone())).await.map(drop),
        ];
        for answer in answers {
            assert!(matches!(answer, Err(Error::Invalid(_))), "{key:?} gave {answer:?}");
        }
    }
    let nul = Row::new(vec![Some("a\0b".into()), None, None, None]);
    for row in [nul, Row::of([1]), Row::default()] {
        let answer = store.commit(Commit::new().put(&rows, Key::of("a").at("b"), row)).await;
        assert!(matches!(answer, Err(Error::Invalid(_))), "{answer:?}");
    }
}

/// Limits are told before anything reaches the backend, and nothing of the commit is written.
pub async fn too_much_is_refused_before_anything_is_written<H: Harness>(harness: &H) {
    let rows = table("rows", Text, Some(Text));
    let store = with_tables(harness, &[&rows]).await;
    let limits = store.limits();
    let spared = Key::of("spared").at("a");
    let with = |key: Key, row: Row| Commit::new().put(&rows, spared.clone(), amount(1)).put(&rows, key, row);
    let long_partition = Key::of("x".repeat(limits.partition_bytes_max + 1)).at("a");
    let long_clustering = Key::of("a").at("x".repeat(limits.clustering_bytes_max + 1));
    let large = Row::new(vec![None, Some(vec![0; limits.row_bytes_max].into()), None, None]);
    let mut many = Commit::new();
    for index in 0..=limits.commit_rows_max {
        many = many.put(&rows, Key::of("spared").at(format!("{index}")), amount(0));
    }
    let commits = [
        with(long_partition.clone(), amount(1)),
        with(long_clustering.clone(), amount(1)),
        with(Key::of("a").at("b"), large),
        many,
        Commit::new().put(&rows, spared.clone(), amount(1)).expect_absent(&rows, long_partition.clone()),
    ];
    for (index, commit) in commits.into_iter().enumerate() {
        let answer = store.commit(commit).await;
        assert!(matches!(answer, Err(Error::Limit { .. })), "commit {index} gave {answer:?}");
    }
    assert!(matches!(store.get(&rows, &long_clustering).await, Err(Error::Limit { .. })));
    let page = store.scan(&rows, &crate::Scan::partition("spared", 5)).await.unwrap();
    assert!(page.records.is_empty(), "{page:?}");
}

/// The largest number of rows that [`Store::limits`](crate::Store::limits) names goes through, written and looked at.
pub async fn as_many_rows_as_allowed_are_taken<H: Harness>(harness: &H) {
    let rows = table("rows", Text, Some(Int));
    let store = with_tables(harness, &[&rows]).await;
    let count = i64::try_from(store.limits().commit_rows_max).unwrap();
    let mut puts = Commit::new();
    let mut looks = Commit::new();
    for index in 0..count {
        let key = Key::of("p").at(index);
        puts = puts.expect_absent(&rows, key.clone()).put(&rows, key.clone(), amount(index));
        looks =
            looks.expect(Expect::Column { table: rows.clone(), key, column: AMOUNT, value: index.into() });
    }
    store.commit(puts).await.unwrap();
    store.commit(looks.clone()).await.unwrap();
    let last = Key::of("p").at(count - 1);
    store.commit(Commit::new().put(&rows, last.clone(), amount(-1))).await.unwrap();
    match store.commit(looks).await {
        Err(Error::Conflict { key, .. }) => assert_eq!(key, last),
        other => panic!("{other:?}"),
    }
}
