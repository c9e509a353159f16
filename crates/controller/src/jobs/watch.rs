//! Looking after nodes: one that ends, or whose machine does, is noticed and said; one that returns, too.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use trustkeep_cloud::{Fault, Inspection, Kind, MachineState};

use super::node::{Failure, lost};
use super::{Item, Jobs, sweep};
use crate::book::{Found, Page};
use crate::model::{Node, NodeState, Wanted};

/// How many nodes are looked at at once. A silent machine takes 12 s, so that with a check every 30 s the others still have their turn
/// while 600 are silent. Of logins there are fewer at once.
const LOOKS_MAX: usize = 256;
/// How often to find out whose turn it is.
const TICK: Duration = Duration::from_secs(1);
/// One lost answer is no proof: the second look comes after this.
const SECOND_LOOK: Duration = Duration::from_secs(2);
/// How often servers are tried on which something was left.
const LEFT_EVERY: Duration = Duration::from_secs(60);

/// When it is a node's turn, and the look that is not over yet: where many machines are silent at once, looks last longer than it
/// takes until the next is due, and would be ever more.
struct Turn {
    at: Instant,
    look: Weak<()>,
}

/// Looks after all nodes until the shutdown.
pub(super) async fn watch(jobs: &Jobs) {
    let shutdown = jobs.0.shutdown.clone();
    let (slots, mut looks) = (Arc::new(Semaphore::new(LOOKS_MAX)), JoinSet::new());
    let mut due: HashMap<String, Turn> = HashMap::new();
    // Not a sleep of its own in each round: looks that end one after the other would put it off for ever.
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut left_due = Instant::now() + LEFT_EVERY;
    let mut swept: Option<Instant> = None;
    loop {
        tokio::select! {
            () = shutdown.wait() => break,
            _ = ticks.tick() => {}
            () = jobs.0.hurried.notified() => {}
            Some(_) = looks.join_next() => continue,
        }
        let (now, page) = (Instant::now(), jobs.parts().book.page());
        let hurried = std::mem::take(&mut *jobs.0.hurry.lock());
        let there: HashSet<&str> = page.nodes().map(|(_, _, node)| node.id.as_str()).collect();
        due.retain(|id, _| there.contains(id.as_str()));
        for (group, _, node) in page.nodes().filter(|(_, _, node)| is_watched(node)) {
            let item = Item { vcid: group.vcid.clone(), id: node.id.clone() };
            let is_hurried = hurried.contains(&item);
            let first = || now + spread(&node.id, jobs.parts().patience().check);
            let turn = due.entry(node.id.clone()).or_insert_with(|| Turn { at: first(), look: Weak::new() });
            // Where the time between two looks was made shorter, what is due by the longer one does not wait for it.
            turn.at = turn.at.min(now + jobs.parts().patience().check);
            if !is_hurried && (turn.at > now || turn.look.strong_count() > 0) {
                continue;
            }
            let mark = Arc::new(());
            *turn = Turn { at: now + jobs.parts().patience().check, look: Arc::downgrade(&mark) };
            let (jobs, slots) = (jobs.clone(), slots.clone());
            looks.spawn(async move {
                if let Ok(_slot) = slots.acquire().await {
                    look(&jobs, &item, is_hurried).await;
                }
                drop(mark);
            });
        }
        if swept.is_none_or(|at| now > at + jobs.parts().patience().sweep) {
            swept = Some(now);
            let jobs = jobs.clone();
            looks.spawn(async move { sweep::sweep(&jobs).await });
        }
        if now > left_due {
            left_due = now + LEFT_EVERY;
            let jobs = jobs.clone();
            looks.spawn(async move { return_to_servers(&jobs, &page).await });
        }
    }
    looks.shutdown().await;
}

/// Whether a node is to be looked at: it runs, or ran.
fn is_watched(node: &Node) -> bool {
    let is_there = node.state == NodeState::Running || (node.state.is_error() && node.container.is_some());
    node.watch && node.wanted == Wanted::Running && is_there
}

/// Nodes that were made together are not looked at together.
fn spread(node_id: &str, over: Duration) -> Duration {
    let head = u32::from_str_radix(node_id.get(..4).unwrap_or_default(), 16).unwrap_or_default();
    over.mul_f64(f64::from(head) / 65536.0)
}

