//! Interpreters in processes of their own, which are processes of this very test: what no tick counts is ended there,
//! while others get on.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::io::Read as _;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use trustkeep_contract::testing::MemoryLedger;
use trustkeep_contract::{Contract, Engine as _, Environment, Error, budget};
use trustkeep_contract_js::{JsEngine, worker};

const OPERATIONS: &str = include_str!("../src/tests/operations.js");

/// What takes the machine's time and hardly a tick.
const HOSTILE: [(&str, &str); 12] = [
    ("search", "return 'a'.repeat(4e6).indexOf('a'.repeat(2e6) + 'b')"),
    ("split", "return 'a'.repeat(4e6).split('a'.repeat(2e6) + 'b').length"),
    ("replaceAll", "return 'a'.repeat(4e6).replaceAll('a'.repeat(2e6) + 'b', '').length"),
    ("BigInt", "let a = 3n; for (let i = 0; i < 18; i++) a *= a; for (;;) (a * a) / a"),
    ("BigInt as text", "let a = 3n; for (let i = 0; i < 18; i++) a *= a; for (;;) a.toString()"),
    ("normalize", "return ('a' + '\\u0301\\u0316'.repeat(3e5)).normalize('NFD').length"),
    (
        "sort",
        "const s = 'a'.repeat(1e6), t = [s + 'b', s + 'c']; const a = []; for (let i = 0; i < 2e5; i++) a.push(t[i & 1]); a.sort()",
    ),
    ("backreference", "return /^(a*)\\1b/.test('a'.repeat(1e5))"),
    ("JSON", "const s = '[' + '1,'.repeat(1e5) + '1]'; for (;;) JSON.parse(s)"),
    ("padding", "for (;;) ''.padEnd(4e6, 'ab').toUpperCase()"),
    ("fill", "const a = new Array(2e5); for (;;) a.fill(1).join()"),
    ("shift", "const a = new Array(5e5).fill(1); for (;;) { a.shift(); a.push(1); }"),
];

/// What meets a limit that is the same on each machine.
const BOUNDED: [(&str, &str, &str); 9] = [
    ("expression", "return /(a+)+b/.test('a'.repeat(60))", "ticks"),
    (
        "comparator",
        "const a = []; for (let i = 0; i < 1e5; i++) a.push(i); for (;;) a.sort((x, y) => y - x)",
        "ticks",
    ),
    ("getters", "const o = { get a() { return this.a; } }; return o.a", "stack"),
    ("recursion", "const f = () => f() + 1; return f()", "stack"),
    ("templates", "const t = (s) => t`${t}`; return t`a`", "stack"),
    ("spread", "return Math.max(...new Array(3e5).fill(1))", "too many arguments"),
    ("repeat", "return 'a'.repeat(5e7)", "memory"),
    ("array", "return new Array(4e6).fill(1)", "memory"),
    ("proxy", "return new Proxy({}, {})", "Proxy is not defined"),
];

