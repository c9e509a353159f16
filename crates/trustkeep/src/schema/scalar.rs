//! The tables of a Ledger or an Auditor, by the keys of its `.properties`.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::ValueEnum;
use trustkeep_chassis::clock::SystemClock;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_scalar_domain::namespaces::{Namespaces, TablesOf};
use trustkeep_scalar_domain::settings::{Domain, ServerSettings};
use trustkeep_scalar_rpc::properties::Properties;
use trustkeep_scalar_rpc::signing::DEFAULT_NAMESPACE;
use trustkeep_store::{MemoryStore, SharedStore, Table};

use super::Args;
use crate::stores::scalar::{ScalarStore, describe, list};

/// Whose tables: what the container of ScalarDB's Schema Loader calls `SCHEMA_TYPE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaType {
    /// Of a Ledger.
    Ledger,
    /// Of an Auditor.
    Auditor,
}

impl SchemaType {
    fn domain(self) -> Domain {
        match self {
            SchemaType::Ledger => Domain::Ledger,
            SchemaType::Auditor => Domain::Auditor,
        }
    }

    /// The one whose keys are in the file.
    fn of(properties: &Properties) -> anyhow::Result<Self> {
        let has = |domain: Domain| properties.names().any(|name| name.starts_with(domain.prefix()));
        match (has(Domain::Ledger), has(Domain::Auditor)) {
            (true, false) => Ok(SchemaType::Ledger),
            (false, true) => Ok(SchemaType::Auditor),
            (true, true) => {
                anyhow::bail!("the file has keys of a Ledger and of an Auditor: say which with --schema-type")
            }
            (false, false) => anyhow::bail!(
                "the file has no key of a Ledger (scalar.dl.ledger.…) or an Auditor (scalar.dl.auditor.…): say which with --schema-type"
            ),
        }
    }
}

/// Whether a file holds `.properties` of this family, and not a vault's configuration.
pub(crate) fn is_properties(config: &Path) -> anyhow::Result<bool> {
    if config.is_dir() {
        return Ok(false);
    }
    if config.extension().is_some_and(|extension| extension == "properties") {
        return Ok(true);
    }
    // What cannot be read is for the vault's reader to complain of, and so is what is no text.
    let properties = Properties::load(config, &|_| None);
    Ok(properties.is_ok_and(|properties| properties.names().any(|name| name.starts_with("scalar."))))
}

/// What the table of assets is called in a store of these properties: one name, or two where they do not say whose
/// store it is.
pub(crate) fn asset_tables(properties: &Properties) -> anyhow::Result<Vec<String>> {
    let whose = match SchemaType::of(properties) {
        Ok(one) => vec![one],
        Err(_) => vec![SchemaType::Ledger, SchemaType::Auditor],
    };
    let name = |schema_type: SchemaType| {
        let base = ServerSettings::read(schema_type.domain(), properties)?.namespace;
        Ok(format!("{base}.asset"))
    };
    whose.into_iter().map(name).collect()
}

