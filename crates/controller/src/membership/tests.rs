use std::process::{Command, Stdio};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;
use trustkeep_crypto::random::SystemRandom;

use super::*;

#[test]
fn names_of_nodes_are_three_parts() {
    let node = NodeName::parse("0123abcd:web-1:12").unwrap();
    assert_eq!((node.vcid.as_str(), node.unit.as_str(), node.node_no), ("0123abcd", "web-1", 12));
    assert_eq!(node.to_string(), "0123abcd:web-1:12");
    let long = format!("{}:w:1", "a".repeat(300));
    for name in [
        "",
        "portable_vcc",
        "a:b",
        "a:b:c",
        "a:b:-1",
        "a:b:+1",
        "a:b:1:2",
        ":b:1",
        "a::1",
        "a/b:c:1",
        "a:b:99999999999",
        &long,
    ] {
        assert_eq!(NodeName::parse(name), None, "{name}");
    }
}

#[tokio::test]
async fn what_was_missed_is_told_at_the_next_look_and_nothing_twice() {
    let (events, mut told) = mpsc::channel(8);
    let mut watcher = Watcher { known: HashMap::new(), events };
    let member = |status: &str| Member {
        name: "abc:w:1".into(),
        address: Some(IpAddr::from([10, 0, 0, 1])),
        status: status.into(),
    };
    for status in ["alive", "alive", "leaving", "failed", "failed", "alive"] {
        assert!(watcher.look(vec![member(status)]).await.is_ok());
    }
    use MemberEventKind::*;
    for kind in [Joined, Updated, Joined, Updated] {
        assert!(watcher.happened(kind, vec![member("alive")]).await.is_ok());
    }
    assert!(watcher.look(vec![member("alive")]).await.is_ok());
    for _ in 0..2 {
        assert!(watcher.happened(Left, vec![member("left")]).await.is_ok());
    }
    drop(watcher);
    let mut kinds = Vec::new();
    while let Some(event) = told.recv().await {
        kinds.push(event.kind);
    }
    assert_eq!(kinds, [Joined, Failed, Joined, Updated, Updated, Left]);
}

/// An RPC that says what it is told to, whatever it is asked.
async fn says(bytes: Vec<u8>) -> Result<Heard, rpc::Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // The reader may refuse half-way.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    Rpc::connect(address, &SecretString::new("key".into())).await?.next().await
}

/// A header without an error.
fn header(seq: u8) -> Vec<u8> {
    rmp_serde::to_vec_named(&serde_json::json!({ "Seq": seq, "Error": "" })).unwrap()
}

#[tokio::test]
async fn an_agent_that_speaks_otherwise_is_not_believed() {
    let greeting = [header(1), header(1), header(3), header(4), header(5)].concat();
    assert!(matches!(says(greeting.clone()).await, Err(rpc::Error::Closed)));
    let refusal =
        rmp_serde::to_vec_named(&serde_json::json!({ "Seq": 1, "Error": "Invalid auth\ntoken" })).unwrap();
    let error = says([header(1), refusal].concat()).await.unwrap_err();
    assert_eq!(error.to_string(), "its RPC refuses auth: Invalid auth\\ntoken");
    let endless = [greeting.clone(), header(3), vec![0xdd, 0xff, 0xff, 0xff, 0xff]].concat();
    assert!(matches!(says(endless).await, Err(rpc::Error::Frame(_))));
    assert!(matches!(
        says([greeting.clone(), vec![0x93, 1, 2, 3]].concat()).await,
        Err(rpc::Error::Message(_))
    ));

    // As Go writes them: an address of 16 bytes in a field for text, and members of more fields than concern us.
    let mut event = [greeting, header(4)].concat();
    event.extend(b"\x82\xa5Event\xadmember-failed\xa7Members\x91\x83\xa4Name\xa7abc:w:7\xa4Addr\xb0");
    event.extend(std::net::Ipv4Addr::new(10, 0, 0, 7).to_ipv6_mapped().octets());
    event.extend(b"\xa4Tags\x81\xa4role\xa4node");
    let Ok(Heard::Event(MemberEventKind::Failed, members)) = says(event).await else { panic!("no event") };
    assert_eq!(members[0].address, Some(IpAddr::from([10, 0, 0, 7])));
}

