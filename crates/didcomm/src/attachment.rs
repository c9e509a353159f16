//! Attachments (RFC 0017): data beside a message, inside it or behind links, plain or signed.

mod jws;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use trustkeep_crypto::hash::sha256;

pub use jws::{Jws, JwsSignature};

use crate::encoding::{Object, from_base64, text};
use crate::{Error, Keypair, Result, Verkey};

/// Locations of one attachment.
const LINKS_MAX: usize = 32;

/// An attachment.
#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    /// `@id`: its name inside the message.
    pub id: Option<String>,
    /// `mime-type`.
    pub mime_type: Option<String>,
    /// `filename`.
    pub filename: Option<String>,
    /// `lastmod_time`: ISO 8601.
    pub lastmod_time: Option<String>,
    /// `byte_count`, of data behind links.
    pub byte_count: Option<u64>,
    /// `description`.
    pub description: Option<String>,
    /// `data.base64`, `data.json` or `data.links`.
    pub content: Content,
    /// `data.sha256`: the hash of the content in hexadecimal.
    pub sha256: Option<String>,
    /// `data.jws`: who signed the content.
    pub jws: Option<Jws>,
    /// Every other member of the attachment.
    pub more: Object,
}

/// Where the data is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// In the message, in base64 of either alphabet, as it came.
    Base64(String),
    /// In the message, as JSON.
    Json(Value),
    /// Elsewhere.
    Links(Vec<String>),
}

impl Attachment {
    /// Data in padded base64 of the standard alphabet, as ACA-Py writes it; what can be signed.
    pub fn from_bytes(id: Option<String>, mime_type: &str, data: &[u8]) -> Self {
        Self::new(id, mime_type, Content::Base64(STANDARD.encode(data)))
    }

    /// Data as JSON, readable in the message; it cannot be signed.
    pub fn from_json(id: Option<String>, data: Value) -> Self {
        Self::new(id, "application/json", Content::Json(data))
    }

    fn new(id: Option<String>, mime_type: &str, content: Content) -> Self {
        Self {
            id,
            mime_type: Some(mime_type.to_owned()),
            filename: None,
            lastmod_time: None,
            byte_count: None,
            description: None,
            content,
            sha256: None,
            jws: None,
            more: Object::new(),
        }
    }

    /// Reads an attachment.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Invalid`] or [`Error::TooLarge`] with the path in the attachment.
    pub fn from_value(value: Value) -> Result<Self> {
        let Value::Object(mut members) = value else {
            return Err(Error::invalid("attachment", "not a JSON object"));
        };
        let owned = |members: &Object, name| Ok(text(members, "", name)?.map(str::to_owned));
        let mut read = Self::new(owned(&members, "@id")?, "", content(members.get("data"))?);
        let data = members.get("data").and_then(Value::as_object);
        read.sha256 = data.map(|data| text(data, "data", "sha256")).transpose()?.flatten().map(str::to_owned);
        let jws = data.and_then(|data| data.get("jws")).filter(|jws| !jws.is_null());
        read.jws = jws.map(Jws::from_value).transpose()?;
        read.mime_type = owned(&members, "mime-type")?;
        read.filename = owned(&members, "filename")?;
        read.lastmod_time = owned(&members, "lastmod_time")?;
        read.description = owned(&members, "description")?;
        read.byte_count = members.get("byte_count").and_then(Value::as_u64);
        for known in ["@id", "mime-type", "filename", "lastmod_time", "byte_count", "description", "data"] {
            members.shift_remove(known);
        }
        read.more = members;
        Ok(read)
    }

    /// The attachment as JSON.
    pub fn to_value(&self) -> Value {
        let mut members = Object::new();
        let texts = [
            ("@id", &self.id),
            ("mime-type", &self.mime_type),
            ("filename", &self.filename),
            ("lastmod_time", &self.lastmod_time),
            ("description", &self.description),
        ];
        for (name, text) in texts {
            members.extend(text.iter().map(|text| (name.to_owned(), text.as_str().into())));
        }
        members.extend(self.byte_count.map(|count| ("byte_count".to_owned(), count.into())));
        members.extend(self.more.iter().map(|(name, value)| (name.clone(), value.clone())));
        let mut data = Object::new();
        let (name, content) = match &self.content {
            Content::Base64(text) => ("base64", text.as_str().into()),
            Content::Json(value) => ("json", value.clone()),
            Content::Links(links) => ("links", links.clone().into()),
        };
        data.insert(name.into(), content);
        data.extend(self.sha256.iter().map(|hash| ("sha256".to_owned(), hash.as_str().into())));
        data.extend(self.jws.iter().map(|jws| ("jws".to_owned(), jws.to_value())));
        members.insert("data".into(), data.into());
        members.into()
    }

