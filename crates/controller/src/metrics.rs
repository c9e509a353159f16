//! The controller's own numbers, beside those that every service has.
//!
//! | Name | What it counts |
//! | --- | --- |
//! | `controller_vcs`, `controller_units` | unit groups and units |
//! | `controller_nodes{state}`, `controller_disks{state}` | nodes and disks by what they are doing |
//! | `controller_operations_total{operation,outcome}` | calls of the API that change something: `accepted`, `refused`, `failed` |
//! | `controller_job_seconds{job,outcome}` | histogram: a node or disk from its order to where it was wanted: `done`, `failed` |
//! | `controller_faults_total{provider,kind}` | what providers and machines refused |
//! | `controller_member_events_total{kind}` | what the gossip said of nodes |

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use trustkeep_chassis::shutdown::Shutdown;
use trustkeep_cloud::Kind;

use crate::book::Page;
use crate::membership::MemberEventKind;
use crate::model::NodeState;
use crate::parts::Parts;

/// How a call of the API ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationOutcome {
    /// It is recorded, and will be done.
    Accepted,
    /// The caller may not, or asked for something that cannot be.
    Refused,
    /// The controller could not.
    Failed,
}

/// Counts a call of the API, named as the original's SDK names it in its errors: `create vc`, `add node`.
pub fn operation(operation: &'static str, outcome: OperationOutcome) {
    let outcome = match outcome {
        OperationOutcome::Accepted => "accepted",
        OperationOutcome::Refused => "refused",
        OperationOutcome::Failed => "failed",
    };
    counter!("controller_operations_total", "operation" => operation, "outcome" => outcome).increment(1);
}

/// Records how long a node or disk took to get where it was wanted (`RUNNING`, `POWER_OFF`, `gone`), or to fail.
pub fn job(wanted: &'static str, is_done: bool, took: Duration) {
    let outcome = if is_done { "done" } else { "failed" };
    histogram!("controller_job_seconds", "job" => wanted, "outcome" => outcome).record(took);
}

/// Counts what a provider, or a machine of it, refused.
pub fn fault(provider: &str, kind: Kind) {
    let kind = match kind {
        Kind::Denied => "denied",
        Kind::Invalid => "invalid",
        Kind::Conflict => "conflict",
        Kind::Capacity => "capacity",
        Kind::Throttled(_) => "throttled",
        Kind::Unavailable => "unavailable",
        Kind::HostKeyChanged => "host_key_changed",
        Kind::Unsupported => "unsupported",
    };
    counter!("controller_faults_total", "provider" => provider.to_owned(), "kind" => kind).increment(1);
}

/// Counts what the gossip said of a node.
pub fn member_event(kind: MemberEventKind) {
    let kind = match kind {
        MemberEventKind::Joined => "join",
        MemberEventKind::Left => "leave",
        MemberEventKind::Failed => "failed",
        MemberEventKind::Updated => "update",
        MemberEventKind::Reaped => "reap",
    };
    counter!("controller_member_events_total", "kind" => kind).increment(1);
}

/// Counts what stands in the book after each change of it, but at most once a second. A task for the supervisor.
///
/// # Errors
/// Never; the signature is that of a supervised task.
pub async fn run(parts: Arc<Parts>, shutdown: Shutdown) -> Result<(), Infallible> {
    describe();
    let mut turns = parts.book.turns();
    loop {
        stock(&parts.book.page());
        tokio::select! {
            () = shutdown.wait() => return Ok(()),
            // The book lives as long as this task, so that it is never said that there will be no more.
            _ = turns.changed() => {}
        }
        tokio::select! {
            () = shutdown.wait() => return Ok(()),
            () = tokio::time::sleep(PAUSE) => turns.mark_unchanged(),
        }
    }
}

fn describe() {
    describe_gauge!("controller_vcs", "Unit groups");
    describe_gauge!("controller_units", "Units");
    describe_gauge!("controller_nodes", "Nodes by what they are doing");
    describe_gauge!("controller_disks", "Disks by what they are doing");
    describe_counter!("controller_operations_total", "Calls of the API that change something");
    describe_histogram!("controller_job_seconds", Unit::Seconds, "From an order to its end");
    describe_counter!("controller_faults_total", "What providers and machines refused");
    describe_counter!("controller_member_events_total", "What the gossip said of nodes");
}

fn stock(page: &Page) {
    let units: usize = page.groups.values().map(|group| group.units.len()).sum();
    gauge!("controller_vcs").set(page.groups.len() as f64);
    gauge!("controller_units").set(units as f64);
    let (mut nodes, mut disks) = (HashMap::new(), HashMap::new());
    page.nodes().for_each(|(.., node)| *nodes.entry(node.state).or_insert(0_usize) += 1);
    page.disks().for_each(|(.., disk)| *disks.entry(disk.state).or_insert(0_usize) += 1);
    // Also those that nobody is in: they were not empty before, perhaps.
    for state in NodeState::ALL {
        let count =
            |counts: &HashMap<NodeState, usize>| counts.get(&state).copied().unwrap_or_default() as f64;
        gauge!("controller_nodes", "state" => state.name()).set(count(&nodes));
        gauge!("controller_disks", "state" => state.name()).set(count(&disks));
    }
}

/// Between two counts.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_book_and_what_happens_is_counted() {
        trustkeep_chassis::metrics::install().unwrap();
        stock(&Page::default());
        operation("create vc", OperationOutcome::Accepted);
        fault("aws", Kind::Throttled(None));
        member_event(MemberEventKind::Failed);
        job("RUNNING", true, Duration::from_secs(90));
        let text = trustkeep_chassis::metrics::render();
        for line in [
            "controller_vcs 0",
            "controller_nodes{state=\"RUNNING\"} 0",
            "controller_operations_total{operation=\"create vc\",outcome=\"accepted\"} 1",
            "controller_faults_total{provider=\"aws\",kind=\"throttled\"} 1",
            "controller_member_events_total{kind=\"failed\"} 1",
            "controller_job_seconds_bucket{job=\"RUNNING\",outcome=\"done\",le=\"60\"} 0",
            "controller_job_seconds_bucket{job=\"RUNNING\",outcome=\"done\",le=\"120\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
