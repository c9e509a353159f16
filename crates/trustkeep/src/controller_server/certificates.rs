//! The certificate that the controller shows, on its API and on its vault: the operator's, or one of an authority of its own.
//!
//! In `cert/` stand `ca.pem` (what clients trust), `occtr_cert.pem` and `occtr_key.pem`, or, by the names of later versions, `occtr_ca.crt`,
//! `occtr.crt` and `occtr.key`. What the operator put there is never written to. Where nothing is, the controller makes a pair and renews it;
//! the authority's own key stays in the data directory.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use trustkeep_chassis::clock::SharedClock;
use trustkeep_chassis::shutdown::{ReloadRequests, Shutdown};
use trustkeep_chassis::tls::{DevCa, ServerTls, TlsSettings};

/// The files, and what is served of them.
#[derive(Clone)]
pub(super) struct Certificates {
    /// For listeners.
    pub(super) tls: ServerTls,
    /// What clients trust, if it stands beside.
    pub(super) ca_file: PathBuf,
    folder: PathBuf,
    authority: PathBuf,
    hosts: Vec<String>,
    clock: SharedClock,
}

impl Certificates {
    /// Finds them in `folder` or makes them, for `localhost`, `127.0.0.1`, `::1` and these host names and addresses.
    ///
    /// # Errors
    /// Half of them is there; they do not belong together, or cannot be read or written.
    pub(super) fn open(
        folder: &Path,
        data_dir: &Path,
        hosts: Vec<String>,
        clock: SharedClock,
    ) -> anyhow::Result<Self> {
        let authority = data_dir.join("authority");
        let (settings, ca_file) = files(folder, &authority, &hosts, &clock)?;
        let tls = ServerTls::load(settings)?;
        Ok(Self { tls, ca_file, folder: folder.to_owned(), authority, hosts, clock })
    }

    /// Takes over what stands in the files by now; what is about to end and ours is made anew first.
    ///
    /// # Errors
    /// As [`Self::open`]; then what was served before still is.
    pub(super) fn reload(&self) -> anyhow::Result<()> {
        files(&self.folder, &self.authority, &self.hosts, &self.clock)?;
        Ok(self.tls.reload()?)
    }

    /// Follows the files: at every request, when they change, and once a day to see whether they are about to end. A task for the supervisor.
    ///
    /// # Errors
    /// Never; the signature is that of a supervised task.
    pub(super) async fn follow(
        self,
        mut requests: ReloadRequests,
        shutdown: Shutdown,
    ) -> Result<(), Infallible> {
        let mut looks = tokio::time::interval(LOOK_INTERVAL);
        let (mut seen, mut looked) = (self.stamp(), 0_u32);
        loop {
            tokio::select! {
                () = shutdown.wait() => return Ok(()),
                () = requests.next() => {}
                _ = looks.tick() => {
                    looked = looked.wrapping_add(1);
                    if self.stamp() == seen && !looked.is_multiple_of(LOOKS_A_DAY) {
                        continue;
                    }
                }
            }
            let this = self.clone();
            // File access, so not on a thread that answers requests.
            match tokio::task::spawn_blocking(move || this.reload()).await {
                Ok(Ok(())) => tracing::info!(folder = %self.folder.display(), "certificates read again"),
                Ok(Err(error)) => {
                    tracing::error!("certificates not read again, the former stay in use: {error:#}");
                }
                Err(error) => tracing::error!(%error, "certificates not read again"),
            }
            seen = self.stamp();
        }
    }

