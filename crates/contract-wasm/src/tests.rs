//! Modules, honest and otherwise, over a ledger in memory.

mod bounds;
mod functions;
mod refused;

use std::sync::Arc;

use trustkeep_contract::testing::{Execution, MemoryLedger};
use trustkeep_contract::{Contract, Engine, Error, budget};

use crate::WasmEngine;

const COUNTER: &str = include_str!("../../../examples/contracts/counter.wat");
const OPERATIONS: &str = include_str!("tests/operations.wat");

fn contract(wat: &str) -> Arc<dyn Contract> {
    WasmEngine::new().load("contract", &wat::parse_str(wat).unwrap()).unwrap()
}

/// A module with one page of memory, `imports`, and `body` as its contract.
fn with_body(imports: &str, body: &str) -> Arc<dyn Contract> {
    contract(&format!("(module {imports} (memory (export \"memory\") 1) (func (export \"invoke\") {body}))"))
}

fn execute(contract: Arc<dyn Contract>, argument: &str) -> Result<Execution, Error> {
    let mut ledger = MemoryLedger::new();
    ledger.register("contract", contract, None);
    ledger.execute("contract", argument)
}

fn runtime_error(contract: Arc<dyn Contract>) -> String {
    match execute(contract, "") {
        Err(Error::Runtime(why)) => why,
        other => panic!("no runtime error: {other:?}"),
    }
}

#[test]
fn a_counter_counts() {
    let mut ledger = MemoryLedger::new();
    ledger.register("counter", contract(COUNTER), None);
    for count in 1..=12 {
        let execution = ledger.execute("counter", "clicks").unwrap();
        assert_eq!(execution.result.as_deref(), Some(count.to_string().as_str()));
    }
    assert_eq!(ledger.latest("clicks"), Some("12"));
    assert_eq!(ledger.history("clicks").len(), 12);
    assert_eq!(ledger.execute("counter", ""), Err(Error::Contextual("the id has 1 to 1000 bytes".into())));
}

#[test]
fn the_host_answers_as_documented() {
    let mut ledger = MemoryLedger::new();
    ledger.register("operations", contract(OPERATIONS), Some("{\"p\":1}"));
    let first = ledger.execute("operations", "ga0pa1ga0ca7na2ra0ka0ya0").unwrap();
    let lines = [
        "null",
        r#"{"namespace":"default","id":"a","age":0,"data":1}"#,
        "",
        "1",
        r#"{"entity_id":"client","key_version":1}"#,
        r#"{"p":1}"#,
        "",
    ];
    assert_eq!(first.result.unwrap().split('\n').collect::<Vec<_>>(), lines);
    assert_eq!(first.context.as_deref(), Some("a7"));
    let second = ledger.execute("operations", "ga0pa5sa9ha0").unwrap().result.unwrap();
    let metadata = &ledger.history("a")[0].metadata.clone().unwrap();
    let state = format!(
        r#"{{"namespace":"default","id":"a","age":0,"data":2,"metadata":{{"nonce":"{}","input":"{}","hash":"{}","prev_hash":null}}}}"#,
        metadata.nonce,
        metadata.input.replace('"', "\\\""),
        metadata.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    );
    assert_eq!(second, format!("{state}\n[{state}]\nnull\n"));
}

#[test]
fn failures_keep_their_kind() {
    let failed = |argument| {
        let mut ledger = MemoryLedger::new();
        ledger.register("operations", contract(OPERATIONS), None);
        let outcome = ledger.execute("operations", argument);
        assert!(ledger.asset_ids().is_empty(), "nothing is kept");
        outcome.unwrap_err()
    };
    assert_eq!(failed("pa1fz9"), Error::Contextual("z9".into()));
    assert_eq!(failed("pa1mz9"), Error::Contextual("z9".into()));
    assert_eq!(failed("pa1xz9"), Error::Runtime("z9".into()));
}

#[test]
fn what_the_environment_interrupts_has_ended() {
    // Whatever follows the call is not reached.
    let imports = r#"(import "trustkeep" "invoke" (func $invoke (param i32 i32 i32 i32) (result i32)))
        (import "trustkeep" "fail" (func $fail (param i32 i32)))"#;
    let body = "(drop (call $invoke (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
        (call $fail (i32.const 0) (i32.const 0)) unreachable";
    let contract = with_body(imports, body);
    let mut ledger = MemoryLedger::new();
    ledger.register("contract", contract, None);
    assert_eq!(ledger.execute("contract", ""), Err(Error::Interrupted));
    assert_eq!(ledger.interruption(), Some("contract not found: \0"));
}

