//! The contracts that are there without writing any: Scalar DL's generic ones, `ValidateLedger`, and those of its
//! samples and benchmarks.
//!
//! A client registers the original's class as ever; its name says which contract is meant, and ours is what runs. What each
//! takes, keeps, gives and refuses is the original's to the letter (version 3.14); where Java leaves an order open, it
//! is the order of insertion.

mod bank_account;
mod call;
mod class_file;
mod collection;
mod object;
mod put_to_mutable_database;
mod small_bank;
mod state;
mod table;
mod temporal;
#[cfg(test)]
mod tests;
mod validate_ledger;
mod ycsb;

use std::sync::Arc;

use call::{BuiltIn, Run};
pub use class_file::CLASS_MAGIC;

use crate::{Contract, Engine, Function, LoadError};

/// Contract id and binary name of what a HashStore client's bootstrap registers.
pub const HASH_STORE_CONTRACTS: [(&str, &str); 9] = [
    ("object.v1_0_0.Get", "com.scalar.dl.genericcontracts.object.v1_0_0.Get"),
    ("object.v1_0_0.Put", "com.scalar.dl.genericcontracts.object.v1_0_0.Put"),
    ("object.v1_0_0.Validate", "com.scalar.dl.genericcontracts.object.v1_0_0.Validate"),
    ("collection.v1_0_0.Add", "com.scalar.dl.genericcontracts.collection.v1_0_0.Add"),
    ("collection.v1_0_0.Create", "com.scalar.dl.genericcontracts.collection.v1_0_0.Create"),
    ("collection.v1_0_0.Get", "com.scalar.dl.genericcontracts.collection.v1_0_0.Get"),
    (
        "collection.v1_0_0.GetCheckpointInterval",
        "com.scalar.dl.genericcontracts.collection.v1_0_0.GetCheckpointInterval",
    ),
    ("collection.v1_0_0.GetHistory", "com.scalar.dl.genericcontracts.collection.v1_0_0.GetHistory"),
    ("collection.v1_0_0.Remove", "com.scalar.dl.genericcontracts.collection.v1_0_0.Remove"),
];

/// Contract id and binary name of what a TableStore client's bootstrap registers.
pub const TABLE_STORE_CONTRACTS: [(&str, &str); 8] = [
    ("table.v1_0_0.Create", "com.scalar.dl.genericcontracts.table.v1_0_0.Create"),
    ("table.v1_0_0.Insert", "com.scalar.dl.genericcontracts.table.v1_0_0.Insert"),
    ("table.v1_0_0.Select", "com.scalar.dl.genericcontracts.table.v1_0_0.Select"),
    ("table.v1_0_0.Update", "com.scalar.dl.genericcontracts.table.v1_0_0.Update"),
    ("table.v1_0_0.ShowTables", "com.scalar.dl.genericcontracts.table.v1_0_0.ShowTables"),
    ("table.v1_0_0.GetHistory", "com.scalar.dl.genericcontracts.table.v1_0_0.GetHistory"),
    ("table.v1_0_0.GetAssetId", "com.scalar.dl.genericcontracts.table.v1_0_0.GetAssetId"),
    ("table.v1_0_0.Scan", "com.scalar.dl.genericcontracts.table.v1_0_0.Scan"),
];

/// Function id and binary name of the HashStore client's function.
pub const PUT_TO_MUTABLE_DATABASE: (&str, &str) = (
    "object.v1_0_0.PutToMutableDatabase",
    "com.scalar.dl.genericcontracts.object.v1_0_0.PutToMutableDatabase",
);

/// Contract id and binary name of what validates with an Auditor.
pub const VALIDATE_LEDGER: (&str, &str) =
    ("validate-ledger-v1_1_0", "com.scalar.dl.client.validation.contract.v1_1_0.ValidateLedger");

/// The engine of JVM classes: it knows some by name and runs none.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuiltIns;

impl Engine for BuiltIns {
    fn recognises(&self, byte_code: &[u8]) -> bool {
        byte_code.starts_with(&CLASS_MAGIC)
    }

    fn load(&self, binary_name: &str, byte_code: &[u8]) -> Result<Arc<dyn Contract>, LoadError> {
        class_file::check(binary_name, byte_code)?;
        match contract(binary_name) {
            Some(contract) => Ok(Arc::new(contract)),
            None if function(binary_name).is_some() => Err(LoadError(format!(
                "the built-in class {binary_name} is a function: register it as a function"
            ))),
            None => Err(unknown("contract", binary_name)),
        }
    }

    fn load_function(&self, binary_name: &str, byte_code: &[u8]) -> Result<Arc<dyn Function>, LoadError> {
        class_file::check(binary_name, byte_code)?;
        match function(binary_name) {
            Some(function) => Ok(function),
            None if contract(binary_name).is_some() => Err(LoadError(format!(
                "the built-in class {binary_name} is a contract: register it as a contract"
            ))),
            None => Err(unknown("function", binary_name)),
        }
    }
}

fn unknown(kind: &str, binary_name: &str) -> LoadError {
    LoadError(format!(
        "the class {binary_name} is not built in, and other JVM classes are not run here: write the {kind} in \
         JavaScript, or in any language that compiles to WebAssembly, and register that source or module in place of \
         the class file; or register a built-in {kind} by its class name (docs/contracts.md lists them)"
    ))
}

fn contract(binary_name: &str) -> Option<BuiltIn> {
    let (package, class) = binary_name.rsplit_once('.')?;
    let alone = |run: Option<Run>| run.map(|run| BuiltIn { run, nested: "" });
    match package {
        "com.scalar.dl.genericcontracts.object.v1_0_0" | "com.scalar.dl.genericcontracts.object" => {
            alone(object::find(class))
        }
        "com.scalar.dl.genericcontracts.collection.v1_0_0" => {
            Some(BuiltIn { run: collection::find(class)?, nested: "collection.v1_0_0." })
        }
        "com.scalar.dl.genericcontracts.collection" => {
            Some(BuiltIn { run: collection::find(class)?, nested: "collection." })
        }
        "com.scalar.dl.genericcontracts.table.v1_0_0" => {
            Some(BuiltIn { run: table::find(class)?, nested: "table.v1_0_0." })
        }
        "com.scalar.dl.client.validation.contract.v1_1_0"
        | "com.scalar.dl.client.validation.contract.v1_0_0"
        | "com.scalar.dl.client.contract" => alone(validate_ledger::find(package, class)),
        "com.org1.contract" => state::find(class),
        "com.scalar.dl.benchmarks.smallbank.contract" => alone(small_bank::find(class)),
        "com.scalar.dl.benchmarks.ycsb.contract" => alone(ycsb::find(class)),
        "com.scalar.application.bankaccount.contract" => alone(bank_account::find(class)),
        _ => None,
    }
}

fn function(binary_name: &str) -> Option<Arc<dyn Function>> {
    match binary_name {
        "com.scalar.dl.genericcontracts.object.v1_0_0.PutToMutableDatabase"
        | "com.scalar.dl.genericcontracts.object.PutToMutableDatabase" => {
            Some(Arc::new(put_to_mutable_database::PutToMutableDatabase))
        }
        _ => None,
    }
}
