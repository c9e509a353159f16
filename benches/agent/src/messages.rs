//! Basic messages a second, received and sent.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use trustkeep_bench_rig::Heard;
use trustkeep_bench_rig::http::{Connection, Request};

use crate::agent::{Agent, call, packed};
use crate::options::Options;
use crate::peer::Connected;
use crate::row::Row;
use crate::world::World;

/// Prints the rows over these connections, as many of them as peers are asked for.
pub(crate) async fn run(
    agent: &Agent<'_>,
    world: &Rc<World>,
    options: &Options,
    connected: &[Connected],
) -> anyhow::Result<()> {
    let count = options.messages(agent.setting.is_peer);
    for &peers in &options.peers {
        let connected = connected.get(..peers).context("a connection for each peer")?;
        receive(agent, world, connected, peers).await?;
        let row = Row::begin(agent)?;
        let (elapsed, mut latencies) =
            receive(agent, world, connected, count).await.with_context(|| agent.process.log())?;
        row.end("messages received", peers, elapsed, &mut latencies)?;
    }
    for &peers in &options.peers {
        let connected = connected.get(..peers).context("a connection for each peer")?;
        send(agent, world, connected, peers).await?;
        let row = Row::begin(agent)?;
        let (elapsed, mut latencies) =
            send(agent, world, connected, count).await.with_context(|| agent.process.log())?;
        row.end("messages sent", peers, elapsed, &mut latencies)?;
    }
    Ok(())
}

/// Each peer sends a message when the one before it was taken; a message is done when the controller was told.
async fn receive(
    agent: &Agent<'_>,
    world: &Rc<World>,
    connected: &[Connected],
    count: usize,
) -> anyhow::Result<(Duration, Vec<Duration>)> {
    let make = |number: usize, connected: &Connected| {
        anyhow::Ok(packed(&connected.basic_message(&content(number))?))
    };
    let requests = share(connected, count, make)?;
    let mut heard = world.hear();
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for requests in requests {
        let mut connection = agent.inbound().await?;
        tasks.spawn_local(async move { post(&mut connection, requests).await });
    }
    let told = collect(&mut heard, count, |heard| heard.path.contains("/topic/basicmessages")).await?;
    let sent = join(tasks, count).await?;
    let done = |heard: &Heard| {
        let body: Value = serde_json::from_slice(&heard.body)?;
        anyhow::Ok(body.get("content").and_then(Value::as_str).context("content")?.to_owned())
    };
    summary(began, sent, told.iter().map(|heard| Ok((done(heard)?, heard.at))))
}

/// The controller sends to each peer when its call before was answered; a message is done when its peer has it.
async fn send(
    agent: &Agent<'_>,
    world: &Rc<World>,
    connected: &[Connected],
    count: usize,
) -> anyhow::Result<(Duration, Vec<Duration>)> {
    let make = |number: usize, connected: &Connected| {
        let path = format!("/connections/{}/send-message", connected.id);
        anyhow::Ok(call(&path, &json!({"content": content(number)})))
    };
    let requests = share(connected, count, make)?;
    let mut heard = world.hear();
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for requests in requests {
        let mut connection = agent.admin().await?;
        tasks.spawn_local(async move { post(&mut connection, requests).await });
    }
    let arrived = collect(&mut heard, count, |heard| heard.path.starts_with("/p/")).await?;
    let sent = join(tasks, count).await?;
    let open = |heard: &Heard| {
        let number: usize = heard.path.trim_start_matches("/p/").parse()?;
        let peer = connected.iter().find(|connected| connected.number() == number);
        peer.context("a message for nobody")?.content(&heard.body)
    };
    summary(began, sent, arrived.iter().map(|heard| Ok((open(heard)?, heard.at))))
}

type Numbered = Vec<(usize, Request)>;

/// The requests of each peer, with their numbers; made before the clock runs.
fn share(
    connected: &[Connected],
    count: usize,
    make: impl Fn(usize, &Connected) -> anyhow::Result<Request>,
) -> anyhow::Result<Vec<Numbered>> {
    connected
        .iter()
        .enumerate()
        .map(|(offset, one)| {
            let numbers = (0..count).skip(offset).step_by(connected.len());
            numbers.map(|number| Ok((number, make(number, one)?))).collect()
        })
        .collect()
}

async fn post(connection: &mut Connection, requests: Numbered) -> anyhow::Result<Vec<(usize, Instant)>> {
    let mut sent = Vec::with_capacity(requests.len());
    for (number, request) in requests {
        sent.push((number, Instant::now()));
        connection.send(&request).await?;
    }
    Ok(sent)
}

async fn join(
    mut tasks: JoinSet<anyhow::Result<Vec<(usize, Instant)>>>,
    count: usize,
) -> anyhow::Result<Vec<Option<Instant>>> {
    let mut all = vec![None; count];
    while let Some(task) = tasks.join_next().await {
        for (number, at) in task?? {
            *all.get_mut(number).context("a number")? = Some(at);
        }
    }
    Ok(all)
}

/// Everything that fits, until it is so many.
async fn collect(
    heard: &mut UnboundedReceiver<Heard>,
    count: usize,
    fits: impl Fn(&Heard) -> bool,
) -> anyhow::Result<Vec<Heard>> {
    let mut fitting = Vec::with_capacity(count);
    while fitting.len() < count {
        let next = tokio::time::timeout(crate::PATIENCE, heard.recv());
        let next = next.await.with_context(|| format!("{} of {count} arrived", fitting.len()))?;
        fitting.extend(next.filter(&fits));
    }
    Ok(fitting)
}

/// From the first that was sent to the last that was done, and how long each took; each is there once.
fn summary(
    began: Instant,
    sent: Vec<Option<Instant>>,
    done: impl Iterator<Item = anyhow::Result<(String, Instant)>>,
) -> anyhow::Result<(Duration, Vec<Duration>)> {
    let mut sent = sent;
    let mut last = began;
    let mut latencies = Vec::with_capacity(sent.len());
    for one in done {
        let (content, at) = one?;
        let number: usize = content.split(' ').next().unwrap_or_default().parse()?;
        let began = sent.get_mut(number).and_then(Option::take);
        latencies.push(at - began.with_context(|| format!("{content} arrived twice"))?);
        last = last.max(at);
    }
    ensure!(sent.iter().all(Option::is_none), "not all arrived");
    Ok((last - began, latencies))
}

/// About ninety bytes that begin with the number.
fn content(number: usize) -> String {
    format!("{number} {}", "x".repeat(80))
}
