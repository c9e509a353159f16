//! A look at the engine's journal before the engine opens it.
//!
//! The engine takes damage in the middle of its journal for the end of it and cuts off what follows. So the
//! journal is read here first: a last batch that is torn was never acknowledged and is cut, as the engine would;
//! damage with whole batches behind it is refused while everything still stands as it was found.
//!
//! The form, of engine version 3 (integers little endian, no compression): batches of `01 ‖ count (4) ‖ seqno (8)`,
//! then items `02 ‖ kind ‖ 00 ‖ key space (8) ‖ key length (2) ‖ length (4) ‖ length again (4) ‖ key ‖ value`, then
//! `03 ‖ XXH3 of the items (8) ‖ "FJL" 03`. Zeros fill the file up.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use trustkeep_store::{Error, Result};
use xxhash_rust::xxh3::Xxh3;

use crate::directory::io_error;

/// What to do with damage that has whole batches behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    Refuse,
    /// Cut it off with all that follows, keeping a copy.
    Cut,
}

/// Checks the journals of the engine in `path`; cuts a torn end off. What is cut is kept in files beside the
/// engine, which the caller removes once it is certain that nothing was lost with them.
pub(crate) fn prepare(path: &Path, damage: Damage) -> Result<Vec<PathBuf>> {
    let mut kept = Vec::new();
    let journals = journals(path).map_err(|error| io_error("list", path, &error))?;
    for (index, journal) in journals.iter().enumerate() {
        let found = inspect(journal).map_err(|error| io_error("read", journal, &error))?;
        // All but the last were complete when the engine went on to the next.
        let (at, torn) = match found {
            Found::Whole => continue,
            Found::Torn { at } => (at, index + 1 == journals.len()),
            Found::Damaged { at } => (at, false),
        };
        if !torn && damage == Damage::Refuse {
            return Err(Error::Corrupt(format!(
                "the journal {} is damaged at byte {at} and commits follow behind; nothing was changed",
                journal.display()
            )));
        }
        kept.push(cut(journal, at).map_err(|error| io_error("cut", journal, &error))?);
    }
    Ok(kept)
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// Whole batches, then zeros or nothing.
    Whole,
    /// Whole batches, then a part of one.
    Torn { at: u64 },
    /// Whole batches, then something else, then whole batches again.
    Damaged { at: u64 },
}

fn journals(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut journals = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        let number =
            file.file_name().and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse::<u64>().ok());
        journals.extend(number.map(|number| (number, file)));
    }
    journals.sort();
    Ok(journals.into_iter().map(|(_, file)| file).collect())
}

fn inspect(journal: &Path) -> std::io::Result<Found> {
    let file = File::open(journal)?;
    let size = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut at = 0;
    let mut last_seqno = None;
    // The sum of a batch does not cover its number, but numbers only grow.
    while let Some((length, seqno)) = batch(&mut reader, size - at)?
        && last_seqno.is_none_or(|last| last < seqno)
    {
        at += length;
        last_seqno = Some(seqno);
    }
    let mut rest = Vec::new();
    reader.seek(SeekFrom::Start(at))?;
    if only_zeros(&mut reader)? {
        return Ok(Found::Whole);
    }
    reader.seek(SeekFrom::Start(at))?;
    reader.read_to_end(&mut rest)?;
    let starts = rest.iter().enumerate().skip(1).filter(|(_, byte)| **byte == 1).map(|(index, _)| index);
    for start in starts {
        let mut candidate = rest.get(start..).unwrap_or_default();
        let left = candidate.len() as u64;
        if batch(&mut candidate, left)?.is_some() {
            return Ok(Found::Damaged { at });
        }
    }
    Ok(Found::Torn { at })
}

fn only_zeros(reader: &mut impl Read) -> std::io::Result<bool> {
    let zeros = vec![0; 1 << 16];
    let mut bytes = zeros.clone();
    loop {
        let read = reader.read(&mut bytes)?;
        if read == 0 {
            return Ok(true);
        }
        if bytes.get(..read) != zeros.get(..read) {
            return Ok(false);
        }
    }
}

/// Reads one batch; its length in bytes and its number, or `None` if there is no whole one.
fn batch(reader: &mut impl Read, left: u64) -> std::io::Result<Option<(u64, u64)>> {
    match try_batch(reader, left) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        answer => answer,
    }
}

