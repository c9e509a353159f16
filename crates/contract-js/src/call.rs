//! One execution: an interpreter of its own, its limits, and how it ended.

use std::rc::Rc;

use rquickjs::function::Args;
use rquickjs::{Ctx, Exception, Function, String as JsString, Value};
use scoped_tls_hkt::{ReborrowMut, scoped_thread_local};
use trustkeep_contract::{Result, budget, json};

use crate::host::{self, Method, State};
use crate::limits::{STACK_BYTES_MAX, WORK_PER_TICK};
use crate::outside::Outside;
use crate::source::Source;
use crate::{exception, realm};

/// What an execution sees of the outside.
pub(crate) struct World<'a>(pub(crate) &'a mut (dyn Outside + 'a));

impl<'a, 'b: 'a> ReborrowMut<'a> for World<'b> {
    type Result = World<'a>;

    fn reborrow_mut(&'a mut self) -> World<'a> {
        World(&mut *self.0)
    }
}

scoped_thread_local!(
    /// The world of the innermost execution on this thread.
    pub(crate) static mut WORLD: for<'a> World<'a>
);

/// Runs a script's `invoke` once, in this process: with the methods of a contract or of a function, then the arguments.
pub(crate) fn run(
    source: &Source,
    methods: &'static [Method],
    outside: &mut dyn Outside,
    arguments: &[Option<&str>],
) -> Result<Option<String>> {
    metered(|state| {
        // Reading these is work of every execution.
        let given = arguments.iter().flatten().map(|text| text.len()).sum::<usize>();
        state.take_bytes(source.text().len() + given)?;
        WORLD
            .set(World(outside), || {
                within(state, |ctx| {
                    let invoke = define(ctx, source)?;
                    let mut call = Args::new(ctx.clone(), arguments.len() + 1);
                    call.push_arg(host::object(ctx, state, methods)?)?;
                    for argument in arguments {
                        call.push_arg(value(ctx, *argument)?)?;
                    }
                    answer(ctx, invoke.call_arg(call)?)
                })
            })
            .and_then(|result| {
                state.take_bytes(result.as_ref().map_or(0, String::len))?;
                Ok(result)
            })
    })
}

/// Runs a script up to its `invoke`, which it must define.
pub(crate) fn check(source: &Source) -> Result<()> {
    metered(|state| within(state, |ctx| define(ctx, source).map(drop)))
}

/// Runs something on the transaction's budget, with enough stack.
fn metered<R>(run: impl FnOnce(&Rc<State>) -> Result<R>) -> Result<R> {
    stacker::maybe_grow(STACK_NEEDED, STACK_GROWN, || {
        let state = Rc::new(State::new(budget::work() / WORK_PER_TICK));
        let outcome = budget::part(|| {
            let outcome = run(&state);
            budget::set_work(state.left().saturating_mul(WORK_PER_TICK));
            outcome
        });
        state.ended().map_or(outcome, Err)
    })
}

/// What a thread must have left: the interpreter's stack, and ours between two of them.
const STACK_NEEDED: usize = STACK_BYTES_MAX + (128 << 10);
/// What it gets if it has not.
const STACK_GROWN: usize = 4 * STACK_NEEDED;

/// Does something in a fresh interpreter.
fn within<R>(state: &Rc<State>, work: impl for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<R>) -> Result<R> {
    let context = realm::open(state)?;
    context.with(|ctx| {
        let class = realm::trim(&ctx).map_err(|error| exception::explain(&ctx, None, &error))?;
        work(&ctx).map_err(|error| exception::explain(&ctx, Some(&class), &error))
    })
}

/// Runs the script itself and gives the function that it must define.
fn define<'js>(ctx: &Ctx<'js>, source: &Source) -> rquickjs::Result<Function<'js>> {
    ctx.eval_with_options::<(), _>(source.text(), realm::options("contract"))?;
    let invoke: Value<'js> = ctx.globals().get("invoke")?;
    invoke.into_function().ok_or_else(|| Exception::throw_type(ctx, "the script defines no function invoke"))
}

/// What a text of the client is to a script: its value if it is JSON, else the text; `null` if there is none.
pub(crate) fn value<'js>(ctx: &Ctx<'js>, text: Option<&str>) -> rquickjs::Result<Value<'js>> {
    let Some(text) = text else { return Ok(Value::new_null(ctx.clone())) };
    match ctx.json_parse(text) {
        Ok(value) => Ok(value),
        Err(_) => {
            if ctx.has_exception() {
                ctx.catch();
            }
            JsString::from_str(ctx.clone(), text).map(JsString::into_value)
        }
    }
}

/// A string as it is, nothing for `undefined` and `null`, anything else as canonical JSON.
fn answer<'js>(ctx: &Ctx<'js>, result: Value<'js>) -> rquickjs::Result<Option<String>> {
    if let Some(text) = result.as_string() {
        return text.to_string().map(Some);
    }
    if result.is_null() || result.is_undefined() {
        return Ok(None);
    }
    let Some(text) = ctx.json_stringify(result)? else {
        return Err(Exception::throw_type(ctx, "invoke gave something that JSON cannot say"));
    };
    match json::canonical(&text.to_string()?) {
        Ok(text) => Ok(Some(text.into_owned())),
        Err(error) => Err(Exception::throw_type(ctx, &format!("invoke gave no proper JSON: {error}"))),
    }
}
