//! What a script may ask of the outside, in texts: so that it is the same whether the outside is here or beyond a socket.

use std::borrow::Cow;

use trustkeep_contract::guest::{self, GuestError};
use trustkeep_contract::{Database, Environment, Error};

/// A question. The texts that go with it stand beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Namespace or nothing, id: the asset.
    Get,
    /// Namespace or nothing, id, data.
    Put,
    /// A filter: an array of assets.
    Scan,
    /// Contract id, argument: the result.
    Invoke,
    /// Counts 1 if the client itself invoked this contract.
    IsRoot,
    /// Who executes.
    ClientIdentityKey,
    /// A text for functions.
    SetContext,
    /// A key: the record.
    GetRecord,
    /// A scan: an array of records.
    ScanRecords,
    /// A record.
    PutRecord,
    /// A key.
    DeleteRecord,
}

/// What comes back: a text or nothing, and of how many assets or records it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) text: Option<String>,
    pub(crate) count: u64,
}

/// Why nothing comes back.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// What was asked for failed.
    Contract(Error),
    /// It was asked wrongly.
    Usage(String),
    /// The answer is longer than what the asking one's ticks pay for.
    Spent,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Contract(error)
    }
}

impl From<GuestError> for Refusal {
    fn from(error: GuestError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Where questions go.
pub(crate) trait Outside {
    fn ask(&mut self, ask: Ask, texts: &[Option<Cow<'_, str>>]) -> Result<Answer, Refusal>;
}

/// The outside of a contract.
pub(crate) struct Assets<'a>(pub(crate) &'a mut dyn Environment);

impl Outside for Assets<'_> {
    fn ask(&mut self, ask: Ask, texts: &[Option<Cow<'_, str>>]) -> Result<Answer, Refusal> {
        let environment = &mut *self.0;
        let text = |at: usize| texts.get(at).and_then(Option::as_deref).unwrap_or_default();
        let namespace = texts.first().and_then(Option::as_deref);
        Ok(match ask {
            Ask::Get => {
                let found = environment.get(namespace, text(1))?;
                text_of(found.as_ref().map(guest::asset).transpose().map_err(broken)?)
            }
            Ask::Put => {
                environment.put(namespace, text(1), text(2))?;
                Answer::default()
            }
            Ask::Scan => {
                let found = environment.scan(&guest::filter(text(0))?)?;
                Answer { text: Some(guest::assets(&found).map_err(broken)?), count: found.len() as u64 }
            }
            Ask::Invoke => text_of(environment.invoke(text(0), text(1))?),
            Ask::IsRoot => Answer { text: None, count: environment.is_root().into() },
            Ask::ClientIdentityKey => {
                text_of(Some(guest::client_identity_key(&environment.client_identity_key())))
            }
            Ask::SetContext => {
                environment.set_context(text(0));
                Answer::default()
            }
            Ask::GetRecord | Ask::ScanRecords | Ask::PutRecord | Ask::DeleteRecord => {
                return Err(runtime("a contract has no mutable database: only a function does"));
            }
        })
    }
}

/// The outside of a function.
pub(crate) struct Records<'a>(pub(crate) &'a mut dyn Database);

impl Outside for Records<'_> {
    fn ask(&mut self, ask: Ask, texts: &[Option<Cow<'_, str>>]) -> Result<Answer, Refusal> {
        let database = &mut *self.0;
        let text = texts.first().and_then(Option::as_deref).unwrap_or_default();
        Ok(match ask {
            Ask::GetRecord => {
                let found = database.get(&guest::selection(text)?)?;
                text_of(found.map(|record| guest::record(&record)))
            }
            Ask::ScanRecords => {
                let found = database.scan(&guest::database_scan(text)?)?;
                Answer { text: Some(guest::records(&found)), count: found.len() as u64 }
            }
            Ask::PutRecord => {
                let (selection, columns) = guest::put(text)?;
                database.put(&selection, &columns)?;
                Answer::default()
            }
            Ask::DeleteRecord => {
                database.delete(&guest::selection(text)?)?;
                Answer::default()
            }
            _ => return Err(runtime("a function has no assets: only a contract does")),
        })
    }
}

/// A script that is tried has none.
pub(crate) struct Nothing;

impl Outside for Nothing {
    fn ask(&mut self, _: Ask, _: &[Option<Cow<'_, str>>]) -> Result<Answer, Refusal> {
        Err(runtime("a script that is tried has no outside"))
    }
}

fn text_of(text: Option<String>) -> Answer {
    Answer { text, count: 0 }
}

fn runtime(why: &str) -> Refusal {
    Refusal::Contract(Error::Runtime(why.into()))
}

/// A stored row that cannot be said is no mistake of whoever asked.
fn broken(error: GuestError) -> Error {
    Error::Runtime(error.to_string())
}
