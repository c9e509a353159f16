//! The byte code of contracts, in the store.
//!
//! Byte code stands under its binary name in pieces that fit every database, each part named `<digest>/<number>`. A
//! part `head` says which byte code the name belongs to: the first that was registered. JVM classes have no head: only
//! those of built-in contracts can be loaded, which are known by name, and two clients of different versions may each
//! bring their own bytes of one class. The bytes are kept all the same, because they are signed.

use bytes::{Bytes, BytesMut};
use trustkeep_crypto::hash;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};
use trustkeep_store::{Commit, Key, Range, Row, Scan, Store, Table, Value};

use super::GETTING;
use crate::errors;

/// Bytes of a class: with its contract it must fit one commit of any database.
pub const CLASS_BYTES_MAX: usize = 3 << 20;

/// Named byte code.
#[derive(Clone, Debug)]
pub struct Class {
    binary_name: String,
    bytes: Bytes,
    digest: Bytes,
}

impl Class {
    /// Byte code that a client sends.
    ///
    /// # Errors
    /// 502 if there is none, 414 if it is too long.
    pub fn of(binary_name: &str, bytes: &Bytes) -> Result<Self> {
        if bytes.is_empty() {
            return Err(errors::field_missing("contract_byte_code"));
        }
        if bytes.len() > CLASS_BYTES_MAX {
            return Err(errors::invalid(format!(
                "contract_byte_code is too long: {} bytes, at most {CLASS_BYTES_MAX}.",
                bytes.len()
            )));
        }
        Ok(Self::new(binary_name, bytes.clone()))
    }

    /// Reads byte code.
    ///
    /// # Errors
    /// 302 (DL-COMMON-302002) if it is not what was registered, 500 and so on.
    pub(super) async fn load(
        store: &dyn Store,
        table: &Table,
        binary_name: &str,
        digest: &Bytes,
    ) -> Result<Self> {
        let digits = hex(digest);
        let range = Range {
            start: std::ops::Bound::Included(Value::Text(format!("{digits}/"))),
            end: std::ops::Bound::Excluded(Value::Text(format!("{digits}0"))),
        };
        let mut scan = Scan::partition(binary_name, PIECES_MAX).range(range);
        let mut bytes = BytesMut::new();
        loop {
            let page = store.scan(table, &scan).await.map_err(|error| GETTING.error(&error))?;
            for piece in page.records.iter().filter_map(|record| record.bytes(BYTE_CODE)) {
                bytes.extend_from_slice(piece);
            }
            if bytes.len() > CLASS_BYTES_MAX {
                return Err(errors::contract_validation_failed());
            }
            match page.records.last().and_then(|record| record.key.clustering.clone()) {
                Some(last) if page.more => scan = scan.after(last),
                _ => break,
            }
        }
        // No byte code at all, too: a contract is committed together with it.
        let class = Self::new(binary_name, bytes.freeze());
        if class.digest == *digest { Ok(class) } else { Err(errors::contract_validation_failed()) }
    }

    /// Adds to a commit what is missing of the byte code.
    ///
    /// # Errors
    /// 406 (DL-COMMON-406002) if the name belongs to other byte code, 500 and so on.
    pub(super) async fn bound(&self, store: &dyn Store, table: &Table, commit: Commit) -> Result<Commit> {
        let first = if self.is_jvm() { self.part(0) } else { self.key(HEAD) };
        let found = store.get(table, &first).await.map_err(|error| GETTING.error(&error))?;
        if let Some(found) = found {
            if !self.is_jvm() && found.bytes(DIGEST) != Some(&self.digest) {
                return Err(Error::numbered(
                    StatusCode::ContractAlreadyRegistered,
                    "COMMON",
                    2,
                    "The specified contract binary name has been already registered with a different byte code.",
                ));
            }
            return Ok(commit);
        }
        let mut commit = commit.expect_absent(table, first);
        if !self.is_jvm() {
            let size = i64::try_from(self.bytes.len()).unwrap_or(i64::MAX);
            let head = Row::new(vec![Some(Value::Bytes(self.digest.clone())), Some(Value::Int(size)), None]);
            commit = commit.put(table, self.key(HEAD), head);
        }
        for (number, piece) in self.bytes.chunks(PIECE_BYTES).enumerate() {
            let piece = Value::Bytes(self.bytes.slice_ref(piece));
            commit = commit.put(table, self.part(number), Row::new(vec![None, None, Some(piece)]));
        }
        Ok(commit)
    }

    /// The name.
    #[must_use]
    pub fn binary_name(&self) -> &str {
        &self.binary_name
    }

    /// The byte code.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// SHA-256 of the byte code.
    #[must_use]
    pub fn digest(&self) -> &Bytes {
        &self.digest
    }

    fn new(binary_name: &str, bytes: Bytes) -> Self {
        let digest = Bytes::copy_from_slice(&hash::sha256(&bytes));
        Self { binary_name: binary_name.to_owned(), bytes, digest }
    }

    fn is_jvm(&self) -> bool {
        self.bytes.starts_with(&[0xca, 0xfe, 0xba, 0xbe])
    }

    fn key(&self, part: &str) -> Key {
        Key::of(self.binary_name.as_str()).at(part)
    }

    fn part(&self, number: usize) -> Key {
        self.key(&format!("{}/{number:04}", hex(&self.digest)))
    }
}

const DIGEST: usize = 0;
const BYTE_CODE: usize = 2;
const HEAD: &str = "head";
/// A third less than what DynamoDB takes in one item.
const PIECE_BYTES: usize = 256 << 10;
const PIECES_MAX: usize = CLASS_BYTES_MAX.div_ceil(PIECE_BYTES);

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
