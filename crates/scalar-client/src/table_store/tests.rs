//! Statements beside what the original's client (3.14) makes of them: recorded by running its parser.

use proptest::prelude::*;
use trustkeep_contract::json::Json;

use super::*;

fn outcome(text: &str) -> String {
    match Statement::parse(text) {
        Ok(statement) => format!("{} {}", statement.contract_id, statement.argument),
        Err(error) => error.message.trim_start_matches("DL-TABLE-STORE-").to_owned(),
    }
}

fn check(prefix: &str, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(outcome(text), format!("{prefix}{expected}"), "{text}");
    }
}

#[test]
fn tables_are_created() {
    check(
        "table.v1_0_0.Create ",
        &[
            ("CREATE TABLE t (a INT PRIMARY KEY)", r#"{"name":"t","key":"a","type":"NUMBER","indexes":[]}"#),
            (
                "create table s.t (b DOUBLE PRECISION, a STRING PRIMARY KEY, c BIGINT, d FLOAT, e BOOL, \"f g\" INTEGER);",
                r#"{"name":"t","key":"a","type":"STRING","indexes":[{"key":"b","type":"NUMBER"},{"key":"c","type":"NUMBER"},{"key":"d","type":"NUMBER"},{"key":"e","type":"BOOLEAN"},{"key":"f g","type":"NUMBER"}]}"#,
            ),
            ("CREATE TABLE t (a INT UNIQUE)", r#"{"name":"t","key":"a","type":"NUMBER","indexes":[]}"#),
        ],
    );
    check(
        "4140",
        &[
            (
                "CREATE TABLE t (a INT)",
                "02: Syntax error. The primary key column must be specified only once in a table.",
            ),
            (
                "CREATE TABLE t (a INT, PRIMARY KEY (a))",
                "02: Syntax error. The primary key column must be specified only once in a table.",
            ),
            (
                "CREATE TABLE t (a INT PRIMARY KEY NOT NULL)",
                "03: Syntax error. The specified column constraint is invalid.",
            ),
            (
                "CREATE TABLE t (a VARCHAR PRIMARY KEY)",
                "04: Syntax error. The specified data type is invalid.",
            ),
            (
                "CREATE TABLE t (a INT PRIMARY KEY) x",
                "01: Syntax error. Line=1, Offset=36, Length=1, Code=UNEXPECTED_TOKEN",
            ),
            ("CREATE TABLE t ()", "01: Syntax error. Line=1, Offset=17, Length=1, Code=UNEXPECTED_TOKEN"),
        ],
    );
}

#[test]
fn records_are_inserted() {
    check(
        "table.v1_0_0.Insert ",
        &[
            ("INSERT INTO t VALUES {}", r#"{"table":"t","values":{}}"#),
            (
                "INSERT INTO \"t\" VALUES ({'a': 'it''s', 'b': false, 'c': NULL});",
                r#"{"table":"t","values":{"a":"it's","b":false,"c":null}}"#,
            ),
            (
                "INSERT INTO t VALUES {'a':[1,2,[3],{}], 'b':{'x':[]}, 'a':-2}",
                r#"{"table":"t","values":{"a":-2,"b":{"x":[]}}}"#,
            ),
            (
                "INSERT INTO t VALUES {'a':1.0,'b':1.10,'c':100e0,'d':1e2,'e':0.00000001,'f':1e-7,'g':12345678901234567890123.5,'h':1E30,'i':1.23e4,'j':0e5,'k':0.000,'l':.5,'m':5.,'n':007,'o':-0,'p':-0.0001}",
                r#"{"table":"t","values":{"a":1.0,"b":1.10,"c":100,"d":1E+2,"e":1E-8,"f":1E-7,"g":12345678901234567890123.5,"h":1E+30,"i":1.23E+4,"j":0E+5,"k":0.000,"l":0.5,"m":5,"n":7,"o":0,"p":-0.0001}}"#,
            ),
            (
                r#"INSERT INTO t VALUES `{"a":1, "b":[1,{"c":null}], "d":1.50, "e":1e3, "f":"back`tick\"`"}`"#,
                r#"{"table":"t","values":{"a":1,"b":[1,{"c":null}],"d":1.5,"e":1000.0,"f":"back`tick\"`"}}"#,
            ),
        ],
    );
    for text in [
        "INSERT INTO t VALUES {'a':1}, {'a':2}",
        "INSERT INTO t VALUES ({'a':1}, {'a':2})",
        "INSERT INTO t {'a':1}",
        "INSERT INTO t `{\"a\":1}`",
        "INSERT INTO t VALUES 1",
        "INSERT INTO t AS x VALUES {'a':1}",
        "INSERT INTO t (a) VALUES {'a':1}",
        "INSERT INTO t VALUES {'a':1} ON CONFLICT DO NOTHING",
        "INSERT INTO t DEFAULT VALUES",
    ] {
        assert_eq!(
            outcome(text),
            "414005: Syntax error. The specified INSERT statement is invalid.",
            "{text}"
        );
    }
    check(
        "4140",
        &[
            (
                "INSERT INTO t VALUES {a:1}",
                "07: Syntax error. The specified expression is invalid. Expression: a",
            ),
            (
                "INSERT INTO t VALUES {'a':1 +1}",
                "07: Syntax error. The specified expression is invalid. Expression: 1 + 1",
            ),
            (
                "INSERT INTO t VALUES {'a':<<1,2>>}",
                "07: Syntax error. The specified expression is invalid. Expression: <<1, 2>>",
            ),
            (
                "INSERT INTO t VALUES {'a':`{\"b\": 1}`}",
                "07: Syntax error. The specified expression is invalid. Expression: `{\"b\": 1}`",
            ),
            (
                "INSERT INTO t VALUES {'a':1,}",
                "01: Syntax error. Line=1, Offset=29, Length=1, Code=UNEXPECTED_TOKEN",
            ),
            (
                "INSERT INTO t VALUE {'a':1}",
                "01: Syntax error. Line=1, Offset=15, Length=5, Code=UNEXPECTED_TOKEN",
            ),
        ],
    );
    assert!(outcome("INSERT INTO t VALUES `{a:1}`").starts_with("DL-COMMON-502002: "));
}

#[test]
fn records_are_updated() {
    check(
        "table.v1_0_0.Update ",
        &[
            ("UPDATE t SET a=1", r#"{"table":"t","values":{"a":1},"conditions":[]}"#),
            (
                "UPDATE t SET a=`{\"x\": 1.50}`, \"b\"='x' WHERE c=2 AND (d IS NULL AND e IS NOT NULL)",
                r#"{"table":"t","values":{"a":{"x":1.5},"b":"x"},"conditions":[{"column":"c","operator":"EQ","value":2},{"column":"d","operator":"IS_NULL"},{"column":"e","operator":"IS_NOT_NULL"}]}"#,
            ),
        ],
    );
    check(
        "4140",
        &[
            (
                "UPDATE t SET a.b=1",
                "09: Syntax error. The specified format of the update target column is invalid.",
            ),
            ("UPDATE t SET a=b", "07: Syntax error. The specified expression is invalid. Expression: b"),
            ("UPDATE t SET a=f()", "07: Syntax error. The specified expression is invalid. Expression: f()"),
            ("UPDATE t", "01: Syntax error. Line=1, Offset=9, Length=5, Code=UNEXPECTED_TOKEN"),
            ("UPDATE t AS x SET a=1", "01: Syntax error. Line=1, Offset=10, Length=2, Code=UNEXPECTED_TOKEN"),
            (
                "UPDATE t SET a=1 WHERE",
                "01: Syntax error. Line=1, Offset=23, Length=5, Code=UNEXPECTED_TOKEN",
            ),
        ],
    );
}

#[test]
fn tables_are_queried() {
    check(
        "table.v1_0_0.Select ",
        &[
            ("SELECT * FROM tbl", r#"{"table":"tbl","conditions":[]}"#),
            (
                "(SELECT (a), t.\"B\" FROM t -- all\n)",
                r#"{"table":"t","conditions":[],"projections":["a","t.B"]}"#,
            ),
            (
                "select * from tbl t where t.a < 1 AND b<>'ä' AND c!=3.50 and d>=-4 AnD e<=NULL and f > TRUE",
                r#"{"table":{"name":"tbl","alias":"t"},"conditions":[{"column":"t.a","operator":"LT","value":1},{"column":"b","operator":"NE","value":"ä"},{"column":"c","operator":"NE","value":3.50},{"column":"d","operator":"GTE","value":-4},{"column":"e","operator":"LTE","value":null},{"column":"f","operator":"GT","value":true}]}"#,
            ),
            (
                "SELECT * FROM t INNER JOIN u AS x ON t.a = x.b JOIN v y ON y.c = x.d WHERE t.a = 1",
                r#"{"table":"t","conditions":[{"column":"t.a","operator":"EQ","value":1}],"joins":[{"left":"t.a","right":"x.b","table":{"name":"u","alias":"x"}},{"left":"y.c","right":"x.d","table":{"name":"v","alias":"y"}}]}"#,
            ),
        ],
    );
    check(
        "table.v1_0_0.GetHistory ",
        &[
            (
                "SELECT history() FROM t WHERE a = 1",
                r#"{"table":"t","conditions":[{"column":"a","operator":"EQ","value":1}]}"#,
            ),
            ("SELECT history ( ) FROM t LIMIT 5", r#"{"table":"t","conditions":[],"limit":5}"#),
        ],
    );
    check(
        "table.v1_0_0.ShowTables ",
        &[
            ("SELECT * FROM information_schema.tables", "{}"),
            ("SELECT * FROM information_schema.tables WHERE table_name = 'x'", r#"{"name":"x"}"#),
        ],
    );
}

#[test]
fn what_a_query_may_not_say_has_the_originals_number() {
    check(
        "4140",
        &[
            (
                "SELECT * FROM t WHERE a+1 = 2",
                "11: Syntax error. The specified column is invalid. Column: a + 1",
            ),
            (
                "SELECT * FROM t WHERE a.b.c = 1",
                "11: Syntax error. The specified column is invalid. Column: a.b.c",
            ),
            (
                "SELECT * FROM t WHERE a[0] = 1",
                "07: Syntax error. The specified expression is invalid. Expression: a[0]",
            ),
            (
                "SELECT * FROM t WHERE id='1' OR id='2'",
                "12: Syntax error. The specified condition is invalid. Condition: id = '1' OR id = '2'",
            ),
            (
                "SELECT * FROM t WHERE a = 1 AND (b = 2 OR c = 3)",
                "12: Syntax error. The specified condition is invalid. Condition: b = 2 OR c = 3",
            ),
            (
                "SELECT * FROM t WHERE a IN (1,2)",
                "12: Syntax error. The specified condition is invalid. Condition: a IN (1, 2)",
            ),
            (
                "SELECT * FROM t WHERE a = b",
                "12: Syntax error. The specified condition is invalid. Condition: a = b",
            ),
            (
                "SELECT * FROM t JOIN u ON t.a > u.b",
                "13: Syntax error. The specified JOIN condition is invalid. Condition: t.a > u.b",
            ),
            (
                "SELECT * FROM t LEFT JOIN u ON t.a = u.b",
                "14: Syntax error. The specified JOIN type is invalid.",
            ),
            (
                "SELECT a AS x FROM t",
                "15: Syntax error. The specified projection is invalid. Projection: a AS x",
            ),
            ("SELECT t.* FROM t", "15: Syntax error. The specified projection is invalid. Projection: t.*"),
            ("SELECT history() FROM t LIMIT 0", "16: Syntax error. The specified LIMIT clause is invalid."),
            ("SELECT VALUE a FROM t", "17: Syntax error. The specified SELECT statement is invalid."),
            (
                "WITH x AS (SELECT * FROM t) SELECT * FROM x",
                "18: Syntax error. The specified WITH clause is not supported.",
            ),
            (
                "SELECT * FROM t GROUP BY a ORDER BY a",
                "19: Syntax error. The specified ORDER BY clause is not supported.",
            ),
            (
                "SELECT * FROM t LIMIT 1 OFFSET 1",
                "20: Syntax error. The specified OFFSET clause is not supported.",
            ),
            ("SELECT * FROM t LET a AS b", "21: Syntax error. The specified LET clause is not supported."),
            (
                "SELECT * EXCLUDE t.a FROM t",
                "22: Syntax error. The specified EXCLUDE clause is not supported.",
            ),
            (
                "SELECT * FROM t GROUP BY a HAVING b > 1",
                "23: Syntax error. The specified GROUP BY clause is not supported.",
            ),
            (
                "SELECT * FROM t HAVING b > 1",
                "24: Syntax error. The specified HAVING clause is not supported.",
            ),
            (
                "SELECT * FROM t, u",
                "25: Syntax error. The cross join and implicit join using comma-separated tables are not supported. Use a JOIN clause instead.",
            ),
            ("SELECT DISTINCT a FROM t", "26: Syntax error. The specified set quantifier is not supported."),
            ("SELECT * FROM t LIMIT 1", "27: The LIMIT clause is not supported except in the history query."),
            (
                "SELECT history() FROM t x",
                "28: The table alias is not supported in the information schema and history query.",
            ),
            (
                "SELECT a FROM information_schema.tables",
                "29: Projection is not supported for the information schema query. Specify '*' instead.",
            ),
            (
                "SELECT * FROM information_schema.tables WHERE a = 'x'",
                "30: The specified condition for the information schema query is invalid.",
            ),
            ("SELECT * FROM t; SELECT * FROM u;", "31: Multiple statements are not supported."),
            ("SELECT * FROM t AS x AT y", "10: Syntax error. The specified table is invalid. Table: t"),
            ("SELECT * FROM s.t", "07: Syntax error. The specified expression is invalid. Expression: s.t"),
            (
                "SELECT * FROM t UNION SELECT * FROM u",
                "06: Syntax error. The specified statement is invalid.",
            ),
            ("DELETE FROM t WHERE a = 1", "06: Syntax error. The specified statement is invalid."),
            ("garbage (", "01: Syntax error. Line=1, Offset=10, Length=5, Code=UNEXPECTED_TOKEN"),
            ("SELECT 1; SELECT 2", "01: Syntax error. Line=1, Offset=9, Length=1, Code=UNEXPECTED_TOKEN"),
            (
                "SELECT * FROM t WHERE a = 1\n AND ) b",
                "01: Syntax error. Line=2, Offset=6, Length=1, Code=UNEXPECTED_TOKEN",
            ),
            (
                "SELECT * FROM t WHERE a = 'unclosed",
                "01: Syntax error. Line=1, Offset=27, Length=1, Code=UNEXPECTED_TOKEN",
            ),
            ("SELECT * FROM täble", "01: Syntax error. Line=1, Offset=16, Length=1, Code=UNEXPECTED_TOKEN"),
            (
                "SELECT * FROM t1 WHERE 1a = 1",
                "01: Syntax error. Line=1, Offset=25, Length=1, Code=UNEXPECTED_TOKEN",
            ),
            ("", "01: Syntax error. Line=1, Offset=1, Length=5, Code=UNEXPECTED_TOKEN"),
        ],
    );
}

#[test]
fn nesting_and_length_are_bounded() {
    for text in [
        format!("SELECT * FROM t WHERE {}a = 1{}", "(".repeat(10_000), ")".repeat(10_000)),
        format!("INSERT INTO t VALUES {{'a':{}}}", "[".repeat(10_000)),
        format!("UPDATE t SET a={}", "{'a':".repeat(10_000)),
    ] {
        assert!(outcome(&text).ends_with("Code=NESTED_TOO_DEEPLY"), "{}", outcome(&text));
    }
    // Long chains are no depth.
    let many = format!("SELECT * FROM t WHERE a = 1{}", " AND a = 1".repeat(20_000));
    assert!(outcome(&many).starts_with("table.v1_0_0.Select"));
    for chain in [" = 1", " IS NULL", " + 1", ".a", " OR b", " LIKE c"] {
        assert!(
            outcome(&format!("SELECT * FROM t WHERE a{}", chain.repeat(20_000))).starts_with("4140"),
            "{chain}"
        );
    }
    assert!(outcome(&format!("SELECT * FROM t WHERE {}a", "NOT ".repeat(20_000))).starts_with("414012"));
    assert!(outcome(&format!("SELECT {}a FROM t", "- ".repeat(20_000))).starts_with("414011"));
    assert!(outcome(&" ".repeat(token::MAX_BYTES + 1)).starts_with("414001"));
}

#[test]
fn assets_behind_tables_have_the_contracts_ids() -> Result<()> {
    let value = |text: &str| Json::parse(text).unwrap_or(Json::Null);
    for (json, expected) in
        [("\"1001\"", "1001"), ("720", "720"), ("654.5", "654.5"), ("720.0", "720"), ("true", "true")]
    {
        let value = value(json);
        let id = asset_id("t", &Validated::Record { column: "c", value: &value })?;
        assert_eq!(id, format!("rec_t_c_{expected}"));
    }
    assert_eq!(asset_id("t", &Validated::Schema)?, "tbl_t");
    assert_eq!(asset_id("t", &Validated::Index { column: "i", value: &value("1") })?, "idx_t_i_1");
    assert_eq!(asset_id("t", &Validated::Index { column: "i", value: &Json::Null })?, "idx_t_i");
    let refused = asset_id("t", &Validated::Record { column: "c", value: &value("[]") }).unwrap_err();
    assert!(refused.message.starts_with("DL-CLIENT-414024"));
    Ok(())
}

proptest! {
    /// Any text is a statement or an error, and what is a statement has an argument that is JSON.
    #[test]
    fn any_text_is_read(pieces in prop::collection::vec(prop_oneof![
        Just("SELECT"), Just("*"), Just("FROM"), Just("t"), Just("WHERE"), Just("a"), Just("="), Just("1.5e3"),
        Just("'x'"), Just("AND"), Just("("), Just(")"), Just(","), Just("."), Just("JOIN"), Just("ON"), Just("AS"),
        Just("{"), Just("}"), Just("["), Just("]"), Just(":"), Just("`1`"), Just("INSERT INTO t VALUES"),
        Just("UPDATE t SET"), Just("LIMIT"), Just("NOT"), Just("IS NULL"), Just("-"), Just("ä"), Just("CASE"),
        Just("history()"), Just("\"q"), Just("--"), Just(";"), Just("CREATE TABLE t"), Just("INT PRIMARY KEY"),
    ], 0..24)) {
        if let Ok(statement) = Statement::parse(&pieces.join(" ")) {
            prop_assert!(Json::parse(&statement.argument).is_ok(), "{}", statement.argument);
        }
    }

    /// Texts come through as they are.
    #[test]
    fn texts_come_through(text in any::<String>(), column in "[a-z][a-z0-9_]{0,8}x", number in any::<i64>()) {
        let sql = format!("UPDATE t SET \"{column}\" = '{}' WHERE {column} = {number}", text.replace('\'', "''"));
        let statement = Statement::parse(&sql).map_err(|error| TestCaseError::fail(error.message))?;
        let argument = Json::parse(&statement.argument).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let value = argument.get("values").and_then(|values| values.get(&column)).and_then(Json::as_str);
        prop_assert_eq!(value, Some(text.as_str()));
        let condition = argument.get("conditions").and_then(|list| list.as_array()?.first()?.get("value").cloned());
        prop_assert_eq!(condition.map(|value| value.to_string()), Some(number.to_string()));
    }
}
