//! Backup: one file with everything as it stood at one moment, and the way back into any empty store.
//!
//! ```text
//! "TKEXPORT" ‖ format (4) = 1
//! an entry after the other: length (4) ‖ content ‖ XXH3 over the sum before and the content (8)
//! content: 1 ‖ a table's definition · 2 ‖ key and row, each with its length · 3 ‖ tables (8) ‖ rows (8)
//! ```
//! Integers are little endian. Rows belong to the table before them; the entry 3 ends the file.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use trustkeep_store::{Commit, Error, Record, Result, Store, Table};
use xxhash_rust::xxh3::Xxh3;

use crate::core::Core;
use crate::directory::io_error;
use crate::row_code::{put_long, take, take_long};
use crate::store::{EmbeddedStore, off_thread};
use crate::{catalogue, key_code, row_code};

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// Tables, empty ones included.
    pub tables: u64,
    /// Rows of all tables.
    pub rows: u64,
}

const MAGIC: &[u8; 12] = b"TKEXPORT\x01\0\0\0";
/// No row is larger; see [`trustkeep_store::Limits::WIDE`].
const ENTRY_BYTES_MAX: usize = 4 << 20;
/// Rows and bytes that go into one commit of an import.
const IMPORT_ROWS: usize = 1000;
const IMPORT_BYTES: usize = 1 << 20;

impl EmbeddedStore {
    /// Writes all tables, as they stand at one moment between two commits, into a new file. Commits go on
    /// meanwhile. The file appears under its name once it is whole and on disk; only its owner may read it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the file exists; [`Error::Denied`] or [`Error::Unavailable`] if it cannot be written.
    pub async fn export(&self, path: impl Into<PathBuf>) -> Result<Backup> {
        let (core, path) = (self.core.clone(), path.into());
        off_thread(move || export(&core, &path)).await
    }
}

/// Brings an export into a store of any backend, whose tables of these names must be missing or empty. The file is
/// verified to its end before anything is written. Rows get new versions.
///
/// An import that fails midway leaves a part: begin again with an empty store.
///
/// # Errors
/// [`Error::Corrupt`] for a file that is truncated or altered, [`Error::Schema`] for one of a newer format or for
/// tables of another shape, [`Error::Invalid`] if a table holds rows, and the store's own.
pub async fn import(store: &dyn Store, path: impl Into<PathBuf>) -> Result<Backup> {
    let path = path.into();
    let (backup, tables) = off_thread({
        let path = path.clone();
        move || verify(&path)
    })
    .await?;
    store.create_tables(&tables).await?;
    for table in &tables {
        if !store.scan_table(table, None, 1).await?.records.is_empty() {
            let message = format!("{} holds rows already: import into an empty store", table.qualified());
            return Err(Error::Invalid(message));
        }
    }
    let mut reader = Reader::open(&path)?;
    loop {
        let rows = IMPORT_ROWS.min(store.limits().commit_rows_max);
        let bytes = IMPORT_BYTES.min(store.limits().commit_bytes_max);
        let (commit, back) = off_thread(move || next_commit(reader, rows, bytes)).await?;
        reader = back;
        if commit.is_empty() {
            return Ok(backup);
        }
        store.commit(commit).await?;
    }
}

/// The tables in an export, which is verified to its end.
///
/// # Errors
/// As [`import`] has of the file.
pub async fn tables(path: impl Into<PathBuf>) -> Result<Vec<Table>> {
    let path = path.into();
    off_thread(move || Ok(verify(&path)?.1)).await
}

fn export(core: &Core, path: &Path) -> Result<Backup> {
    if path.exists() {
        return Err(Error::Invalid(format!("{} exists: name a new file", path.display())));
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let mut writer = Writer::create(&partial)?;
    // Definitions become known after the view that has them, so this order misses none.
    let tables = core.catalogue.read().all();
    let view = core.engine.view();
    let mut backup = Backup { tables: tables.len() as u64, rows: 0 };
    for (id, table) in tables {
        let mut entry = vec![1];
        catalogue::encode_definition(&mut entry, &table);
        writer.put(&entry)?;
        let prefix = key_code::table_prefix(id).len();
        for row in core.table_rows(&view, id, None) {
            let (key, value) = row?;
            // What cannot be read must not go into a backup unnoticed.
            row_code::decode(&table, key_code::decode(&table, &key)?, &value)?;
            entry.clear();
            entry.push(2);
            put_long(&mut entry, key.get(prefix..).unwrap_or_default());
            put_long(&mut entry, &value);
            writer.put(&entry)?;
            backup.rows += 1;
        }
    }
    let trailer = [&[3][..], &backup.tables.to_le_bytes(), &backup.rows.to_le_bytes()].concat();
    writer.put(&trailer)?;
    writer.finish(path)?;
    Ok(backup)
}

/// Reads the whole file.
fn verify(path: &Path) -> Result<(Backup, Vec<Table>)> {
    let mut reader = Reader::open(path)?;
    let mut tables = Vec::new();
    while let Some(entry) = reader.next()? {
        if let Entry::Table(table) = entry {
            tables.push(table);
        }
    }
    Ok((reader.seen, tables))
}

fn next_commit(mut reader: Reader, rows: usize, bytes: usize) -> Result<(Commit, Reader)> {
    let mut commit = Commit::new();
    let mut written = 0;
    while commit.writes.len() < rows && written < bytes {
        let entry = match reader.held.take() {
            Some(record) => Some(Entry::Row(record)),
            None => reader.next()?,
        };
        match entry {
            None => break,
            Some(Entry::Table(_)) => {}
            Some(Entry::Row(record)) => {
                let size = record.key.size() + record.row.size();
                if written > 0 && written + size > bytes {
                    reader.held = Some(record);
                    break;
                }
                written += size;
                if let Some(table) = &reader.table {
                    commit = commit.put(table, record.key, record.row);
                }
            }
        }
    }
    Ok((commit, reader))
}

struct Writer {
    file: BufWriter<File>,
    path: PathBuf,
    sum: u64,
}

impl Writer {
    fn create(path: &Path) -> Result<Writer> {
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        let file = opened.map_err(|error| io_error("make", path, &error))?;
        let mut writer =
            Writer { file: BufWriter::with_capacity(1 << 16, file), path: path.to_owned(), sum: 0 };
        writer.write(MAGIC)?;
        Ok(writer)
    }

    fn put(&mut self, content: &[u8]) -> Result<()> {
        self.sum = sum(self.sum, content);
        self.write(&(content.len() as u32).to_le_bytes())?;
        self.write(content)?;
        self.write(&self.sum.to_le_bytes())
    }

    fn finish(mut self, name: &Path) -> Result<()> {
        let parent = name.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let finished = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| std::fs::rename(&self.path, name))
            .and_then(|()| File::open(parent)?.sync_all());
        finished.map_err(|error| io_error("write", name, &error))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| io_error("write", &self.path, &error))
    }
}

