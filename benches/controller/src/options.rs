//! What to measure.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Benchmark of the controller. Lists may be given by commas.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// What to do.
    #[arg(long, value_delimiter = ',', default_values = ["start", "one-unit", "fleet", "many"])]
    only: Vec<Part>,
    /// Nodes of the part `one-unit`.
    #[arg(long, default_value_t = 50)]
    unit: usize,
    /// Nodes of the part `fleet` that are made at once, and one after the other.
    #[arg(long, default_value_t = 20)]
    fleet: usize,
    /// Units of the part `fleet`, of ten nodes each.
    #[arg(long, default_value_t = 200)]
    units: usize,
    /// Nodes of the part `many`, in ten units.
    #[arg(long, default_value_t = 1_000)]
    many: usize,
    /// Seconds that a base container of a simulated server takes to start.
    #[arg(long, default_value_t = 2.0)]
    start_delay: f64,
    /// Seconds that nodes are under watch before memory is read, and while processor time is counted.
    #[arg(long, default_value_t = 120.0)]
    settle: f64,
    /// Requests of a row of `GET /vcs`.
    #[arg(long, default_value_t = 2_000)]
    requests: usize,
    /// Clients at once that ask for `GET /vcs`, each with a connection that it keeps.
    #[arg(long, value_delimiter = ',', default_values = ["1", "8"])]
    pub(crate) clients: Vec<usize>,
    /// Starts of a row; the fastest and the median are given.
    #[arg(long, default_value_t = 5)]
    starts: usize,
    /// Our program; else TRUSTKEEP_BIN, else target/release/trustkeep.
    #[arg(long, env = "TRUSTKEEP_BIN")]
    program: Option<PathBuf>,
    /// Where the controller's directories are made: the disk in question.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Few nodes and short waits: does everything run?
    #[arg(long)]
    smoke: bool,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// From the start of the process to the first answer, its memory then, its size.
    Start,
    /// One node, then many in one unit: are they made at the pace of the slowest?
    OneUnit,
    /// Nodes made at once and one after the other, then many units of ten nodes in one answer.
    Fleet,
    /// Many nodes in ten units: made, watched, listed, started upon, removed.
    Many,
}

impl Options {
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.contains(&part)
    }

    pub(crate) fn needs_servers(&self) -> bool {
        [Part::OneUnit, Part::Fleet, Part::Many].into_iter().any(|part| self.wants(part))
    }

    pub(crate) fn unit(&self) -> usize {
        if self.smoke { 5 } else { self.unit.max(1) }
    }

    pub(crate) fn fleet(&self) -> usize {
        if self.smoke { 3 } else { self.fleet.max(1) }
    }

    pub(crate) fn units(&self) -> usize {
        if self.smoke { 4 } else { self.units.max(1) }
    }

    pub(crate) fn many(&self) -> usize {
        if self.smoke { 30 } else { self.many.max(10) }
    }

    pub(crate) fn requests(&self) -> usize {
        if self.smoke { 32 } else { self.requests.max(32) }
    }

    pub(crate) fn starts(&self) -> usize {
        if self.smoke { 1 } else { self.starts.max(1) }
    }

    pub(crate) fn start_delay(&self) -> Duration {
        Duration::from_secs_f64(if self.smoke { 0.2 } else { self.start_delay.max(0.0) })
    }

    pub(crate) fn settle(&self) -> Duration {
        Duration::from_secs_f64(if self.smoke { 2.0 } else { self.settle.max(1.0) })
    }

    pub(crate) fn program(&self) -> PathBuf {
        let built = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/release/trustkeep");
        self.program.clone().unwrap_or_else(built)
    }
}
