//! One secret in storage: its record, and its versions' documents.
//!
//! The record holds the metadata and, up to [`INLINE_MAX`] bytes, the current version's text: the usual read
//! costs one look into the store and the usual first write makes one entry. When a newer version comes, the
//! text that the record held moves to a document of its own, in the same commit. Larger texts stand in
//! documents from the start, so that a change of metadata does not rewrite them.
//!
//! - record: format (1) ‖ length of the metadata (4, big endian) ‖ metadata (JSON) ‖ text or nothing
//! - document: format (1) ‖ text

use std::sync::Arc;

use trustkeep_crypto::SecretBytes;
use trustkeep_store::Version;

use super::config::Config;
use super::key_metadata::KeyMetadata;
use super::names::{Names, Place};
use crate::core::{Batch, View};
use crate::{Error, Result};

/// Bytes of a current version's text that its record takes in at most.
pub(super) const INLINE_MAX: usize = 16 << 10;

/// Documents that one commit removes at most, beside what else it changes: stores bound a transaction.
pub(super) fn sweep_max(view: &View) -> usize {
    view.rows_max().saturating_sub(ROWS_BESIDE).clamp(1, SWEEP_MAX)
}

/// A secret as it was read, and as it is to be written.
pub(super) struct Secret {
    /// The metadata, free to be changed before [`Self::save`].
    pub(super) meta: KeyMetadata,
    place: Arc<Place>,
    stored: Option<Version>,
    record: SecretBytes,
    text_start: usize,
    changes: Batch,
    sweep_max: usize,
}

impl Secret {
    /// The secret at `path`, or a new one that [`Self::is_new`].
    ///
    /// # Errors
    /// 500 where the record is damaged, 503 while sealed, and the store's.
    pub(super) async fn load(view: &View, names: &Names, path: &str, now: i64) -> Result<Self> {
        let mut secret = Secret {
            meta: KeyMetadata::new(now),
            place: names.place(path)?,
            stored: None,
            record: SecretBytes::new(Vec::new()),
            text_start: 0,
            changes: Batch::new(),
            sweep_max: sweep_max(view),
        };
        if let Some(entry) = view.get(&secret.place.record).await? {
            (secret.meta, secret.text_start) = decode(entry.value.expose())?;
            secret.record = entry.value;
            secret.stored = Some(entry.version);
        }
        Ok(secret)
    }

    /// Whether storage has no record of it.
    pub(super) fn is_new(&self) -> bool {
        self.stored.is_none()
    }

    /// The text of version `number`. `None` where its document is not there: the version was destroyed, or
    /// dropped by a write that came after the record was read.
    ///
    /// # Errors
    /// 500 where the document is damaged, and the store's.
    pub(super) async fn text(&self, view: &View, number: u64) -> Result<Option<Text<'_>>> {
        if number == self.meta.current && !self.inline().is_empty() {
            return Ok(Some(Text::Inline(self.inline())));
        }
        let Some(document) = view.get(&self.document_path(number)).await? else { return Ok(None) };
        match document.value.expose().first() {
            Some(&FORMAT) => Ok(Some(Text::Document(document.value))),
            _ => Err(Error::internal("a version's data are not in a form that this release reads")),
        }
    }

    /// Appends a version; what no longer fits goes away with the same commit.
    pub(super) fn push(&mut self, text: SecretBytes, config: &Config, now: i64) {
        let previous = self.meta.current;
        let inline = !self.inline().is_empty();
        let mut never_stored: Vec<u64> = self
            .meta
            .numbers()
            .filter(|number| self.meta.version(*number).is_some_and(|version| version.destroyed))
            .collect();
        let deletion = self.meta.deletion_of_new(now, config);
        self.meta.add_version(now, deletion, config);
        if inline && previous >= self.meta.oldest {
            let document = document(self.inline());
            self.put(self.document_path(previous), document);
        } else if inline {
            never_stored.push(previous);
        }
        self.sweep(&never_stored);
        if text.len() > INLINE_MAX {
            self.put(self.document_path(self.meta.current), document(text.expose()));
            self.set_inline(None);
        } else {
            self.set_inline(Some(text));
        }
    }

    /// Destroys the given versions, at most [`sweep_max`] of them.
    pub(super) fn destroy(&mut self, numbers: &[u64]) {
        for number in numbers {
            let inline = *number == self.meta.current && !self.inline().is_empty();
            match self.meta.version_mut(*number) {
                Some(version) if !version.destroyed => version.destroyed = true,
                _ => continue,
            }
            if inline {
                self.set_inline(None);
            } else {
                self.delete(self.document_path(*number));
            }
        }
    }

    /// Carries the changes out. `false` where somebody else changed the secret since it was read: read again.
    ///
    /// # Errors
    /// 413 where the text is larger than the store takes, 503 while sealed, and the store's others.
    pub(super) async fn save(self, view: &View) -> Result<bool> {
        commit(view, self.into_batch()?).await
    }

    /// The changes as a batch, to be carried out with others.
    ///
    /// # Errors
    /// 500 where the metadata have no JSON form, which they have.
    pub(super) fn into_batch(mut self) -> Result<Batch> {
        let record = encode(&self.meta, self.inline())?;
        self.put(self.place.record.clone(), record);
        Ok(self.changes.expect(self.place.record.as_str(), self.stored))
    }

    /// Removes the secret, or so many of its documents as one commit takes, whose versions are destroyed then.
    ///
    /// # Errors
    /// As for [`Self::save`].
    pub(super) async fn remove(mut self, view: &View) -> Result<Removal> {
        self.sweep(&[]);
        let inline = !self.inline().is_empty();
        let stored: Vec<u64> = self
            .meta
            .numbers()
            .filter(|number| self.meta.version(*number).is_some_and(|version| !version.destroyed))
            .filter(|number| !(inline && *number == self.meta.current))
            .collect();
        let room = self.sweep_max.saturating_sub(self.changes.len());
        if stored.len() > room || self.meta.swept < self.meta.oldest {
            self.destroy(stored.get(..room.min(stored.len())).unwrap_or_default());
            return Ok(if self.save(view).await? { Removal::Partly } else { Removal::Conflict });
        }
        for number in stored {
            self.delete(self.document_path(number));
        }
        self.delete(self.place.record.clone());
        let done = commit(view, self.changes.expect(self.place.record.as_str(), self.stored)).await?;
        Ok(if done { Removal::Done } else { Removal::Conflict })
    }

    /// Removes documents of versions that were dropped, oldest first, as many as one commit takes.
    fn sweep(&mut self, never_stored: &[u64]) {
        let end = self.meta.oldest.min(self.meta.swept.saturating_add(self.sweep_max as u64));
        for number in self.meta.swept..end {
            if !never_stored.contains(&number) {
                self.delete(self.document_path(number));
            }
        }
        self.meta.swept = self.meta.swept.max(end);
    }

    fn document_path(&self, number: u64) -> String {
        format!("{}{number}", self.place.versions)
    }

    /// The current version's text, empty where it does not stand in the record.
    fn inline(&self) -> &[u8] {
        self.record.expose().get(self.text_start..).unwrap_or_default()
    }

    fn set_inline(&mut self, text: Option<SecretBytes>) {
        self.text_start = 0;
        self.record = text.unwrap_or_else(|| SecretBytes::new(Vec::new()));
    }

    fn put(&mut self, path: String, value: SecretBytes) {
        self.changes = std::mem::take(&mut self.changes).put(path, value);
    }

    fn delete(&mut self, path: String) {
        self.changes = std::mem::take(&mut self.changes).delete(path);
    }
}

