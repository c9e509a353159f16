use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn policy(text: &str) -> Arc<Policy> {
    Arc::new(Policy::parse("test", text).unwrap())
}

fn acl(texts: &[&str]) -> Acl {
    Acl::new(&texts.iter().map(|text| policy(text)).collect::<Vec<_>>())
}

fn rules(rules: &[(&str, &str)]) -> String {
    rules
        .iter()
        .map(|(path, capabilities)| {
            let names: Vec<_> = capabilities.split_whitespace().map(|name| format!("{name:?}")).collect();
            format!("path {path:?} {{ capabilities = [{}] }}\n", names.join(", "))
        })
        .collect()
}

#[test]
fn root_may_do_everything_but_only_alone() {
    let root = Acl::new(&[Arc::new(Policy::root())]);
    assert!(root.is_root() && root.has_any_access_below("any/"));
    assert_eq!(root.allow(Operation::Delete, "sys/raw/x", None), Verdict { allowed: true, sudo: true });
    assert_eq!(root.capabilities("x"), ["root"]);
    assert_eq!(root.resultant(), json!({"root": true}));
    let mixed = Acl::new(&[Arc::new(Policy::root()), policy("path \"*\" { capabilities = [\"read\"] }")]);
    assert!(!mixed.is_root());
    assert_eq!(mixed.capabilities("x"), ["deny"]);
}

#[test]
fn each_verb_needs_its_capability() {
    let verbs = [
        (Operation::Create, "create"),
        (Operation::Read, "read"),
        (Operation::Update, "update"),
        (Operation::Patch, "patch"),
        (Operation::Delete, "delete"),
        (Operation::List, "list"),
    ];
    for (_, granted) in verbs {
        let acl = acl(&[&rules(&[("a", granted)])]);
        for (operation, needed) in verbs {
            assert_eq!(acl.allow(operation, "a", None).allowed, granted == needed, "{granted} {operation:?}");
        }
        assert!(acl.allow(Operation::Help, "elsewhere", None).allowed);
    }
    let sudo = acl(&[&rules(&[("a", "read sudo"), ("b", "sudo")])]);
    assert_eq!(sudo.allow(Operation::Read, "/a", None), Verdict { allowed: true, sudo: true });
    assert_eq!(sudo.allow(Operation::Read, "b", None), Verdict { allowed: false, sudo: true });
    assert_eq!(sudo.allow(Operation::Read, "c", None), Verdict { allowed: false, sudo: false });
}

/// (rules, path, the capabilities that decide). The expectations are the reference's, section 2.
#[test]
fn one_rule_decides() {
    for (given, path, expected) in [
        // Exact beats all else, even if it grants less.
        (&[("a/b", "read"), ("a/*", "update"), ("a/+", "list")][..], "a/b", "read"),
        (&[("a/b", "deny"), ("a/*", "update")], "a/b", "deny"),
        (&[("a/b", ""), ("a/*", "update")], "a/b", "deny"),
        // The longest prefix.
        (&[("*", "read"), ("a*", "update"), ("a/b*", "list"), ("a/bc/*", "delete")], "a/bcd", "list"),
        (&[("*", "read"), ("a*", "update"), ("a/b*", "list")], "b", "read"),
        (&[("a*", "update"), ("a/b*", "list"), ("a/c*", "delete")], "a/d", "update"),
        (&[("a/*", "read")], "a", "deny"),
        // First wildcard further to the right.
        (&[("foo/a*", "read"), ("foo/+", "update")], "foo/ab", "read"),
        (&[("foo/bar/+/baz", "read"), ("foo/+/bar/baz", "update")], "foo/bar/bar/baz", "read"),
        // No star at the end.
        (&[("foo/+/bar", "read"), ("foo/+/ba*", "update")], "foo/x/bar", "read"),
        (&[("foo/+", "read"), ("foo/*", "update")], "foo/x", "read"),
        // Fewer pluses.
        (&[("foo/+/baz", "read"), ("foo/+/+", "update")], "foo/x/baz", "read"),
        // Longer.
        (&[("foo/+/bar/ba*", "read"), ("foo/+/bar/b*", "update")], "foo/x/bar/baz", "read"),
        // A star in the middle is a letter.
        (&[("a/*/c", "read")], "a/b/c", "deny"),
        (&[("a/*/c", "read")], "a/*/c", "read"),
    ] {
        assert_eq!(acl(&[&rules(given)]).capabilities(path).join(" "), expected, "{given:?} {path}");
    }
}

