//! What to measure.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::setting::Storage;

/// Benchmark of the agent. Every list may be given by commas.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// What to do.
    #[arg(long, value_delimiter = ',', default_values = ["bound", "start", "connections", "messages"])]
    only: Vec<Part>,
    /// How many peers at a time, each with a connection of its own.
    #[arg(long, value_delimiter = ',', default_values = ["1", "16", "64"])]
    pub(crate) peers: Vec<usize>,
    /// Where wallets are; PostgreSQL needs TRUSTKEEP_BENCH_POSTGRES.
    #[arg(long, value_delimiter = ',', default_values = ["sqlite", "postgresql"])]
    pub(crate) store: Vec<Storage>,
    /// Messages of a row of ours.
    #[arg(long, default_value_t = 30_000)]
    messages: usize,
    /// Connections of a row of ours.
    #[arg(long, default_value_t = 3_000)]
    connections: usize,
    /// How many connections there are in the part `many`.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) many: usize,
    /// What a row of the peer is divided by: it is that much slower.
    #[arg(long, default_value_t = 20)]
    peer_divisor: usize,
    /// Our program; else TRUSTKEEP_BIN, else target/release/trustkeep.
    #[arg(long, env = "TRUSTKEEP_BIN")]
    pub(crate) program: Option<PathBuf>,
    /// Virtual environments with ACA-Py, each in a folder named by its version, with connections/1.0: 0.7 to 1.2.
    #[arg(long, env = "TRUSTKEEP_BENCH_ACA_PY")]
    pub(crate) aca_py: Option<PathBuf>,
    /// Which of its versions.
    #[arg(long, value_delimiter = ',', default_values = ["0.7.3", "1.0.1"])]
    pub(crate) versions: Vec<String>,
    /// The peer alone.
    #[arg(long)]
    pub(crate) peer_only: bool,
    /// A PostgreSQL server: `postgresql://user:password@host:port`, whose role may create databases.
    #[arg(long, env = "TRUSTKEEP_BENCH_POSTGRES")]
    pub(crate) postgres: Option<String>,
    /// Where SQLite's files are made: the disk in question.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Few of everything: does it run?
    #[arg(long)]
    pub(crate) smoke: bool,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// What cryptography alone allows.
    Bound,
    /// From the start of the process until it is ready, and its memory then.
    Start,
    /// Connections, in both roles.
    Connections,
    /// Basic messages, received and sent.
    Messages,
    /// The same among many connections, and the memory then. Ours only.
    Many,
}

impl Options {
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.contains(&part)
    }

    pub(crate) fn messages(&self, is_peer: bool) -> usize {
        self.scaled(self.messages, is_peer)
    }

    pub(crate) fn connections(&self, is_peer: bool) -> usize {
        self.scaled(self.connections, is_peer)
    }

    fn scaled(&self, count: usize, is_peer: bool) -> usize {
        let count = if is_peer { count / self.peer_divisor.max(1) } else { count };
        if self.smoke { 64 } else { count.max(64) }
    }
}
