//! What is refused, and what users then read.

use proptest::prelude::*;

use super::golden::{AWS, disks, encode, nodes};
use super::*;

/// Takes the unit of AWS, which is right, and puts `to` in the place of `from`.
fn changed(from: &str, to: &str) -> String {
    let text = nodes(2, AWS);
    assert!(text.contains(from), "{from}");
    UnitSpec::decode(&encode(&text.replacen(from, to, 1))).unwrap_err().to_string()
}

#[test]
fn each_slip_in_a_unit_is_named_with_its_key_and_line() {
    let long = "x".repeat(5000);
    for (from, to, expected) in [
        ("name: web", "name: web;reboot", "CCI line 4: name: \"web;reboot\" is not a unit's name"),
        ("name: web", "name: ", "CCI line 4: name: \"\" is not a unit's name"),
        ("name: web", "name: \"a\\tb\"", "name: control characters"),
        ("num_nodes: 2", "num_nodes: -2", "CCI line 7: num_nodes: \"-2\" is not a whole number"),
        ("num_nodes: 2", "num_nodes: 0", "CCI line 7: num_nodes: 0 is not a number from 1 to 1000"),
        ("num_nodes: 2", "num_nodes: 1001", "num_nodes: 1001 is not a number from 1 to 1000"),
        ("num_nodes: 2", "num_nodes: 99999999999999999999", "num_nodes: \"99999999999999999999\" is not"),
        ("num_nodes: 2", "num_nodes: two", "num_nodes: \"two\" is not a whole number"),
        ("num_nodes: 2", "num_nodes: [2]", "num_nodes: a list where a text is expected"),
        (
            "num_nodes: 2",
            "num_nodes: 3",
            "CCI line 24: cloud_params.ip_address_list: 2 addresses for 3 nodes",
        ),
        ("num_nodes: 2", "num_nodes: 2\n    num_disks: 1", "not both num_nodes and num_disks"),
        ("num_nodes: 2", "description: x", "the key \"description\" a second time"),
        ("num_nodes: 2\n", "\n", "num_nodes: is missing"),
        ("num_nodes:", "num_node:", "CCI line 7: num_node: unknown key; did you mean \"num_nodes\"?"),
        ("cloud_provider: aws", "cloud_provider: awz", "unknown provider \"awz\"; did you mean \"aws\"?"),
        ("cloud_provider: aws", "cloud_provider: nimbus", "unknown provider \"nimbus\""),
        ("    cloud_provider: aws\n", "", "cloud_provider: is missing"),
        (
            "instance_type",
            "instanse_type",
            "cloud_params.instanse_type: unknown key; did you mean \"instance_type\"?",
        ),
        (
            "instance_type: m5.large",
            "instance_type: None",
            "cloud_params.instance_type: is missing, and aws needs it",
        ),
        ("secret_key: 0123456789/secret+literal", "", "cloud_params.secret_key: is missing"),
        ("volume_size: 16", "volume_size: 16.5", "cloud_params.volume_size: \"16.5\" is not a whole number"),
        (
            "volume_type: gp2",
            "volume_type: io1",
            "cloud_params.volume_type: \"io1\" cannot be had: it needs a number",
        ),
        ("volume_size: 16", "volume_size: {a: 1}", "cloud_params.volume_size: a map where a text"),
        ("'172.30.2.101'", "'172.30.2.100'", "cloud_params.ip_address_list: 172.30.2.100 stands twice"),
        ("'172.30.2.101'", "'172.30.2.999'", "\"172.30.2.999\" is not an IP address"),
        ("'172.30.2.101'", "'$(reboot)'", "\"$(reboot)\" is not an IP address"),
        (
            "ip_address_list:",
            "mac_address_list: []\n        ip_address_list:",
            "mac_address_list: unknown key",
        ),
        ("vault://cubbyhole/aws/access_key", "vault://cubbyhole", "a reference is vault://<engine>/<path>"),
        ("vault://cubbyhole/aws/access_key", "vault://sys/../raw", "a reference is vault://<engine>/<path>"),
        ("'vol-08cbb04b35c8c9545'", "'vcp:abc:data'", "is not a disk's vcp:<vcid>:<unit>:<disk_id>"),
        ("'vol-08cbb04b35c8c9545'", "'vol 1'", "\"vol 1\" is not a disk"),
        ("{'key1': 'value1'", "{'key1': ['value1']", "tags.key1: a list where a text is expected"),
        ("image: vcp/base:1.6.2", "image: vcp/base:1.6.2; reboot", "is not an image"),
        ("image: vcp/base:1.6.2", "image: VCP/Base//x", "is not an image"),
        ("image: vcp/base:1.6.2", "image: None", "image: is missing"),
        ("recovery_mode: none", "recovery_mode: always", "\"always\" is none of none, restart"),
        (
            "docker_opt: {}",
            "docker_opt: {hostnam: a}",
            "docker_opt.hostnam: unknown key; did you mean \"hostname\"?",
        ),
        (
            "docker_opt: {}",
            "docker_opt: {hostname: 'a b'}",
            "docker_opt.hostname: \"a b\" is not a host name",
        ),
        (
            "docker_opt: {}",
            "docker_opt: {dns: [one.one]}",
            "docker_opt.dns: \"one.one\" is not an IP address",
        ),
        (
            "docker_opt: {}",
            "docker_opt: {dns_search: ['a;b']}",
            "docker_opt.dns_search: \"a;b\" is not a domain",
        ),
        ("docker_opt: {}", "docker_opt: {dns_opt: ['a b']}", "is not an option of resolv.conf"),
        ("docker_opt: {}", "docker_opt: {add_host: [a]}", "\"a\" is not a host with its address"),
        ("docker_opt: {}", "docker_opt: {gpus: some}", "docker_opt.gpus: \"some\" is not"),
        ("docker_opt: {}", "docker_opt: [a]", "docker_opt: a list where a map is expected"),
        (
            "/sys/fs/cgroup:/sys/fs/cgroup:ro",
            "/sys/fs/cgroup:relative",
            "params.v: \"/sys/fs/cgroup:relative\"",
        ),
        ("/sys/fs/cgroup:/sys/fs/cgroup:ro", "/a:/b:wr", "params.v: \"/a:/b:wr\" is not a bind"),
        ("/sys/fs/cgroup:/sys/fs/cgroup:ro", "../a:/b", "params.v: \"../a:/b\" is not a bind"),
        ("MUNGE_KEY=bXVuZ2U=", "MUNGE_KEY", "CCI line 16: params.e: an entry without \"=\""),
        ("MUNGE_KEY=bXVuZ2U=", "1A=b", "params.e: a name before \"=\""),
        ("MUNGE_KEY=bXVuZ2U=", "A=b: c", "params.e: a map where a text (one with"),
        ("name: web", &format!("name: {long}"), "name: longer than 4096 bytes"),
        ("image:", "user_init_command: IyEvYmluL3No!\n    image:", "user_init_command: neither base64"),
        (
            "image:",
            "user_init_command: ZWNobyBoaQ==\n    image:",
            "user_init_command: the script has no shebang",
        ),
    ] {
        let said = changed(from, to);
        assert!(said.contains(expected), "{to}: {said}");
        assert!(!said.contains("bXVuZ2U") && !said.contains("secret+literal"), "{said}");
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let mut text = nodes(2, AWS);
    for (from, to) in [
        ("name: web", "name: w;b"),
        ("num_nodes: 2", "num_nodes: 0"),
        ("docker_opt: {}", "docker_opt: {dns: [x], hostname: 'a b'}"),
        ("/sys/fs/cgroup:/sys/fs/cgroup:ro", "relative"),
        ("MUNGE_KEY=bXVuZ2U=", "MUNGE_KEY"),
    ] {
        text = text.replacen(from, to, 1);
    }
    let said = UnitSpec::decode(&encode(&text)).unwrap_err().to_string();
    let keys = [
        "num_nodes: 0 is",
        "name: \"w;b\"",
        "docker_opt.dns: ",
        "docker_opt.hostname: ",
        "params.v: ",
        "params.e: ",
    ];
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), keys.len(), "{said}");
    for (line, key) in lines.iter().zip(keys) {
        assert!(line.starts_with("CCI line ") && line.contains(key), "{line}: {key}");
    }
    // What cloud_params may say is known once provider and kind are.
    let text = nodes(2, AWS).replacen("instance_type", "instance_typ", 1).replacen(
        "volume_size: 16",
        "volume_size: x",
        1,
    );
    let said = UnitSpec::decode(&encode(&text)).unwrap_err().to_string();
    for part in ["did you mean \"instance_type\"", "volume_size: \"x\"", "instance_type: is missing"] {
        assert!(said.contains(part), "{said}");
    }
    let said =
        VcSpec::decode(&encode("- vc: {nam: a, type: network, descripton: x}")).unwrap_err().to_string();
    assert_eq!(said.lines().count(), 4, "{said}");
}