#[test]
fn the_same_path_in_several_policies_is_merged() {
    let read = rules(&[("a", "read"), ("b/*", "read"), ("c/+", "read")]);
    let update = rules(&[("/a", "update sudo"), ("b/*", "list"), ("c/+", "deny"), ("b/c*", "delete")]);
    let acl = acl(&[&read, &update]);
    assert_eq!(acl.capabilities("a"), ["sudo", "read", "update"]);
    assert_eq!(acl.capabilities("b/x"), ["read", "list"]);
    assert_eq!(acl.capabilities("b/c"), ["delete"]);
    assert_eq!(acl.capabilities("c/x"), ["deny"]);
}

#[test]
fn listing_takes_rules_with_and_without_the_slash_and_cannot_dodge_a_deny() {
    for (given, expected) in [
        (&[("a/b/", "list")][..], true),
        (&[("a/b", "list")], true),
        (&[("a/b*", "list")], true),
        (&[("a/b/*", "list")], true),
        (&[("a/+", "list")], true),
        (&[("a/b/", "list"), ("a/b", "deny")], true),
        (&[("a/b/", "deny"), ("a/b", "list")], false),
        (&[("a/b", "deny"), ("a/*", "list")], false),
        (&[("a/b/*", "deny"), ("a/*", "list")], false),
        (&[("a/+/", "deny"), ("a/*", "list")], false),
        (&[("a/+", "deny"), ("a/b/*", "list")], false),
        (&[("a/b/*", "read"), ("a/*", "list")], true),
        (&[("a/b", "read"), ("a/*", "list")], false),
    ] {
        let acl = acl(&[&rules(given)]);
        for path in ["a/b/", "a/b", "/a/b/"] {
            assert_eq!(acl.allow(Operation::List, path, None).allowed, expected, "{given:?} {path}");
        }
    }
}

