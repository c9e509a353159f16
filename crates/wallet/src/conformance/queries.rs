//! Many records: order, pages, conditions.

use super::{Harness, commit, make, plain};
use crate::{Batch, Filter, Query, Record, Tag, Write};

/// Neither a replacement nor what others did changes the order; what was removed and made again is last.
pub async fn records_come_in_the_order_in_which_they_were_first_put<H: Harness>(harness: &H) {
    let backend = harness.open().await;
    for name in ["5", "3", "9", "1"] {
        make(&*backend, [Record::new("c", name, "")]).await;
    }
    let mut batch = Batch::new();
    batch.write(Write::Put(Record::new("c", "5", "replaced")));
    batch.write(Write::Remove { category: "c".to_owned(), name: "3".to_owned() });
    commit(&*backend, batch).await.unwrap();
    make(&*backend, ["3", "0"].map(|name| Record::new("c", name, ""))).await;
    let names = |records: Vec<Record>| records.into_iter().map(|record| record.name).collect::<Vec<_>>();
    assert_eq!(names(backend.find(&Query::all("c")).await.unwrap()), ["5", "9", "1", "3", "0"]);
    let newest = Query { is_descending: true, ..Query::all("c") };
    assert_eq!(names(backend.find(&newest.clone().limited(2)).await.unwrap()), ["0", "3"]);
    let second = Query { offset: 1, ..newest.limited(2) };
    assert_eq!(names(backend.find(&second).await.unwrap()), ["3", "1"]);
}

/// Whatever the page's size, all come and each once.
pub async fn pages_visit_every_record_once<H: Harness>(harness: &H) {
    const RECORDS: u64 = 96;
    let backend = harness.open().await;
    let record = |number: u64| {
        let parity = if number.is_multiple_of(2) { "even" } else { "odd" };
        Record::new("c", number.to_string(), "").tagged("parity", parity)
    };
    make(&*backend, (0..RECORDS).map(record)).await;
    for page in [1, 7, 31, 32, 33, 64, 96, 200] {
        let mut visited = Vec::new();
        loop {
            let offset = u64::try_from(visited.len()).unwrap();
            let found = backend.find(&Query { offset, ..Query::all("c").limited(page) }).await.unwrap();
            assert!(u64::try_from(found.len()).unwrap() <= page);
            if found.is_empty() {
                break;
            }
            visited.extend(found.into_iter().map(|record| record.name));
        }
        assert_eq!(visited, (0..RECORDS).map(|number| number.to_string()).collect::<Vec<_>>());
    }
    let all = backend.find(&Query { offset: 3, ..Query::all("c") }).await.unwrap();
    assert_eq!(all.len(), 93);
    let odd = Query { offset: 40, ..Query::tagged("c", "parity", "odd") };
    assert_eq!(backend.find(&odd).await.unwrap().len(), 8);
    assert_eq!(backend.count(&odd).await.unwrap(), 48);
    assert_eq!(backend.find(&Query::all("c").limited(0)).await.unwrap(), []);
}

/// Conditions of every shape, those that always or never hold too.
pub async fn filters_find_what_the_model_finds<H: Harness>(harness: &H) {
    let backend = harness.open().await;
    let records = [
        Record::new("c", "none", ""),
        Record::new("c", "active", "").tagged("state", "active").tagged("their_did", "did:1"),
        Record::new("c", "both", "").tagged("state", "active").tagged("state", "completed"),
        plain(Record::new("c", "plain", ""), "state", "active"),
        plain(Record::new("c", "mixed", "").tagged("state", "request"), "count", "7"),
        Record::new("c", "empty", "").tagged("state", ""),
    ];
    make(&*backend, records.clone()).await;
    let is = |value: &str| Filter::is("state", value);
    let is_plain = Filter::Is(Tag { name: "state".to_owned(), value: "active".to_owned(), is_plain: true });
    let has = |name: &str, is_plain| Filter::Has { name: name.to_owned(), is_plain };
    let not = |filter| Filter::Not(Box::new(filter));
    let filters = [
        is("active"),
        is(""),
        is("other"),
        is_plain.clone(),
        has("state", false),
        has("state", true),
        has("count", true),
        not(is("active")),
        not(has("state", false)),
        not(is_plain.clone()),
        not(not(is("active"))),
        Filter::All(vec![is("active"), is("completed")]),
        Filter::All(vec![is("active"), not(is("completed"))]),
        Filter::Any(vec![is("request"), is("completed"), is_plain]),
        not(Filter::Any(vec![is("active"), has("count", true)])),
        not(Filter::All(vec![is("active"), is("completed")])),
        Filter::All(vec![Filter::Any(vec![is("active"), is("request")]), has("their_did", false)]),
        Filter::All(Vec::new()),
        Filter::Any(Vec::new()),
        not(Filter::All(Vec::new())),
        not(Filter::Any(Vec::new())),
        Filter::Any(vec![Filter::All(Vec::new()), is("other")]),
        Filter::All(vec![Filter::Any(Vec::new()), is("active")]),
        Filter::All(vec![not(Filter::Any(Vec::new())), is("active")]),
    ];
    for filter in filters {
        let expected: Vec<&str> =
            records.iter().filter(|record| filter.holds(record)).map(|record| record.name.as_str()).collect();
        let query = Query { filter: Some(filter), ..Query::all("c") };
        let found = backend.find(&query).await.unwrap();
        let found: Vec<&str> = found.iter().map(|record| record.name.as_str()).collect();
        assert_eq!(found, expected, "{query:?}");
        assert_eq!(backend.count(&query).await.unwrap(), u64::try_from(expected.len()).unwrap(), "{query:?}");
    }
}

/// Tags of one category do not find records of another.
pub async fn a_category_holds_nothing_of_another<H: Harness>(harness: &H) {
    let backend = harness.open().await;
    make(&*backend, ["a", "b"].map(|category| Record::new(category, "1", "").tagged("t", "1"))).await;
    let found = backend.find(&Query::tagged("a", "t", "1")).await.unwrap();
    assert_eq!(found.iter().map(|record| record.category.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(backend.count(&Query::all("other")).await.unwrap(), 0);
}
