//! The tables of a Ledger.

use anyhow::Context as _;
use trustkeep_scalar_domain::settings::{Domain, ServerSettings};
use trustkeep_scalar_domain::tables::{Tables, namespaces};
use trustkeep_scalar_rpc::signing::DEFAULT_NAMESPACE;
use trustkeep_store::Table;

use super::Args;
use crate::ledger_server;
use crate::stores::scalar::{ScalarStore, describe};

/// Makes the tables unless they are only to be shown; gives what they look like.
pub(super) async fn run(args: &Args) -> anyhow::Result<String> {
    let properties = ledger_server::load(&args.config)?;
    let base = ServerSettings::read(Domain::Ledger, &properties)?.namespace;
    let tables = ledger_tables(&base)?;
    let text = describe(&properties, &tables)?;
    if args.print {
        return Ok(text);
    }
    trustkeep_chassis::tls::install_provider();
    let store = ScalarStore::open(&properties).await?;
    store.store.create_tables(&tables).await?;
    if let Some(file) = &args.schema_file {
        let schema =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        trustkeep_ledger::define_tables(&store.store, &base, &schema).await?;
    }
    store.close().await;
    Ok(text)
}

fn ledger_tables(base: &str) -> anyhow::Result<Vec<Table>> {
    let mut tables = Tables::of(base, DEFAULT_NAMESPACE)?.all();
    tables.push(namespaces(base)?);
    tables.extend(trustkeep_ledger::namespace_tables(base, DEFAULT_NAMESPACE)?);
    tables.extend(trustkeep_ledger::shared_tables(base)?);
    Ok(tables)
}
