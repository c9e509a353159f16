use indexmap::IndexSet;
use proptest::prelude::*;

use super::*;

fn with_interval(properties: Option<&str>) -> MemoryLedger {
    let mut ledger = generic();
    let name = "com.scalar.dl.genericcontracts.collection.v1_0_0.GetCheckpointInterval";
    ledger.register("collection.v1_0_0.GetCheckpointInterval", load(name), properties);
    ledger
}

#[test]
fn changes_are_kept_and_snapshots_now_and_then() {
    let mut ledger = with_interval(Some(r#"{"checkpoint_interval":3}"#));
    let mut run = |contract: &str, ids: &str| {
        let argument = format!(r#"{{"collection_id":"c","object_ids":{ids}}}"#);
        ask(&mut ledger, &format!("collection.v1_0_0.{contract}"), &argument)
    };
    assert_eq!(run("Get", "[]"), "");
    assert_eq!(run("Create", r#"["1","2"]"#), "");
    assert_eq!(run("Create", "[]"), "The specified collection already exists.");
    assert_eq!(run("Add", r#"["3"]"#), "");
    assert_eq!(run("Remove", r#"["1"]"#), "");
    assert_eq!(run("Add", r#"["4"]"#), "");
    assert_eq!(run("Get", "[]"), r#"{"object_ids":["2","3","4"]}"#);
    assert_eq!(run("Add", r#"["1"]"#), "");
    assert_eq!(run("Get", "[]"), r#"{"object_ids":["2","3","4","1"]}"#);
    let data: Vec<&str> = ledger.history("c_c").iter().map(|asset| asset.data.as_str()).collect();
    assert_eq!(
        data,
        [
            r#"{"collection_id":"c","operation_type":"create","object_ids":["1","2"],"snapshot":[],"checkpoint_interval":3}"#,
            r#"{"collection_id":"c","operation_type":"add","object_ids":["3"]}"#,
            r#"{"collection_id":"c","operation_type":"remove","object_ids":["1"]}"#,
            r#"{"collection_id":"c","operation_type":"add","object_ids":["4"],"snapshot":["2","3"],"checkpoint_interval":3}"#,
            r#"{"collection_id":"c","operation_type":"add","object_ids":["1"]}"#,
        ]
    );
    assert_eq!(
        ask(&mut ledger, "collection.v1_0_0.GetHistory", r#"{"collection_id":"c","options":{"limit":2}}"#),
        r#"{"collection_id":"c","collection_events":[{"operation_type":"add","age":4,"object_ids":["1"]},{"operation_type":"add","age":3,"object_ids":["4"]}]}"#
    );
}

#[test]
fn collections_refuse() {
    let id = "The collection ID is not specified in the arguments or is invalid.";
    let missing = "The object IDs are not specified in the arguments.";
    let format = "The specified format of the object IDs is invalid.";
    let not_found = "The specified collection is not found.";
    let options = "The specified format of the options is invalid.";
    let mut ledger = generic();
    ask(&mut ledger, "collection.v1_0_0.Create", r#"{"collection_id":"c","object_ids":["1"]}"#);
    for (contracts, argument, wanted) in [
        (&["Create", "Add", "Remove", "Get", "GetHistory"][..], "{}", id),
        (&["Create", "Add", "Remove", "Get", "GetHistory"], r#"{"collection_id":1,"object_ids":[]}"#, id),
        (&["Create", "Add", "Remove"], r#"{"collection_id":"c"}"#, missing),
        (&["Create", "Add", "Remove"], r#"{"collection_id":"c","object_ids":{}}"#, format),
        (&["Create", "Add", "Remove"], r#"{"collection_id":"c","object_ids":["a",1]}"#, format),
        (&["Add", "Remove"], r#"{"collection_id":"other","object_ids":["a"]}"#, not_found),
        (
            &["Add"],
            r#"{"collection_id":"c","object_ids":["2","1"]}"#,
            "One of the specified objects already exists in the collection.",
        ),
        (
            &["Remove"],
            r#"{"collection_id":"c","object_ids":["1","2"]}"#,
            "One of the specified objects is not found in the collection.",
        ),
        (&["GetHistory"], r#"{"collection_id":"c","options":{"limit":-1}}"#, options),
        (&["GetHistory"], r#"{"collection_id":"c","options":{"limit":1.0}}"#, options),
        (&["Add"], r#"{"collection_id":"c","object_ids":["1"],"options":{"force":true}}"#, ""),
        (&["Remove"], r#"{"collection_id":"c","object_ids":["9"],"options":{"force":1}}"#, ""),
    ] {
        for contract in contracts {
            assert_eq!(
                ask(&mut ledger, &format!("collection.v1_0_0.{contract}"), argument),
                wanted,
                "{argument}"
            );
        }
    }
    let interval = "collection.v1_0_0.GetCheckpointInterval";
    assert_eq!(ask(&mut ledger, interval, "{}"), r#"{"checkpoint_interval":10}"#);
    for wrong in
        [r#"{"checkpoint_interval":0}"#, r#"{"checkpoint_interval":"3"}"#, r#"{"checkpoint_interval":3.0}"#]
    {
        let mut ledger = with_interval(Some(wrong));
        let wanted = "The specified format of the contract properties is invalid.";
        assert_eq!(ask(&mut ledger, interval, "{}"), wanted, "{wrong}");
        let create = r#"{"collection_id":"c","object_ids":[]}"#;
        assert_eq!(ask(&mut ledger, "collection.v1_0_0.Create", create), wanted, "{wrong}");
    }
}

#[test]
fn another_interval_later_is_noticed() {
    let mut ledger = generic();
    ask(&mut ledger, "collection.v1_0_0.Create", r#"{"collection_id":"c","object_ids":["1"]}"#);
    let name = "com.scalar.dl.genericcontracts.collection.v1_0_0.GetCheckpointInterval";
    let properties = Some(r#"{"checkpoint_interval":2}"#);
    ledger.register("collection.v1_0_0.GetCheckpointInterval", load(name), properties);
    assert_eq!(
        ask(&mut ledger, "collection.v1_0_0.Get", r#"{"collection_id":"c"}"#),
        "The checkpoint for the specified collection is invalid. Check if the correct contract and its properties are used."
    );
}

#[test]
fn the_names_before_versions_call_each_other() {
    let package = "com.scalar.dl.genericcontracts";
    let mut ledger = MemoryLedger::new();
    for class in ["Create", "Add", "Get", "GetCheckpointInterval"] {
        ledger.register(&format!("collection.{class}"), load(&format!("{package}.collection.{class}")), None);
    }
    ask(&mut ledger, "collection.Create", r#"{"collection_id":"c","object_ids":["1"]}"#);
    ask(&mut ledger, "collection.Add", r#"{"collection_id":"c","object_ids":["2"]}"#);
    assert_eq!(ask(&mut ledger, "collection.Get", r#"{"collection_id":"c"}"#), r#"{"object_ids":["1","2"]}"#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_collection_is_a_set(
        interval in 1u32..6,
        changes in prop::collection::vec((any::<bool>(), any::<bool>(), prop::collection::vec(0u8..8, 0..4)), 0..24),
    ) {
        let mut ledger = with_interval(Some(&format!(r#"{{"checkpoint_interval":{interval}}}"#)));
        ask(&mut ledger, "collection.v1_0_0.Create", r#"{"collection_id":"c","object_ids":[]}"#);
        let mut model = IndexSet::new();
        for (add, force, ids) in changes {
            let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
            let contract = if add { "collection.v1_0_0.Add" } else { "collection.v1_0_0.Remove" };
            let argument = format!(r#"{{"collection_id":"c","object_ids":{ids:?},"options":{{"force":{force}}}}}"#);
            let refused = !ask(&mut ledger, contract, &argument).is_empty();
            let may = force || ids.iter().all(|id| model.contains(id) != add);
            prop_assert_eq!(refused, !may);
            if may && add {
                model.extend(ids);
            } else if may {
                model.retain(|id| !ids.contains(id));
            }
            let wanted = format!("{{\"object_ids\":[{}]}}", model.iter().map(|id| format!("{id:?}")).collect::<Vec<_>>().join(","));
            prop_assert_eq!(ask(&mut ledger, "collection.v1_0_0.Get", r#"{"collection_id":"c"}"#), wanted);
        }
    }
}
