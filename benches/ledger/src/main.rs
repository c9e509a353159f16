//! Ledger and Auditor over gRPC, ours and a peer, with the same client on the same machine. `README.md` says how to
//! run it.
//!
//! It prints tables in Markdown: the bound that cryptography sets, then for each workload and number of clients
//! executions per second, latency, conflicts, and the servers' processor time per execution. That last figure hardly
//! depends on what else the machine does.

mod bound;
mod deployment;
mod flat;
mod load;
mod measure;
mod options;
mod setting;
mod workload;

use clap::Parser as _;

use crate::bound::Bound;
use crate::options::{Options, Part};
use crate::setting::Setting;

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&options))
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let settings = Setting::all(options)?;
    if options.wants(Part::Bound) {
        print(&Bound::measure(options)?.table());
    }
    if options.wants(Part::Workloads) {
        print(measure::HEAD);
        for setting in &settings {
            measure::run(setting, options).await?;
        }
    }
    if options.wants(Part::Flat) {
        print(flat::HEAD);
        for setting in settings.iter().filter(|setting| setting.is_embedded() && !setting.auditor) {
            flat::run(setting, options).await?;
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its table")]
fn print(line: &str) {
    println!("{line}");
}
