//! Bytes that are no contract.

use proptest::prelude::*;

use super::*;
use crate::limits::MODULE_BYTES_MAX;

fn refusal(wat: &str) -> String {
    let Err(error) = WasmEngine::new().load("contract", &wat::parse_str(wat).unwrap()) else {
        panic!("loaded: {wat}")
    };
    error.to_string()
}

#[test]
fn modules_beyond_the_interface() {
    let module =
        |parts: &str| format!("(module {parts} (memory (export \"memory\") 1) (func (export \"invoke\")))");
    for (wat, why) in [
        (
            module(r#"(import "trustkeep" "clock" (func))"#),
            "trustkeep.clock, which is not there; there are argument,",
        ),
        (
            module(r#"(import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))"#),
            "wasi_snapshot_preview1.random_get: a contract may import only functions of module trustkeep",
        ),
        (module(r#"(import "trustkeep" "argument" (global i32))"#), "imports trustkeep.argument"),
        (module(r#"(import "trustkeep" "get" (func (param i32 i32)))"#), "it takes 4 i32 and gives an i32"),
        (module(r#"(import "trustkeep" "read" (func (param i64)))"#), "it takes 1 i32 and gives nothing"),
        (r#"(module (memory (export "memory") 1))"#.into(), "must export a function invoke"),
        (
            r#"(module (memory (export "memory") 1) (func (export "invoke") (param i32)))"#.into(),
            "must export a function invoke without parameters",
        ),
        (r#"(module (func (export "invoke")))"#.into(), "must export its memory"),
        (r#"(module (memory (export "memory") 1 2 shared) (func (export "invoke")))"#.into(), "is refused"),
        (module("(func (param v128))"), "is refused"),
        (r#"(module (memory (export "memory") i64 1) (func (export "invoke")))"#.into(), "is refused"),
        (r#"(module (memory (export "memory") 1) (memory 1) (func (export "invoke")))"#.into(), "is refused"),
        (module("(tag)"), "is refused"),
    ] {
        let refused = refusal(&wat);
        assert!(refused.contains(why), "{wat}: {refused}");
    }
}

#[test]
fn bytes_that_are_no_module() {
    let engine = WasmEngine::new();
    assert!(engine.recognises(b"\0asm\x01\0\0\0"));
    for other in [&b""[..], b"\0as", b"function invoke() {}", b"\xca\xfe\xba\xbe"] {
        assert!(!engine.recognises(other));
    }
    let whole = wat::parse_str(OPERATIONS).unwrap();
    // It may end before its data or its names: those are sections of their own.
    let complete = (0..whole.len()).filter(|len| engine.load("contract", &whole[..*len]).is_ok()).count();
    assert!(complete <= 2, "{complete}");
    let mut large = whole;
    large.resize(MODULE_BYTES_MAX + 1, 0);
    let Err(error) = engine.load("contract", &large) else { panic!("loaded") };
    assert!(error.to_string().contains("more than the 2097152 that are allowed"));
}

/// It used to reach an assertion of the interpreter.
#[test]
fn a_call_after_the_end_of_a_function() {
    let head = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0";
    let code = b"\x0a\x06\x01\x04\0\x0b\x10\0";
    let refused = WasmEngine::new().load("contract", &[&head[..], code].concat());
    assert!(refused.err().unwrap().to_string().contains("is refused: operators remaining"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A damaged module is refused or runs to some end; nothing panics.
    #[test]
    fn damaged_modules(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = wat::parse_str(OPERATIONS).unwrap();
        for (at, value) in changes {
            *at.get_mut(&mut bytes) = value;
        }
        if let Ok(contract) = WasmEngine::new().load("contract", &bytes) {
            let (_outcome, _left) = budget::with_work(2_000_000, || execute(contract, "pa1ga0sa0na2ra0ka0"));
        }
    }
}
