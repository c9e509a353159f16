//! What the Ledger reads from its `.properties`: Scalar DL's keys, defaults and constraints.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use trustkeep_scalar_domain::contracts::AllowList;
use trustkeep_scalar_domain::settings::{Authentication, Domain, Keys, ServerSettings};
use trustkeep_scalar_rpc::identity::{HmacKey, PrivateKey, Signer};
use trustkeep_scalar_rpc::properties::Properties;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

use crate::failure::ledger;

/// How a Ledger is set up.
#[derive(Debug)]
pub struct Settings {
    /// What both servers have.
    pub server: ServerSettings,
    /// `proof.*`: signs proofs; `None` if they are off.
    pub signer: Option<Arc<dyn Signer>>,
    /// `function.enabled`: functions named by executions are run; else they are passed over, as by the original.
    pub functions: bool,
    /// `function.non_privileged_port_registration.enabled`.
    pub signed_function_registration: bool,
    /// `function.non_privileged_port_registration.overwrite.enabled`.
    pub signed_function_overwrite: bool,
    /// `auditor.enabled`.
    pub auditor: bool,
    /// `auditor.cert_holder_id`.
    pub auditor_cert_holder_id: String,
    /// `auditor.cert_version`.
    pub auditor_cert_version: u32,
    /// `executable_contracts`: binary names that may be registered; `None` for all.
    pub executable_contracts: AllowList,
    /// `direct_asset_access.enabled`: no table `asset_metadata`; must never change for a store.
    pub direct_asset_access: bool,
    /// `transaction_state_purge.enabled`.
    pub purge: bool,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// 414, naming the key; 401 for a private key that cannot be used.
    pub fn read(properties: &Properties) -> Result<Self> {
        let server = ServerSettings::read(Domain::Ledger, properties)?;
        let keys = Keys { domain: Domain::Ledger, properties };
        let auditor = keys.switch("auditor.enabled", false)?;
        let purge = keys.switch("transaction_state_purge.enabled", false)?;
        let tx_state_management = keys.switch("tx_state_management.enabled", false)?;
        check_transactions(keys, auditor, purge, tx_state_management)?;
        let settings = Self {
            signer: signer(keys, &server, auditor)?,
            functions: keys.switch("function.enabled", true)?,
            signed_function_registration: keys
                .switch("function.non_privileged_port_registration.enabled", false)?,
            signed_function_overwrite: keys
                .switch("function.non_privileged_port_registration.overwrite.enabled", false)?,
            auditor,
            auditor_cert_holder_id: keys.text("auditor.cert_holder_id").unwrap_or("auditor").to_owned(),
            auditor_cert_version: keys.number("auditor.cert_version")?.unwrap_or(1),
            executable_contracts: keys.text("executable_contracts").map(executable_contracts).transpose()?,
            direct_asset_access: keys.switch("direct_asset_access.enabled", false)?,
            purge,
            server,
        };
        Ok(settings)
    }
}

/// What signs proofs: the servers' secret where there is an Auditor and one is set, else the private key.
fn signer(keys: Keys<'_>, server: &ServerSettings, auditor: bool) -> Result<Option<Arc<dyn Signer>>> {
    let (path, pem) = (keys.key("proof.private_key_path"), keys.key("proof.private_key_pem"));
    if !keys.switch("proof.enabled", false)? {
        if auditor {
            let text = format!("{} must be set to true if Auditor is enabled.", keys.key("proof.enabled"));
            return Err(refused(2, text));
        }
        return Ok(None);
    }
    if let Some(secret) = server.servers_secret.as_ref().filter(|_| auditor) {
        return Ok(Some(Arc::new(HmacKey::new(secret))));
    }
    let wrong = "Authentication between Ledger and Auditor is not correctly configured.";
    if auditor && matches!(server.authentication, Authentication::Hmac { .. }) {
        let secret = keys.key("servers.authentication.hmac.secret_key");
        let text = format!("{wrong} Set {secret} if you use HMAC authentication with Auditor enabled.");
        return Err(refused(4, text));
    }
    match keys.pem("proof.private_key")? {
        Some(key) => Ok(Some(Arc::new(PrivateKey::from_pem(key.expose())?))),
        None if auditor => Err(refused(
            3,
            format!(
                "{wrong} Set a private key with {path} or {pem} if you use digital signature authentication with \
                 Auditor enabled."
            ),
        )),
        None => Err(refused(5, format!("Either {pem} or {path} must be set if proof is enabled."))),
    }
}

