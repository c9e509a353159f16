//! Our own DIDs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trustkeep_didcomm::document::current;
use trustkeep_didcomm::{Nym, Verkey};
use trustkeep_wallet::{Query, Record};

use crate::{Error, Result, Work, peer};

/// The category of our DIDs.
pub(crate) const CATEGORY: &str = "did";
/// Where the public DID is named: the category and the name of ACA-Py's record.
const PUBLIC: (&str, &str) = ("config", "default_public_did");

/// A DID whose key the wallet holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalDid {
    /// The DID; of method `sov` without its prefix.
    pub did: String,
    /// `sov`, `key`, `web`, `did:peer:2`, `did:peer:4`.
    pub method: String,
    /// Its key, base58.
    pub verkey: String,
    /// `ed25519` and others.
    #[serde(default = "ed25519", rename = "verkey_type")]
    pub key_type: String,
    /// `posted`, `public`, `endpoint` and what else was noted.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// What other versions put there.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl LocalDid {
    /// A new bare DID with a key of its own, as every connection has one.
    ///
    /// # Errors
    /// Those of the wallet.
    pub fn create(work: &mut Work) -> Result<Self> {
        let verkey = work.new_key()?.verkey();
        Ok(Self::of_key(work, Nym::of(&verkey).to_string(), "sov", &verkey))
    }

    /// A DID of a key that is in the wallet.
    pub(crate) fn of_key(work: &mut Work, did: String, method: &str, verkey: &Verkey) -> Self {
        let did = Self::new(did, method, *verkey);
        did.save(work);
        did
    }

    /// A new `did:peer:4` with a key of its own, in its long form. It is in the wallet by its short form too, as records
    /// name it.
    ///
    /// # Errors
    /// The endpoints are too long for one.
    pub fn create_peer_four(work: &mut Work, endpoints: &[&str], routing_keys: &[Verkey]) -> Result<Self> {
        let verkey = work.new_key()?.verkey();
        let peer = current::peer_four(verkey, endpoints, routing_keys)?;
        let long = Self::new(peer.long().to_owned(), "did:peer:4", verkey);
        long.save(work);
        Self { did: peer.short().to_owned(), ..long.clone() }.save(work);
        Ok(long)
    }

    /// A new `did:peer:2` with a key of its own.
    ///
    /// # Errors
    /// The endpoints are too long for one.
    pub fn create_peer_two(work: &mut Work, endpoints: &[&str], routing_keys: &[Verkey]) -> Result<Self> {
        let verkey = work.new_key()?.verkey();
        let peer = current::peer_two(verkey, verkey.exchange_key()?, endpoints, routing_keys)?;
        let did = Self::new(peer.as_str().to_owned(), "did:peer:2", verkey);
        did.save(work);
        Ok(did)
    }

    fn new(did: String, method: &str, verkey: Verkey) -> Self {
        Self {
            did,
            method: method.to_owned(),
            verkey: verkey.to_string(),
            key_type: ed25519(),
            metadata: Map::new(),
            more: Map::new(),
        }
    }

    /// Our DID of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(work: &mut Work, did: &str) -> Result<Self> {
        let record = work.get(CATEGORY, did).await?;
        Self::read(&record.ok_or_else(|| Error::NotFound(format!("Unknown DID: {did}.")))?)
    }

    /// Our DIDs with this key: more than one only where a DID has two forms.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn of_verkey(work: &mut Work, verkey: &Verkey) -> Result<Vec<Self>> {
        let query = Query::tagged(CATEGORY, "verkey", verkey.to_string());
        work.find(&query).await?.iter().map(Self::read).collect()
    }

    /// The DID that we have made known to all, if there is one.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn public(work: &mut Work) -> Result<Option<Self>> {
        if let Some(record) = work.get(PUBLIC.0, PUBLIC.1).await? {
            let value: Value = serde_json::from_slice(&record.value)
                .map_err(|error| Error::corrupt(PUBLIC.0, PUBLIC.1, error))?;
            return match value.get("did").and_then(Value::as_str) {
                Some(did) => Self::get(work, did).await.map(Some),
                None => Ok(None),
            };
        }
        // Wallets of ACA-Py before that record marked the DID itself.
        let all = work.find(&Query::all(CATEGORY)).await?;
        let all = all.iter().map(Self::read).collect::<Result<Vec<_>>>()?;
        Ok(all.into_iter().find(|did| did.notes("public")))
    }

    /// Lets it be the public DID.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn make_public(mut self, work: &mut Work) -> Result<Self> {
        work.get(PUBLIC.0, PUBLIC.1).await?;
        let value = serde_json::json!({"did": self.did}).to_string();
        work.put(Record::new(PUBLIC.0, PUBLIC.1, value));
        work.get(CATEGORY, &self.did).await?;
        for note in ["public", "posted"] {
            self.metadata.insert(note.to_owned(), true.into());
        }
        self.save(work);
        Ok(self)
    }

    /// Whether others can look it up: it is public, or was posted.
    pub fn is_posted(&self) -> bool {
        self.notes("public") || self.notes("posted")
    }

    /// The form that is sent: the long one of a `did:peer:4`, otherwise itself.
    ///
    /// # Errors
    /// Those of the wallet.
    pub(crate) async fn sent_form(&self, work: &mut Work) -> Result<String> {
        if self.did.starts_with("did:peer:4") && peer::short_form(&self.did) == self.did {
            let forms = Self::of_verkey(work, &self.verkey()?).await?;
            let long = forms
                .into_iter()
                .find(|form| form.did != self.did && peer::short_form(&form.did) == self.did);
            return Ok(long.map_or_else(|| self.did.clone(), |long| long.did));
        }
        Ok(self.did.clone())
    }

    /// Saves it.
    pub fn save(&self, work: &mut Work) {
        // Texts and nothing else: there is nothing that could not be written.
        let value = serde_json::to_vec(self).unwrap_or_default();
        let record = Record::new(CATEGORY, &self.did, value).tagged("method", &self.method);
        work.put(record.tagged("verkey", &self.verkey).tagged("verkey_type", &self.key_type));
    }

    /// Its key.
    ///
    /// # Errors
    /// The record is damaged.
    pub fn verkey(&self) -> Result<Verkey> {
        self.verkey.parse().map_err(|error| Error::corrupt(CATEGORY, &self.did, error))
    }

    fn notes(&self, note: &str) -> bool {
        // ACA-Py wrote the text "true" too.
        match self.metadata.get(note) {
            Some(Value::Bool(noted)) => *noted,
            Some(Value::String(noted)) => !noted.is_empty(),
            _ => false,
        }
    }

    pub(crate) fn read(record: &Record) -> Result<Self> {
        serde_json::from_slice(&record.value).map_err(|error| Error::corrupt(CATEGORY, &record.name, error))
    }
}

fn ed25519() -> String {
    "ed25519".to_owned()
}