#[test]
fn of_very_many_slips_some_are_shown() {
    let keys: String = (0..20_000).map(|n| format!("        k{n}: x\n")).collect();
    let said = UnitSpec::decode(&encode(&(nodes(2, AWS) + &keys))).unwrap_err().to_string();
    assert_eq!(said.lines().count(), 21);
    assert!(said.ends_with("\nand 19980 more"), "{said}");
}

#[test]
fn tags_of_both_places_are_counted_together() {
    let tags = |from: usize| (from..from + 30).map(|n| format!("t{n}: x")).collect::<Vec<_>>().join(", ");
    let beside = format!("    tags: {{{}}}\n    cloud_provider: aws\n", tags(0));
    let text = nodes(2, AWS).replacen("    cloud_provider: aws\n", &beside, 1);
    let within = format!("        tags: {{{}}}", tags(30));
    let text = text.replacen("        tags: {'key1': 'value1', 'Owner': 'it''s me'}", &within, 1);
    let said = UnitSpec::decode(&encode(&text)).unwrap_err().to_string();
    assert!(said.contains("tags: more than 50 tags"), "{said}");
}

#[test]
fn a_script_may_have_93_kilobytes() {
    let unit = |len: usize| {
        let script = "#!/bin/sh\n".to_owned() + &"#".repeat(len - 10);
        changed_ok("image:", &format!("user_init_command: {}\n    image:", encode(&script)))
    };
    assert_eq!(unit(INIT_COMMAND_MAX).unwrap().user_init_command.unwrap().len(), 95_232);
    let said = unit(INIT_COMMAND_MAX + 1).unwrap_err().to_string();
    assert!(said.contains("has 95233 bytes; at most 93 KB"), "{said}");
}

