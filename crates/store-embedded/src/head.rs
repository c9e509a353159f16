//! The witness beside the engine: how far commits were acknowledged.
//!
//! A damaged journal tail takes the engine's own counter back with the data, so the engine cannot tell that
//! something is missing. The file `HEAD` can: after a group is on disk, and before anyone is told, its link is
//! written there. It has two places of 512 bytes, used in turn, so that a torn write leaves the other one.
//!
//! The writes survive the process at once, and power loss after [`HeadFile::sync`], which the committer calls
//! when it falls idle, every few thousand groups and at the end. A witness that lags is never wrong: it is always
//! behind the engine.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use trustkeep_store::{Error, Result};
use xxhash_rust::xxh3::xxh3_64;

use crate::chain::Link;
use crate::directory::io_error;

const MAGIC: &[u8; 8] = b"TKHEAD\0\x01";
const PLACE: usize = 512;
const USED: usize = MAGIC.len() + 34 + 8;

/// The open file.
#[derive(Debug)]
pub(crate) struct HeadFile {
    file: File,
    path: PathBuf,
    dirty: bool,
}

impl HeadFile {
    /// Opens `HEAD` in `dir` and reads the newest valid place; `None` if there is no such file.
    pub(crate) fn open(dir: &Path) -> Result<Option<(HeadFile, Link)>> {
        let path = dir.join("HEAD");
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("open", &path, &error)),
        };
        let mut newest: Option<Link> = None;
        for place in 0..2 {
            let mut bytes = [0; USED];
            let link =
                file.read_exact_at(&mut bytes, place * PLACE as u64).ok().and_then(|()| decode(&bytes));
            if link.is_some_and(|link| newest.is_none_or(|newest| newest.group < link.group)) {
                newest = link;
            }
        }
        let head = HeadFile { file, path, dirty: false };
        match newest {
            Some(link) => Ok(Some((head, link))),
            None => Err(Error::Corrupt(format!("neither place of {} can be read", head.path.display()))),
        }
    }

    /// Makes the file, or fills it anew, so that it bears witness of `link`. Durable on return.
    pub(crate) fn create(dir: &Path, link: &Link) -> Result<HeadFile> {
        let path = dir.join("HEAD");
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = opened.map_err(|error| io_error("make", &path, &error))?;
        let mut head = HeadFile { file, path, dirty: false };
        for place in 0..2 {
            head.write_at(place, link)?;
        }
        head.sync()?;
        let synced = File::open(dir).and_then(|dir| dir.sync_all());
        synced.map_err(|error| io_error("sync", dir, &error))?;
        Ok(head)
    }

    /// Bears witness of a group that is on disk.
    pub(crate) fn write(&mut self, link: &Link) -> Result<()> {
        self.write_at(link.group % 2, link)
    }

    /// Whether something was written since the last sync.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Makes what was written survive power loss.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(|error| io_error("sync", &self.path, &error))?;
        self.dirty = false;
        Ok(())
    }

    fn write_at(&mut self, place: u64, link: &Link) -> Result<()> {
        let mut bytes = [0; PLACE];
        for (to, from) in bytes.iter_mut().zip(encode(link)) {
            *to = from;
        }
        let written = self.file.write_all_at(&bytes, place * PLACE as u64);
        self.dirty = true;
        written.map_err(|error| io_error("write", &self.path, &error))
    }
}

fn encode(link: &Link) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &link.encode()].concat();
    bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
    bytes
}

fn decode(bytes: &[u8; USED]) -> Option<Link> {
    let (content, sum) = bytes.split_last_chunk::<8>()?;
    let link = content.strip_prefix(MAGIC).and_then(Link::decode)?;
    (u64::from_le_bytes(*sum) == xxh3_64(content)).then_some(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_place_counts_and_a_torn_one_leaves_the_other() {
        let dir = tempfile::tempdir().unwrap();
        assert!(HeadFile::open(dir.path()).unwrap().is_none());
        let mut head = HeadFile::create(dir.path(), &Link::default()).unwrap();
        let one = Link::default().next(5, 1);
        let two = one.next(9, 2);
        head.write(&one).unwrap();
        head.write(&two).unwrap();
        assert!(head.is_dirty());
        head.sync().unwrap();
        assert!(!head.is_dirty());
        assert_eq!(HeadFile::open(dir.path()).unwrap().unwrap().1, two);

        head.file.write_all_at(b"torn", 20).unwrap();
        assert_eq!(HeadFile::open(dir.path()).unwrap().unwrap().1, one);
        head.file.write_all_at(b"torn", PLACE as u64 + 20).unwrap();
        assert!(matches!(HeadFile::open(dir.path()), Err(Error::Corrupt(_))));
    }
}