/// The keys of ScalarDB's transaction managers. There is one way of committing here, which keeps the state of every
/// transaction; a configuration that the original refuses is refused all the same.
fn check_transactions(keys: Keys<'_>, auditor: bool, purge: bool, tx_state_management: bool) -> Result<()> {
    let manager = keys.properties.text("scalar.db.transaction_manager").unwrap_or("consensus-commit");
    let jdbc = manager.eq_ignore_ascii_case("jdbc");
    let key = keys.key("tx_state_management.enabled");
    if purge && !auditor {
        let text = format!(
            "{} is not supported when Auditor is disabled.",
            keys.key("transaction_state_purge.enabled")
        );
        return Err(refused(9, text));
    }
    if jdbc && purge {
        let text = format!(
            "{} is not supported when using the '{manager}' transaction manager.",
            keys.key("transaction_state_purge.enabled")
        );
        return Err(refused(10, text));
    }
    if jdbc && auditor && !tx_state_management {
        let text =
            format!("{key} must be set to true when using the JDBC transaction manager in the Auditor mode.");
        return Err(refused(6, text));
    }
    if manager.eq_ignore_ascii_case("consensus-commit") {
        if tx_state_management {
            let text = format!(
                "{key} must be disabled when using the Consensus Commit transaction manager for performance reasons."
            );
            return Err(refused(7, text));
        }
        let group_commit = "scalar.db.consensus_commit.coordinator.group_commit.enabled";
        if keys.properties.switch(group_commit)?.unwrap_or(false) {
            let text = format!("{group_commit} must be disabled because group commit is not supported.");
            return Err(refused(8, text));
        }
    } else if !jdbc {
        let text = format!(
            "The transaction manager '{manager}' is not supported. The supported transaction managers are: \
             consensus-commit, jdbc."
        );
        return Err(refused(11, text));
    }
    Ok(())
}

/// The binary names in a TOML file of tables `[[contracts]]`, each with `contract-binary-name`.
fn executable_contracts(path: &str) -> Result<BTreeSet<String>> {
    #[derive(Deserialize)]
    struct File {
        contracts: Vec<Contract>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Contract {
        contract_binary_name: String,
    }
    let unreadable = |why: &dyn std::fmt::Display| {
        let text = format!("Reading the file failed. File: {path} ({why})");
        Error::numbered(StatusCode::InvalidArgument, "COMMON", 3, text)
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    let file: File = toml::from_str(&text).map_err(|error| unreadable(&error))?;
    Ok(file.contracts.into_iter().map(|contract| contract.contract_binary_name).collect())
}

fn refused(id: u32, text: String) -> Error {
    ledger(StatusCode::InvalidArgument, id, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings> {
        Settings::read(&Properties::parse(text, &|_| None)?)
    }

    #[test]
    fn defaults_are_the_originals() -> Result<()> {
        let settings = read("")?;
        assert!(settings.functions && settings.signer.is_none() && settings.executable_contracts.is_none());
        assert!(!settings.auditor && !settings.purge && !settings.direct_asset_access);
        assert!(!settings.signed_function_registration && !settings.signed_function_overwrite);
        assert_eq!((settings.auditor_cert_holder_id.as_str(), settings.auditor_cert_version), ("auditor", 1));
        Ok(())
    }

    #[test]
    fn what_cannot_go_together_is_refused_by_number() {
        for (text, code) in [
            ("authentication.method=hmac", "414001: scalar.dl.ledger.authentication.hmac.cipher_key"),
            ("auditor.enabled=true", "414002: scalar.dl.ledger.proof.enabled"),
            ("auditor.enabled=true\nproof.enabled=true", "414003"),
            (
                "auditor.enabled=true\nproof.enabled=true\nauthentication.method=hmac\n\
                 authentication.hmac.cipher_key=k",
                "414004",
            ),
            ("proof.enabled=true", "414005"),
            ("tx_state_management.enabled=true", "414007"),
            ("transaction_state_purge.enabled=true", "414009"),
        ] {
            let text: String = text.lines().map(|line| format!("scalar.dl.ledger.{line}\n")).collect();
            let error = read(&text).unwrap_err();
            assert!(error.message.starts_with(&format!("DL-LEDGER-{code}")), "{error}");
        }
        let secret = "scalar.dl.ledger.servers.authentication.hmac.secret_key=s\n\
                      scalar.dl.ledger.auditor.enabled=true\nscalar.dl.ledger.proof.enabled=true\n";
        for (text, code) in [
            ("scalar.db.transaction_manager=jdbc\n", "414006"),
            ("scalar.db.consensus_commit.coordinator.group_commit.enabled=true\n", "414008"),
            (
                "scalar.db.transaction_manager=jdbc\nscalar.dl.ledger.transaction_state_purge.enabled=true\n",
                "414010",
            ),
            ("scalar.db.transaction_manager=single-crud-operation\n", "414011"),
        ] {
            let error = read(&format!("{secret}{text}")).unwrap_err();
            assert!(error.message.starts_with(&format!("DL-LEDGER-{code}")), "{error}");
        }
        assert!(read(secret).is_ok());
    }

    #[test]
    fn the_list_of_contracts_is_read_from_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("contracts.toml");
        let read_list = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let settings = read(&format!("scalar.dl.ledger.executable_contracts={}", file.display()));
            settings.map(|settings| settings.executable_contracts.unwrap().into_iter().collect::<Vec<_>>())
        };
        let text = "# allowed\n[[contracts]]\ncontract-binary-name = \"com.org1.A\" # one\n\
                    [[contracts]]\ncontract-binary-name='com.org1.B'\n";
        assert_eq!(read_list(text).unwrap(), ["com.org1.A", "com.org1.B"]);
        for text in
            ["", "[[contracts]]\n", "contract-binary-name = com.org1.A\n", "contract-binary-name=\"a\" b\n"]
        {
            assert!(read_list(text).unwrap_err().message.starts_with("DL-COMMON-414003"), "{text}");
        }
    }
}
