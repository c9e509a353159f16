//! The configuration as it stands now: settings and catalogue, read at start and again on request. What is wrong leaves what was there in force.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use trustkeep_chassis::config::{Problems, Source};

use crate::catalogue::Catalogue;
use crate::parts::{Networks, Patience, Tuning};
use crate::settings::Settings;

/// The settings and the catalogue in force.
#[derive(Debug)]
pub struct Configuration {
    directory: PathBuf,
    settings: RwLock<Arc<Settings>>,
    catalogue: RwLock<Arc<Catalogue>>,
    /// One reload at a time, so that a slow one does not undo a later one.
    reloading: Mutex<()>,
}

impl Configuration {
    /// Reads `.env` and `config/` of a directory.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn load(directory: &Path) -> Result<Self, Problems> {
        let (settings, catalogue) = read(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            settings: RwLock::new(Arc::new(settings)),
            catalogue: RwLock::new(Arc::new(catalogue)),
            reloading: Mutex::new(()),
        })
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.read().clone()
    }

    /// The catalogue in force.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.read().clone()
    }

    /// What was passed over in the files in force.
    pub fn warnings(&self) -> Vec<String> {
        let (settings, catalogue) = (self.settings(), self.catalogue());
        settings.warnings.iter().chain(catalogue.warnings()).cloned().collect()
    }

    /// Reads all files again, and logs what was passed over or has to wait for the next start. File access: not for a thread that answers requests.
    ///
    /// # Errors
    /// Everything that is wrong; then all that was in force still is.
    pub fn reload(&self) -> Result<(), Problems> {
        let _one = self.reloading.lock();
        let (settings, catalogue) = read(&self.directory)?;
        let settings = settings.taken_over(&self.settings());
        *self.settings.write() = Arc::new(settings);
        *self.catalogue.write() = Arc::new(catalogue);
        for warning in self.warnings() {
            tracing::warn!("{warning}");
        }
        Ok(())
    }

    /// Makes `text` the file `config/vpn_catalog.yml` and puts it in force; the pool of Sakura's cloud is read again with it.
    ///
    /// # Errors
    /// Everything that is wrong with it; then neither the file nor what is in force has changed.
    pub fn set_catalogue(&self, text: &str) -> Result<(), Problems> {
        let _one = self.reloading.lock();
        let folder = self.directory.join("config");
        let catalogue = Catalogue::replace(&folder, text)?;
        *self.catalogue.write() = Arc::new(catalogue);
        Ok(())
    }
}

impl Networks for Configuration {
    fn network(&self, provider: &str, name: &str) -> Option<BTreeMap<String, String>> {
        self.catalogue.read().network(provider, name).map(|network| network.values.clone())
    }

    fn document(&self) -> Value {
        self.catalogue.read().document()
    }
}

impl Tuning for Configuration {
    fn patience(&self) -> Patience {
        self.settings.read().patience
    }

    fn host_ssh_port(&self) -> u16 {
        self.settings.read().host_ssh_port
    }
}

/// Both are read before either is judged, so that all that is wrong is said at once.
fn read(directory: &Path) -> Result<(Settings, Catalogue), Problems> {
    if !directory.is_dir() {
        let mut problems = Problems::new();
        problems.add(Source::file(directory, None), "", "is no directory");
        return Err(problems);
    }
    match (Settings::load(directory), Catalogue::load(&directory.join("config"))) {
        (Ok(settings), Ok(catalogue)) => Ok((settings, catalogue)),
        (settings, catalogue) => {
            let mut problems = settings.err().unwrap_or_default();
            problems.append(catalogue.err().unwrap_or_default());
            Err(problems)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("config")).unwrap();
        fs::write(folder.path().join(".env"), "VCP_VCC_PRIVATE_IPMASK=10.0.2.15/24\n").unwrap();
        fs::write(folder.path().join("config/vpn_catalog.yml"), "onpremises: {default: {}}\n").unwrap();
        folder
    }

    const WITH_NETWORK: &str = "onpremises:\n  default: {private_network_ipmask: 10.0.0.0/24}\n";

    #[test]
    fn a_bad_file_leaves_what_was_in_force() {
        let folder = folder();
        let file = folder.path().join("config/vpn_catalog.yml");
        let configuration = Configuration::load(folder.path()).unwrap();
        fs::write(&file, WITH_NETWORK).unwrap();
        configuration.reload().unwrap();
        assert_eq!(
            configuration.network("onpremises", "default").unwrap()["private_network_ipmask"],
            "10.0.0.0/24"
        );

        fs::write(&file, "onpremises: [").unwrap();
        fs::write(folder.path().join(".env"), "VCP_VCC_PRIVATE_IPMASK=10.0.2.15\n").unwrap();
        let said = configuration.reload().unwrap_err().to_string();
        assert!(said.contains(".env:1: ") && said.contains("vpn_catalog.yml:"), "{said}");
        assert!(configuration.network("onpremises", "default").is_some());
        assert_eq!(configuration.settings().address.to_string(), "10.0.2.15");
        assert!(Configuration::load(&folder.path().join("nowhere")).is_err());
    }

    #[test]
    fn what_a_running_controller_can_take_over_it_does_and_the_rest_is_said() {
        let folder = folder();
        let file = folder.path().join(".env");
        let configuration = Configuration::load(folder.path()).unwrap();
        let standard = Patience::default();
        fs::write(
            &file,
            "VCP_VCC_PRIVATE_IPMASK=10.0.2.16/24\nSERF_ADVERTISE=10.9.0.1\nVCC_HOST_SSH_PORT=22022\nVCC_CHECK_INTERVAL=5s\n",
        )
        .unwrap();
        for _ in 0..2 {
            configuration.reload().unwrap();
            assert_eq!(configuration.patience().check.as_secs(), 5);
            assert_eq!(configuration.patience().sweep, standard.sweep);
            assert_eq!(configuration.host_ssh_port(), 22022);
            assert_eq!(configuration.settings().address.to_string(), "10.0.2.15");
            let warnings = configuration.warnings();
            assert_eq!(warnings.len(), 2, "{warnings:?}");
            for key in ["VCP_VCC_PRIVATE_IPMASK: takes effect when", "SERF_ADVERTISE: takes effect when"] {
                assert!(warnings.iter().any(|warning| warning.contains(key)), "{warnings:?}");
            }
        }
        fs::write(&file, "VCP_VCC_PRIVATE_IPMASK=10.0.2.15/24\n").unwrap();
        configuration.reload().unwrap();
        assert_eq!(configuration.warnings(), Vec::<String>::new());
        assert_eq!(configuration.patience().check, standard.check);
    }

    #[test]
    fn a_catalogue_that_is_set_is_the_file_or_nothing_changes() {
        let folder = folder();
        let file = folder.path().join("config/vpn_catalog.yml");
        let configuration = Configuration::load(folder.path()).unwrap();
        configuration.set_catalogue(WITH_NETWORK).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), WITH_NETWORK);
        assert_eq!(configuration.catalogue().text(), WITH_NETWORK);
        configuration.set_catalogue("aws: {default: {}}").unwrap_err();
        assert_eq!(fs::read_to_string(&file).unwrap(), WITH_NETWORK);
        assert_eq!(configuration.catalogue().text(), WITH_NETWORK);
        assert_eq!(fs::read_dir(folder.path().join("config")).unwrap().count(), 1);
    }
}
