//! Device `file`: lines appended to a file, to standard output, or to nothing
//! (`hashicorp/vault: builtin/audit/file`).
//!
//! Who may enable devices names files that the server then writes to (CVE-2025-6000). So it writes to plain
//! files alone, never to executable ones, never makes one executable, never writes where the server keeps its
//! own, and begins no file that holds something else than an audit log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, FileExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _,
    PermissionsExt as _,
};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::super::device::{Device, DeviceError, DeviceOptions};
use super::super::queue::{Queue, Sink, Written, first_written};
use crate::{Error, Result};

pub(super) fn open(options: &DeviceOptions, keep_out: &Arc<[PathBuf]>) -> Result<Arc<dyn Device>> {
    let path = options.text("file_path").or_else(|| options.text("path"));
    let path = path.filter(|path| !path.is_empty()).ok_or_else(|| Error::invalid("file_path is required"))?;
    let timeout = options.write_timeout(TIMEOUT)?;
    let mode = mode(options)?;
    if path.eq_ignore_ascii_case("discard") {
        return Ok(Arc::new(Discard));
    }
    let queue = if path.eq_ignore_ascii_case("stdout") || path == "/dev/stdout" {
        Queue::start("stdout", timeout, StandardOutput)
    } else {
        let prefix = options.text("prefix").unwrap_or_default().to_owned();
        let path = checked(path)?;
        let sink = LogFile { path, mode, prefix, keep_out: keep_out.clone(), open: None, torn: None };
        Queue::start("file", timeout, sink)
    };
    Ok(Arc::new(queue.map_err(Error::internal)?))
}

/// The bits for the file: 0600 where nothing is said, `None` to leave them.
fn mode(options: &DeviceOptions) -> Result<Option<u32>> {
    let Some(text) = options.text("mode") else { return Ok(Some(0o600)) };
    match u32::from_str_radix(text, 8) {
        Ok(0) => Ok(None),
        Ok(mode) if mode & !0o666 == 0 => Ok(Some(mode)),
        Ok(_) => Err(Error::invalid(format!(
            "mode {text:?} is refused: an audit log may be readable and writable (0666 at most), never executable"
        ))),
        Err(error) => Err(Error::invalid(format!("strconv.ParseUint: parsing {text:?}: {error}"))),
    }
}

fn checked(path: &str) -> Result<PathBuf> {
    let path = PathBuf::from(path);
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(Error::invalid("file_path must not contain '..'"));
    }
    Ok(path)
}

struct Discard;

#[async_trait::async_trait]
impl Device for Discard {
    async fn write(&self, _: Bytes) -> Written {
        Ok(())
    }
}

struct StandardOutput;

impl Sink for StandardOutput {
    fn write(&mut self, entries: &[Bytes]) -> Vec<Written> {
        let mut out = io::stdout().lock();
        let written = out.write_all(&joined(entries)).and_then(|()| out.flush());
        match written {
            Ok(()) => vec![Ok(()); entries.len()],
            Err(error) => first_written(0, entries, &error),
        }
    }

    fn reopen(&mut self) -> Written {
        Ok(())
    }
}

struct LogFile {
    path: PathBuf,
    mode: Option<u32>,
    prefix: String,
    keep_out: Arc<[PathBuf]>,
    open: Option<File>,
    /// The file (device, inode) that ends in a piece of a line.
    torn: Option<(u64, u64)>,
}

impl Sink for LogFile {
    fn write(&mut self, entries: &[Bytes]) -> Vec<Written> {
        let (done, error) = match self.append(entries) {
            Ok(()) => return vec![Ok(()); entries.len()],
            Err(stopped) => stopped,
        };
        // Once more, into a file opened anew: whatever was in the way may be gone.
        tracing::warn!(%error, path = %self.path.display(), "an audit file could not be written; opening it anew");
        self.open = None;
        let rest = entries.get(done..).unwrap_or_default();
        match self.append(rest) {
            Ok(()) => vec![Ok(()); entries.len()],
            Err((more, error)) => {
                self.open = None;
                first_written(done + more, entries, &error)
            }
        }
    }

    fn reopen(&mut self) -> Written {
        // The old one stays until the new one is there.
        self.open = Some(self.open_file().map_err(DeviceError::new)?);
        Ok(())
    }
}

