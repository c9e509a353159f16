//! Contracts that take more than they may.

use super::*;
use crate::limits::{MEMORY_BYTES_MAX, STACK_BYTES_MAX, TICKS, TICKS_STORE};

#[test]
fn one_that_never_ends_runs_out_of_ticks() {
    let ended = format!("the contract used all of its {TICKS} ticks");
    for body in [
        "for (;;) {}",
        "for (;;) { try { for (;;) {} } catch (e) {} finally { continue; } }",
        "[].indexOf.call({ length: 9007199254740991 }, 1)",
        "/(a+)+b/.test('a'.repeat(60))",
        "[1].sort(function compare() { return [2, 1].sort(compare).length; }); for (;;) [3, 2, 1].sort((a, b) => a - b);",
        "for (;;) ledger.isRoot();",
        "const e = new Error('x'); for (;;) { try { throw e; } catch (f) {} }",
    ] {
        assert_eq!(runtime_error(body), ended, "{body}");
    }
    let Err(error) = refusal("for (;;) {}") else { panic!("loaded") };
    assert!(error.to_string().contains(&ended));
}

#[test]
fn one_that_takes_memory_without_end_is_ended() {
    let used_up = format!("used all of its {MEMORY_BYTES_MAX} bytes of memory");
    for body in [
        "const a = []; for (;;) a.push({ n: a.length });",
        "let s = 'a'; for (;;) s += s;",
        "'a'.repeat(1 << 29)",
        "new Array(1 << 26).fill(1)",
        "const m = new Map(); for (let i = 0; ; i++) m.set({}, i);",
        "let o = {}; for (;;) o = { o };",
    ] {
        let why = runtime_error(body);
        assert!(why.ends_with(&used_up) || why.contains("too long"), "{body}: {why}");
    }
    // The next execution has all of it again.
    assert_eq!(result("return 'a'.repeat(1 << 20).length").unwrap().as_deref(), Some("1048576"));
}

#[test]
fn one_that_recurses_is_ended() {
    let nested = format!("they take more than {STACK_BYTES_MAX} bytes of stack");
    assert!(runtime_error("const f = () => f() + 1; f();").contains(&nested));
    assert!(
        runtime_error("const o = { toJSON() { return JSON.stringify(o); } }; JSON.stringify(o);")
            .contains(&nested)
    );
    assert!(result("let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a;").is_err());
    assert!(result("return JSON.parse('['.repeat(1e5))").is_err());
    assert!(result("new RegExp('('.repeat(1e5))").is_err());
    let deep = format!("function invoke() {{ return {}1{}; }}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(refusal(&deep).is_err());
}

/// Each level fills its stack before it invokes the next; the thread's own would not hold two of them.
#[test]
fn contracts_that_invoke_each_other_have_stack_and_share_their_ticks() {
    let source = "function invoke(ledger, argument) {
        const dive = (n) => n === 0 ? ledger.invoke('contract', '') : dive(n - 1);
        return dive(200);
    }";
    let mut ledger = MemoryLedger::new();
    ledger.register("contract", contract(source), None);
    let run = std::thread::Builder::new().stack_size(1 << 20);
    let outcome = std::thread::scope(|scope| {
        run.spawn_scoped(scope, || ledger.execute("contract", "")).unwrap().join().unwrap()
    });
    assert_eq!(outcome, Err(Error::Interrupted), "sixteen levels are too many");
    let spins =
        "function invoke(ledger) { for (;;) { try { ledger.invoke('contract', ''); } catch (e) {} } }";
    let mut ledger = MemoryLedger::new();
    ledger.register("contract", contract(spins), None);
    let (outcome, left) = budget_of(10 * TICKS_STORE, || ledger.execute("contract", ""));
    assert!(matches!(outcome, Err(Error::Runtime(why)) if why.contains("ticks")));
    assert_eq!(left, 0);
}

#[test]
fn ticks_are_the_same_each_time() {
    let operations = contract(OPERATIONS);
    let spent = || {
        let mut ledger = MemoryLedger::new();
        ledger.register("operations", Arc::clone(&operations), None);
        budget_of(1_000_000, || ledger.execute("operations", "pa1ga0nb2sa0ra0ka0").map(drop))
    };
    let first = spent();
    assert_eq!(first.0, Ok(()));
    assert!((900_000..1_000_000).contains(&first.1), "{}", first.1);
    for _ in 0..20 {
        assert_eq!(spent(), first);
    }
}

/// Where a contract meets its limits it meets them at the same place each time, whatever ran before on the thread.
#[test]
fn limits_are_met_at_the_same_place() {
    let at = |body: &str| result(&format!("let n = 0; try {{ {body} }} catch (e) {{}} return n;")).unwrap();
    let memory = "const a = []; for (;;) { a.push('x'.repeat(100) + n); n++; }";
    let stack = "const f = () => { n++; f(); }; f();";
    let first = (at(memory), at(stack));
    for _ in 0..5 {
        result("return 'other'.repeat(1000)").unwrap();
        assert_eq!((at(memory), at(stack)), first);
    }
    let elsewhere = std::thread::scope(|scope| scope.spawn(|| (at(memory), at(stack))).join().unwrap());
    assert_eq!(elsewhere, first);
}