fn changed_ok(from: &str, to: &str) -> Result<UnitSpec, CciErrors> {
    UnitSpec::decode(&encode(&nodes(2, AWS).replacen(from, to, 1)))
}

#[test]
fn what_is_no_document_is_refused() {
    for (base64, expected) in [
        ("%%%".to_owned(), "the CCI is not base64"),
        ("YQ".to_owned(), "the CCI is not base64"),
        (encode("\u{0}"), "CCI line 1: a NUL"),
        (base64_of(&[0xff, 0xfe]), "the CCI is not UTF-8"),
        (String::new(), "the document is not one \"- unit:\""),
        (encode("- unit: {}\n- unit: {}"), "the document is not one \"- unit:\""),
        (encode("- unit: [a]"), "the document is not one \"- unit:\""),
        (encode("- vc: {name: x}"), "the document is not one \"- unit:\""),
        (encode("- unit:\n    name: a: b"), "CCI line 2: "),
        (encode("- unit:\n    name: [a\n"), "CCI line "),
        (encode(&("- unit:\n    name: ".to_owned() + &"[".repeat(50))), "within each other"),
        (encode(&"a".repeat(SIZE_MAX + 1)), "longer than"),
        (encode(&disks(1, "    cloud_provider: gcp\n    cloud_params: {}")), "gcp has no disks of its own"),
        (
            encode(&nodes(1, "    cloud_provider: onpremises\n    cloud_params: {}")),
            "existing servers are needed",
        ),
        (
            encode(&nodes(
                1,
                "    cloud_provider: gcp\n    cloud_params: {machine_type: a, credentials: b, tags: {a: b}}",
            )),
            "tags: gcp has no tags",
        ),
    ] {
        let said = UnitSpec::decode(&base64).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
    for (text, expected) in [
        ("- vc: {name: ''}", "name: the unit group has no name"),
        ("- vc: {name: \"a\\nb\"}", "CCI line 1: name: control characters"),
        ("- vc: {name: a, type: network}", "type: \"network\" is neither"),
        ("- vc: {name: a, typ: compute}", "typ: unknown key; did you mean \"type\"?"),
    ] {
        let said = VcSpec::decode(&encode(text)).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

proptest! {
    /// The right document with something strange anywhere in it.
    #[test]
    fn no_document_makes_the_reader_panic(at in 0usize..1200, cut in 0usize..40, text in "[-\\[\\]{}:,&*!|>'\"%@`?#=/a-c0 \n\t\u{0}é]{0,20}") {
        let mut document = nodes(2, AWS);
        let at = at.min(document.len());
        let end = (at + cut).min(document.len());
        document.replace_range(at..end, &text);
        if let Ok(spec) = UnitSpec::decode(&encode(&document)) {
            let again = UnitSpec::decode(&encode(&spec.text));
            prop_assert!(again.is_ok(), "{:?}\n{}", again.err(), spec.text);
        }
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in any::<String>()) {
        let _ = UnitSpec::decode(&base64_of(&bytes));
        let _ = VcSpec::decode(&base64_of(&bytes));
        let _ = UnitSpec::decode(&text);
    }
}
