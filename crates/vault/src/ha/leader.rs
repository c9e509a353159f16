//! The entry `core/leader/<id>` that says how the active node is reached; behind the barrier, one a term.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use trustkeep_chassis::tls::NodeIdentity;
use zeroize::{Zeroize as _, Zeroizing};

use super::HaSettings;
use super::address::host_and_port;
use super::forward::Line;
use crate::core::{Barrier, Batch};
use crate::{Error, Result};

/// The active node, as another node sees it.
pub(crate) struct Leader {
    /// The lease's holder.
    pub(crate) id: String,
    pub(crate) api_addr: String,
    /// Empty where it takes nothing from nodes.
    pub(crate) cluster_addr: String,
    /// The way there; `None` to itself, and where it takes nothing from nodes.
    pub(super) line: Option<Line>,
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    redirect_addr: String,
    cluster_addr: String,
    cluster_cert: String,
    cluster_key: String,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.cluster_key.zeroize();
    }
}

impl Leader {
    /// This node, from its lease on.
    pub(super) fn myself(id: &str, settings: &HaSettings) -> Self {
        Leader {
            id: id.to_owned(),
            api_addr: settings.api_addr.clone(),
            cluster_addr: settings.cluster_addr.clone().unwrap_or_default(),
            line: None,
        }
    }

    /// Leaves word that this node is active, and gives the certificate that the others will show.
    pub(super) async fn announce(
        id: &str,
        settings: &HaSettings,
        barrier: &Barrier,
    ) -> Result<Option<NodeIdentity>> {
        let mut stored = Stored {
            redirect_addr: settings.api_addr.clone(),
            cluster_addr: String::new(),
            cluster_cert: String::new(),
            cluster_key: String::new(),
        };
        let mut identity = None;
        if let Some(cluster_addr) = &settings.cluster_addr {
            let (host, port) = host_and_port(cluster_addr)?;
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let made = NodeIdentity::generate(&format!("fw-{id}"), bare).map_err(Error::internal)?;
            stored.cluster_addr = format!("https://{host}:{port}");
            stored.cluster_cert = STANDARD.encode(made.certificate());
            stored.cluster_key = STANDARD.encode(made.key());
            identity = Some(made);
        }
        barrier.commit(Batch::new().put_json(format!("{LEADERS}{id}"), &stored)?).await?;
        Ok(identity)
    }

    /// The word that the holder `id` left; `None` if it has not yet.
    pub(super) async fn find(id: &str, barrier: &Barrier) -> Result<Option<Self>> {
        let Some(entry) = barrier.get(&format!("{LEADERS}{id}")).await? else { return Ok(None) };
        let damaged = || Error::internal("the leader's entry is not of the form expected");
        let stored: Stored = serde_json::from_slice(entry.value.expose()).map_err(|_| damaged())?;
        let line = if stored.cluster_addr.is_empty() {
            None
        } else {
            let certificate = STANDARD.decode(&stored.cluster_cert).map_err(|_| damaged())?;
            let key = Zeroizing::new(STANDARD.decode(&stored.cluster_key).map_err(|_| damaged())?);
            let identity = NodeIdentity::from_der(certificate, key.to_vec());
            Some(Line::to(&stored.cluster_addr, &identity)?)
        };
        Ok(Some(Leader {
            id: id.to_owned(),
            api_addr: stored.redirect_addr.clone(),
            cluster_addr: stored.cluster_addr.clone(),
            line,
        }))
    }

    /// Removes the words of former leaders.
    pub(super) async fn forget_others(id: &str, barrier: &Barrier) -> Result<()> {
        loop {
            let names = barrier.list(LEADERS.trim_end_matches('/'), "", barrier.rows_max()).await?;
            let former: Vec<_> = names.iter().filter(|name| *name != id).collect();
            if former.is_empty() {
                return Ok(());
            }
            let delete = |batch: Batch, name: &&String| batch.delete(format!("{LEADERS}{name}"));
            barrier.commit(former.iter().fold(Batch::new(), delete)).await?;
        }
    }
}

const LEADERS: &str = "core/leader/";