    /// The data: decoded, or JSON as text. If the attachment tells its hash, that must be right, whoever sent it.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field `data.base64` or `data.sha256`, [`Error::Unsupported`] with the field
    /// `data.links`: fetching is the caller's.
    pub fn data(&self) -> Result<Vec<u8>> {
        let data = match &self.content {
            Content::Base64(text) => from_base64("data.base64", text)?,
            Content::Json(value) => return Ok(value.to_string().into_bytes()),
            Content::Links(links) => {
                return Err(Error::unsupported("data.links", links.first().map_or("", String::as_str)));
            }
        };
        self.check_hash(&data)?;
        Ok(data)
    }

    /// Checks fetched data against the hash that the attachment tells, if it tells one.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field `data.sha256`.
    pub fn check_hash(&self, data: &[u8]) -> Result<()> {
        let Some(expected) = &self.sha256 else { return Ok(()) };
        let hash = sha256(data).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        if hash.eq_ignore_ascii_case(expected) {
            return Ok(());
        }
        Err(Error::invalid("data.sha256", "not the hash of the data"))
    }

    /// Signs the data with each of these keys, in place of any signature before.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the data is not in base64; [`Error::Missing`] or [`Error::TooLarge`] with the field
    /// `data.jws.signatures`.
    pub fn sign(&mut self, keypairs: &[&Keypair]) -> Result<()> {
        self.jws = Some(Jws::sign(&self.signed_data()?, keypairs)?);
        Ok(())
    }

    /// Checks every signature and tells who signed, in order: one key or several.
    ///
    /// # Errors
    /// [`Error::Missing`] with the field `data.jws` if nobody signed, [`Error::Signature`] if one does not hold;
    /// [`Error::Unsupported`] if a signer is named by a reference to another document, with no key beside it.
    pub fn signers(&self) -> Result<Vec<Verkey>> {
        self.required_jws()?.signers(&self.signed_data()?, None)
    }

    /// Checks every signature, and that this key made one of them. A signer that is named by a reference, with no key
    /// beside it, is taken to be this one.
    ///
    /// # Errors
    /// As [`Self::signers`]; [`Error::Signature`] also if the key made none.
    pub fn signed_by(&self, verkey: &Verkey) -> Result<()> {
        let signers = self.required_jws()?.signers(&self.signed_data()?, Some(verkey))?;
        if signers.contains(verkey) {
            return Ok(());
        }
        Err(Error::Signature { field: "data.jws".into() })
    }

    fn required_jws(&self) -> Result<&Jws> {
        self.jws.as_ref().ok_or_else(|| Error::missing("data.jws"))
    }

    fn signed_data(&self) -> Result<Vec<u8>> {
        match &self.content {
            Content::Base64(text) => from_base64("data.base64", text),
            Content::Json(_) => Err(Error::unsupported("data", "a signature over JSON")),
            Content::Links(_) => Err(Error::unsupported("data", "a signature over links")),
        }
    }
}

/// Exactly one of the three.
fn content(data: Option<&Value>) -> Result<Content> {
    let data = data.ok_or_else(|| Error::missing("data"))?;
    let data = data.as_object().ok_or_else(|| Error::invalid("data", "not a JSON object"))?;
    match (data.get("base64"), data.get("json"), data.get("links")) {
        (Some(Value::String(text)), None, None) => Ok(Content::Base64(text.clone())),
        (Some(_), None, None) => Err(Error::invalid("data.base64", "not a text")),
        (None, Some(value), None) => Ok(Content::Json(value.clone())),
        (None, None, Some(links)) => links_of(links).map(Content::Links),
        _ => Err(Error::invalid("data", "not exactly one of base64, json and links")),
    }
}

fn links_of(value: &Value) -> Result<Vec<String>> {
    let refused = || Error::invalid("data.links", "not a list of texts");
    if let Value::String(link) = value {
        return Ok(vec![link.clone()]);
    }
    let links = value.as_array().ok_or_else(refused)?;
    if links.len() > LINKS_MAX {
        return Err(Error::too_large("data.links", LINKS_MAX));
    }
    links.iter().map(|link| link.as_str().map(str::to_owned).ok_or_else(refused)).collect()
}

#[cfg(test)]
mod tests;