impl LogFile {
    /// Appends whole entries. Where it stops, tells how many are there and why it stopped.
    fn append(&mut self, entries: &[Bytes]) -> std::result::Result<(), (usize, io::Error)> {
        if self.open.as_ref().is_some_and(is_deleted) {
            self.open = None;
        }
        let mut file = match self.open.take() {
            Some(file) => file,
            None => self.open_file().map_err(|error| (0, error))?,
        };
        let mut done = 0;
        for batch in batches(entries) {
            if let Some(torn) = self.torn.take()
                && identity(&file) == Some(torn)
                && let Err(error) = file.write_all(b"\n")
            {
                self.torn = Some(torn);
                return Err((done, error));
            }
            let buffer = joined(batch);
            if let Err((written, error)) = write_counting(&mut file, &buffer) {
                let (whole, cut) = whole_entries(batch, written);
                self.torn = if cut { identity(&file) } else { None };
                return Err((done + whole, error));
            }
            done += batch.len();
        }
        self.open = Some(file);
        Ok(())
    }

    fn open_file(&self) -> io::Result<File> {
        let said = |error: io::Error| {
            let path = self.path.display();
            io::Error::new(error.kind(), format!("unable to open \"{path}\" for writing: {error}"))
        };
        self.open_checked().map_err(said)
    }

    fn open_checked(&self) -> io::Result<File> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        self.refuse_own_places(folder.unwrap_or(Path::new(".")))?;
        // Before it is opened, since opening a pipe waits; and again after, for what may have come in between.
        if let Ok(found) = std::fs::metadata(&self.path) {
            check_kind(&found)?;
        }
        let mut wanted = OpenOptions::new();
        wanted.read(true).append(true).create(self.mode.is_some()).mode(self.mode.unwrap_or(0o600));
        let file = wanted.open(&self.path)?;
        let found = file.metadata()?;
        check_kind(&found)?;
        if found.is_file() {
            self.check_content(&file, found.len())?;
            if let Some(mode) = self.mode.filter(|mode| found.mode() & 0o7777 != *mode) {
                file.set_permissions(std::fs::Permissions::from_mode(mode))?;
            }
        }
        Ok(file)
    }

    fn refuse_own_places(&self, folder: &Path) -> io::Result<()> {
        let target = match self.path.canonicalize() {
            Ok(target) => target,
            Err(_) => folder.canonicalize()?.join(self.path.file_name().unwrap_or_default()),
        };
        for own in self.keep_out.iter() {
            if target.starts_with(own.canonicalize().unwrap_or_else(|_| own.clone())) {
                return Err(refused("the server keeps files of its own there"));
            }
        }
        Ok(())
    }

    /// What is there already must be an audit log, that is, begin as one.
    fn check_content(&self, file: &File, len: u64) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        let expected = format!("{}{{", self.prefix);
        let mut found = vec![0; expected.len()];
        let count = file.read_at(&mut found, 0)?;
        found.truncate(count);
        // Another prefix may have been in use before.
        if found == expected.as_bytes() || found.first() == Some(&b'{') {
            return Ok(());
        }
        Err(refused("the file holds something else than an audit log"))
    }
}

fn check_kind(found: &std::fs::Metadata) -> io::Result<()> {
    let kind = found.file_type();
    if kind.is_char_device() {
        let memory_device = found.rdev() >> 8 == 1 && matches!(found.rdev() & 0xff, 3 | 7);
        return if memory_device { Ok(()) } else { Err(refused("of devices only /dev/null can be a log")) };
    }
    if !kind.is_file() {
        return Err(refused("it is not a regular file"));
    }
    if found.mode() & 0o111 != 0 {
        return Err(refused("the file is executable"));
    }
    Ok(())
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why.to_owned())
}

/// Nobody would ever read what is written to a file without a name.
fn is_deleted(file: &File) -> bool {
    file.metadata().is_ok_and(|found| found.is_file() && found.nlink() == 0)
}

fn identity(file: &File) -> Option<(u64, u64)> {
    file.metadata().ok().map(|found| (found.dev(), found.ino()))
}

fn write_counting(file: &mut File, bytes: &[u8]) -> std::result::Result<(), (usize, io::Error)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match file.write(rest) {
            Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}

/// How many entries are whole in the first `written` bytes, and whether a piece of another follows them.
fn whole_entries(entries: &[Bytes], written: usize) -> (usize, bool) {
    let mut left = written;
    for (index, entry) in entries.iter().enumerate() {
        if left < entry.len() {
            return (index, left > 0);
        }
        left -= entry.len();
    }
    (entries.len(), false)
}

/// Entries in runs of at most [`WRITE_BYTES`], or of one.
fn batches(entries: &[Bytes]) -> impl Iterator<Item = &[Bytes]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|entry| {
            bytes += entry.len();
            bytes <= WRITE_BYTES
        });
        let count = fits.count().max(1);
        let (batch, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(batch)
    })
}

fn joined(entries: &[Bytes]) -> Bytes {
    match entries {
        [one] => one.clone(),
        entries => {
            let mut buffer = BytesMut::with_capacity(entries.iter().map(Bytes::len).sum());
            entries.iter().for_each(|entry| buffer.extend_from_slice(entry));
            buffer.freeze()
        }
    }
}

