//! The controller: how fast it is there, how fast nodes are, and what it takes to look after them. `README.md` says how to run it.
//!
//! The controller is the real program over its REST API with TLS. The servers that it makes nodes on are simulated in this process: SSH
//! and Docker's API as the controller speaks them, on addresses of the loopback interface, with a fixed time for what an engine
//! would do. They are a benchmark's counterpart, made to cost little; that nodes work is for the tests to prove, on real engines.

mod api;
mod controller;
mod docker;
mod fleet;
mod nodes;
mod options;
mod server;
mod start;

use std::time::Duration;

use clap::Parser as _;

use crate::options::{Options, Part};
use crate::server::World;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if options.wants(Part::Start) {
        start::run(&options).await?;
    }
    if !options.needs_servers() {
        return Ok(());
    }
    let world = match World::open(options.start_delay()).await {
        Ok(world) => world,
        Err(error) => {
            print(&format!("Nothing about nodes was measured: {error:#}"));
            return Ok(());
        }
    };
    if options.wants(Part::OneUnit) {
        nodes::one_unit(&options, &world).await?;
    }
    if options.wants(Part::Fleet) {
        fleet::run(&options, &world).await?;
    }
    if options.wants(Part::Many) {
        nodes::many(&options, &world).await?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its table")]
fn print(line: &str) {
    println!("{line}");
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