#[test]
fn parameters_and_wrapping_are_checked() {
    let acl = acl(&[r#"
        path "a" { capabilities = ["update", "delete"] allowed_parameters = { "x" = ["1*"] } }
        path "b" { capabilities = ["read"] min_wrapping_ttl = "10s" }"#]);
    let body = |value: &str| json!({"x": value}).as_object().cloned();
    assert!(acl.allow(Operation::Update, "a", body("12").as_ref()).allowed);
    assert!(!acl.allow(Operation::Update, "a", body("21").as_ref()).allowed);
    assert!(acl.allow(Operation::Delete, "a", body("21").as_ref()).allowed);
    assert!(!acl.allow(Operation::Read, "b", None).allowed);
    assert!(!acl.allow_wrapped(Operation::Read, "b", None, Some(Duration::from_secs(9))).allowed);
    assert!(acl.allow_wrapped(Operation::Read, "b", None, Some(Duration::from_secs(10))).allowed);
}

#[test]
fn access_below_a_mount_is_any_grant_on_it_or_in_it() {
    for (given, expected) in [
        (&[("kv/data/x", "read")][..], true),
        (&[("kv/data/x", "deny")], false),
        (&[("kv/data/x", "")], false),
        (&[("kv/data/*", "read")], true),
        (&[("k*", "read")], true),
        (&[("k*", "read"), ("kv/*", "deny")], false),
        (&[("+/data/x", "read")], true),
        (&[("+/data/x", "deny")], false),
        (&[("kvx/*", "read"), ("other", "read")], false),
    ] {
        assert_eq!(acl(&[&rules(given)]).has_any_access_below("kv/"), expected, "{given:?}");
    }
}

#[test]
fn the_resultant_shows_every_rule() {
    let given = rules(&[("a", "read sudo"), ("b/*", "list"), ("c/+", "deny"), ("c/+/*", "read")]);
    assert_eq!(
        acl(&[&given]).resultant(),
        json!({"root": false,
            "exact_paths": {"a": {"capabilities": ["sudo", "read"]}, "c/+": {"capabilities": ["deny"]}},
            "glob_paths": {"b/": {"capabilities": ["list"]}, "c/+/": {"capabilities": ["read"]}}})
    );
}

#[test]
fn templated_rules_need_an_identity() {
    let given = policy("path \"kv/{{identity.entity.name}}/*\" { capabilities = [\"read\"] }");
    assert!(given.is_templated());
    let given = [given];
    assert_eq!(Acl::new(&given).capabilities("kv/alice/x"), ["deny"]);
    let alice = Acl::with_identity(&given, &|_| Some("alice".to_owned()));
    assert_eq!(alice.capabilities("kv/alice/x"), ["read"]);
    assert_eq!(alice.capabilities("kv/bob/x"), ["deny"]);
}

/// Exact, first wildcard, no star, fewer pluses, length, text: the greater decides.
type Rank<'a> = (bool, usize, bool, isize, usize, &'a str);

/// Which capabilities decide, found by trying every rule; patterns are matched letter by letter.
fn slow(given: &[(String, u8)], path: &str) -> Vec<&'static str> {
    fn matches(pattern: &[&str], path: &[&str], star: bool) -> bool {
        match (pattern, path) {
            ([], []) => true,
            ([last], [first, ..]) if star => *last == "+" || first.starts_with(last),
            ([one, pattern @ ..], [first, path @ ..]) => {
                (*one == "+" || one == first) && matches(pattern, path, star)
            }
            _ => false,
        }
    }
    let path_parts: Vec<&str> = path.split('/').collect();
    let mut best: Option<(Rank<'_>, Vec<&str>)> = None;
    for (text, _) in given {
        let star = text.ends_with('*');
        let stem = text.strip_suffix('*').unwrap_or(text);
        let parts: Vec<&str> = stem.split('/').collect();
        if !matches(&parts, &path_parts, star) {
            continue;
        }
        let pluses = parts.iter().filter(|part| **part == "+").count();
        let first = match stem.find('+') {
            Some(first) => first,
            None => stem.len(),
        };
        let exact = !star && pluses == 0;
        let rank = (exact, first, !star, -isize::try_from(pluses).unwrap(), stem.len(), stem);
        let same: Vec<&str> = given
            .iter()
            .filter(|(other, _)| other == text)
            .map(|(_, verb)| VERBS[usize::from(*verb)])
            .collect();
        if best.as_ref().is_none_or(|(known, _)| rank > *known) {
            best = Some((rank, same));
        }
    }
    let verbs = best.map(|(_, verbs)| verbs).unwrap_or_default();
    if verbs.is_empty() || verbs.contains(&"deny") {
        return vec!["deny"];
    }
    ["sudo", "read", "list", "update", "delete", "create", "patch"]
        .into_iter()
        .filter(|verb| verbs.contains(verb))
        .collect()
}

const VERBS: [&str; 4] = ["read", "update", "sudo", "deny"];

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("ab".to_owned()),
        Just("+".to_owned()),
        Just(String::new())
    ]
}

proptest! {
    #[test]
    fn the_compiled_lookup_equals_trying_every_rule(
        given in prop::collection::vec((prop::collection::vec(segment(), 1..4), any::<bool>(), 0_u8..4), 0..12),
        paths in prop::collection::vec(prop::collection::vec("[ab]{0,2}", 1..5), 1..20),
    ) {
        let given: Vec<(String, u8)> = given
            .into_iter()
            .map(|(segments, star, verb)| (segments.join("/"), star, verb))
            .filter(|(path, star, _)| !path.starts_with('/') && (!*star || !path.ends_with('+')))
            .map(|(path, star, verb)| (if star { format!("{path}*") } else { path }, verb))
            .collect();
        let texts: Vec<String> = given.iter().map(|(path, verb)| rules(&[(path, VERBS[usize::from(*verb)])])).collect();
        let acl = acl(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        for path in paths {
            let path = path.join("/");
            if path.starts_with('/') {
                continue;
            }
            let found = acl.rule_for(&path).map_or(Capabilities::NONE, |rule| rule.capabilities).names();
            prop_assert_eq!(found, slow(&given, &path), "{} in {:?}", path, given);
        }
    }
}
