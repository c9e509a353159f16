//! What a script is given to act on: `ledger`, or for a function `database`.

mod assets;
mod checks;
mod records;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rquickjs::function::{Constructor, Rest};
use rquickjs::{Ctx, Exception, Function, Object, Value};
use trustkeep_contract::Error;

use crate::call::WORLD;
use crate::limits::{BYTES_PER_TICK, TICKS, TICKS_HOST_CALL, TICKS_PER_REPORT};
use crate::outside::{Answer, Ask, Refusal};

pub(crate) use assets::LEDGER;
pub(crate) use records::DATABASE;

/// What an execution has left, and how it was ended.
pub(crate) struct State {
    left: Cell<u64>,
    ended: RefCell<Option<Error>>,
}

impl State {
    pub(crate) fn new(ticks: u64) -> Self {
        Self { left: Cell::new(ticks), ended: RefCell::new(None) }
    }

    pub(crate) fn left(&self) -> u64 {
        self.left.get()
    }

    /// How it was ended, if not by the script itself. The first reason counts.
    pub(crate) fn ended(&self) -> Option<Error> {
        self.ended.borrow().clone()
    }

    /// The interpreter's regular report; gives whether it has to stop, which no script can catch.
    pub(crate) fn report(&self) -> bool {
        self.take(TICKS_PER_REPORT).is_err()
    }

    fn end(&self, error: Error) {
        self.ended.borrow_mut().get_or_insert(error);
    }

    /// Takes ticks; fails if the execution is over, for whatever reason.
    fn take(&self, ticks: u64) -> Result<(), Error> {
        if let Some(ended) = self.ended() {
            return Err(ended);
        }
        let Some(left) = self.left.get().checked_sub(ticks) else { return Err(self.spent()) };
        self.left.set(left);
        Ok(())
    }

    /// Ends it for want of ticks.
    fn spent(&self) -> Error {
        self.left.set(0);
        let error = Error::Runtime(format!("the contract used all of its {TICKS} ticks"));
        self.end(error.clone());
        error
    }

    /// Takes the ticks of so many bytes of text.
    pub(crate) fn take_bytes(&self, bytes: usize) -> Result<(), Error> {
        self.take(bytes as u64 / BYTES_PER_TICK)
    }
}

/// A method that scripts can call.
pub(crate) struct Method {
    name: &'static str,
    call: for<'js> fn(&Call<'_, 'js>) -> Outcome<'js>,
}

/// What a method gives to the script.
type Outcome<'js> = Result<Value<'js>, Failure>;

/// Why a method gives nothing.
enum Failure {
    /// The interpreter failed, or has an exception pending.
    Script(rquickjs::Error),
    /// What the script asked for failed.
    Contract(Error),
    /// The script asked wrongly.
    Usage(String),
}

impl From<rquickjs::Error> for Failure {
    fn from(error: rquickjs::Error) -> Self {
        Self::Script(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Contract(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Contract(error) => Self::Contract(error),
            Refusal::Usage(why) => Self::Usage(why),
            Refusal::Spent => Self::Usage("the answer is too long".into()),
        }
    }
}

/// An object with these methods.
pub(crate) fn object<'js>(
    ctx: &Ctx<'js>,
    state: &Rc<State>,
    methods: &'static [Method],
) -> rquickjs::Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    for Method { name, call } in methods {
        object.set(*name, function(ctx, state, call)?)?;
    }
    Ok(object)
}

fn function<'js>(
    ctx: &Ctx<'js>,
    state: &Rc<State>,
    call: &'static for<'a> fn(&Call<'_, 'a>) -> Outcome<'a>,
) -> rquickjs::Result<Function<'js>> {
    let state = Rc::clone(state);
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, arguments: Rest<Value<'js>>| {
        let outcome = state
            .take(TICKS_HOST_CALL)
            .map_err(Failure::Contract)
            .and_then(|()| call(&Call { ctx: &ctx, state: &state, arguments: &arguments }));
        outcome.map_err(|failure| throw(&ctx, &state, failure))
    })
}

fn throw(ctx: &Ctx<'_>, state: &State, failure: Failure) -> rquickjs::Error {
    match failure {
        Failure::Script(error) => error,
        Failure::Usage(why) => Exception::throw_type(ctx, &why),
        // A script may catch this, but it cannot act any more, and is stopped with the next report.
        Failure::Contract(error @ (Error::Interrupted | Error::Unavailable(_))) => {
            state.end(error);
            Exception::throw_internal(ctx, "interrupted")
        }
        Failure::Contract(Error::Runtime(why)) => Exception::throw_message(ctx, &why),
        Failure::Contract(Error::Contextual(why)) => {
            let class = ctx.globals().get::<_, Constructor<'_>>("ContractContextException");
            match class.and_then(|class| class.construct::<_, Value<'_>>((why,))) {
                Ok(exception) => ctx.throw(exception),
                Err(error) => error,
            }
        }
    }
}

/// One call of a method.
struct Call<'c, 'js> {
    ctx: &'c Ctx<'js>,
    state: &'c State,
    arguments: &'c [Value<'js>],
}

impl<'js> Call<'_, 'js> {
    /// A string that must be there.
    fn text(&self, at: usize, name: &str) -> Result<String, Failure> {
        let text = self.arguments.get(at).and_then(Value::as_string);
        let text = text.ok_or_else(|| Failure::Usage(format!("{name} must be a string")))?.to_string()?;
        self.state.take_bytes(text.len())?;
        Ok(text)
    }

    /// The JSON of a value that must be there.
    fn json(&self, at: usize, name: &str) -> Result<String, Failure> {
        let given = self.arguments.get(at).cloned();
        let text = given.map(|value| self.ctx.json_stringify(value)).transpose()?.flatten();
        let text =
            text.ok_or_else(|| Failure::Usage(format!("{name} must be something that JSON can say")))?;
        let text = text.to_string()?;
        self.state.take_bytes(text.len())?;
        Ok(text)
    }

    /// Asks the outside.
    fn ask(&self, ask: Ask, texts: &[Option<Cow<'_, str>>]) -> Result<Answer, Failure> {
        match WORLD.with(|world| world.0.ask(ask, texts)) {
            Err(Refusal::Spent) => Err(Failure::Contract(self.state.spent())),
            answer => Ok(answer?),
        }
    }

    /// A JSON text as a value; `null` for nothing.
    fn value(&self, text: Option<String>) -> Outcome<'js> {
        let Some(text) = text else { return Ok(Value::new_null(self.ctx.clone())) };
        self.state.take_bytes(text.len())?;
        Ok(self.ctx.json_parse(text)?)
    }

    fn nothing(&self) -> Outcome<'js> {
        Ok(Value::new_undefined(self.ctx.clone()))
    }
}
