//! What the process asks of the operating system about its own memory: that secrets stay in it.

use rustix::io::Errno;
use rustix::mm::MlockAllFlags;
use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hardening {
    /// Lock all memory, present and future, so that nothing is swapped out. Needs the capability `CAP_IPC_LOCK` or a
    /// large enough `RLIMIT_MEMLOCK`.
    pub lock_memory: bool,
}

/// A protection that the operating system refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Core dumps cannot be switched off.
    #[error("cannot switch core dumps off (setrlimit RLIMIT_CORE): {0}")]
    CoreDumps(#[source] Errno),
    /// Other processes of the same user cannot be kept from reading this one's memory.
    #[error("cannot make the process unreadable to its peers (prctl PR_SET_DUMPABLE): {0}")]
    Dumpable(#[source] Errno),
    /// Memory cannot be locked.
    #[error(
        "cannot lock memory (mlockall): {0}; grant it (systemd: LimitMEMLOCK=infinity; file: setcap cap_ipc_lock=+ep) or set disable_mlock = true and use encrypted swap or none"
    )]
    LockMemory(#[source] Errno),
}

/// Switches core dumps off, makes the process unreadable to debuggers and peers of the same user and, if asked for, keeps its
/// memory out of the swap. Call it before any secret is in memory. Calling it again is harmless.
///
/// # Errors
/// Names the protection that the operating system refused; those before it are in force.
pub fn harden(hardening: Hardening) -> Result<(), Error> {
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .map_err(Error::CoreDumps)?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(Error::Dumpable)?;
    if hardening.lock_memory {
        rustix::mm::mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE).map_err(Error::LockMemory)?;
    }
    Ok(())
}
