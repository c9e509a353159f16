//! What of the language is there, and what scripts are refused.

use super::*;

#[test]
fn there_is_no_clock_no_randomness_and_no_way_to_make_code() {
    for name in [
        "Date",
        "Promise",
        "Proxy",
        "WeakRef",
        "FinalizationRegistry",
        "performance",
        "setTimeout",
        "setInterval",
        "queueMicrotask",
        "Atomics",
        "SharedArrayBuffer",
        "ArrayBuffer",
        "DataView",
        "Float64Array",
        "Uint8Array",
        "Intl",
        "eval",
        "Function",
        "console",
        "print",
        "std",
        "os",
        "process",
        "require",
        "fetch",
        "crypto",
        "DOMException",
    ] {
        assert_eq!(result(&format!("return typeof {name}")).unwrap().as_deref(), Some("undefined"), "{name}");
    }
    for gone in [
        "Math.random",
        "Math.sin",
        "Math.pow",
        "Math.exp",
        "Math.log",
        "Math.hypot",
        "Math.cbrt",
        "Array.fromAsync",
    ] {
        assert_eq!(result(&format!("return typeof {gone}")).unwrap().as_deref(), Some("undefined"), "{gone}");
    }
    for makes_code in [
        "return (() => 1).constructor('return 1')()",
        "return (function () {}).constructor('return 1')()",
        "return (function* () {}).constructor('return 1')()",
        "return (class { m() {} }).constructor('return 1')()",
        "return Object.getPrototypeOf(function* () {}).constructor('return 1')()",
        "return ledger.get.constructor('return 1')()",
        "return Reflect.construct(Object.getPrototypeOf(() => 1).constructor, ['return 1'])()",
        "return ContractContextException.constructor('return 1')()",
    ] {
        let answer = result(makes_code);
        let not_one = !matches!(answer.as_ref().map(Option::as_deref), Ok(Some("1")));
        assert!(not_one, "{makes_code}: {answer:?}");
    }
}

#[test]
fn what_is_exact_is_there() {
    for (body, given) in [
        (
            "return [Math.sqrt(2), Math.floor(-1.5), Math.round(2.5), Math.max(1, 2), Math.trunc(-0.5), Math.imul(3, 4)]",
            "[1.4142135623730951,-2,3,2,0,12]",
        ),
        ("return [...new Set([1, 1, 2])].concat([...new Map([[1, 2]]).values()])", "[1,2,2]"),
        (
            "const { a: [x, ...rest] } = argument; return { x, rest, t: `${x}` }",
            "{\"x\":1,\"rest\":[2.5,\"x\"],\"t\":\"1\"}",
        ),
        ("return 'a-b'.replace(/(\\w)-(\\w)/u, '$2-$1')", "b-a"),
        ("return (123456789012345678901234567890n * 2n).toString()", "246913578024691357802469135780"),
        ("function* g() { yield 1; yield 2; } return [...g()]", "[1,2]"),
        ("return Object.groupBy([1, 2, 3], (n) => n % 2 ? 'odd' : 'even')", "{\"odd\":[1,3],\"even\":[2]}"),
        ("return (0.1 + 0.2).toFixed(20)", "0.30000000000000004441"),
        ("return structured(); function structured() { return typeof this; }", "undefined"),
    ] {
        assert_eq!(result(body).unwrap().as_deref(), Some(given), "{body}");
    }
}

#[test]
fn an_execution_leaves_nothing_behind() {
    let source = "let seen = 0; globalThis.other = (globalThis.other ?? 0) + 1;
        function invoke() {
            seen++; invoke.seen = (invoke.seen ?? 0) + 1; String.seen = (String.seen ?? 0) + 1;
            Array.prototype.seen = ([].seen ?? 0) + 1; Object.prototype.seen = (({}).seen ?? 0) + 1;
            return [seen, other, invoke.seen, [].seen, ({}).seen, String.seen];
        }";
    let contract = contract(source);
    for _ in 0..3 {
        let execution = execute(Arc::clone(&contract), "").unwrap();
        assert_eq!(execution.result.as_deref(), Some("[1,1,1,1,1,1]"));
    }
}

#[test]
fn scripts_that_are_refused() {
    let engine = JsEngine::here();
    let refusal = |source: &str| refusal(source).unwrap_err().to_string();
    assert!(refusal("function invok() {}").contains("defines no function invoke"));
    assert!(refusal("function invoke( {}").contains("SyntaxError"));
    assert!(refusal("\nnone.of = 1").contains("none is not defined"));
    assert!(refusal("undeclared = 1; function invoke() {}").contains("ReferenceError"));
    assert!(refusal("async function invoke() {}").contains("synchronous"));
    assert!(refusal("throw new ContractContextException('x')").contains("refused: x"));
    assert!(refusal("ledger.get('a'); function invoke() {}").contains("ledger is not defined"));
    assert!(engine.recognises(b"x"));
    for other in [&b""[..], b"\0asm\x01", b"\xca\xfe\xba\xbe\0\0", b"\xff\xfe"] {
        assert!(!engine.recognises(other));
    }
}
