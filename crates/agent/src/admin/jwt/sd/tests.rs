use trustkeep_crypto::random::Seeded;

use super::*;

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// What the holder of all disclosures sees, the names that he may hide, and the payload.
fn concealed(payload: Value, seen_by_all: &[&str]) -> (Value, Vec<Value>) {
    let list: Vec<String> = seen_by_all.iter().map(|&path| path.to_owned()).collect();
    let (payload, disclosures) = conceal(map(payload), &list, &Seeded::new(7)).unwrap();
    let text = format!("a.b.c~{}~", disclosures.join("~"));
    let text = text.replace("~~", "~");
    let presentation = Presentation::parse(&text).unwrap();
    assert!(presentation.is_of(&payload));
    let mut names: Vec<Value> = presentation.disclosures().iter().map(|content| content[1].clone()).collect();
    names.sort_by_key(Value::to_string);
    (payload.into(), names)
}

fn refused(payload: Value, seen_by_all: &[&str]) -> bool {
    let list: Vec<String> = seen_by_all.iter().map(|&path| path.to_owned()).collect();
    conceal(map(payload), &list, &Seeded::new(7)).is_err()
}

#[test]
fn digests_are_those_of_the_specification() {
    // RFC 9901, sections 4.2.3, 4.2.4.2 and 5.1.
    for (disclosure, content, digest) in [
        (
            "WyIyR0xDNDJzS1F2ZUNmR2ZyeU5STjl3IiwgImdpdmVuX25hbWUiLCAiSm9obiJd",
            json!(["2GLC42sKQveCfGfryNRN9w", "given_name", "John"]),
            "jsu9yVulwQQlhFlM_3JlzMaSFzglhQG0DpfayQwLUK4",
        ),
        (
            "WyJlbHVWNU9nM2dTTklJOEVZbnN4QV9BIiwgImZhbWlseV9uYW1lIiwgIkRvZSJd",
            json!(["eluV5Og3gSNII8EYnsxA_A", "family_name", "Doe"]),
            "TGf4oLbgwd5JQaHyKVQZU9UdGE0w5rtDsrZzfUaomLo",
        ),
    ] {
        let text = format!("a.b.c~{disclosure}~");
        let presentation = Presentation::parse(&text).unwrap();
        assert_eq!(json!(presentation.disclosures()), json!([content]));
        assert!(presentation.is_of(&map(json!({"_sd": [digest], "_sd_alg": "sha-256"}))));
        assert!(presentation.is_of(&map(json!({"_sd": ["x", digest]}))));
        // Not there, there twice, not where it belongs, of another algorithm, or in the way of another claim.
        for payload in [
            json!({"_sd": ["x"]}),
            json!({"_sd": [digest, digest]}),
            json!({"a": [{"...": digest}]}),
            json!({"_sd": [digest], "_sd_alg": "sha-512"}),
            json!({"_sd": [digest], "_sd_alg": "md5"}),
            json!({"_sd": [digest], content[1].as_str().unwrap(): 1}),
            json!({"_sd": digest}),
        ] {
            assert!(!presentation.is_of(&map(payload.clone())), "{payload}");
        }
    }
    let text =
        "a.b.c~WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIlVTIl0~WyJuUHVvUW5rUkZxM0JJZUFtN0FuWEZBIiwgIkRFIl0~";
    let presentation = Presentation::parse(text).unwrap();
    let (us, de) =
        ("pFndjkZ_VCzmyTa6UjlZo3dh-ko8aIKQc9DlGzhaVYo", "7Cf6JkPudry3lcbwHgeZ8khAv1U1OSlerP0VkBJrWZ0");
    assert!(presentation.is_of(&map(json!({"nationalities": [{"...": us}, {"...": de}]}))));
    assert!(!presentation.is_of(&map(json!({"nationalities": [{"...": us}]}))));
    assert!(!presentation.is_of(&map(json!({"nationalities": [{"...": us, "x": 1}, {"...": de}]}))));
}

