//! Assets: append-only rows, each bound to the one before and to the request that made it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value};
use trustkeep_contract::{Asset, AssetMetadata, ClientIdentityKey};
use trustkeep_crypto::hash;
use trustkeep_scalar_rpc::argument::Argument;
use trustkeep_scalar_rpc::messages::AssetProof;
use trustkeep_scalar_rpc::signing::DEFAULT_NAMESPACE;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

use crate::errors;

/// The greatest age of an asset.
pub const AGE_MAX: u32 = i32::MAX as u32;

/// An asset by name. Sorted by namespace, then id: the one order of locks, inputs and proofs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetKey {
    /// Spelt out: `default` too.
    pub namespace: String,
    /// The asset's id.
    pub id: String,
}

/// One state of an asset, as both domains keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetRow {
    /// 0 to [`AGE_MAX`].
    pub age: u32,
    /// The client's argument as it was signed.
    pub argument: String,
    /// Whose contract: `entity/key_version/contract`.
    pub contract_id: String,
    /// What the transaction read: see [`input`].
    pub input: String,
    /// The state: canonical JSON.
    pub output: String,
    /// The client's signature over its request.
    pub signature: Bytes,
    /// The hash of the row before; `None` at age 0.
    pub prev_hash: Option<Bytes>,
    /// See [`AssetRow::computed_hash`].
    pub hash: Bytes,
}

/// The request that a row records.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The client's argument as it was signed.
    pub argument: String,
    /// `entity/key_version/contract`, see [`contract_reference`].
    pub contract_id: String,
    /// The client's signature.
    pub signature: Bytes,
}

impl AssetRow {
    /// The row that follows `latest` (the first one if there is none), its hash computed.
    ///
    /// # Errors
    /// 502 if the asset has no age left.
    pub fn next(
        id: &str,
        latest: Option<&AssetRow>,
        origin: &Origin,
        input: &str,
        output: String,
    ) -> Result<Self> {
        let age = match latest {
            Some(row) if row.age >= AGE_MAX => return Err(Error::runtime("the asset has no age left")),
            Some(row) => row.age + 1,
            None => 0,
        };
        let mut row = Self {
            age,
            argument: origin.argument.clone(),
            contract_id: origin.contract_id.clone(),
            input: input.to_owned(),
            output,
            signature: origin.signature.clone(),
            prev_hash: latest.map(|row| row.hash.clone()),
            hash: Bytes::new(),
        };
        row.hash = row.computed_hash(id);
        Ok(row)
    }

    /// SHA-256 over id, age (four bytes, **little-endian**), input, output, contract id, argument, signature and the
    /// hash before. The namespace is not part of it (Scalar DL's `AssetHasher`).
    #[must_use]
    pub fn computed_hash(&self, id: &str) -> Bytes {
        let mut hasher = hash::Hasher::new(hash::Algorithm::Sha256);
        hasher.update(id.as_bytes());
        hasher.update(&self.age.to_le_bytes());
        for text in [&self.input, &self.output, &self.contract_id, &self.argument] {
            hasher.update(text.as_bytes());
        }
        hasher.update(&self.signature);
        hasher.update(self.prev_hash.as_deref().unwrap_or_default());
        Bytes::copy_from_slice(hasher.finish().as_ref())
    }

    /// Whether it is what it was when its hash was computed, and only the first state has none before it.
    #[must_use]
    pub fn is_whole(&self, id: &str) -> bool {
        self.computed_hash(id) == self.hash && self.prev_hash.is_none() == (self.age == 0)
    }

    /// Whether it is the state right after another one.
    #[must_use]
    pub fn follows(&self, before: &AssetRow) -> bool {
        self.age.checked_sub(1) == Some(before.age) && self.prev_hash.as_ref() == Some(&before.hash)
    }

    /// The nonce of the transaction that wrote it.
    ///
    /// # Errors
    /// 305 if the stored argument has no nonce: someone changed the row.
    pub fn nonce(&self) -> Result<String> {
        Argument::parse(&self.argument)
            .map(|argument| argument.nonce.into_owned())
            .map_err(|error| errors::unexpected_record(&error.message))
    }

    /// What a signature of a domain vouches for; unsigned yet.
    ///
    /// # Errors
    /// 305 as [`AssetRow::nonce`].
    pub fn proof(&self, key: &AssetKey) -> Result<AssetProof> {
        Ok(AssetProof {
            namespace: key.namespace.clone(),
            asset_id: key.id.clone(),
            age: self.age,
            nonce: self.nonce()?,
            input: self.input.clone(),
            hash: self.hash.clone(),
            prev_hash: self.prev_hash.clone().unwrap_or_default(),
            signature: Bytes::new(),
        })
    }

    /// What a contract sees of it.
    ///
    /// # Errors
    /// 305 as [`AssetRow::nonce`].
    pub fn seen(&self, key: &AssetKey) -> Result<Asset> {
        Ok(Asset {
            namespace: key.namespace.clone(),
            id: key.id.clone(),
            age: self.age,
            data: self.output.clone(),
            metadata: Some(AssetMetadata {
                nonce: self.nonce()?,
                input: self.input.clone(),
                hash: self.hash.to_vec(),
                prev_hash: self.prev_hash.as_ref().map(|hash| hash.to_vec()),
            }),
        })
    }
}

/// How a row names its contract.
#[must_use]
pub fn contract_reference(owner: &ClientIdentityKey, contract_id: &str) -> String {
    format!("{}/{}/{contract_id}", owner.entity_id, owner.key_version)
}

