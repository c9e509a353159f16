//! Order, bounds and pages.

use std::collections::BTreeSet;
use std::ops::Bound::{self, Excluded, Included, Unbounded};

use super::{Harness, amount, everything, table, with_tables};
use crate::ColumnType::{self, Bytes, Int, Text};
use crate::{Commit, Error, Key, Order, Range, Scan, SharedStore, Table, Value};

/// Text keys are ordered by their UTF-8 bytes, not by a language's rules.
pub async fn text_is_ordered_by_its_bytes<H: Harness>(harness: &H) {
    let words = [
        "!",
        "0",
        "10",
        "2",
        "A",
        "Z",
        "_",
        "a",
        "a b",
        "a!",
        "a-b",
        "aa",
        "ab",
        "ä",
        "z",
        "zz",
        "é",
        "ß",
        "Ω",
        "я",
        "あ",
        "漢",
        "ａ",
        "\u{FFFD}",
        "\u{10000}",
        "🧀",
        "\u{10FFFF}",
        "\u{1}",
        "\u{7f}",
    ];
    ordered_as_values(harness, Text, words.map(Value::from).to_vec()).await;
}

/// Byte keys are ordered by unsigned bytes, shorter first.
pub async fn bytes_are_ordered_bytewise<H: Harness>(harness: &H) {
    let keys: [&[u8]; 12] = [
        b"\x00",
        b"\x00\x00",
        b"\x00\x01",
        b"\x01",
        b"\x7f",
        b"\x7f\xff",
        b"\x80",
        b"\xfe\xff",
        b"\xff",
        b"\xff\x00",
        b"\xff\xff",
        b"a",
    ];
    ordered_as_values(harness, Bytes, keys.map(|key| Value::from(key.to_vec())).to_vec()).await;
}

/// Integer keys are ordered numerically, negative ones first.
pub async fn integers_are_ordered_numerically<H: Harness>(harness: &H) {
    let keys = [0, 1, -1, 2, -2, 9, 10, -10, 255, 256, -256, 1 << 40, -(1 << 40), i64::MAX, i64::MIN];
    ordered_as_values(harness, Int, keys.map(Value::from).to_vec()).await;
}

async fn ordered_as_values<H: Harness>(harness: &H, kind: ColumnType, mut keys: Vec<Value>) {
    let rows = table("rows", Text, Some(kind));
    let store = with_tables(harness, &[&rows]).await;
    for key in &keys {
        let commit = Commit::new().put(&rows, Key::of("p").at(key.clone()), amount(0)).put(
            &rows,
            Key::of("neighbour").at(key.clone()),
            amount(1),
        );
        store.commit(commit).await.unwrap();
    }
    keys.sort();
    assert_eq!(places(&store, &rows, Scan::partition("p", 100)).await, keys);
    let descending = Scan::partition("p", 100).order(Order::Descending);
    keys.reverse();
    assert_eq!(places(&store, &rows, descending).await, keys);
}

/// Every pair of bounds, at, between and outside keys, in both directions and with limits.
pub async fn every_bound_in_both_directions<H: Harness>(harness: &H) {
    let (ints, texts) = (table("ints", Text, Some(Int)), table("texts", Bytes, Some(Text)));
    let store = with_tables(harness, &[&ints, &texts]).await;
    let mut commit = Commit::new();
    for place in [-3, 0, 2, 4] {
        commit = commit.put(&ints, Key::of("p").at(place), amount(place));
    }
    for place in ["b", "bb", "d"] {
        commit = commit.put(&texts, Key::of(vec![9]).at(place), amount(0));
    }
    // Neighbouring partitions must never show.
    commit = commit.put(&ints, Key::of("o").at(1), amount(0)).put(&ints, Key::of("q").at(1), amount(0));
    commit = commit.put(&texts, Key::of(vec![9, 0]).at("c"), amount(0));
    store.commit(commit).await.unwrap();

    let numbers = [-4, -3, 1, 2, 4, 5].map(Value::from).to_vec();
    let letters = ["", "a", "b", "ba", "bb", "d", "e"].map(Value::from).to_vec();
    let stored = [(&ints, Value::from("p"), numbers), (&texts, Value::from(vec![9]), letters)];
    for (table, partition, edges) in stored {
        let all = places(&store, table, Scan::partition(partition.clone(), 100)).await;
        let bounds = |edge: &Value| [Included(edge.clone()), Excluded(edge.clone())];
        let mut every: Vec<Bound<Value>> = edges.iter().flat_map(bounds).collect();
        every.push(Unbounded);
        for start in &every {
            for end in &every {
                for (order, limit) in [(Order::Ascending, 2), (Order::Descending, 1), (Order::Ascending, 9)] {
                    let range = Range { start: start.clone(), end: end.clone() };
                    let mut inside: Vec<Value> = match range.is_empty() {
                        true => Vec::new(),
                        false => all.iter().filter(|place| range.contains(place)).cloned().collect(),
                    };
                    if order == Order::Descending {
                        inside.reverse();
                    }
                    let scan = Scan::partition(partition.clone(), limit).range(range.clone()).order(order);
                    let page = store.scan(table, &scan).await.unwrap();
                    let found: Vec<Value> =
                        page.records.iter().map(|record| record.key.clustering.clone().unwrap()).collect();
                    let context = format!("{table:?} {range:?} {order:?} limit {limit}");
                    assert_eq!(found, inside[..inside.len().min(limit)], "{context}");
                    assert_eq!(page.more, inside.len() > limit, "`more` of {context}");
                }
            }
        }
    }
}

