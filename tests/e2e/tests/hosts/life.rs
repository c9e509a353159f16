//! A base container from its first start to its end.

use std::time::Duration;

use trustkeep_cloud::{Hosts as _, Kind};
use trustkeep_crypto::SecretString;
use trustkeep_e2e::eventually;

use crate::site::{Site, refused};

#[tokio::test]
async fn a_server_becomes_a_node_and_a_server_again() -> anyhow::Result<()> {
    let site = Site::start(1, &[]).await?;
    let login = site.login(1).await?;
    let node = "a".repeat(32);
    assert_eq!(site.hosts.inspect(&login, &node).await?, None);
    let wanted = site.wanted('a')?;
    let first = site.hosts.ensure_running(&login, &wanted).await?;
    assert!(first.is_running && first.started_at.is_some() && first.ended.is_none(), "{first:?}");
    let again = site.hosts.ensure_running(&login, &wanted).await?;
    assert_eq!(again.container_id, first.container_id);
    assert_eq!(site.servers.docker(1, &["ps", "-aq"]).await?.lines().count(), 1);
    let told = site
        .servers
        .docker(1, &["inspect", "base-a", "-f", "{{.HostConfig.Privileged}} {{.HostConfig.NetworkMode}} {{.HostConfig.Binds}} {{.Config.Hostname}} {{.HostConfig.Dns}} {{.HostConfig.DnsSearch}} {{.HostConfig.DnsOptions}} {{.HostConfig.ExtraHosts}} {{.HostConfig.RestartPolicy.Name}} {{index .Config.Labels \"trustkeep.node_id\"}}"])
        .await?;
    let expected = format!(
        "true host [/dev:/dev] node-a [10.0.0.53] [example.com] [ndots:2] [peer:10.0.0.2] unless-stopped {node}"
    );
    assert_eq!(told, expected);
    eventually("the node's sshd", || async { Ok(site.hosts.answers(&login).await.ok()) }).await?;

    site.hosts.run_init(&login, &node, "echo made >/made; cat").await?;
    assert_eq!(site.servers.docker(1, &["exec", "base-a", "cat", "/made"]).await?, "made");
    let fault = refused(site.hosts.run_init(&login, &node, "echo out; echo why >&2; exit 7").await);
    assert!(fault.kind == Kind::Invalid && fault.text.contains("exit code 7"), "{fault}");
    assert!(fault.text.contains("out") && fault.text.contains("why"), "{fault}");

    site.hosts.stop(&login, &node).await?;
    let stopped = site.hosts.inspect(&login, &node).await?.unwrap_or_else(|| panic!("it is gone"));
    assert!(!stopped.is_running && stopped.ended.is_some(), "{stopped:?}");
    let resumed = site.hosts.ensure_running(&login, &wanted).await?;
    assert!(resumed.is_running && resumed.container_id == first.container_id);

    site.hosts.remove(&login, &node).await?;
    site.hosts.remove(&login, &node).await?;
    site.hosts.stop(&login, &node).await?;
    assert_eq!(site.hosts.inspect(&login, &node).await?, None);
    assert_eq!(site.servers.docker(1, &["ps", "-aq"]).await?, "");
    assert_eq!(site.servers.docker(1, &["volume", "ls", "-q"]).await?, "");
    site.servers.end().await
}

