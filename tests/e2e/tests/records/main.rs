//! Ledger, auditor and vault together, from outside: `dev`, `demo`, the vault's audit log in the ledger,
//! and their units for systemd.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod audit_device;
mod demo;
mod dev;
mod schema;
mod systemd;

use std::path::Path;

use trustkeep_e2e::{Finished, program, run};

/// Runs `trustkeep ledger-client …` as the client whose properties these are.
async fn client(properties: &Path, words: &[&str], more: &[&str]) -> Finished {
    let properties = ["--properties", properties.to_str().unwrap()];
    let arguments = [&["ledger-client"][..], words, &properties, more].concat();
    run(program(), &arguments, &[]).await.unwrap()
}
