//! Contracts that take more than they may, and those that break.

use super::*;
use crate::limits::{CALL_DEPTH_MAX, FUEL, FUEL_STORE};

#[test]
fn one_that_never_ends_runs_out_of_fuel() {
    assert_eq!(
        runtime_error(with_body("", "(loop $again (br $again))")),
        format!("the contract used all of its {FUEL} units of fuel")
    );
    let imports = r#"(import "trustkeep" "sha256" (func $sha256 (param i32 i32 i32)))"#;
    let hashes = "(loop $again (call $sha256 (i32.const 0) (i32.const 65000) (i32.const 0)) (br $again))";
    assert!(runtime_error(with_body(imports, hashes)).contains("units of fuel"));
    let fills = "(loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br $again))";
    assert!(runtime_error(with_body("", fills)).contains("units of fuel"));
}

#[test]
fn one_that_takes_memory_without_end_is_ended() {
    let grows = "(loop $again (drop (memory.grow (i32.const 1))) (br $again))";
    assert!(runtime_error(with_body("", grows)).contains("more memory than its 16777216 bytes"));
    // Its own maximum it may meet.
    let own = r#"(module (memory (export "memory") 1 2) (func (export "invoke")
        (if (i32.ne (memory.grow (i32.const 1)) (i32.const 1)) (then unreachable))
        (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))))"#;
    execute(contract(own), "").unwrap();
    let too_much = r#"(module (memory (export "memory") 300) (func (export "invoke")))"#;
    assert!(runtime_error(contract(too_much)).contains("could not be run"));
    let table = r#"(module (memory (export "memory") 1) (table $t 1 funcref) (func (export "invoke")
        (drop (table.grow $t (ref.null func) (i32.const 10000)))))"#;
    assert!(runtime_error(contract(table)).contains("asked for more memory"));
}

#[test]
fn one_that_recurses_is_ended() {
    let recursion = r#"(module (memory (export "memory") 1) (func $f (export "invoke") (call $f)))"#;
    assert!(runtime_error(contract(recursion)).contains(&format!("nested deeper than {CALL_DEPTH_MAX}")));
}

