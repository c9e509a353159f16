//! Many contracts or functions out of one file of TOML; those that failed go into a file of the same form.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use toml::{Table, Value};
use trustkeep_contract::json::Json;
use trustkeep_scalar_rpc::{Error, StatusCode};

use super::failure::{Failure, Outcome, as_json};
use super::options::read;
use super::output;

/// What a file is of.
pub(super) struct Kind {
    /// `contract` or `function`, as in the names of members.
    noun: &'static str,
    /// The same with a capital, as sentences begin.
    title: &'static str,
    /// Whether it is no failure that something is registered already.
    counts_registered: bool,
}

/// One table of a file.
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) binary_name: String,
    pub(super) class_file: PathBuf,
    table: Table,
}

/// How one registration went.
pub(super) enum Registered {
    Now,
    /// It was there before, which the servers say in this way.
    Before(Error),
}

impl Kind {
    pub(super) const CONTRACTS: Self = Self { noun: "contract", title: "Contracts", counts_registered: true };
    pub(super) const FUNCTIONS: Self =
        Self { noun: "function", title: "Functions", counts_registered: false };
}

impl Entry {
    /// `None` if one of the three members is missing.
    fn new(kind: &Kind, table: &Table) -> Option<Self> {
        let member = |name: &str| table.get(&format!("{}-{name}", kind.noun))?.as_str().map(str::to_owned);
        Some(Self {
            id: member("id")?,
            binary_name: member("binary-name")?,
            class_file: member("class-file")?.into(),
            table: table.clone(),
        })
    }

    /// A member that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.table.get(name)?.as_str()
    }
}

/// Registers everything in a file, one after another.
pub(super) async fn run(
    file: &Path,
    kind: &Kind,
    traced: bool,
    mut register: impl AsyncFnMut(&Entry) -> Result<Registered, Failure>,
) -> Outcome {
    let (mut succeeded, mut before, mut failed) = (0_usize, 0_usize, Vec::new());
    for table in tables(file, kind)? {
        let Some(entry) = Entry::new(kind, &table) else {
            failed.push(table);
            continue;
        };
        output::line(&format!("Register {} {} as {}", kind.noun, entry.binary_name, entry.id))?;
        match register(&entry).await {
            Ok(Registered::Now) => {
                output::done(Json::Null)?;
                succeeded += 1;
            }
            Ok(Registered::Before(error)) => {
                output::print(&as_json(&error))?;
                before += 1;
            }
            Err(Failure::Refused { error, .. }) => {
                let failure = Failure::Refused { error, traced };
                failure.report().map_err(|error| Failure::Local(error.to_string()))?;
                failed.push(table);
            }
            Err(failure) => return Err(failure),
        }
    }
    output::line(&format!("Registration succeeded: {succeeded}"))?;
    if kind.counts_registered {
        output::line(&format!("Already registered: {before}"))?;
    }
    output::line(&format!("Registration failed: {}", failed.len()))?;
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let plural = format!("{}s", kind.noun);
    let name = format!("registration-failed-{plural}.toml");
    write(&name, &plural, failed)?;
    output::line(&format!("\n{} that failed to be registered are written to {name}.", kind.title))?;
    Ok(ExitCode::FAILURE)
}

fn tables(file: &Path, kind: &Kind) -> Result<Vec<Table>, Failure> {
    let wrong = |why: &str| Failure::Local(format!("{}: {why}", file.display()));
    let bytes = read(file).map_err(|error| Failure::local(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
    let mut document: Table = toml::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
    let plural = format!("{}s", kind.noun);
    let Some(Value::Array(tables)) = document.remove(&plural) else {
        return Err(wrong(&format!("it has no tables [[{plural}]]")));
    };
    let table = |value| match value {
        Value::Table(table) => Ok(table),
        _ => Err(wrong(&format!("[[{plural}]] is not a list of tables"))),
    };
    tables.into_iter().map(table).collect()
}

fn write(name: &str, plural: &str, failed: Vec<Table>) -> Result<(), Failure> {
    let mut document = Table::new();
    document.insert(plural.to_owned(), failed.into_iter().map(Value::Table).collect::<Vec<_>>().into());
    let written = toml::to_string(&document).map_err(|error| error.to_string());
    let written = written.and_then(|text| std::fs::write(name, text).map_err(|error| error.to_string()));
    written.map_err(|why| {
        let text = format!("Failed to write the result to a file. Details: {why}");
        Failure::from(Error::numbered(StatusCode::RuntimeError, "CLIENT", 6, text))
    })
}
