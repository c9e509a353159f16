//! The process that is killed: eight tasks that commit two rows in two tables and a counter, each time, and print
//! what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use trustkeep_store::ColumnType::{Bytes, Int};
use trustkeep_store::{Commit, Key, Row, Scan, Store, Table};
use trustkeep_store_embedded::{EmbeddedStore, Settings};

const WRITERS: i64 = 8;

/// What the process said.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    commits: BTreeSet<(i64, i64)>,
    failures: usize,
    after_failure: bool,
}

impl Acknowledged {
    pub(crate) fn add(&mut self, writer: i64, number: i64) {
        self.commits.insert((writer, number));
    }

    pub(crate) fn merge(&mut self, other: Acknowledged) {
        self.commits.extend(other.commits);
    }

    pub(crate) fn count(&self) -> usize {
        self.commits.len()
    }

    pub(crate) fn failures(&self) -> usize {
        self.failures
    }

    pub(crate) fn acknowledged_after_failure(&self) -> bool {
        self.after_failure
    }

    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["ack", writer, number] => {
                self.add(writer.parse().unwrap(), number.parse().unwrap());
            }
            ["failed", ..] => self.failures += 1,
            // Every writer tries once more after its failure, when all have failed.
            ["wrong"] => self.after_failure = true,
            _ => {}
        }
    }
}

pub(crate) fn tables() -> [Table; 3] {
    let left = Table::define("crash", "left").partition("writer", Int).clustering("number", Int);
    let right = Table::define("crash", "right").partition("writer", Int).clustering("number", Int);
    let last = Table::define("crash", "last").partition("writer", Int).column("number", Int);
    [
        left.column("body", Bytes).build().unwrap(),
        right.column("body", Bytes).build().unwrap(),
        last.build().unwrap(),
    ]
}

/// Commit `number` of a writer; it follows from the one before.
pub(crate) fn commit(writer: i64, number: i64, size: usize) -> Commit {
    let [left, right, last] = tables();
    let body: Vec<u8> = (0..size).map(|at| (writer * 31 + number * 7 + at as i64) as u8).collect();
    Commit::new()
        .expect_absent(&left, Key::of(writer).at(number))
        .put(&left, Key::of(writer).at(number), Row::of([body.clone()]))
        .put(&right, Key::of(writer).at(number), Row::of([body]))
        .put(&last, Key::of(writer), Row::of([number]))
}

/// Checks that every acknowledged commit stands and that none stands by half.
pub(crate) async fn check(store: &EmbeddedStore, told: &Acknowledged) {
    let [left, right, last] = tables();
    store.create_tables(&tables()).await.unwrap();
    for writer in (0..WRITERS).chain([99]) {
        let mut numbers = vec![];
        let mut scan = Scan::partition(writer, 500);
        loop {
            let (lefts, rights) =
                (store.scan(&left, &scan).await.unwrap(), store.scan(&right, &scan).await.unwrap());
            assert_eq!(lefts.records.len(), rights.records.len(), "writer {writer}: half a commit");
            for (one, other) in lefts.records.iter().zip(&rights.records) {
                assert_eq!((&one.key, &one.row, one.version), (&other.key, &other.row, other.version));
                numbers.push(one.key.clustering.as_ref().unwrap().as_int().unwrap());
            }
            let Some(number) = numbers.last().filter(|_| lefts.more) else { break };
            scan = Scan::partition(writer, 500).after(*number);
        }
        let expected: Vec<i64> = (1..=numbers.len() as i64).collect();
        assert_eq!(numbers, expected, "writer {writer}: a gap");
        let counter =
            store.get(&last, &Key::of(writer)).await.unwrap().map_or(0, |last| last.int(0).unwrap());
        assert_eq!(counter, numbers.len() as i64, "writer {writer}: half a commit");
        let told =
            told.commits.range((writer, 0)..(writer + 1, 0)).next_back().map_or(0, |(_, number)| *number);
        assert!(told <= counter, "writer {writer}: commit {told} was acknowledged, {counter} stand");
    }
}

/// A running writer.
pub(crate) struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
    told: Acknowledged,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Listens until so many commits were acknowledged.
    pub(crate) fn acknowledged(&mut self, count: usize) {
        let begin = self.told.count();
        while self.told.count() < begin + count {
            assert!(self.listen(), "the writer ended by itself: {:?}", self.told);
        }
    }

    /// Kills it and returns all that it had said.
    pub(crate) fn kill(mut self) -> Acknowledged {
        self.child.kill().unwrap();
        while self.listen() {}
        self.child.wait().unwrap();
        self.told
    }

    pub(crate) fn until_it_ends(&mut self) -> Acknowledged {
        while self.listen() {}
        self.child.wait().unwrap();
        std::mem::take(&mut self.told)
    }

    fn listen(&mut self) -> bool {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).unwrap();
        if line.ends_with('\n') {
            self.told.hear(&line);
        }
        read > 0
    }
}

/// Starts a writer; with `file_kib`, files of the process cannot grow beyond so many KiB and its commits are large.
pub(crate) fn start(path: &Path, file_kib: Option<u64>) -> Running {
    let program = std::env::current_exe().unwrap();
    let mut command = match file_kib {
        None => Command::new(program),
        Some(kib) => {
            let mut shell = Command::new("bash");
            shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\"")]).arg(program);
            shell.env("TRUSTKEEP_CRASH_SIZE", "400000");
            shell
        }
    };
    command.args(["--exact", "writer::writes_until_killed", "--nocapture", "--test-threads=1"]);
    command.env("TRUSTKEEP_CRASH_DIR", path).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    Running { child, lines, told: Acknowledged::default() }
}

/// Lets a writer run for so many acknowledgements and kills it.
pub(crate) fn killed_after(path: &Path, acknowledgements: usize) -> Acknowledged {
    let mut running = start(path, None);
    running.acknowledged(acknowledgements);
    running.kill()
}

/// The other process; does nothing when it is run as a test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_until_killed() {
    let Some(dir) = std::env::var_os("TRUSTKEEP_CRASH_DIR") else { return };
    let size = std::env::var("TRUSTKEEP_CRASH_SIZE").map_or(120, |size| size.parse().unwrap());
    let settings = Settings { write_buffer_bytes: 1 << 30, ..Settings::new(dir) };
    let store = Arc::new(EmbeddedStore::open(settings).unwrap());
    store.create_tables(&tables()).await.unwrap();
    let failed = Arc::new(tokio::sync::Barrier::new(WRITERS as usize));
    let mut tasks = BTreeMap::new();
    for writer in 0..WRITERS {
        let (store, failed) = (store.clone(), failed.clone());
        let task = tokio::spawn(async move {
            let [_, _, last] = tables();
            let stands = store.get(&last, &Key::of(writer)).await.unwrap();
            let mut number = stands.map_or(0, |last| last.int(0).unwrap());
            loop {
                number += 1;
                match store.commit(commit(writer, number, size)).await {
                    Ok(_) => say(&format!("ack {writer} {number}")),
                    Err(error) => {
                        say(&format!("failed {writer} {error}"));
                        break;
                    }
                }
            }
            failed.wait().await;
            if store.commit(commit(writer, number, 10)).await.is_ok() {
                say("wrong");
            }
        });
        tasks.insert(writer, task);
    }
    for (_, task) in tasks {
        task.await.unwrap();
    }
}

fn say(line: &str) {
    // One write a line, so that a kill leaves whole lines before it.
    std::io::stdout().lock().write_all(format!("\n{line}\n").as_bytes()).unwrap();
}
