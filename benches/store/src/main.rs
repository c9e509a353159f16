//! Measures the embedded store through its whole contract, beside the raw disk in the same run, and prints tables
//! in Markdown. Every figure is the best of several rounds with the median of all rounds beside it, for a disk is
//! rarely alone; counts are fixed, not times.

#![expect(clippy::print_stdout, reason = "a benchmark's output is its result")]

mod raw;
mod workload;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use trustkeep_store::Store;
use trustkeep_store_embedded::{EmbeddedStore, Settings};

use crate::workload::{Commits, Tables};

/// Benchmarks of the embedded store.
#[derive(Parser)]
struct Options {
    /// Where to write; a temporary directory by default.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Rounds of which the best counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Preloaded records.
    #[arg(long, default_value_t = 200_000)]
    records: u64,
    /// Only this part.
    #[arg(long, value_parser = ["commits", "reads", "reopen"])]
    only: Option<String>,
    /// Writes into this directory until killed; for the measurement of reopening.
    #[arg(long, hide = true)]
    write_until_killed: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if let Some(dir) = &options.write_until_killed {
        return runtime.block_on(write_until_killed(dir, options.records));
    }
    let temporary = match &options.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    runtime.block_on(run(&options, temporary.path()))
}

async fn run(options: &Options, dir: &Path) -> Result<()> {
    let wants = |part: &str| options.only.as_deref().is_none_or(|only| only == part);
    let path = dir.join("store");
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(Settings::new(&path))?);
    let tables = Tables::make(&*store).await?;
    let begin = Instant::now();
    workload::preload(&*store, &tables, options.records).await?;
    let rate = 3.0 * options.records as f64 / begin.elapsed().as_secs_f64();
    println!("Preloaded {} records (three rows each, 500 a commit): {rate:.0} rows/s\n", options.records);

    drop(store);
    if wants("reads") {
        measure_reads(options, &tables, &path).await?;
    }
    if wants("commits") {
        measure_commits(options, &tables, &path, dir).await?;
    }
    if wants("reads") && wants("commits") {
        println!("Reads again, after the commits above:\n");
        measure_reads(options, &tables, &path).await?;
    }
    if wants("reopen") {
        measure_reopen(options, dir)?;
    }
    Ok(())
}

async fn measure_commits(options: &Options, tables: &Tables, path: &Path, dir: &Path) -> Result<()> {
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(Settings::new(path))?);
    let runs = [(1, 4_000), (16, 32_000), (64, 96_000)];
    let mut small = Vec::new();
    let mut page = Vec::new();
    let mut results: Vec<Vec<Commits>> = vec![Vec::new(); runs.len()];
    for _ in 0..options.rounds {
        small.push(raw::appends(dir, 344, 2_000)?);
        page.push(raw::appends(dir, 4096, 2_000)?);
        for ((writers, count), results) in runs.iter().zip(&mut results) {
            results.push(workload::commits(&store, tables, *writers, *count).await?);
        }
    }
    println!(
        "| Durable commits | per second, best (median) | of raw | median / p99 latency | longest | bytes written per commit |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let raw_rate = best(small.iter().map(|(rate, _)| *rate));
    for (name, raw) in
        [("raw append of 344 bytes + fdatasync", &small), ("raw append of 4 KiB + fdatasync", &page)]
    {
        let rate = best(raw.iter().map(|(rate, _)| *rate));
        let middle = raw.iter().map(|(_, middle)| *middle).min().unwrap_or_default();
        println!(
            "| {name} | {rate:.0} ({:.0}) | {:.2} | {} | | |",
            median(raw.iter().map(|(rate, _)| *rate)),
            rate / raw_rate,
            show(middle)
        );
    }
    for ((writers, count), results) in runs.iter().zip(&results) {
        let Some(top) = results.iter().max_by(|a, b| a.rate.total_cmp(&b.rate)) else { continue };
        println!(
            "| {writers} writers, {count} commits | {:.0} ({:.0}) | {:.2} | {} / {} | {} | {:.0} |",
            top.rate,
            median(results.iter().map(|run| run.rate)),
            top.rate / raw_rate,
            show(top.median),
            show(top.p99),
            show(results.iter().map(|run| run.longest).max().unwrap_or_default()),
            median(results.iter().map(|run| run.bytes)),
        );
    }
    println!();
    Ok(())
}

async fn measure_reads(options: &Options, tables: &Tables, path: &Path) -> Result<()> {
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(Settings::new(path))?);
    println!("| Reads | per second and core, best (median) |");
    println!("| --- | ---: |");
    let hot = 20_000.min(options.records);
    workload::warm(&store, tables, hot).await?;
    for readers in [1, 2] {
        let mut rates = Vec::new();
        for _ in 0..options.rounds {
            rates.push(workload::point_reads(&store, tables, hot, 1_000_000, readers).await?);
        }
        line(&format!("point reads, cached, {readers} threads"), &rates);
    }
    drop(store);
    let settings = Settings { cache_bytes: 0, ..Settings::new(path) };
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(settings)?);
    for readers in [1, 2] {
        let mut rates = Vec::new();
        for _ in 0..options.rounds {
            rates.push(workload::point_reads(&store, tables, options.records, 300_000, readers).await?);
        }
        line(&format!("point reads, no record cache, {readers} threads"), &rates);
    }
    for page in [100, 1000] {
        let mut rates = Vec::new();
        for _ in 0..options.rounds {
            rates.push(workload::scan(&store, tables, page).await?);
        }
        line(&format!("rows scanned, pages of {page}"), &rates);
    }
    println!();
    Ok(())
}

fn measure_reopen(options: &Options, dir: &Path) -> Result<()> {
    let mut took = Vec::new();
    for round in 0..options.rounds.min(3) {
        let path = dir.join(format!("killed-{round}"));
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--records", &options.records.to_string(), "--write-until-killed"])
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        child.kill()?;
        child.wait()?;
        anyhow::ensure!(line.trim() == "written", "the writer failed: {line:?}");
        let begin = Instant::now();
        let store = EmbeddedStore::open(Settings::new(&path))?;
        took.push(begin.elapsed());
        drop(store);
        std::fs::remove_dir_all(path)?;
    }
    let shown: Vec<_> = took.iter().map(|took| show(*took)).collect();
    println!("Opening after kill -9 of a writer of {} commits: {}", options.records, shown.join(", "));
    Ok(())
}

async fn write_until_killed(dir: &Path, records: u64) -> Result<()> {
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(Settings::new(dir))?);
    let tables = Tables::make(&*store).await?;
    workload::commits(&store, &tables, 64, records as usize).await?;
    println!("written");
    std::future::pending().await
}

fn line(name: &str, rates: &[f64]) {
    println!("| {name} | {:.0} ({:.0}) |", best(rates.iter().copied()), median(rates.iter().copied()));
}

fn best(rates: impl Iterator<Item = f64>) -> f64 {
    rates.fold(0.0, f64::max)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn show(took: Duration) -> String {
    match took.as_micros() {
        micros @ ..1000 => format!("{micros} µs"),
        micros => format!("{:.1} ms", micros as f64 / 1000.0),
    }
}
