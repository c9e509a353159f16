//! Keyed hashes in place of values: what makes a log fit to be read by people who may not know the secrets
//! (`hashicorp/vault: sdk/helper/salt`, `audit/hashstructure.go`).

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value};
use trustkeep_crypto::{SecretBytes, hmac};

/// A device's own key: the same text hashes differently on each device.
#[derive(Clone, Debug)]
pub(super) struct Salt(hmac::Key);

impl Salt {
    pub(super) fn new(secret: &SecretBytes) -> Self {
        Salt(hmac::Key::new(hmac::Algorithm::Sha256, secret.expose()))
    }

    /// `hmac-sha256:<hex>`: what stands in a log in place of `text`, and what `sys/audit-hash` answers.
    pub(super) fn hash(&self, text: &str) -> String {
        format!("hmac-sha256:{}", self.0.sign(text.as_bytes()).to_hex())
    }
}

/// How a device shows values.
#[derive(Clone, Debug)]
pub(super) struct Veil {
    salt: Salt,
    raw: bool,
    hmac_accessor: bool,
}

impl Veil {
    pub(super) fn new(salt: Salt, raw: bool, hmac_accessor: bool) -> Self {
        Veil { salt, raw, hmac_accessor }
    }

    pub(super) fn salt(&self) -> &Salt {
        &self.salt
    }

    /// A secret; nothing stays nothing.
    pub(super) fn secret<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.raw || text.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(self.salt.hash(text)) }
    }

    /// An accessor, which operators may want to read.
    pub(super) fn accessor<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.hmac_accessor { self.secret(text) } else { Cow::Borrowed(text) }
    }

    /// A body: every text within is a secret, but for those right below one of the `exempt` names.
    pub(super) fn map<'v>(&'v self, map: &'v Map<String, Value>, exempt: &'v [String]) -> VeiledMap<'v> {
        VeiledMap { veil: self, map, exempt }
    }
}

/// An object whose texts are hashed as it is written: its keys, sorted as Go sorts them, stay readable.
#[derive(Clone, Copy)]
pub(super) struct VeiledMap<'v> {
    veil: &'v Veil,
    map: &'v Map<String, Value>,
    exempt: &'v [String],
}

impl Serialize for VeiledMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entries: Vec<_> = self.map.iter().collect();
        entries.sort_unstable_by_key(|(name, _)| *name);
        let mut object = serializer.serialize_map(Some(entries.len()))?;
        for (key, value) in entries {
            let clear = self.veil.raw || self.exempt.contains(key);
            object.serialize_entry(key, &Veiled { veil: self.veil, value, exempt: self.exempt, clear })?;
        }
        object.end()
    }
}

struct Veiled<'v> {
    veil: &'v Veil,
    value: &'v Value,
    exempt: &'v [String],
    /// Whether the name that it stands below is exempt; lists pass that on, objects have names of their own.
    clear: bool,
}

impl Serialize for Veiled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::String(text) if self.clear => serializer.serialize_str(text),
            Value::String(text) => serializer.serialize_str(&self.veil.salt.hash(text)),
            Value::Array(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    list.serialize_element(&Veiled { value, ..*self })?;
                }
                list.end()
            }
            Value::Object(map) => self.veil.map(map, self.exempt).serialize(serializer),
            other => other.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn veil(raw: bool) -> Veil {
        Veil::new(Salt::new(&SecretBytes::copy_of(b"salt")), raw, true)
    }

    fn written(veil: &Veil, value: &Value, exempt: &[&str]) -> String {
        let exempt: Vec<String> = exempt.iter().map(|name| (*name).to_owned()).collect();
        serde_json::to_string(&veil.map(value.as_object().unwrap(), &exempt)).unwrap()
    }

    #[test]
    fn the_hash_is_that_of_python() {
        // hmac.new(b"salt", b"foo", hashlib.sha256).hexdigest()
        assert_eq!(
            veil(false).salt().hash("foo"),
            "hmac-sha256:6a9534d88e984dfcea835f190147b72b3f647fdcc2409e5b8be8b331ec7fe8a5"
        );
    }

    #[test]
    fn keys_numbers_and_exempt_names_stay_readable() {
        let foo = veil(false).salt().hash("foo");
        let body = json!({ "b": "foo", "a": ["foo", 1, true, null], "open": ["foo", { "open": "foo", "x": "foo" }] });
        assert_eq!(
            written(&veil(false), &body, &["open"]),
            format!(
                r#"{{"a":["{foo}",1,true,null],"b":"{foo}","open":["foo",{{"open":"foo","x":"{foo}"}}]}}"#
            )
        );
        assert_eq!(written(&veil(true), &json!({ "b": { "c": "foo" } }), &[]), r#"{"b":{"c":"foo"}}"#);
    }

    fn bodies() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[G-Z]{1,40}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a-f]{1,8}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Secrets are of capitals and hashes are not: none is left, and the rest is what it was.
        #[test]
        fn no_text_of_a_body_is_left(body in bodies()) {
            let line = written(&veil(false), &json!({ "a": body }), &[]);
            prop_assert!(!line.chars().any(|c| c.is_ascii_uppercase()), "{line}");
            prop_assert!(serde_json::from_str::<Value>(&line).is_ok());
        }
    }
}