/// Another agent, as a node's base container has it.
struct Node(std::process::Child);

impl Node {
    fn start(name: &str, address: &str, controller: &str) -> Self {
        let agent = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "serf", "agent"])
            .args([
                format!("-node={name}"),
                format!("-bind={address}:7947"),
                format!("-rpc-addr={address}:7373"),
            ])
            .args([format!("-retry-join={controller}"), "-retry-interval=1s".into()])
            .stdout(Stdio::null())
            .spawn();
        Self(agent.unwrap())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command to the agent of the node.
fn serf_at_node(words: &[&str]) {
    let (command, options) = words.split_first().unwrap();
    let status = Command::new("serf")
        .args([command, "-rpc-addr=127.0.7.2:7373"])
        .args(options)
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

/// Kills the agent that this process runs, as if it had crashed.
fn kill_own_agent() {
    let children = std::fs::read_dir("/proc/self/task").unwrap().flat_map(|thread| {
        let children = std::fs::read_to_string(thread.unwrap().path().join("children")).unwrap();
        children.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    });
    let is_ours = |pid: &String| {
        std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("/dev/stdin"))
    };
    let ours: Vec<_> = children.filter(is_ours).collect();
    assert_eq!(ours.len(), 1);
    assert!(Command::new("kill").args(["-KILL", &ours[0]]).status().unwrap().success());
}

/// Two agents of Serf on loopback addresses: a node comes, dies, comes back and says goodbye; our own agent crashes and finds it again.
#[tokio::test]
async fn nodes_are_heard_of_through_real_agents() {
    if Command::new("serf").arg("version").output().is_err() {
        eprintln!("SKIPPED: serf is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        rpc: "127.0.7.1:7373".parse().unwrap(),
        snapshot: Some(folder.path().join("serf.snapshot")),
        ..Settings::new("127.0.7.1".parse().unwrap(), "0123456789abcdef")
    };
    let (events, mut told) = mpsc::channel(EVENTS_MAX);
    let shutdown = Shutdown::new();
    let running = tokio::spawn(run(settings, Arc::new(SystemRandom), events, shutdown.clone()));
    let mut next =
        async || tokio::time::timeout(Duration::from_secs(60), told.recv()).await.unwrap().unwrap();

    let node = Node::start("abc:w:1", "127.0.7.2", "127.0.7.1");
    let event = next().await;
    assert_eq!(event.node, NodeName::parse("abc:w:1").unwrap());
    assert_eq!((event.kind, event.address), (MemberEventKind::Joined, "127.0.7.2".parse().unwrap()));

    let killed = Instant::now();
    drop(node);
    assert_eq!(next().await.kind, MemberEventKind::Failed);
    let noticed = killed.elapsed();
    assert!(noticed < Duration::from_secs(10), "noticed after {noticed:?}");

    let _node = Node::start("abc:w:1", "127.0.7.2", "127.0.7.1");
    assert_eq!(next().await.kind, MemberEventKind::Joined);
    kill_own_agent();
    // That the node is there was told before; that the new agent has found it shows in its hearing what the node says of itself.
    let mut said = 0;
    let updated = loop {
        said += 1;
        serf_at_node(&["tags", &format!("-set=said={said}")]);
        if let Ok(event) = tokio::time::timeout(Duration::from_millis(250), next()).await {
            break event;
        }
        assert!(said < 240, "the new agent does not find the node");
    };
    assert_eq!(updated.kind, MemberEventKind::Updated);
    serf_at_node(&["leave"]);
    let left = loop {
        match next().await.kind {
            MemberEventKind::Updated => {}
            other => break other,
        }
    };
    assert_eq!(left, MemberEventKind::Left);

    shutdown.trigger("the end of the test");
    running.await.unwrap().unwrap();
}
