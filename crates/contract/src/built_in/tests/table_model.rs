use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What is done to a table with key `id` and index `kind`.
#[derive(Clone, Debug)]
enum Step {
    Insert { id: u8, kind: Option<u8>, size: u8 },
    UpdateById { id: u8, kind: Option<u8> },
    UpdateByKind { from: Option<u8>, to: Option<u8>, size: u8 },
    Select { kind: Option<u8>, at_least: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = || prop::option::of(0u8..3);
    let step = prop_oneof![
        (0u8..8, kind(), any::<u8>()).prop_map(|(id, kind, size)| Step::Insert { id, kind, size }),
        (0u8..8, kind()).prop_map(|(id, kind)| Step::UpdateById { id, kind }),
        (kind(), kind(), any::<u8>()).prop_map(|(from, to, size)| Step::UpdateByKind { from, to, size }),
        (kind(), any::<u8>()).prop_map(|(kind, at_least)| Step::Select { kind, at_least }),
    ];
    prop::collection::vec(step, 1..40)
}

fn text(value: Option<u8>) -> String {
    value.map_or("null".into(), |value| format!("\"k{value}\""))
}

fn by_kind(kind: Option<u8>) -> String {
    match kind {
        Some(_) => format!(r#"{{"column":"kind","operator":"EQ","value":{}}}"#, text(kind)),
        None => r#"{"column":"kind","operator":"IS_NULL"}"#.into(),
    }
}

fn record(id: u8, (kind, size): (Option<u8>, u8)) -> String {
    format!(r#"{{"id":{id},"kind":{},"size":{size}}}"#, text(kind))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_table_is_a_map(steps in steps()) {
        let mut ledger = generic();
        let mut ask = |contract: &str, argument: &str| ask(&mut ledger, &format!("table.v1_0_0.{contract}"), argument);
        let indexes = r#"[{"key":"kind","type":"STRING"}]"#;
        ask("Create", &format!(r#"{{"name":"t","key":"id","type":"NUMBER","indexes":{indexes}}}"#));
        let mut model: BTreeMap<u8, (Option<u8>, u8)> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Insert { id, kind, size } => {
                    let values = record(id, (kind, size));
                    let answer = ask("Insert", &format!(r#"{{"table":"t","values":{values}}}"#));
                    prop_assert_eq!(answer.is_empty(), !model.contains_key(&id));
                    model.entry(id).or_insert((kind, size));
                }
                Step::UpdateById { id, kind } => {
                    let condition = format!(r#"{{"column":"id","operator":"EQ","value":{id}.0}}"#);
                    let values = format!(r#"{{"kind":{}}}"#, text(kind));
                    ask("Update", &format!(r#"{{"table":"t","values":{values},"conditions":[{condition}]}}"#));
                    if let Some(record) = model.get_mut(&id) {
                        record.0 = kind;
                    }
                }
                Step::UpdateByKind { from, to, size } => {
                    let values = format!(r#"{{"size":{size},"kind":{}}}"#, text(to));
                    let condition = by_kind(from);
                    ask("Update", &format!(r#"{{"table":"t","values":{values},"conditions":[{condition}]}}"#));
                    model.values_mut().filter(|(kind, _)| *kind == from).for_each(|record| *record = (to, size));
                }
                Step::Select { kind, at_least } => {
                    let condition = format!(r#"{{"column":"size","operator":"GTE","value":{at_least}}}"#);
                    let query = format!(r#"{{"table":"t","conditions":[{condition},{}]}}"#, by_kind(kind));
                    let crate::json::Json::Array(found) = crate::json::Json::parse(&ask("Select", &query)).unwrap() else {
                        panic!("no array")
                    };
                    let mut found: Vec<String> = found.iter().map(ToString::to_string).collect();
                    found.sort();
                    let fulfils = |(_, (of, size)): &(&u8, &(Option<u8>, u8))| *of == kind && *size >= at_least;
                    let mut wanted: Vec<String> = model.iter().filter(fulfils).map(|(id, it)| record(*id, *it)).collect();
                    wanted.sort();
                    prop_assert_eq!(found, wanted);
                }
            }
        }
        for (id, it) in model {
            let condition = format!(r#"{{"column":"id","operator":"EQ","value":{id}}}"#);
            let answer = ask("Select", &format!(r#"{{"table":"t","conditions":[{condition}]}}"#));
            prop_assert_eq!(answer, format!("[{}]", record(id, it)));
        }
    }
}
