//! The vault behind the controller: one in this process, served to users by TLS, or an operator's.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use reqwest::Url;
use trustkeep_chassis::http::ListenSettings;
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_controller::settings::Settings;
use trustkeep_crypto::SecretString;
use trustkeep_store::SharedStore;
use trustkeep_store_embedded::EmbeddedStore;
use trustkeep_vault::http::EdgeSettings;

use super::certificates::Certificates;
use super::secrets::{Place, TOKEN_LIFE};
use crate::own_vault::{self, OwnVault};
use crate::stores::embedded_settings;

/// A vault, and the controller's store.
pub(super) enum Vault {
    /// In this process. It and the controller share a store: one journal, one backup.
    Own {
        vault: OwnVault,
        /// At which the controller itself asks.
        inner: Url,
        port: u16,
    },
    /// An operator's.
    Theirs { place: Place, token: SecretString, store: Arc<EmbeddedStore> },
}

impl Vault {
    /// Starts ours, unless the settings name another.
    ///
    /// # Errors
    /// A port that is taken; a store that does not open; lost keys; no token for theirs.
    pub(super) async fn open(
        settings: &Settings,
        data_dir: &Path,
        listen: SocketAddr,
        certificates: &Certificates,
        supervisor: &Supervisor,
    ) -> anyhow::Result<Self> {
        if let Some(url) = &settings.vault_url {
            let token = settings.vault_token.as_ref().map(SecretString::duplicate).context(
                "VAULT_API_URL names a vault of yours, and there is no VAULT_TOKEN: give the controller a token of it, as docs/controller.md says",
            )?;
            let store = Arc::new(EmbeddedStore::open(embedded_settings(&data_dir.join("store")))?);
            let url = url.parse().with_context(|| format!("VAULT_API_URL: {url} is not a URL"))?;
            let place = Place { url, ca_file: settings.vault_ca_file.clone() };
            return Ok(Self::Theirs { place, token, store });
        }
        let place = own_vault::Place {
            dir: data_dir,
            keys_file: "vault-keys.json",
            note: "whoever reads this file reads every secret of the controller and its users: keep it apart from backups of the store",
            cluster_name: "trustkeep-controller",
            kv_version: "1",
            token_ttl_max: i64::try_from(TOKEN_LIFE.as_secs()).unwrap_or(i64::MAX),
        };
        // The controller asks as any client does, but not by TLS: its certificate may be for names of an operator's choice.
        let inner =
            ListenSettings::new("controller vault inside", SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let outer = ListenSettings::new("controller vault", listen).with_tls(certificates.tls.clone());
        let users = EdgeSettings { key_holders: false, ..EdgeSettings::default() };
        let listeners = vec![(inner, EdgeSettings::default()), (outer, users)];
        let vault = OwnVault::start(place, listeners, supervisor).await?;
        let inner = vault.address.parse()?;
        let port = vault.addresses.last().map_or(listen.port(), |(_, address)| address.port());
        Ok(Self::Own { vault, inner, port })
    }

    /// Where the controller asks it.
    pub(super) fn place(&self) -> Place {
        match self {
            Self::Own { inner, .. } => Place { url: inner.clone(), ca_file: None },
            Self::Theirs { place, .. } => place.clone(),
        }
    }

    /// The controller's own token.
    pub(super) fn token(&self) -> SecretString {
        match self {
            Self::Own { vault, .. } => vault.root_token.duplicate(),
            Self::Theirs { token, .. } => token.duplicate(),
        }
    }

    /// Where users find it.
    pub(super) fn url(&self, settings: &Settings) -> String {
        match self {
            Self::Own { port, .. } => format!("https://{}", SocketAddr::new(settings.address, *port)),
            Self::Theirs { place, .. } => place.url.to_string(),
        }
    }

    /// The store of the controller's own tables.
    pub(super) fn store(&self) -> SharedStore {
        match self {
            Self::Own { vault, .. } => vault.store(),
            Self::Theirs { store, .. } => store.clone(),
        }
    }

    /// Closes the store, once the supervisor has ended the service.
    pub(super) async fn close(self) {
        match self {
            Self::Own { vault, .. } => vault.close().await,
            Self::Theirs { store, .. } => {
                if let Some(store) = Arc::into_inner(store) {
                    store.close().await;
                }
            }
        }
    }
}
