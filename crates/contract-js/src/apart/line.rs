//! One transaction's talk with an interpreter, and the watch over the time that it takes.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use trustkeep_contract::{Error, Result, budget};

use super::pool::Interpreter;
use super::unavailable;
use crate::limits::{BYTES_PER_TICK, LOOK_EVERY, SILENCE_MAX, WORK_PER_TICK};
use crate::outside::{Answer, Outside, Refusal};
use crate::wire::{Kind, Message};

/// A line to an interpreter.
pub(super) struct Line {
    state: RefCell<State>,
}

struct State {
    interpreter: Interpreter,
    watch: Watch,
    /// Why it was cut, if it was.
    cut: Option<Error>,
}

impl Line {
    pub(super) fn new(interpreter: Interpreter) -> Self {
        let now = Instant::now();
        let used_before = interpreter.processor_time();
        let watch = Watch { began: now, given: now, used_before, may_use: budget::time() };
        Self { state: RefCell::new(State { interpreter, watch, cut: None }) }
    }

    /// Sends what is to be run, answers questions, and gives how it ended.
    pub(super) fn talk(&self, message: &Message<'_>, outside: &mut dyn Outside) -> Result<Option<String>> {
        self.send(message)?;
        loop {
            let heard = self.hear()?;
            budget::set_work(heard.work);
            let Kind::Ask(ask) = heard.kind else {
                return match heard.into_outcome() {
                    Some(Ok(Answer { text, .. })) => Ok(text),
                    Some(Err(Refusal::Contract(error))) => Err(error),
                    Some(Err(Refusal::Usage(_) | Refusal::Spent)) | None => Err(self.cut(BROKEN)),
                };
            };
            // An interpreter reads no answer that its ticks do not pay for.
            let room = heard.work / WORK_PER_TICK * BYTES_PER_TICK;
            let answer = match outside.ask(ask, &heard.texts) {
                Ok(Answer { text: Some(text), .. }) if text.len() as u64 > room => Err(Refusal::Spent),
                answer => answer,
            };
            self.send(&Message::ending(answer, budget::work()))?;
        }
    }

    fn send(&self, message: &Message<'_>) -> Result<()> {
        let state = &mut *self.state.borrow_mut();
        if let Some(cut) = &state.cut {
            return Err(cut.clone());
        }
        state.watch.given = Instant::now();
        let sent = message.write(&mut Patient { channel: &state.interpreter, watch: &mut state.watch });
        sent.map_err(|error| state.cut(&error))
    }

    fn hear(&self) -> Result<Message<'static>> {
        let state = &mut *self.state.borrow_mut();
        let heard = Message::read(&mut Patient { channel: &state.interpreter, watch: &mut state.watch });
        match heard.and_then(|message| message.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())) {
            Ok(message) => Ok(message),
            Err(error) => Err(state.cut(&error)),
        }
    }

    fn cut(&self, why: &str) -> Error {
        self.state.borrow_mut().cut(&io::Error::other(why))
    }

    /// The time that it took.
    pub(super) fn spent(&self) -> Duration {
        let state = self.state.borrow();
        state.watch.used(&state.interpreter)
    }

    /// The interpreter, if it can be used again.
    pub(super) fn into_healthy(self: Rc<Self>) -> Option<Interpreter> {
        let state = Rc::into_inner(self)?.state.into_inner();
        state.cut.is_none().then_some(state.interpreter)
    }
}

impl State {
    /// Ends the interpreter; the first reason counts.
    fn cut(&mut self, error: &io::Error) -> Error {
        let cut = self.cut.get_or_insert_with(|| {
            unavailable(match error.kind() {
                io::ErrorKind::TimedOut => format!("the contract was ended: {error}"),
                _ => format!("the interpreter of JavaScript ended in the middle of the contract: {error}"),
            })
        });
        let cut = cut.clone();
        self.interpreter.kill();
        cut
    }
}

const BROKEN: &str = "it answered what makes no sense";

/// What a transaction's interpreter has used, and may.
struct Watch {
    began: Instant,
    /// When the interpreter last got something to do.
    given: Instant,
    used_before: Option<Duration>,
    may_use: Duration,
}

impl Watch {
    /// Looks whether it may go on.
    fn look(&self, interpreter: &Interpreter) -> io::Result<()> {
        if self.used(interpreter) > self.may_use {
            let text = format!("it took more than {:?} of the processor", self.may_use);
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        if self.given.elapsed() > SILENCE_MAX {
            let text = format!("nothing was heard of it for {SILENCE_MAX:?}");
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        Ok(())
    }

    /// Time of the processor since it began, or of the clock where there is no other; only who takes long is worth a look.
    fn used(&self, interpreter: &Interpreter) -> Duration {
        let elapsed = self.began.elapsed();
        if elapsed < LOOK_EVERY {
            return elapsed;
        }
        match (self.used_before, interpreter.processor_time()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => elapsed,
        }
    }
}

/// The channel, which gives up when the watch says so.
struct Patient<'a> {
    channel: &'a Interpreter,
    watch: &'a mut Watch,
}

impl Patient<'_> {
    fn patiently<R>(&mut self, mut work: impl FnMut(&Interpreter) -> io::Result<R>) -> io::Result<R> {
        loop {
            match work(self.channel) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    self.watch.look(self.channel)?;
                }
                done => return done,
            }
        }
    }
}

impl Read for Patient<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.patiently(|interpreter| interpreter.channel().read(bytes))
    }
}

impl Write for Patient<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.patiently(|interpreter| interpreter.channel().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
