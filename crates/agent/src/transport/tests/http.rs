//! Two agents over HTTP, and what else comes by it.

use ::http::StatusCode;
use trustkeep_didcomm::message::Transport as Decorator;
use trustkeep_didcomm::{Version, envelope};

use super::*;
use crate::{Connection, LocalDid, peer};

#[tokio::test]
async fn two_agents_connect_and_a_thousand_messages_arrive_in_order() {
    const COUNT: usize = 1000;
    let (mut faber, mut alice) = (House::new("faber", 1).await, House::new("alice", 2).await);
    let (_, hers) = connect(&mut faber, &mut alice).await;
    let send = async {
        for number in 0..COUNT {
            alice.say(&hers, &number.to_string()).await;
        }
    };
    let take = async {
        for number in 0..COUNT {
            assert_eq!(faber.event("basicmessages").await["content"], number.to_string());
        }
    };
    tokio::join!(send, take);
    for house in [faber, alice] {
        let wallet = house.agent.wallet().clone();
        until(async || queued(&wallet, "").await == 0).await;
        house.end().await;
    }
}

#[tokio::test]
async fn what_was_sent_while_the_peer_was_down_arrives_in_order_when_it_is_back() {
    const COUNT: usize = 300;
    let clock = manual();
    let mut faber = House::new("faber", 1).await;
    let mut alice = House::with("alice", 2, Settings::default(), clock.clone()).await;
    let (_, hers) = connect(&mut faber, &mut alice).await;
    let (address, agent) = (faber.address, faber.agent.clone());
    let mut feed = agent.feed().listen();
    faber.end().await;

    for number in 0..COUNT / 2 {
        alice.say(&hers, &number.to_string()).await;
    }
    // After some failures they are set aside; what comes later queues up behind.
    let wallet = alice.agent.wallet().clone();
    until(async || {
        clock.advance(Duration::from_secs(60));
        queued(&wallet, "failing/").await > 0
    })
    .await;
    for number in COUNT / 2..COUNT {
        alice.say(&hers, &number.to_string()).await;
    }
    until(async || queued(&wallet, "outbound/").await == 0).await;

    let supervisor = Supervisor::new(Shutdown::new());
    let listener = listener(&address.to_string()).await;
    supervisor.spawn("in", super::super::http::serve(agent, listener, supervisor.shutdown().clone()));
    let mut number = 0;
    until(async || {
        clock.advance(Duration::from_secs(60));
        while let Ok(event) = feed.try_recv() {
            let event: Value = serde_json::from_str(&event).unwrap();
            if event["topic"] == "basicmessages" {
                assert_eq!(event["payload"]["content"], number.to_string());
                number += 1;
            }
        }
        number == COUNT
    })
    .await;
    until(async || queued(&wallet, "").await == 0).await;
    alice.say(&hers, "and on").await;
    until(async || feed.try_recv().is_ok_and(|event| event.contains("and on"))).await;
    supervisor.shutdown().trigger("the test is over");
    supervisor.join(PATIENCE).await.unwrap();
    alice.end().await;
}

