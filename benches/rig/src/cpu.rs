//! Processor time of single operations.

use std::hint::black_box;
use std::time::Duration;

use anyhow::Context as _;

const OPERATIONS: u32 = 500;

/// What one operation takes of the core, of so many rounds the fastest: others may have the core meanwhile, as they may
/// have the servers'.
///
/// # Errors
/// The system does not tell.
pub fn best<T>(rounds: usize, mut operation: impl FnMut() -> T) -> anyhow::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        let before = thread_cpu()?;
        for _ in 0..OPERATIONS {
            black_box(operation());
        }
        best = best.min((thread_cpu()? - before) / OPERATIONS);
    }
    Ok(best)
}

/// Processor time of this thread.
fn thread_cpu() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = stat.split(' ').next().context("/proc/thread-self/schedstat is not as expected")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}