enum Entry {
    Table(Table),
    Row(Record),
}

struct Reader {
    file: BufReader<File>,
    path: PathBuf,
    sum: u64,
    seen: Backup,
    table: Option<Table>,
    /// A row that did not fit into the commit before.
    held: Option<Record>,
    ended: bool,
}

impl Reader {
    fn open(path: &Path) -> Result<Reader> {
        let file = File::open(path).map_err(|error| io_error("open", path, &error))?;
        let file = BufReader::with_capacity(1 << 16, file);
        let (path, seen) = (path.to_owned(), Backup::default());
        let mut reader = Reader { file, path, sum: 0, seen, table: None, held: None, ended: false };
        let magic = reader.read(MAGIC.len())?;
        match magic.strip_prefix(b"TKEXPORT") {
            None => Err(Error::Invalid(format!("{} is not an export of a store", reader.path.display()))),
            Some([1, 0, 0, 0]) => Ok(reader),
            Some(format) => Err(Error::Schema(format!(
                "{} has export format {format:?}, this program reads 1: use the newer program",
                reader.path.display()
            ))),
        }
    }

    /// The next entry; `None` at the end of a whole file.
    fn next(&mut self) -> Result<Option<Entry>> {
        if self.ended {
            return Ok(None);
        }
        let length = self.read(4)?;
        let length = length.try_into().map_or(usize::MAX, |bytes| u32::from_le_bytes(bytes) as usize);
        if length == 0 || length > ENTRY_BYTES_MAX {
            return Err(self.damaged());
        }
        let content = self.read(length)?;
        self.sum = sum(self.sum, &content);
        if self.read(8)? != self.sum.to_le_bytes() {
            return Err(self.damaged());
        }
        let (kind, rest) = content.split_first().ok_or_else(|| self.damaged())?;
        match kind {
            1 => {
                let table = catalogue::decode_definition(rest).ok_or_else(|| self.damaged())?;
                self.seen.tables += 1;
                self.table = Some(table.clone());
                Ok(Some(Entry::Table(table)))
            }
            2 => {
                self.seen.rows += 1;
                Ok(Some(Entry::Row(self.row(rest)?)))
            }
            3 => self.end(rest),
            _ => Err(self.damaged()),
        }
    }

    fn row(&self, mut rest: &[u8]) -> Result<Record> {
        let table = self.table.as_ref().ok_or_else(|| self.damaged())?;
        let key = take_long(&mut rest).ok_or_else(|| self.damaged())?;
        let value = take_long(&mut rest).ok_or_else(|| self.damaged())?;
        let key = [&key_code::table_prefix(0), key].concat();
        row_code::decode(table, key_code::decode(table, &key)?, value)
    }

    fn end(&mut self, mut rest: &[u8]) -> Result<Option<Entry>> {
        let mut number = || Some(u64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?));
        let counted = (number(), number());
        let behind = self.file.read(&mut [0]).map_err(|error| io_error("read", &self.path, &error))?;
        if counted != (Some(self.seen.tables), Some(self.seen.rows)) || behind != 0 {
            return Err(self.damaged());
        }
        self.ended = true;
        Ok(None)
    }

    fn read(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        match self.file.read_exact(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(Error::Corrupt(format!("the export {} is truncated", self.path.display())))
            }
            Err(error) => Err(io_error("read", &self.path, &error)),
        }
    }

    fn damaged(&self) -> Error {
        Error::Corrupt(format!("the export {} is damaged behind row {}", self.path.display(), self.seen.rows))
    }
}

fn sum(before: u64, content: &[u8]) -> u64 {
    let mut sum = Xxh3::new();
    sum.update(&before.to_le_bytes());
    sum.update(content);
    sum.digest()
}