#[tokio::test]
async fn what_is_no_message_is_refused_and_what_is_for_nobody_is_ignored() {
    let mut settings = Settings::default();
    settings.transport.message_bytes_max = 4096;
    let faber = House::with("faber", 1, settings, SystemClock::shared()).await;
    let url = format!("http://{}", faber.address);
    let client = reqwest::Client::new();
    let post = async |body: Vec<u8>| client.post(&url).body(body).send().await.unwrap().status();

    for garbage in [&b""[..], b"garbage", b"[1, 2]", b"\"text\"", b"{\"protected\": ", &[0xff; 64]] {
        assert_eq!(post(garbage.to_vec()).await, StatusCode::BAD_REQUEST, "{garbage:?}");
    }
    for (size, status) in [(4096, StatusCode::BAD_REQUEST), (4097, StatusCode::PAYLOAD_TOO_LARGE)] {
        assert_eq!(post(vec![b'x'; size]).await, status);
    }
    let deep = format!("{}{}", "{\"a\":".repeat(600), "}".repeat(600));
    assert_eq!(post(deep.into_bytes()).await, StatusCode::BAD_REQUEST);

    let stranger = Work::new(&faber.agent).new_key().unwrap().verkey();
    let stranger = trustkeep_didcomm::Recipient::new(stranger).unwrap();
    // It is kept ready in memory though its unit was never committed: take one that is not.
    let elsewhere =
        agent("alice", 9, Settings::default(), SystemClock::shared(), Arc::new(MemoryWallet::new()));
    let key = Work::new(&elsewhere).new_key().unwrap();
    let nobody = trustkeep_didcomm::Recipient::new(key.verkey()).unwrap();
    let random = Seeded::new(5);
    let for_nobody = envelope::anoncrypt(b"{}", &[nobody], &random).unwrap();
    let no_message = envelope::anoncrypt(b"[]", &[stranger], &random).unwrap();
    for ignored in [for_nobody, no_message, b"{}".to_vec(), b"{\"@type\": \"x\"}".to_vec()] {
        assert_eq!(post(ignored).await, StatusCode::OK);
    }

    let get = async |path: &str| {
        let answer = client.get(format!("{url}{path}")).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    assert_eq!(get("/").await, (StatusCode::OK, String::new()));
    assert!(get("/?c_i=e30").await.1.starts_with("You have received a connection invitation"));
    assert!(get("/?oob=e30").await.1.starts_with("You have received a connection invitation"));
    assert_eq!(get("/elsewhere").await.0, StatusCode::NOT_FOUND);
    assert_eq!(client.delete(&url).send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    faber.end().await;
}

#[tokio::test]
async fn ten_megabytes_are_refused_before_they_are_read() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let faber = House::new("faber", 1).await;
    let mut stream = tokio::net::TcpStream::connect(faber.address).await.unwrap();
    // Only the head is sent: an answer shows that nothing more was waited for.
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", 10 * 1024 * 1024);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    drop(stream);
    faber.end().await;
}

#[tokio::test]
async fn an_answer_goes_back_the_same_way_if_that_is_asked_for() {
    let (mut faber, mut alice) = (House::new("faber", 1).await, House::new("alice", 2).await);
    let (_, hers) = connect(&mut faber, &mut alice).await;
    let client = reqwest::Client::new();
    for (route, thread, comes_back) in [
        ("all", None, true),
        ("none", None, false),
        ("thread", Some("mine"), true),
        ("thread", Some("other"), false),
    ] {
        let mut work = Work::new(&alice.agent);
        let mut ping = work.message("trust_ping", Version::new(1, 0), "ping");
        if thread == Some("mine") {
            ping.id = "mine".to_owned();
        }
        ping.transport = Some(Decorator {
            return_route: Some(route.to_owned()),
            return_route_thread: thread.map(str::to_owned),
            ..Decorator::default()
        });
        let connection = Connection::get(&mut work, &hers).await.unwrap();
        let target = peer::target(&mut work, &connection).await.unwrap();
        work.send(&hers, &target, &ping).await.unwrap();
        let outgoing = work.take_outgoing(|_| true).unwrap();
        // Sent twice, it is answered twice and harms nothing.
        for _ in 0..2 {
            let answer =
                client.post(&outgoing.endpoint).body(outgoing.envelope.clone()).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            let kind = answer.headers().get("content-type").cloned();
            let body = answer.bytes().await.unwrap();
            assert_eq!(!body.is_empty(), comes_back, "{route} {thread:?}");
            if comes_back {
                assert_eq!(kind.unwrap(), "application/didcomm-envelope-enc");
                alice.agent.receive(&body).await.unwrap();
            }
        }
    }
    let mut work = Work::new(&alice.agent);
    let connection = Connection::get(&mut work, &hers).await.unwrap();
    assert_eq!(connection.state, State::Active);
    assert!(LocalDid::get(&mut work, connection.my_did.as_deref().unwrap()).await.is_ok());
    faber.end().await;
    alice.end().await;
}
