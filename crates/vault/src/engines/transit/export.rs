//! `export`: the keys themselves, where a key allows it.

use serde_json::{Map, json};
use trustkeep_crypto::{SecretBytes, pem, rsa, sign};

use super::Transit;
use super::describe::public_text;
use super::fault::Fault;
use super::key::Key;
use super::kind::Kind;
use super::version::{KeyVersion, Material};
use crate::engines::base64;
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

type Exported = std::result::Result<String, Fault>;

impl Transit {
    pub(super) async fn export(
        &self,
        request: &Request,
        what: &str,
        name: &str,
        version: &str,
    ) -> Result<Option<Response>> {
        let what = What::of(what)?;
        let format = Format::of(request)?;
        let key = self.keys.find(name, request.now).await?.ok_or(Error::NotFound)?;
        let kind = key.settings.kind;
        if !key.settings.exportable && what != What::Public {
            return Err(Error::invalid("private key material is not exportable"));
        }
        match what {
            What::Encryption if !kind.encrypts() => {
                return Err(Error::invalid("encryption not supported for the key"));
            }
            What::Signing if !kind.signs() => {
                return Err(Error::invalid("signing not supported for the key"));
            }
            _ => {}
        }
        let keys = each_version(&key, version, |version| what.text(kind, version, format))?;
        Ok(Some(Response::object(json!({ "keys": keys, "name": key.settings.name, "type": kind.name() }))))
    }
}

/// A text for one version of a key (a number, with or without `v`, or `latest`), or for all.
pub(super) fn each_version(
    key: &Key,
    asked: &str,
    text: impl Fn(&KeyVersion) -> Exported,
) -> Result<Map<String, serde_json::Value>> {
    let number = match asked {
        "" => {
            let texts =
                key.versions().map(|(number, version)| Ok((number.to_string(), text(version)?.into())));
            return texts.collect();
        }
        "latest" => key.settings.latest,
        asked => {
            let number: Option<i64> = asked.strip_prefix('v').unwrap_or(asked).parse().ok();
            let number = number.ok_or_else(|| Error::invalid("invalid key version"))?;
            if number < i64::from(key.settings.min_decryption) {
                return Err(Error::invalid("version for export is below minimum decryption version"));
            }
            u32::try_from(number).unwrap_or(u32::MAX)
        }
    };
    let missing = |_| Error::invalid("version does not exist or cannot be found");
    let version = key.version(number).map_err(missing)?;
    Ok(Map::from_iter([(number.to_string(), text(version)?.into())]))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Encryption,
    Signing,
    Hmac,
    Public,
}

impl What {
    fn of(name: &str) -> Result<Self> {
        Ok(match name {
            "encryption-key" => What::Encryption,
            "signing-key" => What::Signing,
            "hmac-key" => What::Hmac,
            "public-key" => What::Public,
            other => return Err(Error::invalid(format!("invalid export type: {other}"))),
        })
    }

    fn name(self) -> &'static str {
        match self {
            What::Encryption => "encryption-key",
            What::Signing => "signing-key",
            What::Hmac => "hmac-key",
            What::Public => "public-key",
        }
    }

    fn text(self, kind: Kind, version: &KeyVersion, format: Format) -> Exported {
        match self {
            What::Hmac => raw(&version.hmac, format),
            What::Encryption if kind.cipher().is_some() => raw(&version.secret, format),
            What::Encryption | What::Signing if kind.signs() => match version.material(kind)? {
                Material::Rsa { private, .. } => rsa_private(private.as_deref(), format),
                Material::Curve { private, .. } => curve_private(private.as_deref(), kind, format),
                _ => Err(self.unknown(kind)),
            },
            What::Public if kind.signs() => public(kind, version, format),
            _ => Err(self.unknown(kind)),
        }
    }

    fn unknown(self, kind: Kind) -> Fault {
        Fault::user(format!("unknown key type {} for export type {}", kind.name(), self.name()))
    }
}

/// How a key is written down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// As Vault always did: each type has its own.
    Usual,
    Raw,
    /// PKCS#8 or SPKI in base64.
    Der,
    /// PKCS#8 or SPKI in PEM.
    Pem,
}

impl Format {
    fn of(request: &Request) -> Result<Self> {
        Ok(match request.text("format")?.as_deref() {
            None | Some("") => Format::Usual,
            Some("raw") => Format::Raw,
            Some("der") => Format::Der,
            Some("pem") => Format::Pem,
            Some(other) => return Err(Error::invalid(format!("invalid format: {other}"))),
        })
    }
}

fn raw(secret: &SecretBytes, format: Format) -> Exported {
    match format {
        Format::Usual | Format::Raw => Ok(base64::encode(secret.expose())),
        Format::Der | Format::Pem => {
            Err(Fault::user("unknown format for HMAC key; supported values are `` or `raw`"))
        }
    }
}

fn rsa_private(key: Option<&rsa::PrivateKey>, format: Format) -> Exported {
    let Some(key) = key else { return Ok(String::new()) };
    match format {
        Format::Raw => Err(no_raw("rsa")),
        Format::Usual => key
            .to_pkcs1_der()
            .and_then(|document| pem::encode("RSA PRIVATE KEY", document.expose()))
            .map_err(failed),
        Format::Der | Format::Pem => pkcs8(key.to_pkcs8_der(), format),
    }
}

fn curve_private(key: Option<&sign::SigningKey>, kind: Kind, format: Format) -> Exported {
    let Some(key) = key else { return Ok(String::new()) };
    match format {
        Format::Usual | Format::Raw if kind == Kind::Ed25519 => {
            // As Go holds it: the seed and the public key.
            let seed = key.to_ed25519_seed().map_err(failed)?;
            let public = key.public_key().and_then(|public| public.to_raw()).map_err(failed)?;
            let mut joined = Vec::with_capacity(seed.len() + public.len());
            joined.extend_from_slice(seed.expose());
            joined.extend_from_slice(&public);
            Ok(base64::encode(SecretBytes::new(joined).expose()))
        }
        Format::Raw => Err(no_raw("ec")),
        Format::Usual => {
            let text =
                key.to_sec1_der().and_then(|document| pem::encode("EC PRIVATE KEY", document.expose()));
            text.map(trimmed).map_err(failed)
        }
        Format::Der | Format::Pem => pkcs8(key.to_pkcs8_der(), format).map(trimmed),
    }
}

fn public(kind: Kind, version: &KeyVersion, format: Format) -> Exported {
    match format {
        Format::Usual if kind.rsa().is_some() => public_text(kind, version),
        Format::Usual => public_text(kind, version).map(trimmed),
        Format::Raw if kind == Kind::Ed25519 => public_text(kind, version),
        Format::Raw => Err(no_raw(if kind.rsa().is_some() { "rsa" } else { "ec" })),
        Format::Der => Ok(base64::encode(&version.public)),
        Format::Pem => pem::encode("PUBLIC KEY", &version.public).map(trimmed).map_err(failed),
    }
}

fn pkcs8(document: trustkeep_crypto::Result<SecretBytes>, format: Format) -> Exported {
    let document = document.map_err(failed)?;
    match format {
        Format::Der => Ok(base64::encode(document.expose())),
        _ => pem::encode("PRIVATE KEY", document.expose()).map_err(failed),
    }
}

fn trimmed(text: String) -> String {
    text.trim_end().to_owned()
}

fn no_raw(what: &str) -> Fault {
    Fault::user(format!("unknown key format for {what} key; supported values are ``, `der`, or `pem`"))
}

fn failed(error: trustkeep_crypto::Error) -> Fault {
    Fault::internal(error.to_string())
}
