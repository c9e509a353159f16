//! The language as contracts have it.

use std::rc::Rc;

use rquickjs::context::{EvalOptions, intrinsic};
use rquickjs::{Context, Ctx, Object, Runtime};
use trustkeep_contract::Error;

use crate::host::State;
use crate::limits::{MEMORY_BYTES_MAX, STACK_BYTES_MAX};

/// The language's parts: no Date, Promise, Proxy, WeakRef, performance, and no typed arrays.
type Parts =
    (intrinsic::Eval, intrinsic::RegExpCompiler, intrinsic::RegExp, intrinsic::Json, intrinsic::MapSet);

/// What is taken away from these parts, and the exception of a contract. Generated code would not be looked through,
/// and what is not exact to the last digit is not the same everywhere.
const TRIM: &str = r#"
delete Object.getPrototypeOf(function* () {}).constructor;
delete Function.prototype.constructor;
delete Array.fromAsync;
for (const name of ["eval", "Function", "queueMicrotask"]) delete globalThis[name];
for (const name of ["random", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "exp",
    "expm1", "hypot", "log", "log10", "log1p", "log2", "pow", "sin", "sinh", "tan", "tanh"]) delete Math[name];
Error.stackTraceLimit = 1;
class ContractContextException extends Error { get name() { return "ContractContextException"; } }
globalThis.ContractContextException = ContractContextException;
"#;

/// A fresh interpreter whose limits report to `state`.
pub(crate) fn open(state: &Rc<State>) -> Result<Context, Error> {
    let broken = |_| Error::Runtime("the JavaScript interpreter could not be started".into());
    let runtime = Runtime::new().map_err(broken)?;
    runtime.set_memory_limit(MEMORY_BYTES_MAX);
    runtime.set_max_stack_size(STACK_BYTES_MAX);
    let state = Rc::clone(state);
    runtime.set_interrupt_handler(Some(Box::new(move || state.report())));
    Context::custom::<Parts>(&runtime).map_err(broken)
}

/// Trims the language; gives the class of a contract's own exceptions.
pub(crate) fn trim<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
    let block = format!("{{{TRIM}}}");
    ctx.eval_with_options::<(), _>(block, options("trustkeep"))?;
    ctx.globals().get("ContractContextException")
}

/// Strict code of the global scope.
pub(crate) fn options(name: &str) -> EvalOptions {
    let mut options = EvalOptions::default();
    options.filename = Some(name.to_owned());
    options
}