    /// What changes when somebody replaces the files.
    fn stamp(&self) -> Vec<Option<(SystemTime, u64)>> {
        let settings = self.tls.settings();
        let files =
            settings.into_iter().flat_map(|settings| [&settings.certificate_file, &settings.key_file]);
        let stamp = |file: &PathBuf| {
            let metadata = fs::metadata(file).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        files.map(stamp).collect()
    }
}

/// The pair that is to be served, made if nobody put one there.
fn files(
    folder: &Path,
    authority: &Path,
    hosts: &[String],
    clock: &SharedClock,
) -> anyhow::Result<(TlsSettings, PathBuf)> {
    for [ca, certificate, key] in [NAMES, LATER_NAMES] {
        let [ca, certificate, key] = [ca, certificate, key].map(|name| folder.join(name));
        if !certificate.exists() && !key.exists() {
            continue;
        }
        let is_whole = certificate.exists() && key.exists();
        if is_whole && !DevCa::made(&certificate)? {
            return Ok((TlsSettings::new(certificate, key), ca));
        }
        let missing = if certificate.exists() { &key } else { &certificate };
        ensure!(
            is_whole || (certificate.exists() && DevCa::made(&certificate)?),
            "{} is missing in {}: put it there, or remove the other file for a new pair to be made",
            missing.file_name().unwrap_or_default().display(),
            folder.display()
        );
    }
    let [ca, certificate, key] = NAMES.map(|name| folder.join(name));
    ensure!(
        !ca.exists() || DevCa::made(&ca)?,
        "{} is an authority of yours, and {} is missing: put a certificate of it and its key there, or remove ca.pem for all three to be made",
        ca.display(),
        certificate.display()
    );
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let development = DevCa::open_or_create(authority, clock.as_ref())?;
    let settings = development.server_at(certificate, key, "VC controller", hosts)?;
    let pem = fs::read_to_string(development.ca_file()).context("the authority's certificate")?;
    if fs::read_to_string(&ca).ok().as_ref() != Some(&pem) {
        crate::dev::identity::write_whole(&ca, &pem)?;
        // Everybody who is to trust it may read it.
        fs::set_permissions(&ca, std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .with_context(|| format!("cannot let others read {}", ca.display()))?;
    }
    Ok((settings, ca))
}

const NAMES: [&str; 3] = ["ca.pem", "occtr_cert.pem", "occtr_key.pem"];
const LATER_NAMES: [&str; 3] = ["occtr_ca.crt", "occtr.crt", "occtr.key"];
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
const LOOKS_A_DAY: u32 = 24 * 60;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;

    use trustkeep_chassis::clock::{ManualClock, Timestamp};

    use super::*;

    struct Room {
        dir: tempfile::TempDir,
        clock: Arc<ManualClock>,
    }

    impl Room {
        fn new() -> Self {
            trustkeep_chassis::tls::install_provider();
            let now = Timestamp::from_second(1_800_000_000).unwrap();
            Self { dir: tempfile::tempdir().unwrap(), clock: Arc::new(ManualClock::new(now)) }
        }

        fn open(&self) -> anyhow::Result<Certificates> {
            let hosts = vec!["10.0.2.15".to_owned(), "controller".to_owned()];
            Certificates::open(&self.cert(""), &self.dir.path().join("data"), hosts, self.clock.clone())
        }

        fn cert(&self, name: &str) -> PathBuf {
            self.dir.path().join("cert").join(name)
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.cert(name)).unwrap()
        }
    }

    #[test]
    fn ours_are_made_once_and_renewed_before_they_end() {
        let room = Room::new();
        room.open().unwrap();
        let mode = |name| fs::metadata(room.cert(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("occtr_key.pem"), mode("ca.pem")), (0o600, 0o644));
        let (ca, first) = (room.read("ca.pem"), room.read("occtr_cert.pem"));
        let opened = room.open().unwrap();
        assert_eq!((room.read("ca.pem"), room.read("occtr_cert.pem")), (ca.clone(), first.clone()));
        room.clock.advance(Duration::from_secs(350 * 24 * 3600));
        opened.reload().unwrap();
        assert_ne!(room.read("occtr_cert.pem"), first);
        assert_eq!(room.read("ca.pem"), ca, "who trusts it need not learn of another");
    }

    #[test]
    fn the_operators_are_served_as_they_are() {
        for [ca, certificate, key] in [NAMES, LATER_NAMES] {
            let room = Room::new();
            fs::create_dir(room.cert("")).unwrap();
            let theirs = rcgen::generate_simple_self_signed(["vcc.example.ac.jp".to_owned()]).unwrap();
            fs::write(room.cert(certificate), theirs.cert.pem()).unwrap();
            let refused = room.open().err().unwrap().to_string();
            assert!(refused.contains(key), "{refused}");
            fs::write(room.cert(key), theirs.signing_key.serialize_pem()).unwrap();
            let opened = room.open().unwrap();
            assert_eq!(opened.ca_file, room.cert(ca));
            room.clock.advance(Duration::from_secs(9_000 * 24 * 3600));
            opened.reload().unwrap();
            assert_eq!(room.read(certificate), theirs.cert.pem());
            assert!(!room.cert(ca).exists());
        }
    }

    #[test]
    fn an_authority_of_the_operators_is_not_replaced() {
        let room = Room::new();
        fs::create_dir(room.cert("")).unwrap();
        let theirs = rcgen::generate_simple_self_signed(["My CA".to_owned()]).unwrap();
        fs::write(room.cert("ca.pem"), theirs.cert.pem()).unwrap();
        let refused = room.open().err().unwrap().to_string();
        assert!(refused.contains("authority of yours"), "{refused}");
        assert_eq!(room.read("ca.pem"), theirs.cert.pem());
    }
}
