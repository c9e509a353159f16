//! The interpreters of a server: how many there are, who has one, who waits.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use trustkeep_contract::Result;

use super::unavailable;
use crate::limits::{LOOK_EVERY, WAIT_MAX, WAITING_MAX, WAITING_OF_ONE_MAX};

/// All interpreters of a server.
#[derive(Debug)]
pub(super) struct Pool {
    program: PathBuf,
    arguments: Vec<OsString>,
    size: usize,
    room: Mutex<Room>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Room {
    idle: Vec<Interpreter>,
    all: Share,
    /// Of each payer that has anything.
    payers: HashMap<String, Share>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    seated: usize,
    waiting: usize,
}

/// The right to use one interpreter.
pub(super) struct Seat<'a> {
    pool: &'a Pool,
    payer: String,
}

impl Pool {
    pub(super) fn new(program: PathBuf, arguments: Vec<OsString>, size: usize) -> Self {
        Self { program, arguments, size, room: Mutex::default(), freed: Condvar::new() }
    }

    /// Waits for a seat. One payer has at most half of them, so that it cannot keep all others waiting.
    ///
    /// # Errors
    /// Too many wait, or none became free.
    pub(super) fn seat(&self, payer: &str) -> Result<Seat<'_>> {
        let of_one = (self.size / 2).max(1);
        let is_full = |room: &mut Room| room.all.seated >= self.size || room.of(payer).seated >= of_one;
        let mut room = self.room();
        if is_full(&mut room) {
            if room.all.waiting >= WAITING_MAX || room.of(payer).waiting >= WAITING_OF_ONE_MAX {
                return Err(unavailable(
                    "too many JavaScript contracts wait for an interpreter: try again later",
                ));
            }
            room.change(payer, |share| share.waiting += 1);
            room = self
                .freed
                .wait_timeout_while(room, WAIT_MAX, is_full)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(room, _)| room);
            room.change(payer, |share| share.waiting -= 1);
            if is_full(&mut room) {
                return Err(unavailable(format!(
                    "no interpreter of JavaScript became free for {WAIT_MAX:?}: try again later"
                )));
            }
        }
        room.change(payer, |share| share.seated += 1);
        Ok(Seat { pool: self, payer: payer.to_owned() })
    }

    /// Nothing panics while it holds the room, and its numbers would be right even then.
    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> io::Result<Interpreter> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(LOOK_EVERY))?;
        ours.set_write_timeout(Some(LOOK_EVERY))?;
        let mut process = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(OwnedFd::from(theirs))
            .spawn()?;
        let lifeline = process.stdin.take();
        Ok(Interpreter { process, channel: ours, _lifeline: lifeline })
    }
}

impl Room {
    fn of(&self, payer: &str) -> Share {
        self.payers.get(payer).copied().unwrap_or_default()
    }

    fn change(&mut self, payer: &str, change: impl Fn(&mut Share)) {
        change(&mut self.all);
        let share = self.payers.entry(payer.to_owned()).or_default();
        change(share);
        if *share == Share::default() {
            self.payers.remove(payer);
        }
    }
}

impl Seat<'_> {
    /// An interpreter that is alive.
    ///
    /// # Errors
    /// None can be begun.
    pub(super) fn take(&self) -> Result<Interpreter> {
        loop {
            let Some(mut idle) = self.pool.room().idle.pop() else { break };
            if matches!(idle.process.try_wait(), Ok(None)) {
                return Ok(idle);
            }
        }
        let begun = self.pool.begin();
        begun.map_err(|error| unavailable(format!("no interpreter of JavaScript can be begun: {error}")))
    }

    /// Keeps it for the next one.
    pub(super) fn give_back(&self, interpreter: Interpreter) {
        self.pool.room().idle.push(interpreter);
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.pool.room().change(&self.payer, |share| share.seated -= 1);
        // Who waits may be of a payer that has too many: so all of them look.
        self.pool.freed.notify_all();
    }
}

/// A process that runs scripts.
#[derive(Debug)]
pub(super) struct Interpreter {
    process: Child,
    channel: UnixStream,
    /// Ends with this process, and the interpreter with it.
    _lifeline: Option<ChildStdin>,
}

impl Interpreter {
    pub(super) fn channel(&self) -> &UnixStream {
        &self.channel
    }

    /// Time of the processor that it used since it began, in steps of 10 ms; nothing where there is no `/proc`.
    pub(super) fn processor_time(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        // After the name, which may hold anything: state, and from the twelfth field on user and system time.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut times = fields.split_ascii_whitespace().skip(11).map_while(|field| field.parse::<u64>().ok());
        let hundredths = times.next()?.saturating_add(times.next()?);
        Some(Duration::from_millis(hundredths.saturating_mul(10)))
    }

    /// Ends it, whatever it does.
    pub(super) fn kill(&mut self) {
        // It may have ended by itself; either way there is nothing left to wait for.
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

impl Drop for Interpreter {
    fn drop(&mut self) {
        self.kill();
    }
}