#[test]
fn contracts_that_invoke_each_other_share_their_fuel() {
    let imports = r#"(import "trustkeep" "invoke" (func $invoke (param i32 i32 i32 i32) (result i32)))"#;
    // Sixteen levels, each of which would invoke the next for ever.
    let body = r#"(loop $again
        (drop (call $invoke (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0))) (br $again))"#;
    let wat = |id: char| {
        format!(
            "(module {imports} (memory (export \"memory\") 1) (data (i32.const 0) \"{id}\") (func (export \"invoke\") {body}))"
        )
    };
    let mut ledger = MemoryLedger::new();
    for (id, next) in ('a'..='l').zip('b'..='m') {
        ledger.register(&id.to_string(), contract(&wat(next)), None);
    }
    ledger.register("m", contract(r#"(module (memory (export "memory") 1) (func (export "invoke")))"#), None);
    let Err(Error::Runtime(why)) = ledger.execute("a", "") else { panic!("it ended") };
    assert!(why.contains("units of fuel"), "{why}");
    let (outcome, left) = budget::with_work(1_000, || ledger.execute("m", ""));
    assert!(matches!(outcome, Err(Error::Runtime(_))), "a page of memory takes more");
    assert_eq!(left, 0);
    let (outcome, left) = budget::with_work(3 * FUEL_STORE, || ledger.execute("k", ""));
    assert!(matches!(outcome, Err(Error::Runtime(_))));
    assert_eq!(left, 0);
}

#[test]
fn one_that_traps_says_how() {
    let host = |name: &str, parameters: &str, call: &str| {
        let import = format!("(import \"trustkeep\" \"{name}\" (func $host (param {parameters})))");
        runtime_error(with_body(&import, call))
    };
    assert!(runtime_error(with_body("", "unreachable")).contains("reached unreachable code"));
    let divides = "(drop (i32.div_s (i32.const 1) (i32.const 0)))";
    assert!(runtime_error(with_body("", divides)).contains("integer divide by zero"));
    let reads = "(drop (i32.load (i32.const 65536)))";
    assert!(runtime_error(with_body("", reads)).contains("out of bounds memory access"));
    for place in ["(i32.const 65536) (i32.const 1)", "(i32.const -1) (i32.const -1)"] {
        let why = host("result", "i32 i32", &format!("(call $host {place})"));
        assert!(why.contains("outside its memory") || why.contains("fuel"), "{why}");
    }
    let bytes = "(i32.store8 (i32.const 0) (i32.const 255)) (call $host (i32.const 0) (i32.const 1))";
    assert!(host("result", "i32 i32", bytes).contains("not UTF-8"));
    let database = "(call $host (i32.const 0) (i32.const 0))";
    assert!(host("database_put", "i32 i32", database).contains("only a function does"));
    let filter = r#"(import "trustkeep" "scan" (func $scan (param i32 i32) (result i32)))"#;
    let scan = "(drop (call $scan (i32.const 0) (i32.const 0)))";
    assert!(runtime_error(with_body(filter, scan)).contains("at byte 0"));
}

#[test]
fn a_start_function_has_no_host() {
    let quiet = r#"(module (memory (export "memory") 1) (global $g (mut i32) (i32.const 0))
        (func $init (global.set $g (i32.const 7))) (start $init)
        (func (export "invoke") (if (i32.ne (global.get $g) (i32.const 7)) (then unreachable))))"#;
    execute(contract(quiet), "").unwrap();
    let calls = r#"(module (import "trustkeep" "fail" (func $fail (param i32 i32))) (memory (export "memory") 1)
        (func $init (call $fail (i32.const 0) (i32.const 0))) (start $init) (func (export "invoke")))"#;
    assert!(runtime_error(contract(calls)).contains("while its module started"));
    let spins = r#"(module (memory (export "memory") 1) (func $init (loop $l (br $l))) (start $init)
        (func (export "invoke")))"#;
    assert!(runtime_error(contract(spins)).contains("units of fuel"));
}

/// What a processor gives for these differs: the sign of a NaN, its payload, which operand's payload survives.
#[test]
fn nan_has_one_form() {
    let payload = "(f64.reinterpret_i64 (i64.const 0xfff4000000000123))";
    let payload32 = "(f32.reinterpret_i32 (i32.const 0xffa00123))";
    let doubles = [
        "(f64.div (f64.const 0) (f64.const 0))".to_owned(),
        "(f64.sqrt (f64.const -1))".into(),
        "(f64.sub (f64.const inf) (f64.const inf))".into(),
        format!("(f64.add {payload} (f64.const 1))"),
        format!("(f64.mul (f64.const 2) {payload})"),
        format!("(f64.min {payload} (f64.const 1))"),
        format!("(f64.max (f64.const 1) {payload})"),
        format!("(f64.ceil {payload})"),
        format!("(f64.floor {payload})"),
        format!("(f64.trunc {payload})"),
        format!("(f64.nearest {payload})"),
        format!("(f64.promote_f32 {payload32})"),
    ];
    let floats = [
        "(f32.div (f32.const 0) (f32.const 0))".to_owned(),
        "(f32.sqrt (f32.const -1))".into(),
        format!("(f32.add {payload32} (f32.const 1))"),
        format!("(f32.min {payload32} (f32.const 1))"),
        format!("(f32.nearest {payload32})"),
        format!("(f32.demote_f64 {payload})"),
    ];
    for operation in doubles {
        let body = format!(
            "(if (i64.ne (i64.reinterpret_f64 {operation}) (i64.const 0x7ff8000000000000)) (then unreachable))"
        );
        assert!(execute(with_body("", &body), "").is_ok(), "{operation}");
    }
    for operation in floats {
        let body = format!(
            "(if (i32.ne (i32.reinterpret_f32 {operation}) (i32.const 0x7fc00000)) (then unreachable))"
        );
        assert!(execute(with_body("", &body), "").is_ok(), "{operation}");
    }
}
