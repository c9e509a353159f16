//! Ports for servers that are told theirs.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use rand::Rng as _;

/// Below the ports that the system gives to outgoing connections.
const PORTS: std::ops::Range<u16> = 15_000..32_000;
const ATTEMPTS_MAX: u32 = 10_000;

/// A port of loopback that nobody listens on, and that no other test is given while this process lives: it stays free
/// while a server is stopped. The suite in Python takes its ports by the same locks.
///
/// # Errors
/// The folder of the locks cannot be written, or no port is free.
pub fn free_port() -> anyhow::Result<u16> {
    static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let locks = std::env::temp_dir().join("trustkeep-test-ports");
    std::fs::create_dir_all(&locks).with_context(|| locks.display().to_string())?;
    for _ in 0..ATTEMPTS_MAX {
        let port = rand::rng().random_range(PORTS);
        if let Some(lock) = take(&locks, port)? {
            HELD.lock().unwrap_or_else(PoisonError::into_inner).push(lock);
            return Ok(port);
        }
    }
    bail!("no port is free")
}

fn take(locks: &Path, port: u16) -> anyhow::Result<Option<File>> {
    let path = locks.join(port.to_string());
    let lock = File::options().append(true).create(true).open(&path);
    let lock = lock.with_context(|| path.display().to_string())?;
    let is_ours = lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok();
    Ok(is_ours.then_some(lock))
}
