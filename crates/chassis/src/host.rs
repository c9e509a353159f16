//! What the operating system tells of the machine: for `sys/host-info` and the like.

use std::collections::BTreeMap;
use std::fs;

/// A reading of `/proc` and of the mounted file systems. What could not be read is missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// The machine's name.
    pub hostname: String,
    /// Seconds since it started.
    pub uptime_seconds: u64,
    /// Unix seconds at which it started.
    pub boot_seconds: u64,
    /// How many processes it runs.
    pub processes: u64,
    /// The distribution, for example `debian`.
    pub platform: String,
    /// Its version.
    pub platform_version: String,
    /// The kernel's release.
    pub kernel_version: String,
    /// One entry a processor.
    pub cpus: Vec<Cpu>,
    /// One entry a processor.
    pub cpu_times: Vec<CpuTimes>,
    /// One entry a file system on a device.
    pub disks: Vec<Disk>,
    /// `/proc/meminfo` by its own names, bytes.
    pub memory: BTreeMap<String, u64>,
}

/// A processor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cpu {
    /// Its number, from 0.
    pub index: u64,
    /// Who made it.
    pub vendor: String,
    /// What it is called.
    pub model: String,
    /// MHz.
    pub mhz: f64,
}

/// Seconds that a processor spent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CpuTimes {
    /// `cpu0`, …
    pub name: String,
    /// In the order of proc(5): user, nice, system, idle, iowait, irq, softirq, steal, guest, guest nice.
    pub seconds: [f64; 10],
}

/// A file system.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Disk {
    /// Where it is mounted.
    pub path: String,
    /// Its type, for example `ext4`.
    pub kind: String,
    /// Bytes.
    pub total: u64,
    /// Bytes that an ordinary user may still take.
    pub free: u64,
    /// Bytes taken.
    pub used: u64,
    /// Inodes.
    pub inodes_total: u64,
    /// Inodes left.
    pub inodes_free: u64,
}

impl Reading {
    /// Reads now. Touches files only, but as many as there are processes: not for a request's hot path.
    pub fn take() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let stat = text("/proc/stat");
        let os_release = text("/etc/os-release");
        let named = |name: &str| {
            let line = os_release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches('"').to_owned()
        };
        let is_process = |entry: &fs::DirEntry| {
            entry.file_name().to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        };
        Self {
            hostname: text("/proc/sys/kernel/hostname").trim().to_owned(),
            uptime_seconds: first_number(&text("/proc/uptime")) as u64,
            boot_seconds: stat
                .lines()
                .find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
                .unwrap_or_default(),
            processes: fs::read_dir("/proc")
                .map(|entries| entries.flatten().filter(is_process).count() as u64)
                .unwrap_or_default(),
            platform: named("ID"),
            platform_version: named("VERSION_ID"),
            kernel_version: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            cpus: cpus(&text("/proc/cpuinfo")),
            cpu_times: stat.lines().filter_map(cpu_times).collect(),
            disks: text("/proc/self/mounts").lines().filter_map(disk).take(DISKS_MAX).collect(),
            memory: text("/proc/meminfo").lines().filter_map(memory).collect(),
        }
    }
}

/// Bytes of memory that this process may take: the machine's, or less where a control group says so; 0 if neither can be
/// read.
pub fn memory_bytes() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let machine =
        machine.lines().filter_map(memory).find_map(|(name, bytes)| (name == "MemTotal").then_some(bytes));
    // Of version 2 and of version 1; where there is no limit, they say "max" or a number beyond any machine.
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits = limits.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
    machine.into_iter().chain(limits).min().unwrap_or_default()
}

fn first_number(text: &str) -> f64 {
    text.split_ascii_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn cpus(text: &str) -> Vec<Cpu> {
    let mut cpus: Vec<Cpu> = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if key.trim() == "processor" {
            cpus.push(Cpu { index: value.parse().unwrap_or_default(), ..Cpu::default() });
        } else if let Some(cpu) = cpus.last_mut() {
            match key.trim() {
                "vendor_id" | "CPU implementer" => cpu.vendor = value.to_owned(),
                "model name" => cpu.model = value.to_owned(),
                "cpu MHz" => cpu.mhz = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
    }
    cpus
}

fn cpu_times(line: &str) -> Option<CpuTimes> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next().filter(|name| name.starts_with("cpu") && name.len() > 3)?.to_owned();
    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    let mut seconds = [0.0; 10];
    for (slot, word) in seconds.iter_mut().zip(words) {
        *slot = word.parse::<f64>().ok()? / ticks_per_second;
    }
    Some(CpuTimes { name, seconds })
}

fn disk(line: &str) -> Option<Disk> {
    let mut words = line.split_ascii_whitespace();
    // Without a device it is the kernel's own: proc, cgroups, and so on.
    words.next().filter(|device| device.starts_with('/'))?;
    let (path, kind) = (words.next()?.to_owned(), words.next()?.to_owned());
    let stat = rustix::fs::statvfs(path.as_str()).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Some(Disk {
        path,
        kind,
        total: bytes(stat.f_blocks),
        free: bytes(stat.f_bavail),
        used: bytes(stat.f_blocks.saturating_sub(stat.f_bfree)),
        inodes_total: stat.f_files,
        inodes_free: stat.f_ffree,
    })
}

fn memory(line: &str) -> Option<(String, u64)> {
    let (name, value) = line.split_once(':')?;
    let is_kib = value.trim_end().ends_with("kB");
    let number: u64 = value.split_ascii_whitespace().next()?.parse().ok()?;
    Some((name.to_owned(), if is_kib { number.saturating_mul(1024) } else { number }))
}

const DISKS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reading_is_plausible() {
        let reading = Reading::take();
        assert!(!reading.hostname.is_empty() && !reading.kernel_version.is_empty());
        assert!(reading.uptime_seconds > 0 && reading.boot_seconds > 1_000_000_000 && reading.processes > 0);
        assert!(!reading.cpus.is_empty() && reading.cpus.len() <= reading.cpu_times.len());
        assert!(reading.memory["MemTotal"] > reading.memory["MemFree"]);
    }

    #[test]
    fn lines_of_proc_are_read() {
        let cpus = cpus("processor\t: 0\nvendor_id : X\nmodel name : A: B\ncpu MHz : 2.5\n\nprocessor : 1\n");
        assert_eq!((cpus.len(), cpus[0].model.as_str(), cpus[0].mhz, cpus[1].index), (2, "A: B", 2.5, 1));
        assert_eq!(cpu_times("cpu 1 2 3"), None);
        assert_eq!(cpu_times("cpu0 100 0 0").unwrap().name, "cpu0");
        assert_eq!(memory("MemFree:   2 kB"), Some(("MemFree".into(), 2048)));
        assert_eq!(memory("HugePages_Total: 3"), Some(("HugePages_Total".into(), 3)));
    }
}
