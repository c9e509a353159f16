//! The vault from outside: crashes, bad input, sealing, concurrency, the process and its command line.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bad_configuration;
mod bad_requests;
mod command_line;
mod concurrency;
mod crash;
mod process;
mod revocation;
mod sealed;
mod seals;

use std::path::{Path, PathBuf};

/// A configuration of a vault on the embedded store in `dir`/data, with more lines at its end.
fn configuration(dir: &Path, listener: &str, more: &str) -> PathBuf {
    let data = dir.join("data");
    let text = format!(
        "disable_mlock = true\nstorage \"file\" {{\n  path = \"{}\"\n}}\nlistener \"tcp\" {{\n  address = \"127.0.0.1:0\"\n  {listener}\n}}\n{more}\n",
        data.display()
    );
    let file = dir.join("vault.hcl");
    std::fs::write(&file, text).unwrap();
    file
}
