//! What a store is opened with.

use std::path::PathBuf;

/// Where the store is and how much memory and disk it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The directory; made, for its owner alone, where it is missing.
    pub dir: PathBuf,
    /// Bytes of records kept in memory as they are read and written; 0 keeps none. Default 64 MiB.
    pub cache_bytes: u64,
    /// Bytes of the engine's blocks kept in memory. Default 64 MiB.
    pub block_cache_bytes: u64,
    /// Bytes written before they are sorted into a file. Up to five such buffers can be in memory while the disk
    /// lags behind. Fixed when the store is made. Default 32 MiB, at least 1 MiB.
    pub write_buffer_bytes: u64,
    /// Commits are refused while the disk has fewer free bytes, so that it never is full in the middle of a write.
    /// Default 128 MiB.
    pub reserve_bytes: u64,
}

impl Settings {
    /// The defaults, for a store in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Settings {
            dir: dir.into(),
            cache_bytes: 64 << 20,
            block_cache_bytes: 64 << 20,
            write_buffer_bytes: 32 << 20,
            reserve_bytes: 128 << 20,
        }
    }
}
