//! The agent over DIDComm and its admin API, ours and ACA-Py, with the same peers on the same machine. `README.md` says
//! how to run it.
//!
//! The peers are no agents but this program, which speaks connections/1.0 and basic messages by the crate `didcomm` and is
//! the controller too. So the processor time in a row is that of one side.

mod agent;
mod bound;
mod connections;
mod messages;
mod options;
mod peer;
mod row;
mod setting;
mod world;

use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Parser as _;
use tokio::task::LocalSet;

use crate::agent::Agent;
use crate::options::{Options, Part};
use crate::peer::Role;
use crate::setting::Setting;
use crate::world::World;

/// How long anything may be waited for.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, run(&options))
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let settings = Setting::all(options)?;
    if options.wants(Part::Bound) {
        bound::run(options.smoke)?;
    }
    if options.wants(Part::Start) {
        print(
            "| agent | wallet | first start to ready | next start to ready | memory, idle |\n| --- | --- | ---: | ---: | ---: |",
        );
        for setting in &settings {
            start(setting, options).await?;
        }
        print("");
    }
    print(row::HEAD);
    for setting in &settings {
        let world = Rc::new(World::open().await?);
        let agent = Agent::start(setting, options.dir.as_deref(), &world).await?;
        if options.wants(Part::Messages) {
            let peers = options.peers.iter().copied().max().unwrap_or_default();
            let made = connections::make(&agent, &world, Role::Inviter, MESSAGING, peers, 1).await?;
            let made: Vec<_> = made.into_iter().map(|(connected, _)| connected).collect();
            messages::run(&agent, &world, options, &made).await?;
        }
        if options.wants(Part::Connections) {
            connections::run(&agent, &world, options).await?;
        }
        if options.wants(Part::Many) && !setting.is_peer {
            many(agent, &world, options).await?;
        }
    }
    Ok(())
}

async fn start(setting: &Setting, options: &Options) -> anyhow::Result<()> {
    let world = World::open().await?;
    let agent = Agent::start(setting, options.dir.as_deref(), &world).await?;
    let first = agent.ready_in;
    let agent = agent.restart(&world).await?;
    print(&format!(
        "| {} | {} ms | {} ms | {} MiB |",
        setting.columns(),
        first.as_millis(),
        agent.ready_in.as_millis(),
        agent.process.resident()? >> 20
    ));
    Ok(())
}

/// Messages among many connections, after a start on them.
async fn many(agent: Agent<'_>, world: &Rc<World>, options: &Options) -> anyhow::Result<()> {
    let began = Instant::now();
    let peers = options.peers.iter().copied().max().unwrap_or(1);
    let count = if options.smoke { 64 } else { options.many.max(peers) };
    let made = connections::make(&agent, world, Role::Inviter, MANY, count, 64).await?;
    let made: Vec<_> = made.into_iter().map(|(connected, _)| connected).collect();
    let full = agent.process.resident()?;
    let elapsed = began.elapsed();
    let agent = agent.restart(world).await?;
    print(&format!(
        "\n{count} connections made in {:.0} s, {} MiB then; started on them: ready in {} ms, {} MiB\n\n{}",
        elapsed.as_secs_f64(),
        full >> 20,
        agent.ready_in.as_millis(),
        agent.process.resident()? >> 20,
        row::HEAD,
    ));
    messages::run(&agent, world, options, &made).await
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its table")]
fn print(line: &str) {
    println!("{line}");
}

/// The numbers of the peers that message, and of those that are many.
const MESSAGING: usize = 1_000_000;
const MANY: usize = 2_000_000;
