use super::*;

fn run(ledger: &mut MemoryLedger, contract: &str, argument: &str) -> String {
    ask(ledger, &format!("table.v1_0_0.{contract}"), argument)
}

fn people() -> MemoryLedger {
    let mut ledger = generic();
    let indexes = r#"[{"key":"city","type":"string"},{"key":"age","type":"NUMBER"}]"#;
    run(&mut ledger, "Create", &format!(r#"{{"name":"p","key":"id","type":"number","indexes":{indexes}}}"#));
    run(&mut ledger, "Create", r#"{"name":"c","key":"name","type":"STRING"}"#);
    for values in [
        r#"{"id":1,"city":"x","age":30}"#,
        r#"{"id":2.0,"city":"y","age":30.0}"#,
        r#"{"id":3,"city":"x","note":true}"#,
        r#"{"id":1.5,"city":null,"age":-1}"#,
    ] {
        assert_eq!(run(&mut ledger, "Insert", &format!(r#"{{"table":"p","values":{values}}}"#)), "");
    }
    run(&mut ledger, "Insert", r#"{"table":"c","values":{"name":"x","size":9}}"#);
    ledger
}

#[test]
fn a_table_is_created_and_shown() {
    let mut ledger = people();
    let p = r#"{"name":"p","key":"id","type":"number","indexes":[{"key":"city","type":"string"},{"key":"age","type":"NUMBER"}]}"#;
    let c = r#"{"name":"c","key":"name","type":"STRING","indexes":[]}"#;
    assert_eq!(ledger.latest("tbl_p"), Some(p));
    assert_eq!(run(&mut ledger, "ShowTables", "{}"), format!("[{p},{c}]"));
    assert_eq!(run(&mut ledger, "ShowTables", r#"{"name":"c"}"#), format!("[{c}]"));
    let arguments = "The specified format of the contract arguments is invalid.";
    let table = "The specified format of the table is invalid.";
    let index = "The specified format of the indexes is invalid.";
    for (contract, argument, wanted) in [
        ("ShowTables", r#"{"name":"q"}"#, "The specified table does not exist. Table: q"),
        ("ShowTables", r#"{"name":"_"}"#, "The specified name is invalid: _"),
        ("ShowTables", r#"{"name":1}"#, arguments),
        ("ShowTables", r#"{"name":"c","x":1}"#, arguments),
        ("ShowTables", r#"{"x":"c"}"#, arguments),
        ("Create", r#"{"name":"p","key":"id","type":"NUMBER"}"#, "The specified table already exists."),
        ("Create", r#"{"name":"t","key":"id"}"#, table),
        ("Create", r#"{"name":"t","key":"id","type":1}"#, table),
        ("Create", r#"{"name":"t","key":"id","type":"NUMBER","indexes":[],"x":1}"#, table),
        ("Create", r#"{"name":"1t","key":"id","type":"NUMBER"}"#, "The specified name is invalid: 1t"),
        ("Create", r#"{"name":"t","key":"i-d","type":"NUMBER"}"#, "The specified name is invalid: i-d"),
        ("Create", r#"{"name":"t","key":"id","type":"INT"}"#, "The specified key type is invalid. Type: INT"),
        ("Create", r#"{"name":"t","key":"id","type":"NUMBER","indexes":{}}"#, index),
        ("Create", r#"{"name":"t","key":"id","type":"NUMBER","indexes":[{"key":"a"}]}"#, index),
        (
            "Create",
            r#"{"name":"t","key":"id","type":"NUMBER","indexes":[{"key":"a","type":"object"}]}"#,
            "The specified index key type is invalid. Type: object",
        ),
        (
            "Create",
            r#"{"name":"t","key":"id","type":"NUMBER","indexes":[{"key":"a","type":"string"},{"key":"a","type":"number"}]}"#,
            "The specified column name must be unique. Column: a",
        ),
    ] {
        assert_eq!(run(&mut ledger, contract, argument), wanted, "{contract} {argument}");
    }
}

#[test]
fn records_and_indexes_are_assets() {
    let ledger = people();
    let wanted = [
        "idx_p_age",
        "idx_p_age_-1",
        "idx_p_age_30",
        "idx_p_city",
        "idx_p_city_x",
        "idx_p_city_y",
        "metadata_tables",
        "rec_c_name_x",
        "rec_p_id_1",
        "rec_p_id_1.5",
        "rec_p_id_2",
        "rec_p_id_3",
        "tbl_c",
        "tbl_p",
    ];
    assert_eq!(ledger.asset_ids(), wanted);
    assert_eq!(ledger.latest("rec_p_id_2"), Some(r#"{"id":2.0,"city":"y","age":30.0}"#));
    assert_eq!(ledger.latest("idx_p_age"), Some(r#"[{"id":3,"age":0}]"#));
    let entries: Vec<&str> = ledger.history("idx_p_age_30").iter().map(|asset| asset.data.as_str()).collect();
    assert_eq!(entries, [r#"[{"id":1,"age":0}]"#, r#"[{"id":2.0,"age":0}]"#]);
}

#[test]
fn inserts_are_refused() {
    let mut ledger = people();
    let record = "The specified format of the record is invalid.";
    for (argument, wanted) in [
        (r#"{"table":"p"}"#, record),
        (r#"{"table":"p","values":[]}"#, record),
        (r#"{"table":1,"values":{}}"#, record),
        (r#"{"table":"p","values":{},"x":1}"#, record),
        (r#"{"table":"p-","values":{}}"#, "The specified name is invalid: p-"),
        (r#"{"table":"p","values":{"a.b":1}}"#, "The specified name is invalid: a.b"),
        (r#"{"table":"q","values":{"id":1}}"#, "The specified table does not exist. Table: q"),
        (r#"{"table":"p","values":{"x":1}}"#, "The record values must have the key."),
        (r#"{"table":"p","values":{"id":"1"}}"#, "The specified key type is invalid. Type: number"),
        (r#"{"table":"p","values":{"id":1.0}}"#, "The specified record already exists."),
        (
            r#"{"table":"p","values":{"id":9,"city":1}}"#,
            "The specified index key type is invalid. Type: NUMBER",
        ),
    ] {
        assert_eq!(run(&mut ledger, "Insert", argument), wanted, "{argument}");
    }
}

#[test]
fn keys_of_assets_are_texts_of_any_number() {
    let mut ledger = generic();
    for (value, wanted) in [
        ("1", "1"),
        ("1.0", "1"),
        ("1e3", "1000"),
        ("-0.0", "0"),
        ("0.5", "0.5"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("1e22", "10000000000000000000000"),
        ("0.0001", "0.00010"),
        ("1e-7", "1.0E-7"),
        ("123456789.125", "123456789.125"),
        ("true", "true"),
        ("\"a/b\"", "a/b"),
        ("null", "null"),
    ] {
        let argument = |prefix: &str| format!(r#"{{"prefix":"{prefix}","values":["t","k",{value}]}}"#);
        assert_eq!(run(&mut ledger, "GetAssetId", &argument("rec_")), format!("\"rec_t_k_{wanted}\""));
        let index = if value == "null" { "\"idx_t_k\"".to_owned() } else { format!("\"idx_t_k_{wanted}\"") };
        assert_eq!(run(&mut ledger, "GetAssetId", &argument("idx_")), index);
    }
    assert_eq!(run(&mut ledger, "GetAssetId", r#"{"prefix":"tbl_","values":["t"]}"#), "\"tbl_t\"");
    for argument in [r#"{"prefix":"x_","values":["t"]}"#, r#"{"prefix":"x_"}"#, r#"{"prefix":1}"#] {
        assert_eq!(run(&mut ledger, "GetAssetId", argument), "The specified argument is illegal.");
    }
    broken(&mut ledger, "table.v1_0_0.GetAssetId", r#"{"prefix":"rec_","values":["t"]}"#);
}

#[test]
fn records_are_selected() {
    let mut ledger = people();
    let one = r#"{"id":1,"city":"x","age":30}"#;
    let two = r#"{"id":2.0,"city":"y","age":30.0}"#;
    let three = r#"{"id":3,"city":"x","note":true}"#;
    let condition = |column: &str, operator: &str, value: &str| {
        let value = if value.is_empty() { String::new() } else { format!(",\"value\":{value}") };
        format!(r#"{{"column":"{column}","operator":"{operator}"{value}}}"#)
    };
    for (conditions, wanted) in [
        (vec![condition("id", "EQ", "1.0")], vec![one]),
        (vec![condition("p.id", "eq", "2")], vec![two]),
        (vec![condition("id", "EQ", "7")], vec![]),
        (vec![condition("id", "EQ", "1"), condition("id", "EQ", "2")], vec![]),
        (vec![condition("id", "EQ", "1"), condition("id", "EQ", "1")], vec![one]),
        (vec![condition("age", "EQ", "30")], vec![one, two]),
        (vec![condition("city", "EQ", "\"x\"")], vec![one, three]),
        (vec![condition("age", "IS_NULL", "")], vec![three]),
        (vec![condition("city", "EQ", "\"x\""), condition("note", "IS_NOT_NULL", "")], vec![three]),
        (vec![condition("city", "EQ", "\"x\""), condition("note", "is_null", "")], vec![one]),
        (vec![condition("city", "EQ", "\"x\""), condition("note", "NE", "false")], vec![three]),
        (vec![condition("city", "EQ", "\"x\""), condition("note", "NE", "1")], vec![]),
        (vec![condition("age", "EQ", "30"), condition("id", "GT", "1")], vec![two]),
        (
            vec![condition("age", "EQ", "30"), condition("id", "LTE", "2"), condition("id", "GTE", "2")],
            vec![two],
        ),
        (vec![condition("age", "EQ", "30"), condition("id", "LT", "1.00000000000000001")], vec![]),
        (vec![condition("age", "EQ", "30"), condition("city", "LT", "\"y\"")], vec![one]),
    ] {
        let query = format!(r#"{{"table":"p","conditions":[{}]}}"#, conditions.join(","));
        assert_eq!(run(&mut ledger, "Select", &query), format!("[{}]", wanted.join(",")), "{query}");
    }
    let query = r#"{"table":{"name":"p","alias":"q"},"conditions":[{"column":"q.id","operator":"EQ","value":1}],"projections":["q.age","none","id"]}"#;
    assert_eq!(run(&mut ledger, "Select", query), r#"[{"age":30,"id":1}]"#);
    let scan = r#"{"table":"p","conditions":[{"column":"id","operator":"EQ","value":1}],"options":{"include_metadata":true,"table_reference":"r"}}"#;
    assert_eq!(run(&mut ledger, "Scan", scan), r#"[{"r.id":1,"r.city":"x","r.age":30,"r.age$":0}]"#);
}

#[test]
fn tables_are_joined() {
    let mut ledger = people();
    let conditions =
        r#"[{"column":"p.age","operator":"EQ","value":30},{"column":"c.size","operator":"GT","value":1}]"#;
    let joins = r#"[{"table":"c","left":"p.city","right":"c.name"}]"#;
    let query = |rest: &str| format!(r#"{{"table":"p","conditions":{conditions},"joins":{joins}{rest}}}"#);
    assert_eq!(
        run(&mut ledger, "Select", &query("")),
        r#"[{"p.id":1,"p.city":"x","p.age":30,"c.name":"x","c.size":9}]"#
    );
    assert_eq!(
        run(&mut ledger, "Select", &query(r#","projections":["c.size","p.id","p.none"]"#)),
        r#"[{"c.size":9,"p.id":1}]"#
    );
    let back = r#"{"table":"c","conditions":[{"column":"c.name","operator":"EQ","value":"x"}],"joins":[{"table":{"name":"p","alias":"a"},"left":"c.name","right":"a.city"},{"table":{"name":"p","alias":"b"},"left":"a.id","right":"b.id"}],"projections":["a.id","b.id"]}"#;
    assert_eq!(run(&mut ledger, "Select", back), r#"[{"a.id":1,"b.id":1},{"a.id":3,"b.id":3}]"#);
}

#[test]
fn selects_are_refused() {
    let mut ledger = people();
    let query = "The specified format of the query is invalid.";
    let eq = r#"{"column":"id","operator":"EQ","value":1}"#;
    let join = |join: &str| format!(r#"{{"table":"p","conditions":[],"joins":[{join}]}}"#);
    let by = |condition: &str| format!(r#"{{"table":"p","conditions":[{condition}]}}"#);
    let joined = |condition: &str| {
        format!(
            r#"{{"table":"p","conditions":[{condition}],"joins":[{{"table":"c","left":"p.city","right":"c.name"}}]}}"#
        )
    };
    let refused = |text: &str, value: &str| format!("The specified {text}{value}");
    for (argument, wanted) in [
        ("{}".to_owned(), query.to_owned()),
        (r#"{"table":"p"}"#.into(), query.into()),
        (r#"{"table":"p","conditions":{}}"#.into(), query.into()),
        (r#"{"table":"p","conditions":[],"joins":1}"#.into(), query.into()),
        (r#"{"table":"p","conditions":[],"projections":1}"#.into(), query.into()),
        (r#"{"table":"p","conditions":[],"projections":[1]}"#.into(), refused("format of the projection is invalid. Projection: ", "1")),
        (r#"{"table":"p.","conditions":[]}"#.into(), refused("name is invalid: ", "p.")),
        (r#"{"table":{"name":"p"},"conditions":[]}"#.into(), refused("format of the query table is invalid. Table: ", r#"{"name":"p"}"#)),
        (r#"{"table":{"name":"p","alias":"-"},"conditions":[]}"#.into(), refused("name is invalid: ", "-")),
        (by(""), "At least a condition for the primary key or index key must be properly specified.".into()),
        (by(r#"{"column":"note","operator":"EQ","value":true}"#), "At least a condition for the primary key or index key must be properly specified.".into()),
        (by(r#"{"column":"id","operator":"NE","value":1}"#), "At least a condition for the primary key or index key must be properly specified.".into()),
        (by(r#"{"column":"id","operator":"EQ","value":"1"}"#), refused("key type is invalid. Type: ", "STRING")),
        (by(r#"{"column":"city","operator":"EQ","value":1}"#), refused("index key type is invalid. Type: ", "NUMBER")),
        (by(r#"{"column":"x.id","operator":"EQ","value":1}"#), refused("table is unknown. Table: ", "x")),
        (by(r#"{"column":"i d","operator":"EQ","value":1}"#), refused("name is invalid: ", "i d")),
        (by("1"), refused("format of the condition is invalid. Condition: ", "1")),
        (by(r#"{"column":"id","operator":"LIKE","value":1}"#), refused("operator is invalid. Condition: ", r#"{"column":"id","operator":"LIKE","value":1}"#)),
        (by(r#"{"column":"id","operator":"LT","value":true}"#), refused("operator is invalid. Condition: ", r#"{"column":"id","operator":"LT","value":true}"#)),
        (by(r#"{"column":"id","operator":"EQ","value":null}"#), refused("format of the condition is invalid. Condition: ", r#"{"column":"id","operator":"EQ","value":null}"#)),
        (by(r#"{"column":"id","operator":"EQ"}"#), refused("format of the condition is invalid. Condition: ", r#"{"column":"id","operator":"EQ"}"#)),
        (by(r#"{"column":"id","operator":"IS_NULL","value":1}"#), refused("format of the condition is invalid. Condition: ", r#"{"column":"id","operator":"IS_NULL","value":1}"#)),
        // The original's way with a table before the column.
        (by(r#"{"column":"p.age","operator":"IS_NULL"}"#), refused("format of the condition is invalid. Condition: ", r#"{"column":"age","value":null,"operator":"IS_NULL"}"#)),
        (joined(eq), refused("format of the column is invalid. Column: ", "id")),
        (join(r#"{"table":"c","left":"p.city"}"#), refused("format of the join is invalid. Join: ", r#"{"table":"c","left":"p.city"}"#)),
        (join(r#"{"table":"c","left":"city","right":"c.name"}"#), refused("format of the join is invalid. Join: ", r#"{"table":"c","left":"city","right":"c.name"}"#)),
        (join(r#"{"table":"c","left":"q.city","right":"c.name"}"#), refused("format of the join is invalid. Join: ", r#"{"table":"c","left":"q.city","right":"c.name"}"#)),
        (join(r#"{"table":"p","left":"p.city","right":"p.id"}"#), refused("table name or alias must be unique. Table: ", "p")),
        (r#"{"table":"p","conditions":[{"column":"p.id","operator":"EQ","value":1}],"joins":[{"table":"c","left":"p.city","right":"c.size"}]}"#.into(),
            "The join column in the right table must be the primary key or index key. Column: size".into()),
        (r#"{"table":"p","conditions":[{"column":"p.id","operator":"EQ","value":1}],"joins":[{"table":"q","left":"p.city","right":"q.size"}]}"#.into(),
            refused("table does not exist. Table: ", "q")),
        (r#"{"table":"q","conditions":[]}"#.into(), refused("table does not exist. Table: ", "q")),
    ] {
        assert_eq!(run(&mut ledger, "Select", &argument), wanted, "{argument}");
    }
}

#[test]
fn records_are_updated_and_their_history_kept() {
    let mut ledger = people();
    let update = |values: &str, condition: &str| {
        format!(r#"{{"table":"p","values":{values},"conditions":[{condition}]}}"#)
    };
    let thirty = r#"{"column":"age","operator":"EQ","value":30}"#;
    let one = r#"{"column":"id","operator":"EQ","value":1}"#;
    assert_eq!(run(&mut ledger, "Update", &update(r#"{"age":31,"note":"n"}"#, thirty)), "");
    assert_eq!(ledger.latest("rec_p_id_1"), Some(r#"{"id":1,"city":"x","age":31,"note":"n"}"#));
    assert_eq!(
        ledger.latest("idx_p_age_30"),
        Some(r#"[{"id":1,"age":1,"deleted":true},{"id":2.0,"age":1,"deleted":true}]"#)
    );
    assert_eq!(ledger.latest("idx_p_age_31"), Some(r#"[{"id":1,"age":1},{"id":2.0,"age":1}]"#));
    assert_eq!(run(&mut ledger, "Select", &format!(r#"{{"table":"p","conditions":[{thirty}]}}"#)), "[]");
    // The same value is no new state; another text of the same number is, but not of the index.
    assert!(ledger.execute("table.v1_0_0.Update", &update(r#"{"age":31}"#, one)).unwrap().writes.is_empty());
    let other_text = ledger.execute("table.v1_0_0.Update", &update(r#"{"age":31.0}"#, one)).unwrap();
    assert_eq!(
        other_text.writes.into_iter().map(|((_, id), age)| (id, age)).collect::<Vec<_>>(),
        [("rec_p_id_1".to_owned(), 2)]
    );
    assert_eq!(run(&mut ledger, "Update", &update(r#"{"age":null}"#, one)), "");
    assert_eq!(ledger.latest("idx_p_age"), Some(r#"[{"id":1,"age":3}]"#));
    let history = r#"{"table":"p","conditions":[{"column":"p.id","operator":"eq","value":1.0}],"limit":2}"#;
    assert_eq!(
        run(&mut ledger, "GetHistory", history),
        r#"[{"age":3,"values":{"id":1,"city":"x","age":null,"note":"n"}},{"age":2,"values":{"id":1,"city":"x","age":31.0,"note":"n"}}]"#
    );
    let format = "The specified format of the update is invalid.";
    let arguments = "The specified format of the contract arguments is invalid.";
    let condition = "The specified condition array is invalid. It must have a single equality condition for the primary key.";
    for (contract, argument, wanted) in [
        ("Update", r#"{"table":"p","values":{}}"#.to_owned(), format),
        ("Update", r#"{"table":"p","values":{},"conditions":{}}"#.into(), format),
        (
            "Update",
            update("{}", ""),
            "At least a condition for the primary key or index key must be properly specified.",
        ),
        ("Update", update(r#"{"id":2}"#, one), "The primary key cannot be updated."),
        ("Update", update(r#"{"i.d":2}"#, one), "The specified name is invalid: i.d"),
        ("Update", update(r#"{"city":2}"#, one), "The specified index key type is invalid. Type: NUMBER"),
        (
            "Update",
            r#"{"table":"q","values":{},"conditions":[]}"#.into(),
            "The specified table does not exist. Table: q",
        ),
        ("GetHistory", r#"{"table":"p"}"#.into(), arguments),
        ("GetHistory", format!(r#"{{"table":"p","conditions":[{one}],"limit":-1}}"#), arguments),
        ("GetHistory", format!(r#"{{"table":"p","conditions":[{one}],"limit":"1"}}"#), arguments),
        ("GetHistory", r#"{"table":"p","conditions":[]}"#.into(), condition),
        ("GetHistory", format!(r#"{{"table":"p","conditions":[{one},{one}]}}"#), condition),
        ("GetHistory", format!(r#"{{"table":"p","conditions":[{thirty}]}}"#), condition),
        (
            "GetHistory",
            r#"{"table":"p","conditions":[{"column":"id","operator":"LT","value":1}]}"#.into(),
            condition,
        ),
        (
            "GetHistory",
            r#"{"table":"p","conditions":[{"column":"q.id","operator":"EQ","value":1}]}"#.into(),
            "The specified table is unknown. Table: q",
        ),
        (
            "GetHistory",
            r#"{"table":"p","conditions":[{"column":"i d","operator":"EQ","value":1}]}"#.into(),
            "The specified format of the column is invalid. Column: i d",
        ),
        (
            "GetHistory",
            r#"{"table":"p","conditions":[{"column":"id","operator":"EQ","value":"1"}]}"#.into(),
            "The specified key type is invalid. Type: STRING",
        ),
    ] {
        assert_eq!(run(&mut ledger, contract, &argument), wanted, "{contract} {argument}");
    }
}
