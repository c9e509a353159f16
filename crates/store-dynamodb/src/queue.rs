//! Which waiting commits go into one transaction together: those whose rows are disjoint, in their order.
//!
//! Two commits may look at one row in the same way without writing it (the fence of a leader); the
//! transaction then checks it once. Any other overlap makes the later commit wait for the next group.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use trustkeep_store::{Key, Result, Table, Version};

use crate::condition::Test;
use crate::item::{Item, item_bytes};
use crate::place::{Place, RowId};

/// DynamoDB takes 4 MB; some is left for what it counts besides.
pub(crate) const GROUP_BYTES_MAX: usize = 3_900_000;
/// How far behind the first waiting commit others are looked for.
const LOOKAHEAD: usize = 512;

/// What happens to a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Check,
    Put(Item),
    Delete,
}

/// All that one commit has to do with one row.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) row: RowId,
    pub(crate) place: Arc<Place>,
    /// The logical key, for conflicts.
    pub(crate) table: Table,
    pub(crate) key: Key,
    pub(crate) tests: Vec<Test>,
    pub(crate) action: Action,
}

/// A commit that waits for its answer.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) steps: Vec<Step>,
    pub(crate) bytes: usize,
    pub(crate) version: Version,
    pub(crate) done: oneshot::Sender<Result<Version>>,
    /// The place in the queue that it takes.
    pub(crate) _permit: OwnedSemaphorePermit,
}

/// Commits that wait, and the rows of those under way.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Job>,
    busy: HashSet<RowId>,
    groups: usize,
}

impl Step {
    /// What it counts for in a transaction.
    pub(crate) fn bytes(&self) -> usize {
        match &self.action {
            Action::Put(item) => item_bytes(item),
            Action::Check | Action::Delete => self.key.size(),
        }
    }

    fn only_checks(&self) -> bool {
        self.action == Action::Check
    }
}

impl Queue {
    pub(crate) fn push(&mut self, job: Job) {
        self.waiting.push_back(job);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The next commits to carry out together, of at most `rows_max` rows; `None` while `groups_max` are under
    /// way or all that wait touch their rows.
    pub(crate) fn next_group(&mut self, groups_max: usize, rows_max: usize) -> Option<Vec<Job>> {
        if self.groups >= groups_max || self.waiting.is_empty() {
            return None;
        }
        let mut group = Gathering::default();
        let mut passed_over = Passed::default();
        let mut rest = VecDeque::new();
        for _ in 0..LOOKAHEAD {
            let Some(job) = self.waiting.pop_front() else { break };
            let waits = job.steps.iter().any(|step| self.busy.contains(&step.row))
                || passed_over.overlaps(&job)
                || !group.takes(&job, rows_max);
            if waits {
                passed_over.add(&job);
                rest.push_back(job);
            } else {
                group.add(job);
            }
            if group.rows.len() >= rows_max {
                break;
            }
        }
        rest.append(&mut self.waiting);
        self.waiting = rest;
        if group.jobs.is_empty() {
            return None;
        }
        self.busy.extend(group.rows.into_keys());
        self.groups += 1;
        Some(group.jobs)
    }

    /// Frees the rows of a group that is done.
    pub(crate) fn finish(&mut self, rows: &HashSet<RowId>) {
        for row in rows {
            self.busy.remove(row);
        }
        self.groups = self.groups.saturating_sub(1);
    }
}

/// A group in the making.
#[derive(Default)]
struct Gathering {
    jobs: Vec<Job>,
    bytes: usize,
    /// Its rows; for those that are only checked, how.
    rows: HashMap<RowId, Option<Vec<Test>>>,
}

impl Gathering {
    fn takes(&self, job: &Job, rows_max: usize) -> bool {
        let mut rows = self.rows.len();
        for step in &job.steps {
            match self.rows.get(&step.row) {
                None => rows += 1,
                Some(Some(tests)) if step.only_checks() && *tests == step.tests => {}
                Some(_) => return false,
            }
        }
        // A commit that fits alone is always taken by an empty group.
        self.jobs.is_empty() || (rows <= rows_max && self.bytes + job.bytes <= GROUP_BYTES_MAX)
    }

    fn add(&mut self, job: Job) {
        self.bytes += job.bytes;
        for step in &job.steps {
            let checked = step.only_checks().then(|| step.tests.clone());
            self.rows.entry(step.row.clone()).or_insert(checked);
        }
        self.jobs.push(job);
    }
}

/// The rows of commits that were passed over and must not be overtaken.
#[derive(Default)]
struct Passed {
    written: HashSet<RowId>,
    checked: HashSet<RowId>,
}

impl Passed {
    fn overlaps(&self, job: &Job) -> bool {
        job.steps.iter().any(|step| {
            self.written.contains(&step.row) || (!step.only_checks() && self.checked.contains(&step.row))
        })
    }

    fn add(&mut self, job: &Job) {
        for step in &job.steps {
            let rows = if step.only_checks() { &mut self.checked } else { &mut self.written };
            rows.insert(step.row.clone());
        }
    }
}
