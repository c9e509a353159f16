//! Functions over mutable records.

use trustkeep_contract::testing::MemoryDatabase;
use trustkeep_contract::{Function, FunctionCall};

use super::*;

const CALL: FunctionCall<'_> = FunctionCall {
    function_argument: Some("{\"function\":1}"),
    contract_argument: "{\"contract\":2}",
    contract_properties: None,
    contract_context: Some("left"),
};

fn function(body: &str) -> Arc<dyn Function> {
    let key = r#"{\"namespace\":\"n\",\"table\":\"t\",\"partition_key\":[{\"column_name\":\"k\",\"value\":1,\"data_type\":\"INT\"}]"#;
    let put = r#",\"columns\":[{\"column_name\":\"v\",\"value\":\"x\",\"data_type\":\"TEXT\"}]}"#;
    let (key_len, put_len) = (key.replace('\\', "").len(), put.replace('\\', "").len());
    let body = body
        .replace("$put", &format!("(i32.const 0) (i32.const {})", key_len + put_len))
        .replace("$key", &format!("(i32.const 1000) (i32.const {})", key_len + 1));
    let wat = format!(
        r#"(module
        (import "trustkeep" "argument" (func $argument (result i32)))
        (import "trustkeep" "contract_argument" (func $contract_argument (result i32)))
        (import "trustkeep" "properties" (func $properties (result i32)))
        (import "trustkeep" "contract_context" (func $contract_context (result i32)))
        (import "trustkeep" "read" (func $read (param i32)))
        (import "trustkeep" "result" (func $result (param i32 i32)))
        (import "trustkeep" "is_root" (func $is_root (result i32)))
        (import "trustkeep" "database_get" (func $database_get (param i32 i32) (result i32)))
        (import "trustkeep" "database_scan" (func $database_scan (param i32 i32) (result i32)))
        (import "trustkeep" "database_put" (func $database_put (param i32 i32)))
        (import "trustkeep" "database_delete" (func $database_delete (param i32 i32)))
        (memory (export "memory") 1) (global $out (mut i32) (i32.const 4096))
        (data (i32.const 0) "{key}{put}") (data (i32.const 1000) "{key}}}")
        (func $show (param $len i32)
            (if (i32.ge_s (local.get $len) (i32.const 0)) (then
                (call $read (global.get $out))
                (global.set $out (i32.add (global.get $out) (local.get $len)))))
            (i32.store8 (global.get $out) (i32.const 10))
            (global.set $out (i32.add (global.get $out) (i32.const 1))))
        (func (export "invoke_function") {body}
            (call $result (i32.const 4096) (i32.sub (global.get $out) (i32.const 4096)))))"#
    );
    WasmEngine::new().load_function("function", &wat::parse_str(wat).unwrap()).unwrap()
}

#[test]
fn a_function_sees_its_call_and_changes_records() {
    let mut database = MemoryDatabase::new();
    let all = function(
        "(call $show (call $argument)) (call $show (call $contract_argument)) (call $show (call $properties))
        (call $show (call $contract_context)) (call $show (call $database_get $key))
        (call $database_put $put) (call $show (call $database_get $key)) (call $show (call $database_scan $key))",
    );
    let result = all.invoke(&mut database, CALL).unwrap().unwrap();
    let lines = [
        "{\"function\":1}",
        "{\"contract\":2}",
        "",
        "left",
        "",
        "{\"k\":1,\"v\":\"x\"}",
        "[{\"k\":1,\"v\":\"x\"}]",
        "",
    ];
    assert_eq!(result.split('\n').collect::<Vec<_>>(), lines);
    let delete = function("(call $database_delete $key) (call $show (call $database_get $key))");
    assert_eq!(delete.invoke(&mut database, CALL), Ok(Some("\n".into())));
}

#[test]
fn a_function_has_no_assets() {
    let Err(Error::Runtime(why)) =
        function("(drop (call $is_root))").invoke(&mut MemoryDatabase::new(), CALL)
    else {
        panic!("it ran")
    };
    assert!(why.contains("a function has no assets"), "{why}");
}