async fn look(jobs: &Jobs, item: &Item, is_hurried: bool) {
    let Some(found) = jobs.find(item).filter(|found| is_watched(&found.item)) else { return };
    let (before, has_script) = (found.item, found.unit.spec.user_init_command.is_some());
    let seen = match inspect(jobs, item).await {
        // Another member, or the node itself, has noticed something: no second look.
        Err(_) if before.state == NodeState::Running && !is_hurried => {
            tokio::time::sleep(SECOND_LOOK).await;
            inspect(jobs, item).await
        }
        seen => seen,
    };
    let after = |node: &Node| match &seen {
        Ok(Some(container)) if container.is_running => {
            let container_at = container.started_at.or(node.container_at);
            let after = if has_script { initialised(node, container) } else { node.arrived() };
            Node { container: Some(container.clone()), container_at, ..after }
        }
        Ok(Some(container)) => {
            let ended = container.ended.as_deref().unwrap_or("it was stopped");
            let text = jobs.dated(&format!("the base container does not run: {ended}"));
            Node { container: Some(container.clone()), ..failed(node, NodeState::ContainerError, text) }
        }
        Ok(None) => {
            let text = jobs.dated("the base container is gone: it was removed on the machine itself");
            failed(node, NodeState::ContainerError, text)
        }
        Err(failure) => failed(node, failure.state, jobs.dated(&failure.fault.text)),
    };
    // What somebody asked for meanwhile counts more than what was seen.
    jobs.record(item, |node| {
        if is_watched(node) && node.state == before.state { after(node) } else { node.clone() }
    })
    .await;
    if jobs.find(item).is_some_and(|found| !found.item.is_settled()) {
        jobs.kick(item.clone());
    }
}

/// A node whose base container runs, where the user's script belongs to every start of it.
fn initialised(node: &Node, container: &Inspection) -> Node {
    match &node.init {
        Some(init) if init.is_for(container) && init.error.is_empty() => node.arrived(),
        Some(init) if init.is_for(container) => failed(node, NodeState::ContainerError, init.error.clone()),
        // Docker started it again, or nobody knows whether the script ran: a job sees to it.
        _ => node.heading(Wanted::Running),
    }
}

/// A node that failed before keeps the text of its first failure.
fn failed(node: &Node, state: NodeState, text: String) -> Node {
    if node.state == state { node.clone() } else { node.failed(state, text) }
}

async fn inspect(jobs: &Jobs, item: &Item) -> Result<Option<Inspection>, Failure> {
    let parts = jobs.parts();
    let Some(found) = jobs.find(item) else { return Ok(None) };
    let inspecting = async {
        match jobs.login(item, &found).await? {
            Some(login) => parts.hosts.inspect(&login, &item.id).await,
            None => Ok(None),
        }
    };
    match inspecting.await {
        Err(fault) => Err(Failure::host(why(jobs, &found).await.unwrap_or(fault))),
        seen => seen.map_err(Failure::host),
    }
}

/// What the provider says of a machine that does not answer, if that explains it.
async fn why(jobs: &Jobs, found: &Found<Node>) -> Option<Fault> {
    let (provider, place) = jobs.means(found).await.ok().filter(|(one, _)| !one.capabilities().existing)?;
    let order = jobs.parts().order(&found.group, &found.unit, &found.item);
    let state = match provider.settle(&place, &order).await.ok()? {
        Some(machine) => machine.state,
        None => return Some(lost()),
    };
    let text = match state {
        MachineState::Gone => return Some(lost()),
        MachineState::Stopped | MachineState::Stopping => {
            "the machine was stopped at its provider, not through this controller"
        }
        MachineState::Pending | MachineState::Running => return None,
    };
    Some(Fault::new(Kind::Unavailable, text))
}

/// Removes what forgotten nodes left, from servers that answer again.
async fn return_to_servers(jobs: &Jobs, page: &Page) {
    for server in page.servers.values().filter(|server| !server.left.is_empty()) {
        let Some((user, port)) = server.login.clone() else { continue };
        let login =
            trustkeep_cloud::Login { address: server.address, port, user, host_key: server.host_key.clone() };
        if let Err(fault) = jobs.clear_away(&login, &server.left).await {
            tracing::debug!(address = %server.address, error = %fault, "what is left on a server stays for now");
        }
    }
}
