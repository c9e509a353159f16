//! What the operating system knows about this process, under the names Prometheus clients agree on.

use std::fmt::Write;
use std::fs;

/// A reading of `/proc`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Memory in RAM, bytes.
    pub resident_bytes: u64,
    /// Address space, bytes.
    pub virtual_bytes: u64,
    /// User and system time together, seconds.
    pub cpu_seconds: f64,
    /// Seconds since the Unix epoch at which the process started.
    pub start_seconds: f64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// Threads.
    pub threads: u64,
}

impl Reading {
    /// Reads now; `None` where there is no `/proc` or it is not readable.
    pub fn take() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is the program's name in parentheses and may contain anything, so count from the last one.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        // proc(5) numbers fields from 1; the first after the name is field 3.
        let field = |number: usize| -> Option<u64> { fields.get(number - 3)?.parse().ok() };
        let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
        let boot_seconds: f64 = fs::read_to_string("/proc/stat")
            .ok()?
            .lines()
            .find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())?;
        let page_bytes = u64::try_from(rustix::param::page_size()).ok()?;
        Some(Self {
            resident_bytes: field(24)?.saturating_mul(page_bytes),
            virtual_bytes: field(23)?,
            cpu_seconds: (field(14)?.saturating_add(field(15)?)) as f64 / ticks_per_second,
            start_seconds: boot_seconds + field(22)? as f64 / ticks_per_second,
            // The descriptor that lists the folder is itself in the list.
            open_fds: (fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1),
            threads: field(20)?,
        })
    }
}

pub(super) fn render(text: &mut String) {
    let Some(reading) = Reading::take() else { return };
    let mut line = |name: &str, kind: &str, value: f64| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "# TYPE {name} {kind}\n{name} {value}");
    };
    line("process_resident_memory_bytes", "gauge", reading.resident_bytes as f64);
    line("process_virtual_memory_bytes", "gauge", reading.virtual_bytes as f64);
    line("process_cpu_seconds_total", "counter", reading.cpu_seconds);
    line("process_start_time_seconds", "gauge", reading.start_seconds);
    line("process_open_fds", "gauge", reading.open_fds as f64);
    line("process_threads", "gauge", reading.threads as f64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    #[test]
    fn the_reading_is_plausible() {
        let reading = Reading::take().unwrap();
        assert!(reading.resident_bytes > 100_000 && reading.virtual_bytes > reading.resident_bytes);
        assert!(reading.open_fds >= 3 && reading.threads >= 1);
        let age = SystemClock::new().now().as_second() as f64 - reading.start_seconds;
        assert!((-5.0..3600.0).contains(&age), "{age}");
    }
}