/// Ranges that hold nothing, and partitions that are not there, are no error.
pub async fn empty_ranges_give_empty_pages<H: Harness>(harness: &H) {
    let rows = table("rows", Text, Some(Int));
    let store = with_tables(harness, &[&rows]).await;
    store.commit(Commit::new().put(&rows, Key::of("p").at(5), amount(0))).await.unwrap();
    let ranges = [
        Range { start: Included(7.into()), end: Included(3.into()) },
        Range { start: Excluded(5.into()), end: Excluded(5.into()) },
        Range { start: Included(5.into()), end: Excluded(5.into()) },
        Range { start: Excluded(5.into()), end: Included(5.into()) },
        Range { start: Excluded(5.into()), end: Excluded(6.into()) },
        Range { start: Excluded(i64::MAX.into()), end: Unbounded },
    ];
    for range in ranges {
        let page = store.scan(&rows, &Scan::partition("p", 3).range(range.clone())).await.unwrap();
        assert!(page.records.is_empty() && !page.more, "{range:?} gave {page:?}");
    }
    let page = store.scan(&rows, &Scan::partition("nobody", 3)).await.unwrap();
    assert!(page.records.is_empty() && !page.more);
    let one = Range { start: Included(5.into()), end: Included(5.into()) };
    assert_eq!(places(&store, &rows, Scan::partition("p", 1).range(one)).await, [Value::Int(5)]);
}

/// Pages join without a gap or a repeat, in both directions.
pub async fn paging_visits_every_record_once<H: Harness>(harness: &H) {
    let rows = table("rows", Text, Some(Text));
    let store = with_tables(harness, &[&rows]).await;
    let count = harness.scale().rows;
    let names: Vec<Value> = (0..count).map(|index| Value::from(format!("{index:06}"))).collect();
    fill(&store, &rows, &names).await;
    for limit in [7, 100, count, count + 1] {
        let mut seen: Vec<Value> = Vec::new();
        let mut scan = Scan::partition("p", limit);
        loop {
            let page = store.scan(&rows, &scan).await.unwrap();
            seen.extend(page.records.iter().map(|record| record.key.clustering.clone().unwrap()));
            if !page.more {
                break;
            }
            assert_eq!(page.records.len(), limit, "a page that is not the last is not full");
            scan = scan.after(seen.last().unwrap().clone());
        }
        assert_eq!(seen, names, "ascending, {limit} at a time");
    }
    let mut seen: Vec<Value> = Vec::new();
    let mut scan = Scan::partition("p", 64).order(Order::Descending);
    loop {
        let page = store.scan(&rows, &scan).await.unwrap();
        seen.extend(page.records.iter().map(|record| record.key.clustering.clone().unwrap()));
        if !page.more {
            break;
        }
        scan = scan.before(seen.last().unwrap().clone());
    }
    seen.reverse();
    assert_eq!(seen, names, "descending");
}

/// [`Store::scan_table`](crate::Store::scan_table) shows every record of every partition exactly once, whatever the page size.
pub async fn a_whole_table_is_visited_exactly_once<H: Harness>(harness: &H) {
    let (wide, flat) = (table("wide", Bytes, Some(Int)), table("flat", Text, None));
    let store = with_tables(harness, &[&wide, &flat]).await;
    assert!(everything(&*store, &wide, 10).await.unwrap().is_empty());
    let mut expected = BTreeSet::new();
    let mut commit = Commit::new();
    for partition in 0..20_u8 {
        for place in -2..3 {
            let key = Key::of(vec![partition, 255]).at(place);
            commit = commit.put(&wide, key.clone(), amount(place));
            expected.insert(key);
        }
        if partition % 5 == 4 {
            store.commit(std::mem::take(&mut commit)).await.unwrap();
        }
    }
    store.commit(Commit::new().put(&flat, Key::of("only"), amount(1))).await.unwrap();
    for limit in [1, 3, 100, 1_000] {
        let records = everything(&*store, &wide, limit).await.unwrap();
        assert_eq!(records.len(), expected.len(), "{limit} at a time");
        let keys: BTreeSet<Key> = records.iter().map(|record| record.key.clone()).collect();
        assert_eq!(keys, expected, "{limit} at a time");
    }
    assert_eq!(everything(&*store, &flat, 2).await.unwrap().len(), 1);
}

/// What cannot be scanned is refused as invalid.
pub async fn bad_scans_are_refused<H: Harness>(harness: &H) {
    let (rows, flat) = (table("rows", Text, Some(Int)), table("flat", Text, None));
    let store = with_tables(harness, &[&rows, &flat]).await;
    let bad = [
        (&flat, Scan::partition("p", 1)),
        (&rows, Scan::partition("p", 0)),
        (&rows, Scan::partition("", 1)),
        (&rows, Scan::partition(1, 1)),
        (&rows, Scan::partition("p", 1).after("text")),
    ];
    for (table, scan) in bad {
        let answer = store.scan(table, &scan).await;
        assert!(matches!(answer, Err(Error::Invalid(_))), "{scan:?} gave {answer:?}");
    }
    let long = "x".repeat(store.limits().partition_bytes_max + 1);
    assert!(matches!(store.scan(&rows, &Scan::partition(long, 1)).await, Err(Error::Limit { .. })));
}

async fn fill(store: &SharedStore, table: &Table, places: &[Value]) {
    let batch = store.limits().commit_rows_max.min(100);
    for places in places.chunks(batch) {
        let mut commit = Commit::new();
        for place in places {
            commit = commit.put(table, Key::of("p").at(place.clone()), amount(0));
        }
        store.commit(commit).await.unwrap();
    }
}

async fn places(store: &SharedStore, table: &Table, scan: Scan) -> Vec<Value> {
    let page = store.scan(table, &scan).await.unwrap();
    page.records.iter().map(|record| record.key.clustering.clone().unwrap()).collect()
}
