//! Links, sshds, Dockers and disks that fail: the right kind, in bounded time, and all is well when they are mended.

use std::time::Duration;

use trustkeep_cloud::{Fault, Hosts as _, Kind};

use crate::site::{Site, refused};

/// More than any call may take that gets no answer at all: an open session's, a connection's and a login's time together.
const BOUND: Duration = Duration::from_secs(22);

async fn soon<T: std::fmt::Debug>(
    call: impl Future<Output = trustkeep_cloud::Result<T>>,
) -> anyhow::Result<Fault> {
    Ok(refused(tokio::time::timeout(BOUND, call).await?))
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_unavailable_until_it_can() -> anyhow::Result<()> {
    let mut site = Site::start(2, &[]).await?;
    let (cut, hung) = (site.login(1).await?, site.login(2).await?);
    site.hosts.ensure_running(&cut, &site.wanted('a')?).await?;
    site.servers.tell("cut 1").await?;
    site.servers.tell("hang-ssh 2").await?;
    let node = "a".repeat(32);
    let (of_cut, of_hung, of_node) = tokio::join!(
        soon(site.hosts.inspect(&cut, &node)),
        soon(site.hosts.reach(&hung)),
        soon(site.hosts.answers(&cut))
    );
    for fault in [of_cut?, of_hung?, of_node?] {
        assert_eq!(fault.kind, Kind::Unavailable, "{fault}");
    }
    site.servers.tell("heal 1").await?;
    site.servers.tell("resume-ssh 2").await?;
    assert!(site.hosts.inspect(&cut, &node).await?.is_some_and(|found| found.is_running));
    site.hosts.reach(&hung).await?;

    site.servers.tell("kill-docker 1").await?;
    let fault = soon(site.hosts.inspect(&cut, &node)).await?;
    assert!(fault.kind == Kind::Unavailable && fault.text.contains("Docker"), "{fault}");
    let fault = soon(site.hosts.ensure_running(&cut, &site.wanted('a')?)).await?;
    assert_eq!(fault.kind, Kind::Unavailable, "{fault}");
    site.servers.tell("start-docker 1").await?;
    let back = site.hosts.ensure_running(&cut, &site.wanted('a')?).await?;
    assert!(back.is_running, "{back:?}");
    assert_eq!(site.servers.docker(1, &["ps", "-aq"]).await?.lines().count(), 1);
    site.servers.end().await
}

#[tokio::test]
async fn an_image_that_does_not_fit_is_a_lack_of_capacity() -> anyhow::Result<()> {
    let mut site = Site::start(2, &["--disk", "24m"]).await?;
    let (full, small) = (site.login(1).await?, site.login(2).await?);
    site.servers.tell("fill 1").await?;
    let fault = refused(site.hosts.ensure_running(&full, &site.wanted('a')?).await);
    assert!(fault.kind == Kind::Capacity && fault.text.contains("MiB"), "{fault}");
    // Room for the archive, but not for what Docker makes of it as well.
    let fault = refused(site.hosts.ensure_running(&small, &site.wanted('a')?).await);
    assert!(fault.kind == Kind::Capacity && fault.text.contains("no space left on device"), "{fault}");
    assert_eq!(site.servers.docker(2, &["ps", "-aq"]).await?, "");
    site.servers.end().await
}
