//! `sys/host-info`: the machine that the vault runs on (`hashicorp/vault: helper/hostutil`).

use serde_json::{Value, json};
use trustkeep_chassis::host::Reading;

use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

pub(super) async fn answer(request: &Request) -> Result<Option<Response>> {
    let reading = tokio::task::spawn_blocking(Reading::take).await.map_err(Error::internal)?;
    let timestamp = super::lifecycle::rfc3339(request.now);
    Ok(Some(Response::object(document(&reading, &timestamp))))
}

fn document(reading: &Reading, timestamp: &str) -> Value {
    let cpus = reading.cpus.iter().map(|cpu| {
        json!({
            "cpu": cpu.index, "vendorId": cpu.vendor, "modelName": cpu.model, "mhz": cpu.mhz,
        })
    });
    let times = reading.cpu_times.iter().map(|times| {
        let [user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice] = times.seconds;
        json!({
            "cpu": times.name, "user": user, "system": system, "idle": idle, "nice": nice, "iowait": iowait,
            "irq": irq, "softirq": softirq, "steal": steal, "guest": guest, "guestNice": guest_nice,
        })
    });
    let disks = reading.disks.iter().map(|disk| {
        let percent =
            |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 };
        let inodes_used = disk.inodes_total.saturating_sub(disk.inodes_free);
        json!({
            "path": disk.path, "fstype": disk.kind, "total": disk.total, "free": disk.free, "used": disk.used,
            "usedPercent": percent(disk.used, disk.used.saturating_add(disk.free)),
            "inodesTotal": disk.inodes_total, "inodesUsed": inodes_used, "inodesFree": disk.inodes_free,
            "inodesUsedPercent": percent(inodes_used, disk.inodes_total),
        })
    });
    let bytes = |name: &str| reading.memory.get(name).copied().unwrap_or_default();
    let total = bytes("MemTotal");
    let used = total.saturating_sub(bytes("MemAvailable"));
    json!({
        "timestamp": timestamp,
        "cpu": cpus.collect::<Vec<_>>(),
        "cpu_times": times.collect::<Vec<_>>(),
        "disk": disks.collect::<Vec<_>>(),
        "host": {
            "hostname": reading.hostname,
            "uptime": reading.uptime_seconds,
            "bootTime": reading.boot_seconds,
            "procs": reading.processes,
            "os": std::env::consts::OS,
            "platform": reading.platform,
            "platformVersion": reading.platform_version,
            "kernelVersion": reading.kernel_version,
            "kernelArch": std::env::consts::ARCH,
        },
        "memory": {
            "total": total,
            "available": bytes("MemAvailable"),
            "used": used,
            "usedPercent": if total == 0 { 0.0 } else { used as f64 * 100.0 / total as f64 },
            "free": bytes("MemFree"),
            "active": bytes("Active"),
            "inactive": bytes("Inactive"),
            "buffers": bytes("Buffers"),
            "cached": bytes("Cached"),
            "dirty": bytes("Dirty"),
            "shared": bytes("Shmem"),
            "slab": bytes("Slab"),
            "swapcached": bytes("SwapCached"),
            "swaptotal": bytes("SwapTotal"),
            "swapfree": bytes("SwapFree"),
            "commitlimit": bytes("CommitLimit"),
            "committedas": bytes("Committed_AS"),
            "mapped": bytes("Mapped"),
        },
    })
}
