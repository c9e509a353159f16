//! How containers start where this machine lacks a capability, as it does in many a container itself: `runc` refuses to give
//! a privileged container what nobody here has. The container then gets all that there is.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

/// By their numbers (capability.h).
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Docker's configuration of a server: with a runtime of its own, written to this directory, where one is needed.
pub(super) fn configuration(dir: &Path) -> anyhow::Result<Value> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let lacking = lacking(&status).context("/proc/self/status names no capabilities")?;
    if lacking.is_empty() {
        return Ok(json!({}));
    }
    let path = dir.join("runtime");
    std::fs::write(&path, script(&lacking))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(json!({ "default-runtime": "within", "runtimes": { "within": { "path": path } } }))
}

/// What is missing from the bounding set of this process.
fn lacking(status: &str) -> Option<Vec<&'static str>> {
    let set = status.lines().find_map(|line| line.strip_prefix("CapBnd:"))?;
    let set = u64::from_str_radix(set.trim(), 16).ok()?;
    Some(
        CAPABILITIES
            .into_iter()
            .enumerate()
            .filter(|(bit, _)| set >> bit & 1 == 0)
            .map(|(_, name)| name)
            .collect(),
    )
}

/// `runc`, after taking the capabilities out of what it is asked to start.
fn script(lacking: &[&str]) -> String {
    let names = lacking.join("\\|");
    format!(
        "#!/bin/sh\n\
         for word; do\n\
         \x20 case $before in\n\
         \x20   --bundle|-b) file=$word/config.json ;;\n\
         \x20   --process|-p) file=$word ;;\n\
         \x20 esac\n\
         \x20 before=$word\n\
         done\n\
         if [ -f \"$file\" ]; then\n\
         \x20 sed -i -e 's/\"CAP_\\({names}\\)\"//g' -e 's/,,*/,/g' -e 's/\\[,/[/g' -e 's/,\\]/]/g' \"$file\"\n\
         fi\n\
         exec runc \"$@\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_lacks_is_taken_out() {
        assert_eq!(lacking("CapBnd:\t000001ffffffffff\n").unwrap(), Vec::<&str>::new());
        assert_eq!(lacking("CapEff:\t0\nCapBnd:\t000001fffeffffff\n").unwrap(), ["SYS_RESOURCE"]);
        assert!(script(&["SYS_RESOURCE", "BPF"]).contains(r#""CAP_\(SYS_RESOURCE\|BPF\)""#));
    }
}
