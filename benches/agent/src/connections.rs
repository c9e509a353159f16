//! Connections a second, in both roles.

use std::rc::Rc;
use std::time::Instant;

use anyhow::Context as _;
use tokio::task::JoinSet;
use trustkeep_bench_rig::http::Connection;

use crate::agent::Agent;
use crate::options::Options;
use crate::peer::{Connected, Peer, Role};
use crate::row::Row;
use crate::world::World;

/// Prints a row for each role and number of peers.
pub(crate) async fn run(agent: &Agent<'_>, world: &Rc<World>, options: &Options) -> anyhow::Result<()> {
    let count = options.connections(agent.setting.is_peer);
    let mut first = 0;
    for (role, what) in [(Role::Inviter, "connections as inviter"), (Role::Invitee, "connections as invitee")]
    {
        for &peers in &options.peers {
            // What is done first of all is done once more often.
            make(agent, world, role, first, peers.min(count), peers).await?;
            first += peers.min(count);
            let row = Row::begin(agent)?;
            let began = Instant::now();
            let made =
                make(agent, world, role, first, count, peers).await.with_context(|| agent.process.log())?;
            first += count;
            let mut latencies: Vec<_> = made.iter().map(|(_, latency)| *latency).collect();
            row.end(what, peers, began.elapsed(), &mut latencies)?;
        }
    }
    Ok(())
}

/// So many connections, by so many peers at a time; each with how long it took.
pub(crate) async fn make(
    agent: &Agent<'_>,
    world: &Rc<World>,
    role: Role,
    first: usize,
    count: usize,
    at_once: usize,
) -> anyhow::Result<Vec<(Connected, std::time::Duration)>> {
    let mut tasks = JoinSet::new();
    for offset in 0..at_once {
        let (mut admin, mut inbound): (Connection, Connection) =
            (agent.admin().await?, agent.inbound().await?);
        let world = world.clone();
        let numbers: Vec<_> = (first..first + count).skip(offset).step_by(at_once).collect();
        tasks.spawn_local(async move {
            let mut made = Vec::with_capacity(numbers.len());
            for number in numbers {
                let peer = Peer::new(number, &world)?;
                let began = Instant::now();
                let connected = peer.connect(role, &world, &mut admin, &mut inbound).await?;
                made.push((connected, began.elapsed()));
            }
            anyhow::Ok(made)
        });
    }
    let mut made = Vec::with_capacity(count);
    while let Some(task) = tasks.join_next().await {
        made.extend(task??);
    }
    made.sort_by_key(|(connected, _)| connected.number());
    Ok(made)
}