fn try_batch(reader: &mut impl Read, left: u64) -> std::io::Result<Option<(u64, u64)>> {
    let [1, c0, c1, c2, c3, seqno @ ..] = bytes::<13>(reader)? else { return Ok(None) };
    let mut length = 13;
    let mut digest = Xxh3::new();
    for _ in 0..u32::from_le_bytes([c0, c1, c2, c3]) {
        let [kind] = bytes(reader)?;
        digest.update(&[kind]);
        match kind {
            2 => {
                let head: [u8; 20] = bytes(reader)?;
                digest.update(&head);
                let [kind, 0, _, _, _, _, _, _, _, _, k0, k1, a @ .., b0, b1, b2, b3] = head else {
                    return Ok(None);
                };
                let value = u32::from_le_bytes(a);
                let body = u64::from(value) + u64::from(u16::from_le_bytes([k0, k1]));
                length += 21 + body;
                if kind > 4 || value != u32::from_le_bytes([b0, b1, b2, b3]) || length > left {
                    return Ok(None);
                }
                digest_of(reader, body, &mut digest)?;
            }
            4 => {
                let key_space: [u8; 8] = bytes(reader)?;
                digest.update(&key_space);
                length += 9;
            }
            _ => return Ok(None),
        }
    }
    let [3, sum @ .., b'F', b'J', b'L', 3] = bytes::<13>(reader)? else { return Ok(None) };
    Ok((u64::from_le_bytes(sum) == digest.digest()).then(|| (length + 13, u64::from_le_bytes(seqno))))
}

fn bytes<const N: usize>(reader: &mut impl Read) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn digest_of(reader: &mut impl Read, length: u64, digest: &mut Xxh3) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    let mut left = length;
    while left > 0 {
        let part = buffer.get_mut(..left.min(4096) as usize).unwrap_or_default();
        reader.read_exact(part)?;
        digest.update(part);
        left -= part.len() as u64;
    }
    Ok(())
}

fn cut(journal: &Path, at: u64) -> std::io::Result<PathBuf> {
    let mut file = OpenOptions::new().read(true).write(true).open(journal)?;
    file.seek(SeekFrom::Start(at))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let used = tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    tail.truncate(used);
    let name = journal.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let parent = journal.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let kept = parent.join(format!("cut-from-journal-{name}-at-{at}"));
    let mut copy = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&kept)?;
    copy.write_all(&tail)?;
    copy.sync_all()?;
    file.set_len(at)?;
    file.sync_all()?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;
    use crate::engine::Engine;

    /// A journal as the engine writes it, with where its batches begin and the last ends.
    fn written() -> (tempfile::TempDir, PathBuf, Vec<u8>, usize) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine");
        let engine = Engine::open(&path, &Settings::new(dir.path())).unwrap();
        for batch in 0..20u8 {
            let mut rows = engine.batch(3);
            rows.put(&[1, batch], &vec![batch + 1; 5_000]);
            rows.put(&[2, batch], b"value");
            rows.delete(&[3, batch]);
            rows.apply().unwrap();
        }
        drop(engine);
        let journal = journals(&path).unwrap().pop().unwrap();
        let mut bytes = std::fs::read(&journal).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        bytes.truncate(end + 5_000);
        (dir, journal, bytes, end)
    }

    #[test]
    fn what_the_engine_wrote_is_whole_and_every_cut_of_the_last_batch_is_torn() {
        let (_dir, journal, bytes, end) = written();
        assert_eq!(inspect(&journal).unwrap(), Found::Whole);
        let last = end - (13 + 2 * 2 + 21 * 3 + 5_000 + 5 + 2 + 13);
        std::fs::write(&journal, &bytes[..last]).unwrap();
        assert_eq!(inspect(&journal).unwrap(), Found::Whole);
        for cut in [1, 12, 13, 14, 40, 3_000, 5_050, end - last - 1] {
            for zeros in [0, 10_000] {
                let torn = [&bytes[..last + cut], &vec![0; zeros]].concat();
                std::fs::write(&journal, torn).unwrap();
                assert_eq!(inspect(&journal).unwrap(), Found::Torn { at: last as u64 }, "cut at {cut}");
            }
        }
        let mut garbled = bytes.clone();
        garbled[end - 100] ^= 1;
        std::fs::write(&journal, garbled).unwrap();
        assert_eq!(inspect(&journal).unwrap(), Found::Torn { at: last as u64 });
        let kept = prepare(journal.parent().unwrap(), Damage::Refuse).unwrap();
        assert_eq!(inspect(&journal).unwrap(), Found::Whole);
        assert_eq!(std::fs::read(&kept[0]).unwrap().len(), end - last);
    }

    #[test]
    fn any_damage_in_the_middle_is_found_and_nothing_is_touched() {
        let (dir, journal, bytes, end) = written();
        for at in (0..end / 2).step_by(97) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            std::fs::write(&journal, &damaged).unwrap();
            let error = prepare(&dir.path().join("engine"), Damage::Refuse).unwrap_err();
            assert!(matches!(error, Error::Corrupt(_)), "{error}");
            assert_eq!(std::fs::read(&journal).unwrap(), damaged);
        }
    }
}
