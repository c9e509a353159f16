//! The Auditor's `.properties`: the keys under `scalar.dl.auditor.` that the Ledger does not have, with the original's
//! defaults. `lock_recovery.grace_period_millis` is ours.

use std::sync::Arc;
use std::time::Duration;

use trustkeep_crypto::SecretString;
use trustkeep_scalar_client::Target;
use trustkeep_scalar_domain::errors;
use trustkeep_scalar_domain::identities::AUDITOR_ENTITY_ID;
use trustkeep_scalar_domain::settings::{Authentication, Domain, Keys as Names, ServerSettings};
use trustkeep_scalar_rpc::identity::{HmacKey, PrivateKey, Signer, Verifier};
use trustkeep_scalar_rpc::properties::Properties;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

use crate::keys::{Keys, LedgerKey};
use crate::ledger::Ledger;

/// How long a client may take between order and validation before others may ask the Ledger about its order:
/// the upper bound that the original's database sets for a transaction's life.
pub const GRACE: Duration = Duration::from_secs(15);

/// Everything that an Auditor reads from its configuration.
#[derive(Debug)]
pub struct AuditorSettings {
    /// What both servers have.
    pub server: ServerSettings,
    /// `cert_holder_id`: as whom the Auditor is registered at the Ledger.
    pub cert_holder_id: String,
    /// `cert_version`.
    pub cert_version: u32,
    /// `private_key_pem`, `private_key_path`.
    pub private_key: Option<SecretString>,
    /// `ledger.host`, `ledger.port`, `tls.*`, `authorization.credential`, `grpc.*`: the way to the Ledger.
    pub ledger: Target,
    /// `ledger.cert_holder_id`: as whom the Ledger is registered here.
    pub ledger_cert_holder_id: String,
    /// `ledger.cert_version`.
    pub ledger_cert_version: u32,
    /// `transaction_state_purge.*`.
    pub purge: PurgeSettings,
    /// `lock_recovery.grace_period_millis` (ours): see [`GRACE`].
    pub grace: Duration,
}

/// Whether and when request proofs are purged that are no longer needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgeSettings {
    /// `transaction_state_purge.enabled`.
    pub enabled: bool,
    /// `transaction_state_purge.on_completion.enabled`: each right after its end.
    pub on_completion: bool,
    /// `transaction_state_purge.scan.interval_secs`: how often they are looked for; `None` for never.
    pub interval: Option<Duration>,
    /// `transaction_state_purge.scan.limit`: how many of them one scan looks at.
    pub limit: usize,
}

impl AuditorSettings {
    /// Reads them.
    ///
    /// # Errors
    /// 414, naming the key.
    pub fn read(properties: &Properties) -> Result<Self> {
        let server = ServerSettings::read(Domain::Auditor, properties)?;
        let names = Names { domain: Domain::Auditor, properties };
        let text = |name: &str, default: &str| names.text(name).unwrap_or(default).to_owned();
        let interval: u32 = names.number("transaction_state_purge.scan.interval_secs")?.unwrap_or(0);
        let limit: u32 = names.number("transaction_state_purge.scan.limit")?.unwrap_or(1000);
        if limit == 0 {
            let key = names.key("transaction_state_purge.scan.limit");
            return Err(errors::invalid(format!("{key} must be at least 1.")));
        }
        let grace = names.number("lock_recovery.grace_period_millis")?.map(Duration::from_millis);
        let settings = Self {
            cert_holder_id: text("cert_holder_id", "auditor"),
            cert_version: names.number("cert_version")?.unwrap_or(1),
            private_key: names.pem("private_key")?,
            ledger: ledger(names)?,
            ledger_cert_holder_id: text("ledger.cert_holder_id", "ledger"),
            ledger_cert_version: names.number("ledger.cert_version")?.unwrap_or(1),
            purge: PurgeSettings {
                enabled: names.switch("transaction_state_purge.enabled", false)?,
                on_completion: names.switch("transaction_state_purge.on_completion.enabled", false)?,
                interval: (interval > 0).then(|| Duration::from_secs(interval.into())),
                limit: usize::try_from(limit).unwrap_or(usize::MAX),
            },
            grace: grace.unwrap_or(GRACE),
            server,
        };
        settings.check(names)?;
        Ok(settings)
    }

    /// What the Auditor signs and checks with. Where the servers share a secret it signs orders and proofs with that,
    /// whatever its clients use.
    pub(crate) fn keys(&self) -> Result<Keys> {
        match &self.server.servers_secret {
            Some(secret) => {
                let key = Arc::new(HmacKey::new(secret));
                let own: Arc<dyn Verifier> = key.clone();
                Ok(Keys { signer: key, own: own.clone(), ledger: LedgerKey::Shared(own) })
            }
            None => {
                let key = self.private_key()?;
                let own = Arc::new(key.verifier()?);
                let ledger = LedgerKey::Registered {
                    entity_id: self.ledger_cert_holder_id.clone(),
                    key_version: self.ledger_cert_version,
                };
                Ok(Keys { signer: Arc::new(key), own, ledger })
            }
        }
    }

