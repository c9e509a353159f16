//! Peers that do not behave, a wallet that does not answer, and an end at the worst moment.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use trustkeep_wallet::{Changes, Record, StoredKey, Write, lease};

use super::*;

/// Answers every request with the same bytes, and gives what came.
pub(super) async fn peer(answer: &'static [u8]) -> (String, mpsc::UnboundedReceiver<Vec<u8>>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (came, coming) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            let came = came.clone();
            tokio::spawn(async move {
                let mut read = Vec::new();
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    read.extend_from_slice(&buffer[..count]);
                    if read.ends_with(b"END") {
                        let _ = came.send(std::mem::take(&mut read));
                        if answer.is_empty() {
                            std::future::pending::<()>().await;
                        }
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    (format!("http://{address}/"), coming)
}

pub(super) async fn next(coming: &mut mpsc::UnboundedReceiver<Vec<u8>>) -> String {
    let request = tokio::time::timeout(PATIENCE, coming.recv()).await.unwrap().unwrap();
    let request = String::from_utf8(request).unwrap();
    request.split_once("\r\n\r\n").unwrap().1.to_owned()
}

pub(super) const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn peers_that_do_not_behave_hold_nobody_up() {
    let clock = manual();
    let agent = agent("faber", 1, Settings::default(), clock.clone(), Arc::new(MemoryWallet::new()));
    let (silent, mut heard) = peer(b"").await;
    let (garbage, _) = peer(b"\x00\xff what?\r\n\r\n").await;
    let (broken, _) = peer(b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n").await;
    let (elsewhere, _) = peer(b"HTTP/1.1 302 Found\r\nlocation: /a\r\ncontent-length: 0\r\n\r\n").await;
    let (good, mut coming) = peer(OK).await;
    for (number, bad) in [&silent, &garbage, &broken, &elsewhere, &good].into_iter().enumerate() {
        for count in 0..20 {
            // All of them in one shard, if they are to be in each other's way.
            enqueue(&agent, &lane(3, number), bad, "key", &format!("{count} END")).await;
        }
    }
    let supervisor = Supervisor::new(Shutdown::new());
    Transport::new(agent.clone()).unwrap().spawn(&supervisor);
    for count in 0..20 {
        assert_eq!(next(&mut coming).await, format!("{count} END"));
    }
    assert_eq!(next(&mut heard).await, "0 END");
    // Who does not answer is asked again.
    until(async || {
        clock.advance(Duration::from_secs(60));
        heard.try_recv().is_ok()
    })
    .await;
    supervisor.shutdown().trigger("the test is over");
    supervisor.join(PATIENCE).await.unwrap();
    let wallet = agent.wallet();
    let left = wallet.find(&Query::all(CATEGORY)).await.unwrap();
    let left: usize =
        left.iter().map(|record| String::from_utf8_lossy(&record.value).matches("END").count()).sum();
    assert_eq!(left, 80);
}

/// A name whose shard is this one.
fn lane(shard: u16, number: usize) -> String {
    let mut names = (0..).map(|attempt| format!("{number}-{attempt}"));
    names.find(|name| Lane { queue: OUTBOUND, name: name.clone() }.shard() == shard).unwrap()
}

#[tokio::test]
async fn thousands_of_messages_for_a_dead_peer_leave_room_for_others() {
    let clock = manual();
    let agent = agent("faber", 1, Settings::default(), clock.clone(), Arc::new(MemoryWallet::new()));
    // The port is free again: nobody is there.
    let dead = format!("http://{}/", listener("127.0.0.1:0").await.local_address());
    let mut batch = Batch::new();
    let payload = |endpoint: &str, number: usize| {
        serde_json::json!({"endpoint": endpoint, "recipient": "key", "envelope": format!("{number} END"),
            "queued_at": 1_645_072_160})
        .to_string()
    };
    let queue = |name: String| Lane { queue: OUTBOUND, name };
    for number in 0..20_000 {
        let entry = Entry { id: format!("dead-{number:05}"), payload: payload(&dead, number) };
        batch.enqueue(queue(lane(3, 0)), entry);
    }
    agent.wallet().commit(batch).await.unwrap();
    let (good, mut coming) = peer(OK).await;
    for number in 0..10 {
        enqueue(&agent, &lane(3, 1), &good, "key", &format!("{number} END")).await;
    }
    let supervisor = Supervisor::new(Shutdown::new());
    Transport::new(agent.clone()).unwrap().spawn(&supervisor);
    for number in 0..10 {
        assert_eq!(next(&mut coming).await, format!("{number} END"));
    }
    let wallet = agent.wallet();
    until(async || queued(wallet, "outbound/").await == 0).await;
    supervisor.shutdown().trigger("the test is over");
    supervisor.join(PATIENCE).await.unwrap();
    let aside = wallet.find(&Query::all(CATEGORY)).await.unwrap();
    let count: usize =
        aside.iter().map(|record| String::from_utf8_lossy(&record.value).matches("END").count()).sum();
    assert_eq!(count, 20_000);
}

#[tokio::test]
async fn a_message_that_is_too_old_is_given_up_and_the_next_arrives() {
    let clock = manual();
    let mut settings = Settings::default();
    settings.transport.deliver_for = Duration::from_secs(1000);
    let agent = agent("faber", 1, settings, clock.clone(), Arc::new(MemoryWallet::new()));
    let dead = format!("http://{}/", listener("127.0.0.1:0").await.local_address());
    let (good, mut coming) = peer(OK).await;
    enqueue(&agent, "lane", &dead, "key", "0 END").await;
    enqueue(&agent, "lane", &good, "key", "1 END").await;
    let supervisor = Supervisor::new(Shutdown::new());
    Transport::new(agent.clone()).unwrap().spawn(&supervisor);
    until(async || {
        clock.advance(Duration::from_secs(60));
        coming.try_recv().is_ok()
    })
    .await;
    until(async || queued(agent.wallet(), "").await == 0).await;
    supervisor.shutdown().trigger("the test is over");
    supervisor.join(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn what_was_delivered_and_not_taken_out_comes_twice_and_nothing_is_lost() {
    let backend = Arc::new(Failing { inner: MemoryWallet::new(), fails: AtomicBool::new(false) });
    let agent = agent("faber", 1, Settings::default(), SystemClock::shared(), backend.clone());
    let (good, mut coming) = peer(OK).await;
    for number in 0..3 {
        enqueue(&agent, "lane", &good, "key", &format!("{number} END")).await;
    }
    backend.fails.store(true, Ordering::SeqCst);
    let supervisor = Supervisor::new(Shutdown::new());
    Transport::new(agent.clone()).unwrap().spawn(&supervisor);
    for number in 0..3 {
        assert_eq!(next(&mut coming).await, format!("{number} END"));
    }
    supervisor.shutdown().trigger("killed");
    supervisor.join(PATIENCE).await.unwrap();
    backend.fails.store(false, Ordering::SeqCst);
    assert_eq!(queued(agent.wallet(), "outbound/").await, 3);

    let supervisor = Supervisor::new(Shutdown::new());
    Transport::new(agent.clone()).unwrap().spawn(&supervisor);
    for number in 0..3 {
        assert_eq!(next(&mut coming).await, format!("{number} END"));
    }
    until(async || queued(agent.wallet(), "").await == 0).await;
    supervisor.shutdown().trigger("the test is over");
    supervisor.join(PATIENCE).await.unwrap();
    assert!(coming.try_recv().is_err());
}

#[tokio::test]
async fn while_the_wallet_does_not_answer_messages_are_refused() {
    let backend = Arc::new(Failing { inner: MemoryWallet::new(), fails: AtomicBool::new(false) });
    let inviter = agent("faber", 1, Settings::default(), SystemClock::shared(), backend.clone());
    let mut work = Work::new(&inviter);
    let (_, invitation) =
        connections::create_invitation(&mut work, connections::NewInvitation::default()).await.unwrap();
    work.commit().await.unwrap();
    let listener = listener("127.0.0.1:0").await;
    let url = format!("http://{}", listener.local_address());
    let mut invitation = invitation;
    invitation["serviceEndpoint"] = url.clone().into();
    let settings = Settings { endpoints: vec![url.clone()], ..Settings::default() };
    let alice = agent("alice", 2, settings, SystemClock::shared(), Arc::new(MemoryWallet::new()));
    let mut work = Work::new(&alice);
    connections::receive_invitation(&mut work, &invitation, connections::InvitationOptions::default())
        .await
        .unwrap();
    let request = work.take_outgoing(|_| true).unwrap().envelope;
    let supervisor = Supervisor::new(Shutdown::new());
    supervisor.spawn("in", super::super::http::serve(inviter, listener, supervisor.shutdown().clone()));
    let client = reqwest::Client::new();
    for (fails, status) in [(true, 503), (false, 200)] {
        backend.fails.store(fails, Ordering::SeqCst);
        let answer = client.post(&url).body(request.clone()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
    }
    supervisor.shutdown().trigger("the test is over");
    supervisor.join(PATIENCE).await.unwrap();
}

/// A wallet whose commits fail while they are told to, besides those that say who works off what.
#[derive(Debug)]
struct Failing {
    inner: MemoryWallet,
    fails: AtomicBool,
}

type Outcome<T> = trustkeep_wallet::Result<T>;

#[async_trait::async_trait]
impl Backend for Failing {
    async fn get(&self, category: &str, name: &str) -> Outcome<Option<Record>> {
        self.inner.get(category, name).await
    }

    async fn find(&self, query: &Query) -> Outcome<Vec<Record>> {
        self.inner.find(query).await
    }

    async fn count(&self, query: &Query) -> Outcome<u64> {
        self.inner.count(query).await
    }

    async fn key(&self, name: &str) -> Outcome<Option<StoredKey>> {
        self.inner.key(name).await
    }

    async fn commit(&self, batches: &[Batch]) -> Outcome<Vec<Outcome<()>>> {
        let is_lease = |write: &Write| match write {
            Write::Put(record) => record.category == lease::CATEGORY,
            Write::Remove { category, .. } => category == lease::CATEGORY,
            _ => false,
        };
        let fails = batches.iter().any(|batch| !batch.writes().iter().any(is_lease));
        if fails && self.fails.load(Ordering::SeqCst) {
            return Err(trustkeep_wallet::Error::Unavailable("told to".to_owned()));
        }
        self.inner.commit(batches).await
    }

    async fn tell(&self, what: &str) -> Outcome<()> {
        self.inner.tell(what).await
    }

    fn changes(&self) -> Changes {
        self.inner.changes()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