/// The parts of [`contract_reference`].
///
/// # Errors
/// 305 if the text has not exactly three parts: someone changed the row.
pub fn parse_contract_reference(text: &str) -> Result<(ClientIdentityKey, &str)> {
    let parts: Vec<_> = text.split('/').collect();
    let [entity_id, key_version, contract_id] = parts.as_slice() else {
        return Err(Error::numbered(
            StatusCode::InvalidContract,
            "COMMON",
            1,
            "The format of the contract ID is invalid.",
        ));
    };
    let key_version =
        key_version.parse().map_err(|_| errors::unexpected_record("the key version is not a number"))?;
    Ok((ClientIdentityKey { entity_id: (*entity_id).to_owned(), key_version }, contract_id))
}

/// What a transaction read: each asset with the age it was read at.
pub type Reads = BTreeMap<AssetKey, u32>;

/// The text that goes into each row a transaction writes: `{"id":{"age":n}}` if everything is in the namespace
/// `default`, else `{"namespace":{"id":{"age":n}},"_version":2}`. Members are sorted by namespace and id.
#[must_use]
pub fn input(reads: &Reads) -> String {
    let age = |age: u32| Value::Object(Map::from_iter([("age".to_owned(), Value::from(age))]));
    let mut members = Map::new();
    if reads.keys().all(|key| key.namespace == DEFAULT_NAMESPACE) {
        members.extend(reads.iter().map(|(key, read)| (key.id.clone(), age(*read))));
    } else {
        for (key, read) in reads {
            let inside = members.entry(key.namespace.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inside) = inside {
                inside.insert(key.id.clone(), age(*read));
            }
        }
        members.insert("_version".into(), Value::from(2));
    }
    Value::Object(members).to_string()
}

/// Reads an input back; assets without a namespace are in `context_namespace`. Any order of members is taken.
///
/// # Errors
/// 305 if it is not an input: someone changed the row.
pub fn parse_input(text: &str, context_namespace: &str) -> Result<Reads> {
    let members: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| errors::unexpected_record("input is not JSON"))?;
    let mut reads = Reads::new();
    let mut take = |namespace: &str, id: &str, read: &Value| {
        let age = read.get("age").and_then(Value::as_u64).and_then(|age| u32::try_from(age).ok());
        let age = age.ok_or_else(|| errors::unexpected_record("an input without its age"))?;
        reads.insert(AssetKey { namespace: namespace.to_owned(), id: id.to_owned() }, age);
        Ok(())
    };
    if members.get("_version").and_then(Value::as_u64) == Some(2) {
        for (namespace, inside) in members.iter().filter(|(name, _)| *name != "_version") {
            let inside = inside
                .as_object()
                .ok_or_else(|| errors::unexpected_record("an input that names no assets"))?;
            inside.iter().try_for_each(|(id, read)| take(namespace, id, read))?;
        }
    } else {
        members.iter().try_for_each(|(id, read)| take(context_namespace, id, read))?;
    }
    Ok(reads)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(namespace: &str, id: &str, age: u32) -> (AssetKey, u32) {
        (AssetKey { namespace: namespace.into(), id: id.into() }, age)
    }

    // Vectors of the original's hasher: `reference/scalardl.md`, section 2.
    #[test]
    fn rows_hash_as_the_original_hashes_them() -> Result<()> {
        let argument = "V3\u{1}n-1\u{3}default\u{3}\u{3}{\"asset_id\":\"a\",\"state\":1}";
        let tag = "4ef0ebc0de38d1c49abe44e52f62457fd2fe25e167cfca89cbf9ff1556712008";
        let alice = ClientIdentityKey { entity_id: "alice".into(), key_version: 1 };
        let origin = Origin {
            argument: argument.into(),
            contract_id: contract_reference(&alice, "StateUpdater"),
            signature: unhex(tag),
        };
        let first = AssetRow::next("a", None, &origin, "{}", r#"{"state":1}"#.into())?;
        assert_eq!(first.hash, unhex("c352f5d100fed17c954f5ba8f254fb767d51e275e0feb75bb9dc186c923b29bd"));
        let seen = input(&Reads::from_iter([read("default", "a", 0)]));
        let second = AssetRow::next("a", Some(&first), &origin, &seen, r#"{"state":1}"#.into())?;
        assert_eq!(second.hash, unhex("bb8d158cb8082b56ceb94ad151ce976d7f4ebbfd0217b240c57f93d5689ed1fb"));
        assert_eq!((second.age, second.nonce()?.as_str()), (1, "n-1"));
        Ok(())
    }

    #[test]
    fn inputs_come_back_as_they_went() -> Result<()> {
        for (reads, text) in [
            (Reads::new(), "{}"),
            (
                Reads::from_iter([read("default", "b", 1), read("default", "a", 0)]),
                r#"{"a":{"age":0},"b":{"age":1}}"#,
            ),
            (
                Reads::from_iter([read("ns", "a", 3), read("default", "a", 0)]),
                r#"{"default":{"a":{"age":0}},"ns":{"a":{"age":3}},"_version":2}"#,
            ),
        ] {
            assert_eq!(input(&reads), text);
            assert_eq!(parse_input(text, "default")?, reads);
        }
        assert_eq!(parse_input(r#"{"a":{"age":0}}"#, "ns")?, Reads::from_iter([read("ns", "a", 0)]));
        assert!(parse_input(r#"{"a":{}}"#, "ns").is_err());
        Ok(())
    }

    fn unhex(text: &str) -> Bytes {
        let digits: Vec<_> = text.chars().collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap_or(0))
            .collect()
    }
}