#[test]
fn an_execution_leaves_nothing_behind() {
    let contract = contract(
        r#"(module (import "trustkeep" "result" (func $result (param i32 i32)))
            (memory (export "memory") 1) (global $seen (mut i32) (i32.const 48))
            (func (export "invoke")
                (global.set $seen (i32.add (global.get $seen) (i32.const 1)))
                (i32.store8 (i32.const 9) (i32.add (i32.load8_u (i32.const 9)) (global.get $seen)))
                (call $result (i32.const 9) (i32.const 1))))"#,
    );
    for _ in 0..3 {
        assert_eq!(execute(Arc::clone(&contract), "").unwrap().result.as_deref(), Some("1"));
    }
}

#[test]
fn fuel_is_the_same_each_time() {
    let spent = || {
        let mut ledger = MemoryLedger::new();
        ledger.register("operations", contract(OPERATIONS), None);
        let (outcome, left) =
            budget::with_work(1_000_000, || ledger.execute("operations", "pa1ga0nb2sa0").map(drop));
        (outcome, left)
    };
    let first = spent();
    assert_eq!(first.0, Ok(()));
    assert_eq!(first, spent());
    assert!((500_000..1_000_000).contains(&first.1), "{}", first.1);
}

#[test]
fn many_threads_run_one_contract() {
    let counter = contract(COUNTER);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let counter = Arc::clone(&counter);
            scope.spawn(move || {
                let mut ledger = MemoryLedger::new();
                ledger.register("counter", counter, None);
                for _ in 0..100 {
                    ledger.execute("counter", "clicks").unwrap();
                }
                assert_eq!(ledger.latest("clicks"), Some("100"));
            });
        }
    });
}

#[test]
fn hashes_and_signatures() {
    use trustkeep_crypto::sign::{Algorithm, SigningKey};
    let imports = r#"(import "trustkeep" "argument" (func $argument (result i32)))
        (import "trustkeep" "sha256" (func $sha256 (param i32 i32 i32)))
        (import "trustkeep" "verify_p256" (func $p256 (param i32 i32 i32 i32 i32 i32) (result i32)))
        (import "trustkeep" "verify_ed25519" (func $ed25519 (param i32 i32 i32 i32 i32 i32) (result i32)))"#;
    let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    for (algorithm, function) in [(Algorithm::P256, "$p256"), (Algorithm::Ed25519, "$ed25519")] {
        let key = SigningKey::generate(algorithm).unwrap();
        let public = key.public_key().unwrap();
        let message = b"message";
        for public in [public.to_raw().unwrap(), public.to_spki_der().unwrap()] {
            for signature in [key.sign(message).unwrap(), key.sign_fixed(message).unwrap()] {
                let digest = trustkeep_crypto::hash::sha256(message);
                let (public_len, signature_len) = (public.len(), signature.len());
                let check = |message_len: usize| {
                    format!(
                        "(call {function} (i32.const 0) (i32.const {public_len}) (i32.const 200) (i32.const {message_len}) (i32.const 300) (i32.const {signature_len}))"
                    )
                };
                let body = format!(
                    "(if (i32.ne {} (i32.const 1)) (then unreachable)) (if {} (then unreachable))
                    (call $sha256 (i32.const 200) (i32.const 7) (i32.const 500))
                    (if (i64.ne (i64.load (i32.const 500)) (i64.const {})) (then unreachable))",
                    check(7),
                    check(6),
                    i64::from_le_bytes(digest[..8].try_into().unwrap())
                );
                let wat = format!(
                    "(module {imports} (memory (export \"memory\") 1) (data (i32.const 0) \"{}\")
                    (data (i32.const 200) \"message\") (data (i32.const 300) \"{}\") (func (export \"invoke\") {body}))",
                    escaped(&public),
                    escaped(&signature)
                );
                execute(contract(&wat), "").unwrap();
            }
        }
    }
}