#[tokio::test]
async fn what_was_on_the_server_stays_and_what_users_write_reaches_no_shell() -> anyhow::Result<()> {
    let site = Site::start(1, &[]).await?;
    let login = site.login(1).await?;
    let (image, file) = site.servers.image()?;
    site.servers.docker(1, &["load", "-q", "-i", &file.to_string_lossy()]).await?;
    site.servers
        .docker(1, &["run", "-d", "--name", "other", "--net", "none", image, "sleep", "1000"])
        .await?;
    let mark = site.path().join("mark");
    let evil = format!("x; touch {0}; $(touch {0}) `touch {0}` | touch {0}\n'\"\\", mark.display());
    let mut wanted = site.wanted('b')?;
    wanted.env.push(("EVIL".into(), SecretString::new(evil.clone())));
    wanted.binds.push("/tmp/$(id):/bind;$(id)".into());
    wanted.hostname = Some("node".into());
    wanted.vcid.clone_from(&evil);
    wanted.binds.push("/anonymous".into());
    let running = site.hosts.ensure_running(&login, &wanted).await?;
    assert!(running.is_running, "{running:?}");
    assert_eq!(site.servers.docker(1, &["exec", "base-b", "sh", "-c", "printf %s \"$EVIL\""]).await?, evil);
    assert_eq!(site.servers.docker(1, &["volume", "ls", "-q"]).await?.lines().count(), 1);
    let node = "b".repeat(32);
    site.hosts.run_init(&login, &node, &format!("echo '{}'", evil.replace('\'', ""))).await?;
    let mut other = site.wanted('b')?;
    other.image = "x;touch /tmp/y".into();
    other.node_id = evil.clone();
    assert_ne!(refused(site.hosts.ensure_running(&login, &other).await).text, "");
    assert!(!mark.exists(), "a shell of the server read what a user wrote");

    // Made by something else it is made anew, once what it is made of is there. What is not the node's stays.
    wanted.form = "another".into();
    wanted.env.push(("NEW".into(), SecretString::new("new".into())));
    let image = std::mem::replace(&mut wanted.image, "127.0.0.1:9/vcp/nowhere:1".into());
    assert_eq!(refused(site.hosts.ensure_running(&login, &wanted).await).kind, Kind::Invalid);
    assert_eq!(site.hosts.inspect(&login, &node).await?.as_ref(), Some(&running));
    wanted.image = image;
    let anew = site.hosts.ensure_running(&login, &wanted).await?;
    assert!(anew.is_running && anew.container_id != running.container_id, "{anew:?}");
    assert_eq!(site.hosts.ensure_running(&login, &wanted).await?, anew);
    assert_eq!(site.servers.docker(1, &["exec", "base-b", "sh", "-c", "echo $NEW"]).await?, "new");
    assert_eq!(site.servers.docker(1, &["volume", "ls", "-q"]).await?.lines().count(), 1);
    let names = site.servers.docker(1, &["ps", "--format", "{{.Names}}"]).await?;
    assert_eq!(names.lines().collect::<Vec<_>>(), ["base-b", "other"]);

    site.hosts.backup(&login, &node, "vcp/saved:1").await?;
    let saved = site.hosts.images().find("vcp/saved:1").await?.unwrap_or_else(|| panic!("it was not saved"));
    assert!(saved.bytes > 1_000_000, "{saved:?}");
    site.hosts.remove(&login, &node).await?;
    assert_eq!(site.servers.docker(1, &["ps", "--format", "{{.Names}}"]).await?, "other");
    assert_eq!(site.servers.docker(1, &["volume", "ls", "-q"]).await?, "");
    let images = site.servers.docker(1, &["images", "--format", "{{.Repository}}:{{.Tag}}"]).await?;
    assert_eq!(images, "vcp/base:simulated");

    // What was saved can be started elsewhere, and says nothing of the node that it was.
    let mut again = site.wanted('c')?;
    again.image = "vcp/saved:1".into();
    assert!(site.hosts.ensure_running(&login, &again).await?.is_running);
    let told = site
        .servers
        .docker(1, &["image", "inspect", "vcp/saved:1", "-f", "{{.Config.Env}} {{.Config.Labels}}"])
        .await?;
    assert!(told.contains("EVIL= ") && !told.contains("touch") && !told.contains(&node), "{told}");
    tokio::time::timeout(Duration::from_secs(20), site.hosts.remove(&login, &"c".repeat(32))).await??;
    site.servers.end().await
}