    /// The Ledger, asked in the name that it knows the Auditor by.
    pub(crate) fn ledger(&self) -> Result<Ledger> {
        let (entity_id, key_version, signer): (_, _, Arc<dyn Signer>) =
            match (&self.server.authentication, &self.server.servers_secret) {
                (Authentication::Hmac { .. }, Some(secret)) => {
                    (AUDITOR_ENTITY_ID.to_owned(), 1, Arc::new(HmacKey::new(secret)))
                }
                _ => (self.cert_holder_id.clone(), self.cert_version, Arc::new(self.private_key()?)),
            };
        Ledger::new(&self.ledger, entity_id, key_version, signer)
    }

    fn private_key(&self) -> Result<PrivateKey> {
        // Checked when it was read.
        let pem = self.private_key.as_ref().map_or("", |pem| pem.expose());
        PrivateKey::from_pem(pem)
    }

    fn check(&self, names: Names<'_>) -> Result<()> {
        let wrong = |id, what: String| {
            let text =
                format!("Authentication between Ledger and Auditor is not correctly configured. {what}");
            Err(Error::numbered(StatusCode::InvalidArgument, "AUDITOR", id, text))
        };
        match self.server.authentication {
            Authentication::DigitalSignature if self.private_key.is_none() => wrong(
                2,
                format!(
                    "Set {} along with a private key with {} or {} if you use digital signature authentication.",
                    names.key("cert_holder_id"),
                    names.key("private_key_path"),
                    names.key("private_key_pem"),
                ),
            ),
            Authentication::Hmac { .. } if self.server.servers_secret.is_none() => wrong(
                3,
                format!(
                    "Set {} if you use HMAC authentication.",
                    names.key("servers.authentication.hmac.secret_key")
                ),
            ),
            _ => Ok(()),
        }
    }
}

fn ledger(names: Names<'_>) -> Result<Target> {
    let mut target = Target::new(
        names.text("ledger.host").unwrap_or("localhost"),
        names.number("ledger.port")?.unwrap_or(50051),
        names.number("ledger.privileged_port")?.unwrap_or(50052),
    );
    target.tls = names.switch("tls.enabled", false)?;
    target.ca_certificate = names.pem("tls.ca_root_cert")?.map(|pem| pem.expose().to_owned());
    target.override_authority = names.text("tls.override_authority").map(str::to_owned);
    target.authorization = names.secret("authorization.credential");
    if let Some(millis) = names.number("grpc.deadline_duration_millis")?.filter(|millis| *millis > 0) {
        target.deadline = Duration::from_millis(millis);
    }
    target.max_message_bytes = names.number("grpc.max_inbound_message_size")?.filter(|bytes| *bytes > 0);
    target.max_metadata_bytes = names.number("grpc.max_inbound_metadata_size")?.filter(|bytes| *bytes > 0);
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<AuditorSettings> {
        AuditorSettings::read(&Properties::parse(text, &|_| None)?)
    }

    const HMAC: &str = "scalar.dl.auditor.authentication.method=hmac\n\
        scalar.dl.auditor.authentication.hmac.cipher_key=long-enough\n\
        scalar.dl.auditor.servers.authentication.hmac.secret_key=shared\n";

    #[test]
    fn defaults_are_the_originals() -> Result<()> {
        let settings = read(HMAC)?;
        assert_eq!((settings.cert_holder_id.as_str(), settings.cert_version), ("auditor", 1));
        assert_eq!((settings.ledger_cert_holder_id.as_str(), settings.ledger_cert_version), ("ledger", 1));
        assert_eq!((settings.ledger.host.as_str(), settings.ledger.port), ("localhost", 50051));
        assert_eq!((settings.ledger.deadline.as_secs(), settings.ledger.tls), (60, false));
        let purge = PurgeSettings { enabled: false, on_completion: false, interval: None, limit: 1000 };
        assert_eq!((settings.purge, settings.grace.as_secs()), (purge, 15));
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_named_with_its_key() {
        let without_secret = HMAC.replace("servers.authentication", "other");
        for (text, message) in [
            (
                "",
                "DL-AUDITOR-414002: Authentication between Ledger and Auditor is not correctly configured. Set scalar.dl.auditor.cert_holder_id",
            ),
            (
                without_secret.as_str(),
                "DL-AUDITOR-414003: Authentication between Ledger and Auditor is not correctly configured. Set scalar.dl.auditor.servers",
            ),
            ("scalar.dl.auditor.ledger.port=x", "DL-COMMON-414001"),
            (
                "scalar.dl.auditor.transaction_state_purge.scan.limit=0",
                "scalar.dl.auditor.transaction_state_purge.scan.limit must",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.message.starts_with(message), "{error}");
        }
    }
}
