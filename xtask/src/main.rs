//! House rules that a command can check: `cargo run -p xtask -- tidy`; and what is generated: `-- generate`, with the feature of that name.
//!
//! The rules are those of `ARCHITECTURE.md`. Each broken one is a line that says where and what to do.

mod files;
#[cfg(feature = "generate")]
mod generate;
mod rooms;

use std::path::Path;
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let asked: Vec<_> = std::env::args().skip(1).collect();
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    #[cfg(feature = "generate")]
    if asked == ["generate"] {
        generate::run(&top)?;
        return Ok(ExitCode::SUCCESS);
    }
    if asked != ["tidy"] {
        report("usage: cargo run -p xtask -- tidy");
        return Ok(ExitCode::FAILURE);
    }
    let mut broken = rooms::check(&top)?;
    broken.extend(files::check(&top)?);
    for line in &broken {
        report(line);
    }
    report(&format!("tidy: {} rules broken", broken.len()));
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::print_stdout, reason = "what a command prints is its result")]
fn report(line: &str) {
    println!("{line}");
}
