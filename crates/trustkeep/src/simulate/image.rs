//! A small image for base containers, assembled from this machine's own programs: sshd, and busybox for the rest.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde_json::json;
use trustkeep_crypto::hash;

use super::tools;

/// Its name.
pub(super) const NAME: &str = "vcp/base:simulated";
/// Programs that are in it, where this machine has them. Newer sshds start others of these for each connection.
const PROGRAMS: [&str; 5] = [
    "/usr/sbin/sshd",
    "/usr/bin/ssh-keygen",
    "/usr/lib/openssh/sshd-session",
    "/usr/lib/openssh/sshd-auth",
    "/usr/lib/openssh/sftp-server",
];
const START: &str = r#"#!/bin/sh
# Lets the keys of AUTHORIZED_KEYS (base64) in as root on port 22, after the hooks of /etc/vcp/rc.d.
cd /root && mkdir -p .ssh /run/sshd
printf '%s' "$AUTHORIZED_KEYS" | base64 -d >.ssh/authorized_keys || exit 1
chmod 700 .ssh && chmod 600 .ssh/authorized_keys
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key <&- >/dev/null 2>&1
for hook in /etc/vcp/rc.d/*.sh; do
  [ -e "$hook" ] && . "$hook"
done
exec /usr/sbin/sshd -D -e
"#;
const SSHD: &str = "Port 22\nHostKey /etc/ssh/ssh_host_ed25519_key\nUsePAM no\nPasswordAuthentication no\n\
    KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nUseDNS no\nPrintMotd no\nSubsystem sftp internal-sftp\n";

/// Writes it as `docker save` would.
pub(super) async fn assemble(file: &Path) -> anyhow::Result<()> {
    let busybox = tools::find("busybox").context("busybox is gone")?;
    let applets = tools::run(&busybox, &["--list"]).await?;
    let mut programs: Vec<String> =
        PROGRAMS.iter().filter(|path| Path::new(path).is_file()).map(|&path| path.into()).collect();
    ensure!(
        programs.iter().any(|path| path.ends_with("/sshd")),
        "/usr/sbin/sshd not found: apt-get install openssh-server"
    );
    programs.push(busybox.clone());
    let mut libraries = BTreeSet::new();
    for program in &programs {
        libraries.extend(libraries_of(program).await);
    }
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || {
        let layer = layer(&busybox, &applets, &programs, &libraries).context("the simulated image")?;
        save(&file, &layer).with_context(|| file.display().to_string())
    })
    .await?
}

/// The libraries that a program loads, as the loader says it. One that is linked statically loads none.
async fn libraries_of(program: &str) -> BTreeSet<PathBuf> {
    let listed = tools::run("ldd", &[program]).await.unwrap_or_default();
    listed
        .split_ascii_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .filter(|path| path.is_file())
        .collect()
}

fn layer(
    busybox: &str,
    applets: &str,
    programs: &[String],
    libraries: &BTreeSet<PathBuf>,
) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    tar.follow_symlinks(true);
    for (dir, mode) in
        [("bin", 0o755), ("etc", 0o755), ("etc/ssh", 0o755), ("etc/vcp", 0o755), ("etc/vcp/rc.d", 0o755)]
            .into_iter()
            .chain([
                ("root", 0o700),
                ("run", 0o755),
                ("tmp", 0o1777),
                ("usr", 0o755),
                ("usr/bin", 0o755),
                ("usr/sbin", 0o755),
            ])
            .chain([("var", 0o755), ("var/empty", 0o755)])
    {
        let mut header = header(tar::EntryType::Directory, mode, 0);
        tar.append_data(&mut header, format!("{dir}/"), std::io::empty())?;
    }
    for program in programs.iter().filter(|program| *program != busybox) {
        append(&mut tar, Path::new(program))?;
    }
    for library in libraries {
        append(&mut tar, library)?;
    }
    let content = std::fs::read(busybox)?;
    text(&mut tar, "bin/busybox", 0o755, &content)?;
    for applet in applets.lines().map(str::trim).filter(|name| !name.is_empty() && *name != "busybox") {
        let mut header = header(tar::EntryType::Symlink, 0o777, 0);
        tar.append_link(&mut header, format!("bin/{applet}"), "busybox")?;
    }
    text(
        &mut tar,
        "etc/passwd",
        0o644,
        b"root:*:0:0:root:/root:/bin/sh\nsshd:*:100:65534::/run/sshd:/bin/false\n",
    )?;
    text(&mut tar, "etc/group", 0o644, b"root:x:0:\nnogroup:x:65534:\n")?;
    text(&mut tar, "etc/ssh/sshd_config", 0o644, SSHD.as_bytes())?;
    text(&mut tar, "start", 0o755, START.as_bytes())?;
    tar.into_inner()
}

fn save(file: &Path, layer: &[u8]) -> anyhow::Result<()> {
    let digest = hex(layer);
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "created": "2000-01-01T00:00:00Z",
        "config": {
            "Cmd": ["/start"],
            "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            "ExposedPorts": { "22/tcp": {} },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{digest}")] },
        "history": [{ "created": "2000-01-01T00:00:00Z", "created_by": "trustkeep simulate" }],
    })
    .to_string();
    let config_name = format!("{}.json", hex(config.as_bytes()));
    let layer_name = format!("{digest}/layer.tar");
    let manifest = json!([{ "Config": config_name, "RepoTags": [NAME], "Layers": [layer_name] }]).to_string();
    let part = file.with_extension("part");
    let mut tar = tar::Builder::new(File::create(&part)?);
    text(&mut tar, &config_name, 0o644, config.as_bytes())?;
    text(&mut tar, &layer_name, 0o644, layer)?;
    text(&mut tar, "manifest.json", 0o644, manifest.as_bytes())?;
    tar.into_inner()?;
    std::fs::rename(&part, file)?;
    Ok(())
}

/// A file of this machine, under its own path.
fn append(tar: &mut tar::Builder<Vec<u8>>, path: &Path) -> std::io::Result<()> {
    let content = std::fs::read(path)?;
    let inside = path.strip_prefix("/").unwrap_or(path).to_string_lossy().into_owned();
    text(tar, &inside, 0o755, &content)
}

fn text<W: std::io::Write>(
    tar: &mut tar::Builder<W>,
    path: &str,
    mode: u32,
    content: &[u8],
) -> std::io::Result<()> {
    let mut header = header(tar::EntryType::Regular, mode, content.len() as u64);
    tar.append_data(&mut header, path, content)
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(946_684_800);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn hex(bytes: &[u8]) -> String {
    hash::sha256(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
