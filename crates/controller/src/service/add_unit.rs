//! A new unit: its spec judged, its secrets taken into custody, its nodes recorded; then jobs make them.

use std::collections::BTreeMap;

use serde_json::Value;
use trustkeep_crypto::SecretString;

use super::{Asker, Controller};
use crate::book::{Estate, Page, Stage};
use crate::cci::{Credential, DiskReference, Growth, Kind, UnitSpec};
use crate::model::{NodeState, Spec, Unit, Volumes};
use crate::parts::{credential_key, env_key};
use crate::refusal::{Refusal, RefusalKind};
use crate::secrets::SecretsError;

impl Controller {
    /// Adds a unit to a unit group. Secrets that its spec refers to are read with the asker's token.
    ///
    /// # Errors
    /// The spec does not go with the catalogue, the provider or what is there; a secret cannot be read.
    pub async fn add_unit(
        &self,
        asker: &Asker,
        token: &str,
        vcid: &str,
        spec: UnitSpec,
    ) -> Result<(), Refusal> {
        asker.check_write()?;
        let network = self.judge(&spec)?;
        let custody = format!("units/{vcid}/{}", self.new_id());
        let unit = self.unit_of(asker, &self.parts.book.page(), vcid, &spec, &network, custody.clone())?;
        let secrets = self.secrets_of(token, &spec).await?;
        // Whatever the vault is given has a record that names it.
        self.record(Estate::of(&custody, &unit.spec, Stage::Coming)).await?;
        if let Err(error) = self.parts.secrets.keep(&custody, &secrets).await {
            self.take_back(Estate::of(&custody, &unit.spec, Stage::Done)).await;
            return Err(error.into());
        }
        let change = self.parts.book.change(|page, changes| {
            let mut unit = self.unit_of(asker, page, vcid, &spec, &network, custody.clone())?;
            let group = asker.group(page, vcid)?;
            let growth =
                Growth { count: spec.count, addresses: spec.addresses.clone(), macs: spec.macs.clone() };
            // The unit stands before what is in it.
            let ids = self.add(page, changes, group, &mut unit, &growth)?;
            changes.put_unit(vcid, unit);
            changes.remove_estate(&custody);
            Ok(ids)
        });
        match change.await.map_err(Refusal::from) {
            Ok(ids) => {
                ids.iter().for_each(|id| self.kick(vcid, id));
                Ok(())
            }
            Err(refusal) => {
                self.take_back(Estate::of(&custody, &unit.spec, Stage::Done)).await;
                Err(refusal)
            }
        }
    }

    async fn record(&self, estate: Estate) -> Result<(), Refusal> {
        let change = self.parts.book.change(|_, changes| {
            changes.put_estate(estate);
            Ok::<_, Refusal>(())
        });
        Ok(change.await?)
    }

    /// Has the vault forget what it was given for a unit that does not come.
    async fn take_back(&self, estate: Estate) {
        let change = self.parts.book.change(|page, changes| {
            // The store may have taken it although it did not say so.
            if !page.units().any(|(_, unit)| unit.custody == estate.custody) {
                changes.put_estate(estate);
            }
            Ok::<_, Refusal>(())
        });
        match change.await {
            Ok(()) => self.jobs.tidy().await,
            // What is recorded as coming goes when the controller is started again.
            Err(error) => tracing::warn!(%error, "the secrets of a unit that was refused stay for now"),
        }
    }

    /// What can be said against a spec without looking at what is there. Gives its network.
    fn judge(&self, spec: &UnitSpec) -> Result<BTreeMap<String, String>, Refusal> {
        let fault = |fault| Refusal::invalid(format!("cloud_provider: {fault}"));
        let capable = self.parts.provider(&spec.provider).map_err(fault)?.capabilities();
        if spec.kind == Kind::Storage && !capable.disks {
            return Err(Refusal::invalid(format!("cloud_provider: {} has no disks", spec.provider)));
        }
        if !spec.tags.is_empty() && !capable.tags {
            return Err(Refusal::invalid(format!("tags: provider {} has no tags", spec.provider)));
        }
        if spec.count > 1 && !spec.disks.is_empty() {
            let text = "volume_id: a disk is attached to one node; a unit with disks has one node";
            return Err(Refusal::invalid(text));
        }
        let network = self.parts.networks.network(&spec.provider, &spec.private_network);
        network.ok_or_else(|| {
            Refusal::invalid(format!(
                "private_network: {} has no network {} in the VPN catalogue",
                spec.provider, spec.private_network
            ))
        })
    }

