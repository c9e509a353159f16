use super::*;
use crate::built_in::{PUT_TO_MUTABLE_DATABASE, VALIDATE_LEDGER};

/// The start of a class file with this name, as a compiler writes it.
fn class_file(name: &str) -> Vec<u8> {
    let mut bytes = [&CLASS_MAGIC[..], &[0, 0, 0, 52, 0, 7]].concat();
    bytes.extend([5, 0, 0, 0, 0, 0, 0, 0, 0]); // 1 and 2: a long
    bytes.extend([12, 0, 1, 0, 1]); // 3: a name and type
    bytes.push(1); // 4: the name
    bytes.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
    bytes.extend(name.replace('.', "/").as_bytes());
    bytes.extend([7, 0, 4]); // 5: the class
    bytes.extend([16, 0, 4]); // 6: a method type
    bytes.extend([0, 0x21, 0, 5, 0, 5]);
    bytes
}

#[test]
fn a_class_is_found_by_its_name() {
    for (_, name) in HASH_STORE_CONTRACTS.into_iter().chain(TABLE_STORE_CONTRACTS).chain([VALIDATE_LEDGER]) {
        assert!(BuiltIns.load(name, &class_file(name)).is_ok(), "{name}");
        assert!(
            BuiltIns.load(&name.replace(".v1_0_0", ""), &CLASS_MAGIC).is_ok() != name.contains(".table."),
            "{name}"
        );
    }
    for name in [
        "com.scalar.dl.client.contract.ValidateLedger",
        "com.scalar.dl.client.validation.contract.v1_0_0.ValidateLedger",
        "com.org1.contract.StateUpdater",
        "com.org1.contract.StateReader",
        "com.scalar.dl.benchmarks.smallbank.contract.Amalgamate",
        "com.scalar.dl.benchmarks.ycsb.contract.WorkloadF",
    ] {
        assert!(BuiltIns.load(name, &class_file(name)).is_ok(), "{name}");
    }
    let (_, function) = PUT_TO_MUTABLE_DATABASE;
    assert!(BuiltIns.load_function(function, &class_file(function)).is_ok());
    assert!(
        BuiltIns.recognises(&class_file("a")) && !BuiltIns.recognises(b"\0asm") && !BuiltIns.recognises(b"")
    );
}

#[test]
fn what_cannot_be_loaded_says_what_to_do() {
    let error = |name: &str, bytes: &[u8]| BuiltIns.load(name, bytes).err().unwrap().to_string();
    let unknown = error("com.acme.Payment", &class_file("com.acme.Payment"));
    assert!(
        unknown.starts_with("the class com.acme.Payment is not built in") && unknown.contains("WebAssembly")
    );
    assert!(unknown.contains("JavaScript") && unknown.contains("docs/contracts.md"), "{unknown}");
    assert!(error("Payment", &CLASS_MAGIC).starts_with("the class Payment is not built in"));
    assert_eq!(
        error("com.org1.contract.StateUpdater", &class_file("com.org1.contract.MyUpdater")),
        "the registered class file is of the class com.org1.contract.MyUpdater: register it with that binary name, not \
         with com.org1.contract.StateUpdater"
    );
    let whole = class_file("com.org1.contract.StateUpdater");
    for cut in CLASS_MAGIC.len() + 5..whole.len() - 2 {
        assert!(
            error("com.org1.contract.StateUpdater", &whole[..cut]).ends_with("is damaged: compile it again")
        );
    }
    let (_, function) = PUT_TO_MUTABLE_DATABASE;
    assert!(error(function, &CLASS_MAGIC).ends_with("register it as a function"));
    let contract = "com.org1.contract.StateUpdater";
    let error = BuiltIns.load_function(contract, &CLASS_MAGIC).err().unwrap().to_string();
    assert!(error.ends_with("register it as a contract"), "{error}");
}
