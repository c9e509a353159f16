//! What the disk itself does: append and `fdatasync`, one after the other.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Appends of `size` bytes a second, each synced, and their median.
pub(crate) fn appends(dir: &Path, size: usize, count: usize) -> Result<(f64, Duration)> {
    let path = dir.join("raw");
    let mut file = File::create(&path)?;
    let bytes = vec![7; size];
    let mut took = Vec::with_capacity(count);
    let begin = Instant::now();
    for _ in 0..count {
        let begin = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        took.push(begin.elapsed());
    }
    let rate = count as f64 / begin.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    took.sort_unstable();
    Ok((rate, took.get(count / 2).copied().unwrap_or_default()))
}