    fn unit_of(
        &self,
        asker: &Asker,
        page: &Page,
        vcid: &str,
        spec: &UnitSpec,
        network: &BTreeMap<String, String>,
        custody: String,
    ) -> Result<Unit, Refusal> {
        let group = asker.group(page, vcid)?;
        if group.deleting {
            return Err(Refusal::conflict(format!("vc {}: it is being deleted", group.name)));
        }
        if group.kind != spec.kind {
            let text = format!("vc {}: its type and that of the unit are not the same", group.name);
            return Err(Refusal::invalid(text));
        }
        if group.units.contains_key(&spec.name) {
            return Err(Refusal::conflict(format!("name {}: there is a unit of this name", spec.name)));
        }
        Ok(Unit {
            name: spec.name.clone(),
            spec: Spec {
                provider: spec.provider.clone(),
                private_network: spec.private_network.clone(),
                network: network.clone(),
                image: spec.image.clone(),
                recovery_mode: spec.recovery_mode.clone(),
                docker: spec.docker.clone(),
                binds: spec.binds.clone(),
                env: spec.env.iter().map(|(name, _)| name.clone()).collect(),
                user_init_command: spec.user_init_command.clone(),
                params: spec.params.clone(),
                volumes: volumes(asker, page, &spec.disks)?,
                tags: spec.tags.clone(),
                text: spec.text.clone(),
            },
            custody,
            next_no: 1,
            created_at: self.parts.clock.now(),
            deleting: false,
            nodes: Vec::new(),
            disks: Vec::new(),
        })
    }

    async fn secrets_of(
        &self,
        token: &str,
        spec: &UnitSpec,
    ) -> Result<BTreeMap<String, SecretString>, Refusal> {
        let mut secrets = BTreeMap::new();
        for (name, credential) in &spec.credentials {
            let secret = match credential {
                Credential::Literal(secret) => secret.duplicate(),
                Credential::Vault(path) => self.referred(token, path).await?,
            };
            secrets.insert(credential_key(name), secret);
        }
        for (at, (_, value)) in spec.env.iter().enumerate() {
            secrets.insert(env_key(at), value.duplicate());
        }
        Ok(secrets)
    }

    async fn referred(&self, token: &str, path: &str) -> Result<SecretString, Refusal> {
        let unread = |reason: &str| {
            Refusal::new(RefusalKind::VaultRead, format!("{path} vault read is failed: {reason}"))
        };
        match self.parts.secrets.read(token, path).await {
            Ok(fields) => match fields.get("value").and_then(Value::as_str) {
                Some(value) => Ok(SecretString::from(value)),
                None => Err(unread("it has no field `value`")),
            },
            Err(error @ SecretsError::Unavailable(_)) => Err(error.into()),
            Err(error) => Err(unread(&error.to_string())),
        }
    }
}

/// The disks that a spec names: ours must be there, of the asker's, and free.
fn volumes(asker: &Asker, page: &Page, references: &[DiskReference]) -> Result<Volumes, Refusal> {
    let mut volumes = Volumes::default();
    for reference in references {
        match reference {
            DiskReference::Cloud(id) => volumes.ids.push(id.clone()),
            DiskReference::Unit { vcid, unit, disk_id } => {
                let named = format!("volume_id vcp:{vcid}:{unit}:{disk_id}");
                let found = asker.group(page, vcid).ok().and_then(|_| page.disk(vcid, disk_id));
                let found = found.filter(|found| found.unit.name == *unit);
                let disk =
                    found.ok_or_else(|| Refusal::invalid(format!("{named}: there is no such disk")))?.item;
                let ready = disk.disk.as_ref().filter(|_| disk.state == NodeState::Running);
                let ready = ready.ok_or_else(|| {
                    Refusal::conflict(format!("{named}: the disk is {}, not RUNNING", disk.state.name()))
                })?;
                if page.is_in_use(disk_id) {
                    return Err(Refusal::conflict(format!("{named}: another node has this disk")));
                }
                volumes.ids.push(ready.id.clone());
                volumes.disks.push(disk_id.clone());
            }
        }
    }
    Ok(volumes)
}
