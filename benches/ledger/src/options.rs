//! What to measure.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::setting::{Authentication, Storage};
use crate::workload::Workload;

/// Benchmark of ledger and auditor. Every list may be given by commas.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// What to do.
    #[arg(long, value_delimiter = ',', default_values = ["bound", "workloads", "flat"])]
    only: Vec<Part>,
    /// Which workloads.
    #[arg(long, value_delimiter = ',', default_values = ["smallbank", "ycsb-a", "ycsb-f", "put"])]
    pub(crate) workload: Vec<Workload>,
    /// How many clients at a time, each with a connection of its own.
    #[arg(long, value_delimiter = ',', default_values = ["1", "16", "64"])]
    pub(crate) clients: Vec<usize>,
    /// How long each row is measured.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How long each row runs before it is measured; a peer that compiles as it runs needs longer.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// The same for the peer.
    #[arg(long, default_value_t = 20.0)]
    peer_warm_up: f64,
    /// Where the servers keep their rows; PostgreSQL needs TRUSTKEEP_BENCH_POSTGRES.
    #[arg(long, value_delimiter = ',', default_values = ["embedded", "postgresql"])]
    pub(crate) store: Vec<Storage>,
    /// How clients and servers authenticate.
    #[arg(long, value_delimiter = ',', default_values = ["signatures", "signatures+secret", "hmac"])]
    pub(crate) auth: Vec<Authentication>,
    /// With an Auditor, without one.
    #[arg(long, value_delimiter = ',', default_values = ["false", "true"])]
    pub(crate) auditor: Vec<bool>,
    /// Accounts of SmallBank, and records and assets of the others.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) assets: u64,
    /// How many assets there are, of which the cost of an execution should not depend.
    #[arg(long, value_delimiter = ',', default_values = ["10000", "1000000", "10000000"])]
    pub(crate) sizes: Vec<u64>,
    /// Our program; else TRUSTKEEP_BIN, else target/release/trustkeep.
    #[arg(long, env = "TRUSTKEEP_BIN")]
    pub(crate) program: Option<PathBuf>,
    /// The peer's program, called as `PEER ledger --config FILE`: another Ledger of the same protocol.
    #[arg(long, env = "TRUSTKEEP_BENCH_PEER")]
    pub(crate) peer: Option<PathBuf>,
    /// Where the peer's contracts are: the root of a tree of class files.
    #[arg(long, env = "TRUSTKEEP_BENCH_CLASSES")]
    pub(crate) classes: Option<PathBuf>,
    /// The peer alone.
    #[arg(long)]
    pub(crate) peer_only: bool,
    /// A PostgreSQL server, as a URL whose role may create databases.
    #[arg(long, env = "TRUSTKEEP_BENCH_POSTGRES")]
    pub(crate) postgres: Option<String>,
    /// Where the embedded store's directories are made: the disk in question.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Few assets and short rows: does everything run?
    #[arg(long)]
    pub(crate) smoke: bool,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// What cryptography alone allows.
    Bound,
    /// Every workload in every setting.
    Workloads,
    /// Single puts among more and more assets.
    Flat,
}

impl Options {
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.contains(&part)
    }

    /// How long a row is measured.
    pub(crate) fn measured(&self) -> Duration {
        Duration::from_secs_f64(if self.smoke { 0.2 } else { self.seconds })
    }

    /// How long it runs before that.
    pub(crate) fn warm_up(&self, peer: bool) -> Duration {
        let seconds = if peer { self.peer_warm_up } else { self.warm_up };
        Duration::from_secs_f64(if self.smoke { 0.1 } else { seconds })
    }

    /// How many assets a workload has.
    pub(crate) fn assets(&self) -> u64 {
        if self.smoke { 1_000 } else { self.assets.max(2) }
    }
}
