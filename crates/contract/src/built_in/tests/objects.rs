use super::*;

const ID: &str = "The object ID is not specified in the arguments or is invalid.";
const HASH: &str = "The hash value is not specified in the arguments or is invalid.";
const VERSIONS: &str = "The specified format of the version information is invalid.";

#[test]
fn put_keeps_the_members_and_get_gives_them() {
    let mut ledger = generic();
    let put = "object.v1_0_0.Put";
    assert_eq!(ask(&mut ledger, "object.v1_0_0.Get", r#"{"object_id":"a"}"#), "");
    assert_eq!(
        ask(
            &mut ledger,
            put,
            r#"{"x":1,"hash_value":"h","object_id":"a\u00e9/","metadata":{"b":1e2,"a":null}}"#
        ),
        ""
    );
    let wanted = r#"{"object_id":"aé/","hash_value":"h","metadata":{"b":100.0,"a":null}}"#;
    assert_eq!(ledger.latest("o_aé/"), Some(wanted));
    assert_eq!(ask(&mut ledger, "object.v1_0_0.Get", r#"{"object_id":"aé/"}"#), wanted);
    let again = ledger.execute(put, r#"{"object_id":"aé/","hash_value":""}"#).unwrap();
    assert_eq!(again.writes.into_values().collect::<Vec<_>>(), [1]);
    assert_eq!(again.reads.into_values().collect::<Vec<_>>(), [Some(0)]);
    assert_eq!(ledger.latest("o_aé/"), Some(r#"{"object_id":"aé/","hash_value":""}"#));
}

#[test]
fn put_and_get_refuse() {
    let mut ledger = generic();
    for (contract, argument, wanted) in [
        ("Put", "{}", ID),
        ("Put", "[]", ID),
        ("Put", r#"{"object_id":1,"hash_value":"h"}"#, ID),
        ("Put", r#"{"object_id":"a"}"#, HASH),
        ("Put", r#"{"object_id":"a","hash_value":null}"#, HASH),
        (
            "Put",
            r#"{"object_id":"a","hash_value":"h","metadata":[]}"#,
            "The specified format of the metadata is invalid.",
        ),
        ("Get", r#"{"object_id":null}"#, ID),
        ("Validate", "{}", ID),
        ("Validate", r#"{"object_id":"a"}"#, "The versions are not specified in the arguments."),
        ("Validate", r#"{"object_id":"a","versions":[]}"#, VERSIONS),
        ("Validate", r#"{"object_id":"a","versions":{}}"#, VERSIONS),
        ("Validate", r#"{"object_id":"a","versions":[1]}"#, VERSIONS),
        ("Validate", r#"{"object_id":"a","versions":[{"version_id":"v"}]}"#, VERSIONS),
        (
            "Validate",
            r#"{"object_id":"a","versions":[{"version_id":"v","hash_value":"h","metadata":1}]}"#,
            VERSIONS,
        ),
    ] {
        assert_eq!(ask(&mut ledger, &format!("object.v1_0_0.{contract}"), argument), wanted, "{argument}");
    }
    assert!(broken(&mut ledger, "object.v1_0_0.Get", "{").starts_with("DL-COMMON-502002: Deserializing"));
    assert_eq!(ledger.asset_ids(), Vec::<&str>::new());
}

#[test]
fn validate_compares_versions_newest_first() {
    let mut ledger = generic();
    for argument in [
        r#"{"object_id":"a","hash_value":"1"}"#,
        r#"{"object_id":"a","hash_value":"2","metadata":{"x":1,"y":2}}"#,
        r#"{"object_id":"a","hash_value":"3"}"#,
    ] {
        ask(&mut ledger, "object.v1_0_0.Put", argument);
    }
    let correct = r#"{"status":"correct","details":"The status is correct.","faulty_versions":[]}"#;
    let count =
        r#"{"status":"faulty","details":"The number of versions is mismatched.","faulty_versions":[]}"#;
    let faulty = r#"{"status":"faulty","details":"A faulty version is found.","faulty_versions":"#;
    let v3 = r#"{"version_id":"v3","hash_value":"3"}"#;
    let v2 = r#"{"version_id":"v2","hash_value":"2","metadata":{"y":2,"x":1}}"#;
    let v1 = r#"{"version_id":"v1","hash_value":"x"}"#;
    let mut validate = |versions: &[&str], options: &str| {
        let argument =
            format!(r#"{{"object_id":"a","versions":[{}],"options":{options}}}"#, versions.join(","));
        ask(&mut ledger, "object.v1_0_0.Validate", &argument)
    };
    assert_eq!(validate(&[v3], "{}"), correct);
    assert_eq!(validate(&[v3], r#"{"all":true}"#), count);
    assert_eq!(validate(&[v3, v2], "[]"), correct);
    assert_eq!(validate(&[v3, v2, v1, v1], "{}"), count);
    assert_eq!(validate(&[v3, v2, v1], r#"{"all":true}"#), format!("{faulty}[\"v1\"]}}"));
    assert_eq!(
        validate(&[v3, v2, v1], r#"{"verbose":true}"#),
        format!(
            r#"{faulty}[{{"version_id":"v1","hash_value":"1"}}],"corresponding_given_versions":[{v1}]}}"#
        )
    );
    let other = r#"{"version_id":"v2","hash_value":"2","metadata":{"x":1.0,"y":2}}"#;
    assert_eq!(
        validate(&[v3, other], r#"{"verbose":"true"}"#),
        format!(
            r#"{faulty}[{{"version_id":"v2","hash_value":"2","metadata":{{"x":1,"y":2}}}}],"corresponding_given_versions":[{other}]}}"#
        )
    );
}