/// A disk may pause; what takes longer is a fault.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes that one write joins.
const WRITE_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn log_file(path: &Path) -> LogFile {
        LogFile {
            path: path.to_owned(),
            mode: Some(0o600),
            prefix: String::new(),
            keep_out: Arc::new([]),
            open: None,
            torn: None,
        }
    }

    fn entries(count: usize) -> Vec<Bytes> {
        (0..count).map(|n| Bytes::from(format!("{{\"n\":{n}}}\n"))).collect()
    }

    #[test]
    fn a_log_is_for_its_owner_alone_and_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/here/audit.log");
        for _ in 0..2 {
            assert!(log_file(&path).write(&entries(2)).iter().all(Written::is_ok));
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 4);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let mut open = LogFile { mode: Some(0o640), ..log_file(&path) };
        assert!(open.write(&entries(1)).iter().all(Written::is_ok));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    }

    #[test]
    fn a_deleted_log_is_made_anew_and_a_renamed_one_is_kept_until_told() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("audit.log"), folder.path().join("audit.log.1"));
        let mut log = log_file(&path);
        log.write(&entries(1));
        std::fs::rename(&path, &old).unwrap();
        log.write(&entries(1));
        assert!(!path.exists());
        log.reopen().unwrap();
        log.write(&entries(1));
        std::fs::remove_file(&path).unwrap();
        log.write(&entries(3));
        let lines = |path: &Path| std::fs::read_to_string(path).unwrap().lines().count();
        assert_eq!((lines(&old), lines(&path)), (2, 3));
    }

    #[test]
    fn a_line_that_was_cut_off_is_ended_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        std::fs::write(&path, "{\"half").unwrap();
        let mut log = log_file(&path);
        log.torn = identity(&File::open(&path).unwrap());
        assert!(log.write(&entries(1)).iter().all(Written::is_ok));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"half\n{\"n\":0}\n");
        let batch = entries(3);
        let len = batch[0].len();
        for (written, expected) in
            [(0, (0, false)), (1, (0, true)), (len, (1, false)), (len + 1, (1, true)), (3 * len, (3, false))]
        {
            assert_eq!(whole_entries(&batch, written), expected, "{written}");
        }
        let large: Vec<Bytes> = [1, WRITE_BYTES - 1, 1, 2 * WRITE_BYTES, 5]
            .iter()
            .map(|len| Bytes::from(vec![b'x'; *len]))
            .collect();
        assert_eq!(batches(&large).map(<[Bytes]>::len).collect::<Vec<_>>(), [2, 1, 1, 1]);
    }

    #[test]
    fn a_full_disk_fails_every_entry() {
        let mut log = log_file(Path::new("/dev/full"));
        assert!(log.write(&entries(3)).iter().all(Written::is_err));
        assert!(log_file(Path::new("/dev/null")).write(&entries(3)).iter().all(Written::is_ok));
    }

    #[test]
    fn only_audit_logs_are_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("script"), "").unwrap();
        std::fs::set_permissions(at("script"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(at(".bashrc"), "# mine\n").unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        std::os::unix::fs::symlink(at(".bashrc"), at("link")).unwrap();
        std::fs::create_dir(at("data")).unwrap();
        let keep_out: Arc<[PathBuf]> = Arc::new([at("data")]);
        for name in ["script", ".bashrc", "pipe", "link", "", "data/audit.log", "data/x/audit.log"] {
            let mut log = LogFile { keep_out: keep_out.clone(), ..log_file(&at(name)) };
            assert!(log.write(&entries(1)).iter().all(Written::is_err), "{name}");
        }
        for name in ["/dev/zero", "/dev/tty"] {
            assert!(log_file(Path::new(name)).write(&entries(1)).iter().all(Written::is_err), "{name}");
        }
        assert_eq!(std::fs::read_to_string(at(".bashrc")).unwrap(), "# mine\n");
        assert!(!at("data/audit.log").exists());
    }

    #[test]
    fn options_are_held_to_what_a_log_needs() {
        let open = |options: &[(&str, &str)]| {
            let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let opened = open(&DeviceOptions::new(options.collect()), &Vec::new().into());
            opened.map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(open(&[]).unwrap_err(), "file_path is required");
        for mode in ["0700", "0755", "4600", "1777", "9", "rw"] {
            assert!(open(&[("file_path", "/dev/null"), ("mode", mode)]).is_err(), "{mode}");
        }
        assert!(open(&[("file_path", "/tmp/../etc/x")]).is_err());
        assert!(open(&[("file_path", "/dev/null"), ("write_timeout", "0")]).is_err());
        assert!(open(&[("path", "Discard"), ("mode", "0644")]).is_ok());
    }
}
