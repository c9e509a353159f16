use proptest::prelude::*;

use super::*;

fn canonical_of(text: &str) -> String {
    canonical(text).unwrap().into_owned()
}

#[test]
fn texts_become_what_jackson_writes() {
    for (text, wanted) in [
        (" { \"b\" : 1 , \"a\" : [ true , null ] } ", r#"{"b":1,"a":[true,null]}"#),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
        ("1.0", "1.0"),
        ("1e3", "1000.0"),
        ("1E-3", "0.001"),
        ("0.0001", "1.0E-4"),
        ("9999999.5", "9999999.5"),
        ("1e7", "1.0E7"),
        ("123456789.125", "1.23456789125E8"),
        ("-0", "0"),
        ("-0.0", "-0.0"),
        ("4.9e-324", "4.9E-324"),
        ("1.7976931348623157e308", "1.7976931348623157E308"),
        ("2e23", "2.0E23"),
        ("0.1", "0.1"),
        ("100.25", "100.25"),
        ("9223372036854775807", "9223372036854775807"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("-9223372036854775809", "-9223372036854775809"),
        (r#""\u0041\/\u00e9\u001f\u0008\u007f""#, "\"A/é\\u001F\\b\u{7f}\""),
        (r#""\ud83d\ude00\u2028""#, "\"😀\u{2028}\""),
        (r#""\n\"\\""#, r#""\n\"\\""#),
    ] {
        assert_eq!(canonical_of(text), wanted, "{text}");
        assert!(matches!(canonical(wanted), Ok(Cow::Borrowed(_))), "{wanted} is canonical");
    }
}

#[test]
fn what_is_no_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\"}",
        "{\"a\":1,}",
        "{a:1}",
        "'a'",
        "01",
        "+1",
        ".5",
        "1.",
        "1e",
        "-",
        "NaN",
        "1e400",
        "tru",
        "\"",
        "\"\n\"",
        r#""\x""#,
        r#""\ud800""#,
        r#""\ud800\u0041""#,
        r#""\udc00""#,
        r#""\u00g0""#,
        "{} {}",
        "[1 2]",
        "\u{feff}1",
    ] {
        assert!(canonical(text).is_err(), "{text}");
    }
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(canonical(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(
        canonical(&nested(MAX_DEPTH + 1)).unwrap_err().to_string(),
        "the JSON text is nested too deeply (at byte 512)"
    );
    assert!(Json::parse(&nested(100_000)).is_err());
    assert!(canonical(&"1".repeat(MAX_NUMBER_BYTES)).is_ok());
    assert!(canonical(&"1".repeat(MAX_NUMBER_BYTES + 1)).is_err());
    assert!(canonical(&format!("\"{}\"", "a".repeat(MAX_BYTES))).is_err());
}

#[test]
fn many_members_are_still_unique() {
    let text = (0..40).map(|n| format!("\"{n}\":{n}")).collect::<Vec<_>>().join(",");
    assert!(matches!(canonical(&format!("{{{text}}}")), Ok(Cow::Borrowed(_))));
    let twice = canonical_of(&format!("{{{text},\"3\":true}}"));
    assert!(twice.contains("\"3\":true,\"4\":4") && twice.ends_with("\"39\":39}"));
}

#[test]
fn objects_keep_their_order_however_large() {
    for count in [3, 16, 17, 60] {
        let names: Vec<String> = (0..count).map(|n| format!("m{n}")).collect();
        let mut object: Object = names.iter().map(|name| (name.as_str(), Json::Null)).collect();
        object.insert("m1", Json::Boolean(true));
        assert_eq!(object.remove("m0"), Some(Json::Null));
        assert_eq!((object.remove("m0"), object.len()), (None, count - 1));
        object.insert("m0", Json::Null);
        let order: Vec<&str> = object.iter().map(|(name, _)| name).collect();
        assert_eq!(order.first().copied(), Some("m1"));
        assert_eq!(order.last().copied(), Some("m0"));
        assert_eq!(object.get(&format!("m{}", count - 1)), Some(&Json::Null));
        assert_eq!(object.get("m1"), Some(&Json::Boolean(true)));
        let reversed: Object =
            object.iter().collect::<Vec<_>>().into_iter().rev().map(|(n, v)| (n, v.clone())).collect();
        assert_eq!(object, reversed);
        object.insert("m2", 1.into());
        assert_ne!(object, reversed);
    }
}

#[test]
fn scalars_are_read_as_jackson_reads_them() {
    let int = |text: &str| Json::parse(text).unwrap().to_int();
    assert_eq!(int("4294967297"), 1);
    assert_eq!(int("-1.9"), -1);
    assert_eq!(int("1e300"), i32::MAX);
    assert_eq!(int("\" 12 \""), 12);
    assert_eq!(int("\"1.5\""), 1);
    assert_eq!(int("\"x\""), 0);
    assert_eq!(int("true"), 1);
    assert_eq!(int("-18446744073709551617"), -1);
    let text = |text: &str| Json::parse(text).unwrap().to_text().into_owned();
    assert_eq!(
        (text("null"), text("1e3"), text("{\"a\":1}")),
        ("null".into(), "1000.0".into(), String::new())
    );
    let id = |text: &str| match Json::parse(text).unwrap() {
        Json::Number(number) => number.to_id_text(),
        other => panic!("{other}"),
    };
    assert_eq!(
        (id("1.0"), id("1e23"), id("-0.0"), id("1.50")),
        ("1".into(), format!("1{}", "0".repeat(23)), "0".into(), "1.5".into())
    );
    assert_eq!(
        (id("0.000001"), id("0.0000001"), id("1.25e-10")),
        ("0.0000010".into(), "1.0E-7".into(), "1.25E-10".into())
    );
}

fn any_json() -> impl Strategy<Value = Json> {
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Boolean),
        any::<i64>().prop_map(|n| Json::Number(Number::Integer(n))),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| Json::Number(Number::Double(n))),
        any::<String>().prop_map(Json::String),
        "[\u{0}-\u{30}\"\\\\/]{0,8}".prop_map(Json::String),
    ];
    scalar.prop_recursive(4, 32, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            prop::collection::vec(("[a-e\"]{0,3}", inner), 0..24)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_canonical_and_reads_back(value in any_json()) {
        let text = value.to_string();
        prop_assert_eq!(&Json::parse(&text).unwrap(), &value);
        prop_assert!(matches!(canonical(&text), Ok(Cow::Borrowed(_))), "{}", text);
    }

    #[test]
    fn a_check_never_says_yes_to_another_text(text in "[\\[\\]{},:\"a0-9.eE\\- \\\\un]{0,12}") {
        let canonical = canonical(&text).map(Cow::into_owned);
        prop_assert_eq!(canonical, Json::parse(&text).map(|value| value.to_string()));
    }

    #[test]
    fn a_plain_run_ends_where_it_should(text in "[\u{0}-\u{25}\"\\\\\u{80}\u{a2}\u{7ff}]{0,4}.{0,20}") {
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        let bytes = text.as_bytes();
        prop_assert_eq!(plain::run(bytes), bytes.iter().position(special).unwrap_or(bytes.len()));
        for start in 0..bytes.len() {
            let bytes = &bytes[start..];
            prop_assert_eq!(plain::run(bytes), bytes.iter().position(special).unwrap_or(bytes.len()));
        }
    }

    #[test]
    fn every_double_reads_back(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let text = Number::Double(value).to_string();
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
    }
}