/// Creates the tables and lists them, or prints how it is done.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let properties = Properties::load(&args.config, &|name| std::env::var(name).ok())?;
    let schema_type = args.schema_type.map_or_else(|| SchemaType::of(&properties), Ok)?;
    anyhow::ensure!(
        args.schema_file.is_none() || schema_type == SchemaType::Ledger,
        "--schema-file: functions run at the Ledger alone, an Auditor has no mutable records"
    );
    let base = ServerSettings::read(schema_type.domain(), &properties)?.namespace;
    let tables = tables(schema_type, &base)?;
    if args.print {
        anyhow::ensure!(
            args.schema_file.is_none(),
            "--print shows a service's own tables: leave --schema-file away"
        );
        std::io::stdout().lock().write_all(describe(&properties, &tables)?.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let (place, mut names) = list(&properties, &tables)?;
    trustkeep_chassis::tls::install_provider();
    let opened = ScalarStore::open(&properties).await?;
    let made = create(schema_type, &base, &opened.store, args.schema_file.as_deref()).await;
    opened.close().await;
    names.extend(made?);
    names.sort();
    let mut text = format!("Tables of the {:?} in {place}:\n", schema_type.domain());
    names.iter().for_each(|name| text.push_str(&format!("  {name}\n")));
    text.push_str("The tables are there.\n");
    if args.coordinator {
        text.push_str("No coordinator tables: the store's own commits are the transactions.\n");
    }
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Makes what is missing, in the namespaces that clients created too; gives the names of tables for functions.
async fn create(
    schema_type: SchemaType,
    base: &str,
    store: &SharedStore,
    schema_file: Option<&Path>,
) -> anyhow::Result<Vec<String>> {
    store.create_tables(&shared_tables(schema_type, base)?).await?;
    namespaces(schema_type, base, store.clone())?.create_tables().await?;
    let Some(file) = schema_file else { return Ok(Vec::new()) };
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(trustkeep_ledger::define_tables(store, base, &text).await?)
}

/// All tables of a service that no client has created a namespace at.
fn tables(schema_type: SchemaType, base: &str) -> anyhow::Result<Vec<Table>> {
    // Which tables there are does not depend on the store.
    let namespaces = namespaces(schema_type, base, Arc::new(MemoryStore::new()))?;
    let mut tables = namespaces.tables(DEFAULT_NAMESPACE)?;
    tables.extend(shared_tables(schema_type, base)?);
    tables.sort_by(|one, other| one.qualified().cmp(other.qualified()));
    Ok(tables)
}

fn shared_tables(schema_type: SchemaType, base: &str) -> anyhow::Result<Vec<Table>> {
    Ok(match schema_type {
        SchemaType::Ledger => trustkeep_ledger::shared_tables(base)?,
        SchemaType::Auditor => trustkeep_auditor::shared_tables(base)?,
    })
}

fn namespaces(schema_type: SchemaType, base: &str, store: SharedStore) -> anyhow::Result<Namespaces> {
    let own = base.to_owned();
    let tables_of: TablesOf = match schema_type {
        SchemaType::Ledger => Arc::new(move |name| trustkeep_ledger::namespace_tables(&own, name)),
        SchemaType::Auditor => Arc::new(move |name| trustkeep_auditor::namespace_tables(&own, name)),
    };
    Ok(Namespaces::new(store, base, tables_of, SystemClock::shared(), Arc::new(SystemRandom))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(schema_type: SchemaType, base: &str) -> anyhow::Result<Vec<String>> {
        Ok(tables(schema_type, base)?.iter().map(|table| table.qualified().to_owned()).collect())
    }

    #[test]
    fn the_tables_of_the_guides_checklist_are_there() -> anyhow::Result<()> {
        let names = names(SchemaType::Auditor, "auditor")?;
        for name in ["asset", "asset_lock", "certificate", "contract", "contract_class", "request_proof"] {
            assert!(names.contains(&format!("auditor.{name}")), "{names:?}");
        }
        Ok(())
    }

    #[test]
    fn the_tables_of_a_ledger_are_those_of_its_namespace() -> anyhow::Result<()> {
        let names = names(SchemaType::Ledger, "mine")?;
        for name in ["asset", "asset_metadata", "certificate", "contract", "function", "secret", "tx_state"] {
            assert!(names.contains(&format!("mine.{name}")), "{names:?}");
        }
        assert!(names.iter().all(|name| name.starts_with("mine.")));
        Ok(())
    }

    #[test]
    fn whose_tables_is_told_by_the_keys() -> anyhow::Result<()> {
        let of = |text: &str| SchemaType::of(&Properties::parse(text, &|_| None)?);
        assert_eq!(of("scalar.dl.ledger.proof.enabled=true")?, SchemaType::Ledger);
        assert_eq!(of("scalar.dl.auditor.name=x")?, SchemaType::Auditor);
        for text in ["scalar.db.storage=jdbc", "scalar.dl.ledger.name=x\nscalar.dl.auditor.name=x"] {
            assert!(of(text).unwrap_err().to_string().contains("--schema-type"));
        }
        Ok(())
    }
}
