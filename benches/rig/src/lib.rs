//! What benchmarks stand on: a server as a process of its own ([`Process`]), requests as thin as can be ([`http`]), an ear
//! for what servers send ([`Ear`]), processor time of an operation ([`best`]).
//!
//! **What it is not**: it knows no protocol above HTTP/1.1 and no product.

mod cpu;
mod ear;
pub mod http;
mod process;

use std::time::Duration;

pub use cpu::best;
pub use ear::{Ear, Heard};
pub use process::{Process, free_ports, pin_myself};

/// The quantile (0 to 1) of sorted durations.
pub fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get(((sorted.len() as f64 * share) as usize).min(last)).copied().unwrap_or(Duration::ZERO)
}