#[test]
fn all_is_hidden_but_what_is_listed_and_what_never_is() {
    let payload = json!({
        "iss": "x", "issued_by": {"a": 1}, "cnf": {"jwk": {"kty": "OKP"}}, "name": "n",
        "address": {"street": "s", "expires": 1, "more": {"a": 1}}, "list": ["a", "b", {"c": 1}, ["d"]],
    });
    let (shown, names) = concealed(payload.clone(), &[]);
    let members: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["_sd", "iss", "issued_by", "cnf", "_sd_alg"]);
    assert_eq!(shown["issued_by"], payload["issued_by"]);
    assert_eq!(shown["_sd"].as_array().unwrap().len(), 3);
    let mut expected = json!(["name", "address", "street", "more", "a", "list", "a", "b", "c", "d"]);
    let expected = expected.as_array_mut().unwrap();
    expected.sort_by_key(Value::to_string);
    assert_eq!(names, *expected);

    let seen = ["address", "address.street", "list", "list[1:3]", "list[2].c", "list[3][0:1]", "name"];
    let (shown, names) = concealed(payload, &seen);
    assert_eq!(names, [json!("a"), json!("a"), json!("more")]);
    assert_eq!((&shown["name"], &shown["address"]["street"]), (&json!("n"), &json!("s")));
    assert_eq!(shown["address"]["_sd"].as_array().unwrap().len(), 1);
    // The order of a list stays.
    assert!(shown["list"][0]["..."].is_string());
    assert_eq!(
        (&shown["list"][1], &shown["list"][2], &shown["list"][3]),
        (&json!("b"), &json!({"c": 1}), &json!(["d"]))
    );
}

#[test]
fn claims_of_sd_jwt_itself_depth_and_bad_lists_are_refused() {
    for payload in
        [json!({"_sd": []}), json!({"a": {"...": 1}}), json!({"cnf": [{"_sd": 1}]}), json!({"_sd_alg": "x"})]
    {
        assert!(refused(payload.clone(), &[]), "{payload}");
    }
    let mut deep = json!({});
    for _ in 1..DEPTH_MAX {
        deep = json!({ "a": deep });
    }
    assert!(!refused(deep.clone(), &["a"]));
    assert!(refused(json!({ "a": deep }), &[]));
    for list in ["a[:2]", "a[1:]", "a[x:2]", "a:b", "a[1:2", "a[-1:2]"] {
        assert!(refused(json!({"a": [1]}), &[list]), "{list}");
    }
    let slices = vec!["a[0:1]"; SLICES_MAX + 1];
    assert!(refused(json!({"a": [1]}), &slices));
    assert!(refused(json!({"a": vec![1; DISCLOSURES_MAX + 1]}), &["a"]));
}

#[test]
fn what_is_no_presentation_is_refused() {
    let of = |content: Value| format!("a.b.c~{}~", URL_SAFE_NO_PAD.encode(content.to_string()));
    for text in [
        "a.b.c".to_owned(),
        "a.b.c~!~".to_owned(),
        of(json!({})),
        of(json!(["salt"])),
        of(json!([1, "a", 2])),
        of(json!(["salt", 5, 2])),
        of(json!(["salt", "_sd", 2])),
        of(json!(["salt", "...", 2])),
        of(json!(["salt", "a", 2, 3])),
        format!("{}{}", of(json!(["s", "a", 1])), &of(json!(["s", "a", 1]))[6..]),
        format!("a.b.c{}", "~".repeat(DISCLOSURES_MAX + 2)),
    ] {
        assert!(Presentation::parse(&text).is_err(), "{}", &text[..text.len().min(80)]);
    }
    // What comes last binds a key, and is no disclosure.
    assert!(Presentation::parse("a.b.c~a.b.c").unwrap().disclosures().is_empty());
}
