//! The built-in kinds of devices.

mod file;
mod socket;
mod syslog;

use std::path::PathBuf;
use std::sync::Arc;

use trustkeep_chassis::clock::SharedClock;

use super::device::DeviceKinds;

/// `file`, `socket` and `syslog`.
///
/// `keep_out` are files and folders that a `file` device never writes to or into: where the server keeps its
/// data, its configuration and its plugins.
pub fn builtin(clock: SharedClock, keep_out: Vec<PathBuf>) -> DeviceKinds {
    let keep_out: Arc<[PathBuf]> = keep_out.into();
    DeviceKinds::default()
        .with("file", Arc::new(move |options| file::open(options, &keep_out)))
        .with("socket", Arc::new(socket::open))
        .with("syslog", Arc::new(move |options| syslog::open(options, clock.clone())))
}
