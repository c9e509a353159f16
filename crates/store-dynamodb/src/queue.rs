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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use tokio::sync::Semaphore;
    use trustkeep_store::{ColumnType, Value};

    use super::*;
    use crate::Settings;
    use crate::place::{PhysicalKey, Places};

    struct Bench {
        queue: Queue,
        place: Arc<Place>,
        table: Table,
        room: Arc<Semaphore>,
    }

    impl Bench {
        fn new() -> Self {
            let table = Table::define("a", "b").partition("id", ColumnType::Int).build().unwrap();
            let settings = Settings::new("eu-central-1", Settings::static_credentials("a", "b", None));
            let place = Places::new(&settings).unwrap().of(&table).unwrap();
            Bench { queue: Queue::default(), place, table, room: Arc::new(Semaphore::new(10_000)) }
        }

        /// A commit that writes some rows and looks at others, known by `version`.
        fn push(&mut self, version: i64, writes: &[i64], looks: &[(i64, i64)]) {
            let step = |id: i64, tests: Vec<Test>, action: Action| Step {
                row: self.place.row(PhysicalKey { partition: Value::Int(id), clustering: None }),
                place: self.place.clone(),
                table: self.table.clone(),
                key: Key::of(id),
                tests,
                action,
            };
            let looks =
                looks.iter().map(|(id, at)| step(*id, vec![Test::Version(Version(*at))], Action::Check));
            let writes = writes.iter().map(|id| step(*id, vec![], Action::Delete));
            let job = Job {
                steps: looks.chain(writes).collect(),
                bytes: 1,
                version: Version(version),
                done: oneshot::channel().0,
                _permit: self.room.clone().try_acquire_owned().unwrap(),
            };
            self.queue.push(job);
        }

        fn next(&mut self, rows_max: usize) -> Option<(Vec<i64>, HashSet<RowId>)> {
            let jobs = self.queue.next_group(4, rows_max)?;
            let rows = jobs.iter().flat_map(|job| &job.steps).map(|step| step.row.clone()).collect();
            Some((jobs.iter().map(|job| job.version.0).collect(), rows))
        }
    }

    #[test]
    fn disjoint_commits_share_a_group_and_overlapping_ones_keep_their_order() {
        let mut bench = Bench::new();
        bench.push(1, &[10], &[]);
        bench.push(2, &[10, 20], &[]);
        bench.push(3, &[20], &[]);
        bench.push(4, &[30], &[]);
        let (versions, rows) = bench.next(100).unwrap();
        assert_eq!(versions, [1, 4], "3 must not overtake 2");
        assert!(bench.next(100).is_none(), "2 waits for 1");
        bench.queue.finish(&rows);
        let (versions, rows) = bench.next(100).unwrap();
        assert_eq!(versions, [2]);
        bench.queue.finish(&rows);
        assert_eq!(bench.next(100).unwrap().0, [3]);
    }

    #[test]
    fn the_same_look_at_one_row_is_shared_another_is_not() {
        let mut bench = Bench::new();
        bench.push(1, &[10], &[(1, 5)]);
        bench.push(2, &[20], &[(1, 5)]);
        bench.push(3, &[30], &[(1, 6)]);
        bench.push(4, &[40], &[(1, 5)]);
        let (versions, rows) = bench.next(100).unwrap();
        assert_eq!((versions, rows.len()), (vec![1, 2, 4], 4), "the fence counts once");
        bench.push(5, &[50], &[(1, 5)]);
        assert!(bench.next(100).is_none(), "two transactions that look at one row would collide");
        bench.queue.finish(&rows);
        assert_eq!(bench.next(100).unwrap().0, [3]);
    }

    #[test]
    fn a_write_waits_for_the_looks_before_it() {
        let mut bench = Bench::new();
        bench.push(1, &[10], &[]);
        bench.push(2, &[10], &[(1, 5)]);
        bench.push(3, &[1], &[]);
        assert_eq!(bench.next(100).unwrap().0, [1], "3 changes what 2, which waits, looks at");
    }

    #[test]
    fn groups_are_bounded_in_rows_and_number() {
        let mut bench = Bench::new();
        for id in 0..50 {
            bench.push(id, &[id], &[]);
        }
        let mut sizes = Vec::new();
        while let Some((versions, _)) = bench.next(9) {
            sizes.push(versions.len());
        }
        assert_eq!(sizes, [9, 9, 9, 9], "four under way");
    }

    /// Whatever is pushed and finished in whatever order: groups are disjoint, all is carried out once, and
    /// commits that touch one row in different ways stay in order.
    #[test]
    fn random_histories_keep_every_row_in_order() {
        for seed in 0..200 {
            let mut random = StdRng::seed_from_u64(seed);
            let mut bench = Bench::new();
            let mut touches: HashMap<i64, Vec<(i64, bool)>> = HashMap::new();
            let mut order: Vec<i64> = Vec::new();
            let mut under_way: Vec<HashSet<RowId>> = Vec::new();
            let mut pushed = 0;
            while pushed < 40 || order.len() < 40 {
                if pushed < 40 && random.random_bool(0.6) {
                    let writes = [random.random_range(0..6)];
                    let looks =
                        if random.random_bool(0.5) { vec![(random.random_range(6..8), 1)] } else { vec![] };
                    bench.push(pushed, &writes, &looks);
                    touches.entry(writes[0]).or_default().push((pushed, true));
                    for (row, _) in looks {
                        touches.entry(row).or_default().push((pushed, false));
                    }
                    pushed += 1;
                }
                if let Some((versions, rows)) = bench.next(5) {
                    assert!(under_way.iter().all(|other| other.is_disjoint(&rows)), "seed {seed}");
                    order.extend(versions);
                    under_way.push(rows);
                }
                if !under_way.is_empty() && random.random_bool(0.5) {
                    let done = under_way.swap_remove(random.random_range(0..under_way.len()));
                    bench.queue.finish(&done);
                }
            }
            let at = |version: i64| order.iter().position(|other| *other == version).unwrap();
            for row in touches.values().filter(|row| row.iter().any(|(_, writes)| *writes)) {
                assert!(row.windows(2).all(|pair| at(pair[0].0) < at(pair[1].0)), "seed {seed}: {row:?}");
            }
        }
    }
}
