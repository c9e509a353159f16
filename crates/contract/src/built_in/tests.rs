//! Conformance: what each contract takes, keeps, gives and refuses.

mod collections;
mod engine;
mod mutable;
mod objects;
mod samples;
mod table_model;
mod tables;

use std::sync::Arc;

use super::{BuiltIns, CLASS_MAGIC, HASH_STORE_CONTRACTS, TABLE_STORE_CONTRACTS};
use crate::testing::MemoryLedger;
use crate::{Contract, Engine, Error};

/// A ledger with all that both stores' bootstraps register.
fn generic() -> MemoryLedger {
    let mut ledger = MemoryLedger::new();
    for (id, name) in HASH_STORE_CONTRACTS.into_iter().chain(TABLE_STORE_CONTRACTS) {
        ledger.register(id, load(name), None);
    }
    ledger
}

fn load(binary_name: &str) -> Arc<dyn Contract> {
    BuiltIns.load(binary_name, &CLASS_MAGIC).unwrap()
}

/// A ledger with these classes, each under its own name without the package.
fn with(package: &str, classes: &[&str]) -> MemoryLedger {
    let mut ledger = MemoryLedger::new();
    for class in classes {
        ledger.register(class, load(&format!("{package}.{class}")), None);
    }
    ledger
}

/// The result, or the text of the refusal.
fn ask(ledger: &mut MemoryLedger, contract_id: &str, argument: &str) -> String {
    match ledger.execute(contract_id, argument) {
        Ok(execution) => execution.result.unwrap_or_default(),
        Err(Error::Contextual(text)) => text,
        Err(error) => panic!("{contract_id} {argument}: {error} {:?}", ledger.interruption()),
    }
}

/// What breaks a contract.
fn broken(ledger: &mut MemoryLedger, contract_id: &str, argument: &str) -> String {
    match ledger.execute(contract_id, argument) {
        Err(Error::Runtime(text)) => text,
        other => panic!("{contract_id} {argument}: {other:?}"),
    }
}
