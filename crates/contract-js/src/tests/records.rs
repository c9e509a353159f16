//! Functions over mutable records.

use trustkeep_contract::FunctionCall;
use trustkeep_contract::testing::MemoryDatabase;

use super::*;

#[test]
fn a_function_sees_its_call_and_changes_records() {
    let source = r#"function invoke(database, functionArgument, contractArgument, contractProperties, contractContext) {
        const key = { namespace: "n", table: "t", partition_key: [{ column_name: "k", value: 1, data_type: "INT" }] };
        const column = (value) => ({ column_name: "v", value, data_type: "DOUBLE" });
        const before = database.get(key);
        database.put({ ...key, columns: [column(functionArgument.value)] });
        const after = [database.get(key), database.scan(key)];
        database.delete(key);
        return [before, ...after, database.get(key), contractArgument, contractProperties, contractContext];
    }"#;
    let function = JsEngine::here().load_function("function", source.as_bytes()).unwrap();
    let call = FunctionCall {
        function_argument: Some("{\"value\":2.5}"),
        contract_argument: "plain",
        contract_properties: Some("{\"p\":true}"),
        contract_context: None,
    };
    let result = function.invoke(&mut MemoryDatabase::new(), call).unwrap().unwrap();
    assert_eq!(result, r#"[null,{"k":1,"v":2.5},[{"k":1,"v":2.5}],null,"plain",{"p":true},null]"#);
    for (body, why) in [
        ("database.isRoot()", "TypeError: not a function"),
        ("database.get({ namespace: 'n' })", "table of the key must be a string"),
        ("database.put(undefined)", "the record must be something that JSON can say"),
    ] {
        let source = format!("function invoke(database) {{ {body}; }}");
        let function = JsEngine::here().load_function("function", source.as_bytes()).unwrap();
        let Err(Error::Runtime(error)) = function.invoke(&mut MemoryDatabase::new(), call) else {
            panic!("{body}")
        };
        assert!(error.contains(why), "{error}");
    }
}
