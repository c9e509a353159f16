//! What is refused, and what it says.

use trustkeep_cloud::{ControllerKey, Hosts as _, ImageStore, Kind, SshHosts};
use trustkeep_crypto::random::SystemRandom;

use crate::site::{Site, refused};

#[tokio::test]
async fn a_server_is_recognised_and_one_that_changed_is_sent_nothing() -> anyhow::Result<()> {
    let mut site = Site::start(1, &[]).await?;
    let stranger = site.stranger(1)?;
    let wanted = site.wanted('a')?;
    let fault = refused(site.hosts.ensure_running(&stranger, &wanted).await);
    assert!(fault.text.contains("host key"), "{fault}");
    let login = site.login(1).await?;
    assert!(login.host_key.as_deref().is_some_and(|key| key.starts_with("ssh-ed25519 AAAA")));
    assert_eq!(site.hosts.reach(&login).await?, site.hosts.reach(&stranger).await?);

    let key = ControllerKey::load_or_create(&site.path().join("another"), &SystemRandom)?;
    let another = SshHosts::new(key, ImageStore::new(site.path().join("none")));
    let fault = refused(another.reach(&login).await);
    assert!(fault.kind == Kind::Denied && fault.text.contains("authorized_keys"), "{fault}");

    site.servers.tell("new-host-key 1").await?;
    let fault = refused(site.hosts.reach(&login).await);
    assert!(fault.kind == Kind::HostKeyChanged && fault.text.contains("SHA256:"), "{fault}");
    let fault = refused(site.hosts.ensure_running(&login, &wanted).await);
    assert_eq!(fault.kind, Kind::HostKeyChanged, "{fault}");
    let anew = site.login(1).await?;
    assert_ne!(anew.host_key, login.host_key);
    assert_eq!(site.servers.docker(1, &["ps", "-aq"]).await?, "");
    site.servers.end().await
}

#[tokio::test]
async fn a_server_has_one_base_container_and_images_come_from_somewhere() -> anyhow::Result<()> {
    let site = Site::start(1, &[]).await?;
    let login = site.login(1).await?;
    let mut missing = site.wanted('a')?;
    missing.image = "127.0.0.1:9/vcp/nowhere:1".into();
    let fault = refused(site.hosts.ensure_running(&login, &missing).await);
    assert!(fault.kind == Kind::Invalid && fault.text.contains("vcc image add"), "{fault}");
    let mut wrong = site.wanted('a')?;
    wrong.binds.push("relative:/x:strange".into());
    let fault = refused(site.hosts.ensure_running(&login, &wrong).await);
    assert_eq!(fault.kind, Kind::Invalid, "{fault}");
    let mut no_gpu = site.wanted('a')?;
    no_gpu.gpus = Some("all".into());
    let fault = refused(site.hosts.ensure_running(&login, &no_gpu).await);
    assert!(fault.kind == Kind::Invalid && fault.text.contains("gpus"), "{fault}");
    assert_eq!(site.servers.docker(1, &["ps", "-aq"]).await?, "", "what cannot start is not left behind");

    site.hosts.ensure_running(&login, &site.wanted('a')?).await?;
    let fault = refused(site.hosts.ensure_running(&login, &site.wanted('b')?).await);
    assert!(fault.kind == Kind::Conflict && fault.text.contains("base-a"), "{fault}");
    assert_eq!(site.servers.docker(1, &["ps", "-aq"]).await?.lines().count(), 1);
    site.servers.end().await
}
