//! The directory: made for its owner alone, recognised, held by one process.
//!
//! ```text
//! FORMAT   "trustkeep-store 1 0.1.0": format and the program that made it
//! LOCK     locked by the process that has the store open; holds its process id
//! HEAD     how far commits were acknowledged
//! engine/  the engine's files
//! ```

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use trustkeep_store::{Error, Result};

/// The newest format of the directory that this program knows.
pub(crate) const FORMAT: u32 = 1;
const FORMAT_FILE: &str = "FORMAT";
const LOCK_FILE: &str = "LOCK";

/// A directory that this process holds; given back when dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    lock: File,
}

impl Drop for Directory {
    /// A child that is being started holds a copy of the file for a moment: closing ours would leave it locked until then.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::debug!(%error, "the lock ends with the file");
        }
    }
}

impl Directory {
    /// Opens a store's directory; makes it where it is missing or empty.
    pub(crate) fn open_or_make(path: &Path) -> Result<Directory> {
        match DirBuilder::new().recursive(true).mode(0o700).create(path) {
            Ok(()) => {}
            Err(error) => return Err(io_error("make", path, &error)),
        }
        Self::refuse_foreign(path)?;
        let directory = Self::hold(path)?;
        if read_format(path)?.is_none() {
            directory.write_format()?;
        }
        Ok(directory)
    }

    /// Opens the directory of a store that exists.
    pub(crate) fn open(path: &Path) -> Result<Directory> {
        if read_format(path)?.is_none() {
            return Err(Error::Schema(format!("{} holds no store: it has no file FORMAT", path.display())));
        }
        Self::hold(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the engine keeps its files.
    pub(crate) fn engine(&self) -> PathBuf {
        self.path.join("engine")
    }

    fn refuse_foreign(path: &Path) -> Result<()> {
        if read_format(path)?.is_some() {
            return Ok(());
        }
        let entries = std::fs::read_dir(path).map_err(|error| io_error("list", path, &error))?;
        for entry in entries {
            let name = entry.map_err(|error| io_error("list", path, &error))?.file_name();
            // A start that was interrupted before it wrote FORMAT leaves these two at most.
            if name != LOCK_FILE && name != "FORMAT.new" {
                return Err(Error::Schema(format!(
                    "{} is neither empty nor a store: it holds {name:?}. Name another directory",
                    path.display()
                )));
            }
        }
        Ok(())
    }

    fn hold(path: &Path) -> Result<Directory> {
        let lock_path = path.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
        let mut lock = opened.map_err(|error| io_error("write in", path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = lock.read_to_string(&mut holder);
                let holder = holder
                    .trim()
                    .parse::<u32>()
                    .map_or("another process".to_owned(), |pid| format!("process {pid}"));
                return Err(Error::Unavailable(format!(
                    "the store {} is open in {holder}. Stop it or name another directory",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(io_error("lock", &lock_path, &error)),
        }
        let written = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()));
        written.map_err(|error| io_error("write", &lock_path, &error))?;
        Ok(Directory { path: path.to_owned(), lock })
    }

    fn write_format(&self) -> Result<()> {
        let new = self.path.join("FORMAT.new");
        let write = || {
            let mut file = File::create(&new)?;
            writeln!(file, "trustkeep-store {FORMAT} {}", env!("CARGO_PKG_VERSION"))?;
            file.sync_all()?;
            std::fs::rename(&new, self.path.join(FORMAT_FILE))?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|error| io_error("write", &new, &error))
    }
}

fn read_format(path: &Path) -> Result<Option<u32>> {
    let file = path.join(FORMAT_FILE);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => String::new(),
        Err(error) => return Err(io_error("read", &file, &error)),
    };
    let mut words = text.split_whitespace();
    match (words.next(), words.next().map(str::parse::<u32>), words.next()) {
        (Some("trustkeep-store"), Some(Ok(format)), writer) if format > FORMAT => {
            Err(Error::Schema(format!(
                "the store {} has format {format}, written by trustkeep {}; this is trustkeep {}, which reads formats up \
             to {FORMAT}. Use the newer program",
                path.display(),
                writer.unwrap_or("of unknown version"),
                env!("CARGO_PKG_VERSION"),
            )))
        }
        (Some("trustkeep-store"), Some(Ok(format)), _) => Ok(Some(format)),
        _ if file.exists() => {
            Err(Error::Schema(format!("{} is not the FORMAT file of a trustkeep store", file.display())))
        }
        _ => Ok(None),
    }
}

/// The contract's error for a failed file operation.
pub(crate) fn io_error(verb: &str, path: &Path, error: &std::io::Error) -> Error {
    let message = format!("cannot {verb} {}: {error}", path.display());
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Error::Denied(format!("{message}. The program's user needs the right to read and write there"))
        }
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Error::Corrupt(message),
        _ => Error::Unavailable(message),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_directory_is_made_for_its_owner_alone_and_held_once() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let held = Directory::open_or_make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let refused = Directory::open_or_make(&path).unwrap_err().to_string();
        assert!(refused.contains(&path.display().to_string()), "{refused}");
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(held);
        Directory::open(&path).unwrap();
    }

    #[test]
    fn other_folders_and_newer_stores_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("holiday.jpg"), b"x").unwrap();
        let error = Directory::open_or_make(dir.path()).unwrap_err().to_string();
        assert!(error.contains("neither empty nor a store") && error.contains("holiday.jpg"), "{error}");
        assert!(!dir.path().join(LOCK_FILE).exists(), "a foreign folder was written to");

        std::fs::remove_file(dir.path().join("holiday.jpg")).unwrap();
        assert!(Directory::open(dir.path()).unwrap_err().to_string().contains("holds no store"));
        std::fs::write(dir.path().join(FORMAT_FILE), "trustkeep-store 9 4.2.0\n").unwrap();
        let error = Directory::open_or_make(dir.path()).unwrap_err();
        assert!(matches!(error, Error::Schema(_)));
        let error = error.to_string();
        for part in ["format 9", "trustkeep 4.2.0", "trustkeep 0.1.0", "up to 1"] {
            assert!(error.contains(part), "{error}");
        }
        std::fs::write(dir.path().join(FORMAT_FILE), "what").unwrap();
        assert!(Directory::open_or_make(dir.path()).is_err());
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        // A file where a folder is needed stops even root, unlike missing permissions.
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, b"").unwrap();
        let error = Directory::open_or_make(&file.join("store")).unwrap_err().to_string();
        assert!(error.contains("cannot make") && error.contains("file/store"), "{error}");
        let denied = io_error("write in", &file, &ErrorKind::PermissionDenied.into());
        assert!(matches!(denied, Error::Denied(message) if message.contains("needs the right")));
    }
}
