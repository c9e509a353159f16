//! Scripts, honest and otherwise, over a ledger in memory.

mod alike;
mod bounds;
mod language;
mod records;

use std::sync::Arc;

use trustkeep_contract::testing::{Execution, MemoryLedger};
use trustkeep_contract::{Contract, Engine, Error, LoadError, budget};

use crate::JsEngine;
use crate::limits::WORK_PER_TICK;

const COUNTER: &str = include_str!("../../../examples/contracts/counter.js");
const STATE_UPDATER: &str = include_str!("../../../examples/contracts/state_updater.js");
const OPERATIONS: &str = include_str!("tests/operations.js");

/// Runs something with so many ticks; gives what remains of them.
fn budget_of<R>(ticks: u64, run: impl FnOnce() -> R) -> (R, u64) {
    let (outcome, left) = budget::with_work(ticks * WORK_PER_TICK, run);
    (outcome, left / WORK_PER_TICK)
}

/// Why a script cannot be registered, if it cannot.
fn refusal(source: &str) -> Result<(), LoadError> {
    JsEngine::here().try_out(source.as_bytes())
}

fn contract(source: &str) -> Arc<dyn Contract> {
    refusal(source).unwrap();
    JsEngine::here().load("contract", source.as_bytes()).unwrap()
}

fn execute(contract: Arc<dyn Contract>, argument: &str) -> Result<Execution, Error> {
    let mut ledger = MemoryLedger::new();
    ledger.register("contract", contract, None);
    ledger.execute("contract", argument)
}

/// What `invoke` gives whose body this is.
fn result(body: &str) -> Result<Option<String>, Error> {
    let source = format!("function invoke(ledger, argument, properties) {{ {body} }}");
    execute(contract(&source), "{\"a\":[1,2.5,\"x\"]}").map(|execution| execution.result)
}

fn runtime_error(body: &str) -> String {
    match result(body) {
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
    assert_eq!(ledger.execute("counter", ""), Err(Error::Contextual("the id has 1 to 1000 bytes".into())));
}

#[test]
fn a_state_updater_updates() {
    let mut ledger = MemoryLedger::new();
    ledger.register("updater", contract(STATE_UPDATER), None);
    for state in [3, 3, 4] {
        let argument = format!("{{\"asset_id\":\"thing\",\"state\":{state}}}");
        assert_eq!(ledger.execute("updater", &argument).unwrap().result, None);
    }
    let states: Vec<_> = ledger.history("thing").iter().map(|asset| asset.data.as_str()).collect();
    assert_eq!(states, ["{\"state\":3}", "{\"state\":4}"]);
    assert!(matches!(ledger.execute("updater", "{\"state\":1}"), Err(Error::Contextual(_))));
    assert!(matches!(ledger.execute("updater", "nonsense"), Err(Error::Contextual(_))));
}

#[test]
fn results_are_canonical() {
    for (body, given) in [
        ("return argument", Some("{\"a\":[1,2.5,\"x\"]}")),
        ("return 'a text, not JSON'", Some("a text, not JSON")),
        ("return { b: 1, a: [true, null, undefined], c: undefined, 2: 0.00001, 1: 1e21 }", None),
        ("", None),
        ("return null", None),
        ("return properties", None),
        ("return 7", Some("7")),
        ("return -0", Some("0")),
        ("return [NaN, 1/3, 1e300]", Some("[null,0.3333333333333333,1.0E300]")),
    ] {
        let answer = result(body).unwrap();
        let wanted = if body.contains("b: 1") {
            Some("{\"1\":1.0E21,\"2\":1.0E-5,\"b\":1,\"a\":[true,null,null]}")
        } else {
            given
        };
        assert_eq!(answer.as_deref(), wanted, "{body}");
    }
    assert!(runtime_error("return () => 1").contains("something that JSON cannot say"));
    assert!(runtime_error("return ['\\ud800']").contains("no proper JSON"));
    assert!(runtime_error("return '\\ud800'").contains("half of a surrogate pair"));
    assert!(runtime_error("return 1n").contains("BigInt"));
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
    assert_eq!(
        runtime_error("\n\n  throw new RangeError('too far')"),
        "RangeError: too far (at invoke (contract:3:13))"
    );
    assert_eq!(runtime_error("throw 'a text'"), "the contract threw a text");
    assert!(runtime_error("throw null").starts_with("the contract threw null"));
    assert!(runtime_error("ledger.get()").contains("TypeError: id must be a string"));
    assert!(runtime_error("ledger.put('a', () => 1)").contains("data must be something that JSON can say"));
    assert!(runtime_error("ledger.scan({ id: 'a', start: 1 })").contains("a filter has no member start"));
    // A script may catch what another contract failed with, and knows its kind.
    let catches = "try { ledger.invoke('contract', 'again'); } catch (e) { return [e instanceof ContractContextException, e.message]; }";
    let source = format!(
        "function invoke(ledger, argument) {{ if (argument === 'again') throw new ContractContextException('no'); {catches} }}"
    );
    assert_eq!(execute(contract(&source), "").unwrap().result.as_deref(), Some("[true,\"no\"]"));
}

#[test]
fn what_the_environment_interrupts_has_ended() {
    for body in [
        "ledger.invoke('none', '')",
        "try { ledger.invoke('none', ''); } catch (e) { return 'caught'; }",
        "for (;;) { try { ledger.invoke('none', ''); } catch (e) { ledger.put('a', 1); } }",
        "for (;;) { try { for (;;) ledger.put('', 1); } catch (e) { } finally { continue; } }",
        "try { ledger.put('', 1); } catch (e) { throw new ContractContextException('mine'); }",
    ] {
        let mut ledger = MemoryLedger::new();
        let source = format!("function invoke(ledger) {{ {body} }}");
        ledger.register("contract", contract(&source), None);
        let (outcome, left) = budget_of(1_000_000, || ledger.execute("contract", ""));
        assert_eq!(outcome, Err(Error::Interrupted), "{body}");
        assert!(ledger.interruption().is_some());
        assert!(left >= 950_000, "it ends soon: {left}");
    }
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
                for _ in 0..50 {
                    ledger.execute("counter", "clicks").unwrap();
                }
                assert_eq!(ledger.latest("clicks"), Some("50"));
            });
        }
    });
}

#[test]
fn hashes_and_signatures() {
    use base64::Engine as _;
    use trustkeep_crypto::sign::{Algorithm, SigningKey};
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(result("return ledger.sha256('abc')").unwrap().as_deref(), Some(abc));
    for algorithm in [Algorithm::P256, Algorithm::Ed25519] {
        let key = SigningKey::generate(algorithm).unwrap();
        let public = key.public_key().unwrap().to_pem().unwrap().replace('\n', "\\n");
        let signature = base64::prelude::BASE64_STANDARD.encode(key.sign("é".as_bytes()).unwrap());
        let body = format!(
            "return ['é', 'e'].map((text) => ledger.verifySignature(\"{public}\", text, '{signature}')).concat(ledger.verifySignature('', '', '!'))"
        );
        assert_eq!(result(&body).unwrap().as_deref(), Some("[true,false,false]"));
    }
}
