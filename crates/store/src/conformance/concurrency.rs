//! Concurrent histories: recorded as they happen, judged afterwards.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::index::sample};
use tokio::task::JoinSet;

use super::{Harness, amount, amount_of, seeded, table, with_tables};
use crate::ColumnType::{Int, Text};
use crate::{Commit, Error, Key, Row, SharedStore, Table, Value, Version};

/// Read-validated transactions over few rows are equivalent to one after the other, in an order that keeps
/// what happened before what.
pub async fn concurrent_histories_are_strictly_serialisable<H: Harness>(harness: &H) {
    let store = harness.open().await;
    let history = History::new(&store, 8).await;
    let scale = harness.scale();
    let (seed, _) = seeded();
    let mut tasks = JoinSet::new();
    for task in 0..scale.tasks {
        let (history, store) = (history.clone(), store.clone());
        tasks.spawn(async move {
            let mut random = StdRng::seed_from_u64(seed.wrapping_add(task as u64));
            for _ in 0..scale.transactions {
                history.transact(&store, &mut random).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let verdict = history.judge(&store).await;
    assert!(verdict.committed > scale.tasks, "hardly anything was committed: {verdict:?}");
}

/// A recording of transactions, for suites that cut the network or kill the server meanwhile.
#[derive(Clone, Debug)]
pub struct History(Arc<Recording>);

#[derive(Debug)]
struct Recording {
    table: Table,
    rows: i64,
    done: Mutex<Vec<Transaction>>,
    next: std::sync::atomic::AtomicI64,
}

/// Row → the transaction that wrote what was read; 0 for an absent row.
type Reads = HashMap<i64, i64>;

#[derive(Debug, Clone)]
struct Transaction {
    id: i64,
    reads: Reads,
    writes: Vec<i64>,
    begin: Instant,
    end: Instant,
    acknowledged: bool,
}

/// What [`History::judge`] found.
#[derive(Debug)]
pub struct Verdict {
    /// Transactions that took effect.
    pub committed: usize,
    /// Those of them whose outcome the client was not told.
    pub unknown: usize,
}

impl History {
    /// Makes the table; transactions go over `rows` rows of it.
    pub async fn new(store: &SharedStore, rows: i64) -> Self {
        let table = Table::define("conformance", "history")
            .partition("id", Int)
            .column("writer", Int)
            .build()
            .expect("the suite's tables are well-formed");
        store.create_tables(std::slice::from_ref(&table)).await.expect("tables are made");
        let (done, next) = (Mutex::default(), 1.into());
        History(Arc::new(Recording { table, rows, done, next }))
    }

    /// Reads some rows, then writes some of them if all are still as read. Answers whether it took effect, if
    /// that is known; outages are answered as errors and recorded.
    pub async fn transact(&self, store: &SharedStore, random: &mut StdRng) -> crate::Result<bool> {
        let Recording { table, rows, done, next } = &*self.0;
        let id = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let begin = Instant::now();
        let rows = usize::try_from(*rows).unwrap();
        let count = random.random_range(1..=rows.min(4));
        let chosen = sample(random, rows, count);
        // Now and then nothing is written: such transactions show write skew.
        let write_count = random.random_range(0..=count);
        let (mut reads, mut writes) = (Reads::new(), Vec::new());
        let mut commit = Commit::new();
        for (place, row) in chosen.into_iter().enumerate() {
            let row = i64::try_from(row).unwrap();
            let key = Key::of(row);
            let found = store.get(table, &key).await?;
            commit = match &found {
                Some(record) => commit.expect_version(table, key.clone(), record.version),
                None => commit.expect_absent(table, key.clone()),
            };
            reads.insert(row, found.map_or(0, |record| record.int(0).unwrap()));
            if place < write_count {
                commit = commit.put(table, key, Row::of([id]));
                writes.push(row);
            }
        }
        let answer = store.commit(commit).await;
        let mut transaction =
            Transaction { id, reads, writes, begin, end: Instant::now(), acknowledged: true };
        match answer {
            Ok(_) => done.lock().push(transaction),
            Err(Error::Conflict { .. }) => return Ok(false),
            Err(Error::OutcomeUnknown(message)) => {
                transaction.acknowledged = false;
                done.lock().push(transaction);
                return Err(Error::OutcomeUnknown(message));
            }
            Err(other) => return Err(other),
        }
        Ok(true)
    }

    /// How many transactions were acknowledged up to now.
    pub fn acknowledged(&self) -> usize {
        self.0.done.lock().iter().filter(|transaction| transaction.acknowledged).count()
    }

    /// Judges what was recorded, once no transaction is under way: nothing acknowledged is lost, no version
    /// had two successors, and the order of effects, reads and real time has no circle.
    pub async fn judge(&self, store: &SharedStore) -> Verdict {
        let done = self.0.done.lock().clone();
        let mut last = Reads::new();
        for row in 0..self.0.rows {
            if let Some(record) = store.get(&self.0.table, &Key::of(row)).await.unwrap() {
                last.insert(row, record.int(0).unwrap());
            }
        }
        let committed = took_effect(done, &last);
        let successors = successors(&committed);
        check_chains(&committed, &successors, &last);
        check_order(&committed, &successors);
        let unknown = committed.values().filter(|transaction| !transaction.acknowledged).count();
        Verdict { committed: committed.len(), unknown }
    }
}

/// Acknowledged transactions, and those of unknown outcome that left a trace.
fn took_effect(done: Vec<Transaction>, last: &Reads) -> HashMap<i64, Transaction> {
    let (sure, mut unsure): (HashMap<i64, _>, HashMap<i64, _>) = done
        .into_iter()
        .map(|transaction| (transaction.id, transaction))
        .partition(|(_, transaction)| transaction.acknowledged);
    let mut committed = sure;
    let read = committed.values().flat_map(|transaction| transaction.reads.values());
    let mut open: Vec<i64> = read.chain(last.values()).copied().collect();
    while let Some(id) = open.pop() {
        if let Some(transaction) = unsure.remove(&id) {
            open.extend(transaction.reads.values());
            committed.insert(id, transaction);
        }
    }
    committed
}

/// (row, writer) → the next writer of the row.
fn successors(committed: &HashMap<i64, Transaction>) -> HashMap<(i64, i64), i64> {
    let mut successors = HashMap::new();
    for transaction in committed.values() {
        for row in &transaction.writes {
            let before = (*row, transaction.reads[row]);
            if let Some(other) = successors.insert(before, transaction.id) {
                panic!("transactions {other} and {} both replaced {before:?}", transaction.id);
            }
        }
    }
    successors
}

/// Every write is in its row's chain, which begins at the absent row and ends at what stands there.
fn check_chains(committed: &HashMap<i64, Transaction>, successors: &HashMap<(i64, i64), i64>, last: &Reads) {
    let mut chained = HashSet::new();
    let rows: HashSet<i64> = successors.keys().map(|(row, _)| *row).chain(last.keys().copied()).collect();
    for row in rows {
        let mut writer = 0;
        while let Some(next) = successors.get(&(row, writer)) {
            writer = *next;
            chained.insert((row, writer));
        }
        assert_eq!(Some(&writer).filter(|writer| **writer != 0), last.get(&row), "the end of row {row}");
    }
    for transaction in committed.values() {
        for row in &transaction.writes {
            assert!(
                chained.contains(&(*row, transaction.id)),
                "a write was lost: {transaction:?}, row {row}"
            );
        }
        for (row, writer) in &transaction.reads {
            let known = *writer == 0 || chained.contains(&(*row, *writer));
            assert!(known, "{transaction:?} read from {writer}, whose write of {row} never took effect");
        }
    }
}

/// The graph of what must come before what has no circle.
fn check_order(committed: &HashMap<i64, Transaction>, successors: &HashMap<(i64, i64), i64>) {
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    enum Node {
        Transaction(i64),
        /// A point in real time: those that ended before it come before those that began after it.
        Time(usize),
    }
    let mut edges: HashMap<Node, Vec<Node>> = HashMap::new();
    let mut edge = |from: Node, to: Node| {
        edges.entry(to).or_default();
        edges.entry(from).or_default().push(to);
    };
    for transaction in committed.values() {
        for (row, writer) in &transaction.reads {
            if *writer != 0 {
                edge(Node::Transaction(*writer), Node::Transaction(transaction.id));
            }
            if let Some(next) = successors.get(&(*row, *writer)).filter(|next| **next != transaction.id) {
                edge(Node::Transaction(transaction.id), Node::Transaction(*next));
            }
        }
    }
    let acknowledged = committed.values().filter(|transaction| transaction.acknowledged);
    let mut ends: Vec<(Instant, i64)> =
        acknowledged.map(|transaction| (transaction.end, transaction.id)).collect();
    ends.sort();
    for (index, (_, id)) in ends.iter().enumerate() {
        edge(Node::Transaction(*id), Node::Time(index));
        edge(Node::Time(index), Node::Time(index + 1));
    }
    for transaction in committed.values() {
        let ended_before = ends.partition_point(|(end, _)| *end < transaction.begin);
        if ended_before > 0 {
            edge(Node::Time(ended_before - 1), Node::Transaction(transaction.id));
        }
    }
    let mut incoming: HashMap<Node, usize> = edges.keys().map(|node| (*node, 0)).collect();
    for to in edges.values().flatten() {
        *incoming.entry(*to).or_default() += 1;
    }
    let mut free: Vec<Node> =
        incoming.iter().filter(|(_, count)| **count == 0).map(|(node, _)| *node).collect();
    let mut ordered = 0;
    while let Some(node) = free.pop() {
        ordered += 1;
        for to in &edges[&node] {
            let count = incoming.get_mut(to).unwrap();
            *count -= 1;
            if *count == 0 {
                free.push(*to);
            }
        }
    }
    if ordered != edges.len() {
        let circle: Vec<_> = incoming
            .iter()
            .filter_map(|(node, count)| match node {
                Node::Transaction(id) if *count > 0 => committed.get(id),
                _ => None,
            })
            .take(10)
            .collect();
        panic!("not serialisable: a circle among {circle:#?}");
    }
}

/// Transfers between accounts keep the total; whoever reads all of them in one transaction sees it.
pub async fn money_is_neither_made_nor_lost<H: Harness>(harness: &H) {
    const ACCOUNTS: i64 = 6;
    let accounts = table("accounts", Int, None);
    let store = with_tables(harness, &[&accounts]).await;
    let mut opening = Commit::new();
    for account in 0..ACCOUNTS {
        opening = opening.put(&accounts, Key::of(account), amount(100));
    }
    store.commit(opening).await.unwrap();
    let scale = harness.scale();
    let mut tasks = JoinSet::new();
    for task in 0..scale.tasks {
        let (store, accounts) = (store.clone(), accounts.clone());
        tasks.spawn(async move {
            let mut random = StdRng::seed_from_u64(task as u64);
            for _ in 0..scale.transactions {
                if random.random_ratio(1, 4) {
                    if let Some(total) = validated_total(&store, &accounts, ACCOUNTS).await {
                        assert_eq!(total, 100 * ACCOUNTS, "a validated read saw half of a transfer");
                    }
                    continue;
                }
                let (from, to) = (random.random_range(0..ACCOUNTS), random.random_range(0..ACCOUNTS));
                if from != to {
                    transfer(&store, &accounts, from, to, random.random_range(1..50)).await;
                }
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(validated_total(&store, &accounts, ACCOUNTS).await, Some(100 * ACCOUNTS));
}

async fn transfer(store: &SharedStore, accounts: &Table, from: i64, to: i64, sum: i64) {
    let mut commit = Commit::new();
    for (account, change) in [(from, -sum), (to, sum)] {
        let record = store.get(accounts, &Key::of(account)).await.unwrap().unwrap();
        let row = amount(amount_of(&record) + change);
        commit = commit.expect_version(accounts, record.key.clone(), record.version).put(
            accounts,
            record.key.clone(),
            row,
        );
    }
    match store.commit(commit).await {
        Ok(_) | Err(Error::Conflict { .. }) => {}
        Err(other) => panic!("{other:?}"),
    }
}

/// The sum of all accounts, if none changed meanwhile.
async fn validated_total(store: &SharedStore, accounts: &Table, count: i64) -> Option<i64> {
    let (mut total, mut commit) = (0, Commit::new());
    for account in 0..count {
        let record = store.get(accounts, &Key::of(account)).await.unwrap().unwrap();
        total += amount_of(&record);
        commit = commit.expect_version(accounts, record.key.clone(), record.version);
    }
    match store.commit(commit).await {
        Ok(_) => Some(total),
        Err(Error::Conflict { .. }) => None,
        Err(other) => panic!("{other:?}"),
    }
}

/// Many tasks add to one row until each has succeeded; the row counts them all.
pub async fn concurrent_counters_lose_no_increment<H: Harness>(harness: &H) {
    let rows = table("rows", Text, None);
    let store = with_tables(harness, &[&rows]).await;
    let scale = harness.scale();
    let each = scale.transactions.div_ceil(10);
    let mut tasks = JoinSet::new();
    for _ in 0..scale.tasks {
        let (store, rows) = (store.clone(), rows.clone());
        tasks.spawn(async move {
            let mut versions = Vec::new();
            while versions.len() < each {
                let key = Key::of("counter");
                let commit = match store.get(&rows, &key).await.unwrap() {
                    None => Commit::new().expect_absent(&rows, key.clone()).put(&rows, key, amount(1)),
                    Some(record) => Commit::new().expect_version(&rows, key.clone(), record.version).put(
                        &rows,
                        key,
                        amount(amount_of(&record) + 1),
                    ),
                };
                match store.commit(commit).await {
                    Ok(version) => versions.push(version),
                    Err(Error::Conflict { .. }) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
            versions
        });
    }
    let versions: Vec<Version> = tasks.join_all().await.into_iter().flatten().collect();
    let record = store.get(&rows, &Key::of("counter")).await.unwrap().unwrap();
    assert_eq!(amount_of(&record), i64::try_from(versions.len()).unwrap());
    assert_eq!(versions.iter().collect::<HashSet<_>>().len(), versions.len(), "a version was given twice");
}

/// Of many that make one absent row at once, exactly one succeeds.
pub async fn one_of_many_makes_a_row<H: Harness>(harness: &H) {
    let rows = table("rows", Text, None);
    let store = with_tables(harness, &[&rows]).await;
    for round in 0..5 {
        let mut tasks = JoinSet::new();
        for task in 0..i64::try_from(harness.scale().tasks).unwrap() {
            let (store, rows) = (store.clone(), rows.clone());
            let key = Key::of(format!("{round}"));
            tasks.spawn(async move {
                let row = Row::new(vec![None, None, Some(Value::Int(task)), None]);
                let commit = Commit::new().expect_absent(&rows, key.clone()).put(&rows, key, row);
                match store.commit(commit).await {
                    Ok(_) => Some(task),
                    Err(Error::Conflict { .. }) => None,
                    Err(other) => panic!("{other:?}"),
                }
            });
        }
        let winners: Vec<i64> = tasks.join_all().await.into_iter().flatten().collect();
        let record = store.get(&rows, &Key::of(format!("{round}"))).await.unwrap().unwrap();
        assert_eq!(winners, [amount_of(&record)], "round {round}");
    }
}
