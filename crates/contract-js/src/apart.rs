//! Interpreters in processes of their own: whatever a script does there, it can be ended.

mod line;
mod pool;

use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use trustkeep_contract::{Error, Result, budget};

use crate::limits::{INTERPRETERS_MAX, INTERPRETERS_MIN};
use crate::outside::Outside;
use crate::wire::{Kind, Message};
use crate::worker::ROLE;

use line::Line;
use pool::Pool;

thread_local! {
    /// The interpreter that this thread's transaction talks to, while it does.
    static LINE: RefCell<Option<Rc<Line>>> = const { RefCell::new(None) };
}

/// A bounded number of interpreters, begun when they are first needed.
#[derive(Clone, Debug)]
pub(crate) struct Interpreters(Arc<Pool>);

impl Interpreters {
    /// Of this program, or of `program`, called with the arguments that [`crate::worker::is_wanted`] knows.
    pub(crate) fn new(program: PathBuf, arguments: Vec<OsString>) -> Self {
        let count = std::thread::available_parallelism().map_or(INTERPRETERS_MIN, Into::into);
        let mut arguments = arguments;
        arguments.push(ROLE.into());
        Self(Arc::new(Pool::new(program, arguments, count.clamp(INTERPRETERS_MIN, INTERPRETERS_MAX))))
    }

    /// Has a script tried, or run with its outside and its arguments.
    pub(crate) fn run(
        &self,
        kind: Kind,
        source: &str,
        outside: &mut dyn Outside,
        arguments: &[Option<&str>],
    ) -> Result<Option<String>> {
        budget::part(|| {
            let texts = std::iter::once(Some(source)).chain(arguments.iter().copied());
            let texts = texts.map(|text| text.map(Cow::Borrowed)).collect();
            let message = Message { kind, number: 0, work: budget::work(), texts };
            match LINE.with_borrow(Clone::clone) {
                // A script that another one invoked runs in its interpreter.
                Some(line) => line.talk(&message, outside),
                None => self.begin(&message, outside),
            }
        })
    }

    fn begin(&self, message: &Message<'_>, outside: &mut dyn Outside) -> Result<Option<String>> {
        let seat = self.0.seat(&budget::payer())?;
        let line = Rc::new(Line::new(seat.take()?));
        let outcome = {
            let _hung_up = Hold::of(&line);
            line.talk(message, outside)
        };
        budget::spend_time(line.spent());
        if let Some(interpreter) = line.into_healthy() {
            seat.give_back(interpreter);
        }
        outcome
    }
}

/// Keeps a line as the thread's.
struct Hold;

impl Hold {
    fn of(line: &Rc<Line>) -> Self {
        LINE.set(Some(Rc::clone(line)));
        Self
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        LINE.set(None);
    }
}

/// An interpreter's failure, which says nothing about the contract.
fn unavailable(why: impl Into<String>) -> Error {
    Error::Unavailable(why.into())
}
