//! The process of an interpreter: it runs what its server sends, one script at a time, and ends with its server.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, nice, setrlimit};
use trustkeep_contract::{Error, budget};

use crate::call;
use crate::host::{DATABASE, LEDGER};
use crate::limits::PROCESS_BYTES_MAX;
use crate::outside::{Answer, Ask, Outside, Refusal};
use crate::source::Source;
use crate::wire::{Kind, Message};

/// The only argument of a program that is to be an interpreter.
pub(crate) const ROLE: &str = "contract-interpreter";

/// Whether a program that was called with these arguments (its name first) is to be an interpreter: then it must do
/// nothing but [`serve`].
#[must_use]
pub fn is_wanted(arguments: &[impl AsRef<OsStr>]) -> bool {
    matches!(arguments, [_, role] if role.as_ref() == ROLE)
}

/// Runs scripts until the server goes away. Standard output is the socket to it; standard input ends with it.
#[must_use]
pub fn serve() -> ExitCode {
    let channel = io::stdout().as_fd().try_clone_to_owned().map(UnixStream::from);
    match channel.and_then(|channel| confine().map(|()| channel)).and_then(|channel| answer_all(&channel)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Gives up what an interpreter does not need, and ends the process when the server is gone, whatever a script does.
fn confine() -> io::Result<()> {
    let limit = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    std::thread::Builder::new().spawn(|| {
        let _ended = io::stdin().read(&mut [0]);
        std::process::exit(0);
    })?;
    nice(NICENESS)?;
    setrlimit(Resource::Core, limit(0))?;
    setrlimit(Resource::As, limit(PROCESS_BYTES_MAX))?;
    // No file can be opened any more, no socket made, no process or thread begun.
    setrlimit(Resource::Nofile, limit(0))?;
    setrlimit(Resource::Nproc, limit(0))?;
    Ok(())
}

/// A script has the processor when the server does not want it.
const NICENESS: i32 = 10;

fn answer_all(channel: &UnixStream) -> io::Result<()> {
    while let Some(message) = Message::read(&mut &*channel)? {
        execute(message, channel)?;
    }
    Ok(())
}

/// Runs what a message asks for, and says how it ended.
fn execute(message: Message<'_>, channel: &UnixStream) -> io::Result<()> {
    let (outcome, left) = budget::with_work(message.work, || {
        let mut texts = message.texts.iter().map(Option::as_deref);
        let source = texts.next().flatten().unwrap_or_default();
        let source = Source::read(source.as_bytes()).map_err(|error| Error::Runtime(error.to_string()))?;
        let arguments: Vec<_> = texts.collect();
        let methods = match message.kind {
            Kind::Check => return call::check(&source).map(|()| None),
            Kind::Contract => LEDGER,
            Kind::Function => DATABASE,
            _ => return Err(Error::Runtime("an interpreter was asked for nothing that it knows".into())),
        };
        call::run(&source, methods, &mut Server(channel), &arguments)
    });
    let outcome = outcome.map(|text| Answer { text, count: 0 }).map_err(Refusal::Contract);
    Message::ending(outcome, left).write(&mut &*channel)
}

/// The outside, which the server asks for us.
struct Server<'a>(&'a UnixStream);

impl Outside for Server<'_> {
    fn ask(&mut self, ask: Ask, texts: &[Option<Cow<'_, str>>]) -> Result<Answer, Refusal> {
        self.relay(ask, texts).unwrap_or(Err(Refusal::Contract(Error::Interrupted)))
    }
}

impl Server<'_> {
    fn relay(&self, ask: Ask, texts: &[Option<Cow<'_, str>>]) -> io::Result<Result<Answer, Refusal>> {
        let texts = texts.iter().map(|text| text.as_deref().map(Cow::Borrowed)).collect();
        let question = Message { kind: Kind::Ask(ask), number: 0, work: budget::work(), texts };
        question.write(&mut &*self.0)?;
        loop {
            let message = Message::read(&mut &*self.0)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if matches!(message.kind, Kind::Contract | Kind::Function) {
                // What was invoked is a script too: it runs here, below the one that waits.
                execute(message, self.0)?;
                continue;
            }
            if ask == Ask::Invoke {
                budget::set_work(message.work);
            }
            return message.into_outcome().ok_or_else(|| io::ErrorKind::InvalidData.into());
        }
    }
}
