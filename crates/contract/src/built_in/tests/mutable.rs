use super::*;
use crate::built_in::PUT_TO_MUTABLE_DATABASE;
use crate::testing::MemoryDatabase;
use crate::{Column, ColumnValue, Database, FunctionCall, Selection};

fn put(database: &mut MemoryDatabase, argument: Option<&str>) -> Result<Option<String>, Error> {
    let (_, name) = PUT_TO_MUTABLE_DATABASE;
    let call = FunctionCall {
        function_argument: argument,
        contract_argument: "{}",
        contract_properties: None,
        contract_context: None,
    };
    BuiltIns.load_function(name, &CLASS_MAGIC).unwrap().invoke(database, call)
}

fn put_column(value: &str, data_type: &str) -> Result<Option<ColumnValue>, Error> {
    let argument = format!(
        r#"{{"namespace":"n","table":"t","partition_key":[{{"column_name":"k","value":1,"data_type":"int"}}],"columns":[{{"column_name":"v","value":{value},"data_type":"{data_type}"}}]}}"#
    );
    let mut database = MemoryDatabase::new();
    put(&mut database, Some(&argument))?;
    let key = Column { name: "k".into(), value: Some(ColumnValue::Int(1)) };
    let selection = Selection {
        namespace: "n".into(),
        table: "t".into(),
        partition_key: vec![key.clone()],
        clustering_key: vec![],
    };
    let record = database.get(&selection)?.unwrap();
    assert_eq!(record[0], key);
    Ok(record[1].value.clone())
}

#[test]
fn every_type_is_kept() {
    let text = |text: &str| text.to_owned();
    for (value, data_type, wanted) in [
        ("true", "BOOLEAN", ColumnValue::Boolean(true)),
        ("-5", "INT", ColumnValue::Int(-5)),
        ("9007199254740992", "BIGINT", ColumnValue::BigInt(1 << 53)),
        ("1.5", "FLOAT", ColumnValue::Float(1.5)),
        ("1e1", "Double", ColumnValue::Double(10.0)),
        ("\"x\"", "text", ColumnValue::Text(text("x"))),
        ("\"AQI=\"", "BLOB", ColumnValue::Blob(vec![1, 2].into())),
        ("\"2024-02-29\"", "DATE", ColumnValue::Date(text("2024-02-29"))),
        ("\"12:34\"", "TIME", ColumnValue::Time(text("12:34:00"))),
        ("\"12:34:56.120000\"", "TIME", ColumnValue::Time(text("12:34:56.12"))),
        ("\"2023-02-30 01:02:03.004\"", "TIMESTAMP", ColumnValue::Timestamp(text("2023-02-28 01:02:03.004"))),
        ("\"2024-01-01 00:00 Z\"", "TIMESTAMPTZ", ColumnValue::TimestampTz(text("2024-01-01 00:00:00 Z"))),
    ] {
        assert_eq!(put_column(value, data_type), Ok(Some(wanted)), "{data_type}");
        assert_eq!(put_column("null", data_type), Ok(None), "{data_type}");
    }
}

#[test]
fn a_wrong_argument_is_refused() {
    let refused = Err(Error::Contextual(
        "The specified format of the PutToMutableDatabase function argument is invalid.".into(),
    ));
    for (value, data_type) in [
        ("1", "BOOLEAN"),
        ("2147483648", "INT"),
        ("1.0", "INT"),
        ("9223372036854775808", "BIGINT"),
        ("1", "FLOAT"),
        ("1", "DOUBLE"),
        ("1", "TEXT"),
        ("\"AQI\"", "BLOB"),
        ("\"2023-02-29\"", "DATE"),
        ("\"2023-2-9\"", "DATE"),
        ("\"24:00\"", "TIME"),
        ("\"12:34:56.1234567\"", "TIME"),
        ("\"2024-01-01T00:00\"", "TIMESTAMP"),
        ("\"2024-01-01 00:00:00.1234\"", "TIMESTAMP"),
        ("\"2024-01-01 00:00\"", "TIMESTAMPTZ"),
        ("null", "UUID"),
    ] {
        assert_eq!(put_column(value, data_type), refused, "{data_type} {value}");
    }
    for argument in [
        None,
        Some("{}"),
        Some(r#"{"namespace":"n","table":"t"}"#),
        Some(r#"{"namespace":"n","table":"t","partition_key":[]}"#),
        Some(
            r#"{"namespace":1,"table":"t","partition_key":[{"column_name":"k","value":1,"data_type":"INT"}]}"#,
        ),
        Some(r#"{"namespace":"n","table":"t","partition_key":[{"column_name":"k","data_type":"INT"}]}"#),
        Some(
            r#"{"namespace":"n","table":"t","partition_key":[{"column_name":"k","value":1,"data_type":"INT"}],"columns":{}}"#,
        ),
    ] {
        assert_eq!(put(&mut MemoryDatabase::new(), argument).map(|_| None), refused, "{argument:?}");
    }
    for (value, data_type) in [("9007199254740993", "BIGINT"), ("\"0999-01-01\"", "DATE")] {
        assert!(matches!(put_column(value, data_type), Err(Error::Runtime(_))), "{value}");
    }
}