const TESTS: [(&str, fn()); 8] = [
    ("what_takes_too_long_is_ended", what_takes_too_long_is_ended),
    ("what_has_a_limit_meets_it", what_has_a_limit_meets_it),
    ("it_is_as_in_one_process", it_is_as_in_one_process),
    ("a_registration_is_ended_too", a_registration_is_ended_too),
    ("scripts_that_invoke_each_other_share_one_interpreter_and_its_time", scripts_share),
    ("nobody_catches_that_the_time_is_over", nobody_catches),
    ("one_entity_does_not_keep_others_waiting", one_entity_does_not_keep_others_waiting),
    ("an_interpreter_ends_with_its_server", an_interpreter_ends_with_its_server),
];

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if worker::is_wanted(&arguments) {
        return worker::serve();
    }
    let mut filters = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    if filters.peek().is_some_and(|role| role == SERVER) {
        serve_for_ever();
    }
    let filter = filters.next().unwrap_or_default();
    for (name, test) in TESTS.into_iter().filter(|(name, _)| name.contains(&filter)) {
        test();
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

fn engine() -> JsEngine {
    JsEngine::apart(std::env::current_exe().unwrap(), Vec::new())
}

fn script(engine: &JsEngine, body: &str) -> Arc<dyn Contract> {
    let source = format!("function invoke(ledger, argument) {{ {body} }}");
    engine.load("contract", source.as_bytes()).unwrap()
}

/// What a contract gives to an entity that has so much time.
fn execute(contract: &Arc<dyn Contract>, payer: &str, time: Duration) -> Result<Option<String>, Error> {
    let mut ledger = MemoryLedger::new();
    ledger.register("contract", Arc::clone(contract), None);
    budget::transaction(payer, false, || {
        budget::spend_time(budget::time().saturating_sub(time));
        ledger.execute("contract", "").map(|execution| execution.result)
    })
}

const SHORT: Duration = Duration::from_millis(250);

fn what_takes_too_long_is_ended() {
    let engine = engine();
    for (name, body) in HOSTILE {
        let outcome = execute(&script(&engine, body), "mallory", SHORT);
        let Err(Error::Unavailable(why)) = &outcome else { panic!("{name}: {outcome:?}") };
        assert!(why.contains("took more than 250ms of the processor"), "{name}: {why}");
    }
    assert_eq!(execute(&script(&engine, "return 1"), "mallory", SHORT), Ok(Some("1".into())));
}

fn what_has_a_limit_meets_it() {
    let engine = engine();
    for (name, body, limit) in BOUNDED {
        let outcome = execute(&script(&engine, body), "mallory", budget::TIME * 10);
        let Err(Error::Runtime(why)) = &outcome else { panic!("{name}: {outcome:?}") };
        assert!(why.contains(limit), "{name}: {why}");
    }
}

/// Results, failures and ticks, wherever a script runs.
fn it_is_as_in_one_process() {
    let (here, apart) = (JsEngine::here(), engine());
    let run = |engine: &JsEngine, source: &str, argument: &str| {
        let mut ledger = MemoryLedger::new();
        ledger.register(
            "operations",
            engine.load("operations", source.as_bytes()).unwrap(),
            Some("{\"a\":1}"),
        );
        let (outcome, left) = budget::with_work(50_000_000, || ledger.execute("operations", argument));
        let ids: Vec<_> = ledger.asset_ids().into_iter().map(|id| format!("{id:?}")).collect();
        (outcome, left, ids)
    };
    for argument in ["pa1ga0nb2sa0ra0ka0", "pa1fz9", "pa1mz9", "pa1na3", "", "{\"é\":[1.5]}"] {
        assert_eq!(run(&here, OPERATIONS, argument), run(&apart, OPERATIONS, argument), "{argument}");
    }
    for body in [
        "for (;;) ledger.get('a')",
        "return 'é'.repeat(1e6)",
        "ledger.put('', 1)",
        "ledger.scan({})",
        "throw null",
    ] {
        let source = format!("function invoke(ledger) {{ {body} }}");
        assert_eq!(run(&here, &source, ""), run(&apart, &source, ""), "{body}");
    }
}

fn a_registration_is_ended_too() {
    for (name, body) in HOSTILE.iter().take(2) {
        let source = format!("(() => {{ {body} }})(); function invoke() {{}}");
        let refused = budget::transaction("", false, || {
            budget::spend_time(budget::time().saturating_sub(SHORT));
            engine().try_out(source.as_bytes())
        });
        let why = refused.err().unwrap().to_string();
        assert!(why.contains("of the processor"), "{name}: {why}");
    }
}

fn scripts_share() {
    let engine = engine();
    let dive = "const depth = Number(argument || 0); return depth < 12 ? ledger.invoke('contract', String(depth + 1)) + 1 : 0";
    assert_eq!(execute(&script(&engine, dive), "alice", budget::TIME), Ok(Some("12".into())));
    // Each takes less than the time; a hundred of them do not.
    let body = "if (argument === 'work') { 'a'.repeat(3e5).indexOf('a'.repeat(1e5) + 'b'); return; }
        for (;;) ledger.invoke('contract', 'work')";
    let outcome = execute(&script(&engine, body), "mallory", SHORT);
    assert!(matches!(&outcome, Err(Error::Unavailable(_))), "{outcome:?}");
}

fn nobody_catches() {
    let body = "if (argument === 'work') return 'a'.repeat(4e6).indexOf('a'.repeat(2e6) + 'b');
        try { ledger.invoke('contract', 'work'); } catch (e) { return 'caught'; }";
    let outcome = execute(&script(&engine(), body), "mallory", SHORT);
    assert!(matches!(&outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    let nowhere = JsEngine::apart("/nowhere".into(), Vec::new()).try_out(b"function invoke() {}");
    assert!(nowhere.err().unwrap().to_string().contains("can be begun"));
}

/// Far more hostile executions than there are interpreters: another entity's are done before any of them has ended.
fn one_entity_does_not_keep_others_waiting() {
    let engine = engine();
    let hostile = script(&engine, HOSTILE.first().unwrap().1);
    let honest = script(&engine, "return 'done'");
    let ended = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let outcome = execute(&hostile, "mallory", SHORT * 2);
                assert!(matches!(&outcome, Err(Error::Unavailable(_))), "{outcome:?}");
                ended.fetch_add(1, Ordering::SeqCst);
            });
        }
        for _ in 0..5 {
            assert_eq!(execute(&honest, "alice", budget::TIME), Ok(Some("done".into())));
        }
        assert!(ended.load(Ordering::SeqCst) < 10, "some still run or wait");
    });
}

/// The argument by which this program becomes a server that runs a hostile script.
const SERVER: &str = "server-that-runs-a-hostile-script";

fn serve_for_ever() {
    let body = "ledger.invoke('says', ''); return 'a'.repeat(4e6).indexOf('a'.repeat(2e6) + 'b')";
    let mut ledger = MemoryLedger::new();
    ledger.register("contract", script(&engine(), body), None);
    ledger.register("says", Arc::new(SaysThatItRuns), None);
    let _ended = ledger.execute("contract", "");
}

struct SaysThatItRuns;

impl Contract for SaysThatItRuns {
    fn invoke(
        &self,
        _: &mut dyn Environment,
        _: &str,
        _: Option<&str>,
    ) -> trustkeep_contract::Result<Option<String>> {
        println!("it runs");
        Ok(None)
    }
}

/// Standard error of a server is its interpreters' too: it ends when all of them are gone.
fn an_interpreter_ends_with_its_server() {
    let mut server = Command::new(std::env::current_exe().unwrap())
        .arg(SERVER)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    server.stdout.take().unwrap().read_exact(&mut [0; 7]).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(server.stderr.take().unwrap().read_to_end(&mut Vec::new()).unwrap(), 0);
}