/// How far a removal came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// Nothing is left.
    Done,
    /// There is more; go on.
    Partly,
    /// Somebody else changed the secret since it was read: read again.
    Conflict,
}

/// A version's text, from the record or from its document.
pub(super) enum Text<'a> {
    /// The record's part.
    Inline(&'a [u8]),
    /// A document with its header.
    Document(SecretBytes),
}

impl Text<'_> {
    /// The text.
    ///
    /// # Errors
    /// 500 where it is not UTF-8.
    pub(super) fn as_str(&self) -> Result<&str> {
        let bytes = match self {
            Text::Inline(text) => text,
            Text::Document(document) => document.expose().get(1..).unwrap_or_default(),
        };
        std::str::from_utf8(bytes).map_err(|_| Error::internal("a secret is not UTF-8"))
    }
}

async fn commit(view: &View, batch: Batch) -> Result<bool> {
    match view.commit(batch).await {
        Ok(_) => Ok(true),
        Err(Error::Store(trustkeep_store::Error::Conflict { .. })) => Ok(false),
        Err(error) => Err(error),
    }
}

fn encode(meta: &KeyMetadata, text: &[u8]) -> Result<SecretBytes> {
    let meta = serde_json::to_vec(meta).map_err(Error::internal)?;
    let len = u32::try_from(meta.len()).map_err(Error::internal)?;
    let mut record = Vec::with_capacity(HEADER + meta.len() + text.len());
    record.push(FORMAT);
    record.extend_from_slice(&len.to_be_bytes());
    record.extend_from_slice(&meta);
    record.extend_from_slice(text);
    Ok(SecretBytes::new(record))
}

fn decode(record: &[u8]) -> Result<(KeyMetadata, usize)> {
    let damaged = || Error::internal("a secret's record is not in a form that this release reads");
    let (format, rest) = record.split_first().ok_or_else(damaged)?;
    let (len, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    let len = u32::from_be_bytes(*len) as usize;
    let meta = rest.get(..len).filter(|_| *format == FORMAT).ok_or_else(damaged)?;
    Ok((serde_json::from_slice(meta).map_err(|_| damaged())?, HEADER + len))
}

fn document(text: &[u8]) -> SecretBytes {
    let mut document = Vec::with_capacity(1 + text.len());
    document.push(FORMAT);
    document.extend_from_slice(text);
    SecretBytes::new(document)
}

/// What [`sweep_max`] never exceeds, so that one request does not hold up others.
const SWEEP_MAX: usize = 64;
/// The record, its expectation and two documents.
const ROWS_BESIDE: usize = 4;
const FORMAT: u8 = 1;
const HEADER: usize = 5;
