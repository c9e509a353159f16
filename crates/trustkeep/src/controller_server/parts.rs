//! What this program's controller is put together from.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use trustkeep_aws::Context;
use trustkeep_chassis::clock::SharedClock;
use trustkeep_cloud::{ControllerKey, ImageStore, OnPremises, Provider, SshHosts};
use trustkeep_cloud_aws::{Aws, Settings as AwsSettings};
use trustkeep_controller::accounts::Accounts;
use trustkeep_controller::book::Book;
use trustkeep_controller::configuration::Configuration;
use trustkeep_controller::parts::{Identity, Parts};
use trustkeep_controller::secrets::Secrets;
use trustkeep_crypto::random::{SystemRandom, uuid};
use trustkeep_store::SharedStore;

/// What keeps: the store, the users in it, the vault.
pub(super) type Keepers = (SharedStore, Accounts, Arc<dyn Secrets>);

/// The parts over a data directory, the store with its users and the vault, and the images that the controller delivers.
///
/// # Errors
/// The key or the identity cannot be read or made; records cannot be read.
pub(super) async fn assemble(
    configuration: &Arc<Configuration>,
    data_dir: &Path,
    (store, accounts, secrets): Keepers,
    clock: SharedClock,
) -> anyhow::Result<(Parts, ImageStore)> {
    let settings = configuration.settings();
    let key = ControllerKey::load_or_create(&data_dir.join(".ssh"), &SystemRandom)?;
    let identity = Identity {
        vcc_id: vcc_id(data_dir)?,
        address: settings.address,
        join_address: settings.membership_address.unwrap_or(settings.address),
        public_key: key.public_line().to_owned(),
    };
    let images = ImageStore::new(data_dir.join("images"));
    let parts = Parts {
        book: Book::open(store).await.context("the controller's records")?,
        accounts,
        providers: providers()?,
        hosts: Arc::new(SshHosts::new(key, images.clone())),
        secrets,
        networks: configuration.clone(),
        clock,
        random: Arc::new(SystemRandom),
        identity,
        tuning: configuration.clone(),
    };
    Ok((parts, images))
}

/// Every provider that has a driver.
fn providers() -> anyhow::Result<BTreeMap<String, Arc<dyn Provider>>> {
    let aws = Aws::new(Context::process(), AwsSettings::default())?;
    let spot = aws.spot();
    let providers: [Arc<dyn Provider>; 3] = [Arc::new(OnPremises), Arc::new(aws), Arc::new(spot)];
    Ok(providers.into_iter().map(|provider| (provider.name().to_owned(), provider)).collect())
}

/// Who this controller is to clouds and nodes, made at the first start.
fn vcc_id(data_dir: &Path) -> anyhow::Result<String> {
    let file = data_dir.join("vcc_id");
    match std::fs::read_to_string(&file) {
        Ok(text) => {
            let id = text.trim();
            ensure!(
                id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{} does not hold 32 hexadecimal digits: put back what was in it, or machines that this controller made are strangers to it",
                file.display()
            );
            Ok(id.to_owned())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = uuid(&SystemRandom).as_simple().to_string();
            crate::dev::identity::write_whole(&file, &format!("{id}\n"))?;
            Ok(id)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}
