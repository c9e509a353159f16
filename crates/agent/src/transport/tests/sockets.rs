//! WebSockets: both ways, and sessions of clients that nobody can reach otherwise.

use futures::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, client_async};
use trustkeep_didcomm::Version;
use trustkeep_didcomm::message::Transport as Decorator;

use super::*;
use crate::{Connection, peer};

pub(super) type Socket = WebSocketStream<TcpStream>;

pub(super) async fn dial(address: SocketAddr) -> Socket {
    let stream = TcpStream::connect(address).await.unwrap();
    client_async(format!("ws://{address}/"), stream).await.unwrap().0
}

/// The next message on a socket.
pub(super) async fn next(socket: &mut Socket) -> Message {
    loop {
        match tokio::time::timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Ping(_) | Message::Pong(_) => {}
            message => return message,
        }
    }
}

/// Opens a listener for WebSockets.
pub(super) async fn open(transport: &Transport, supervisor: &Supervisor) -> SocketAddr {
    let listener = listener("127.0.0.1:0").await;
    let address = listener.local_address();
    let shutdown = supervisor.shutdown().clone();
    supervisor.spawn("sockets", transport.clone().serve_websockets(listener, shutdown));
    address
}

/// An envelope that only asks for messages back.
pub(super) async fn hello(agent: &Agent, connection: &str) -> String {
    let mut work = Work::new(agent);
    let mut ping = work.message("trust_ping", Version::new(1, 0), "ping");
    ping.body.insert("response_requested".to_owned(), false.into());
    ping.transport = Some(Decorator { return_route: Some("all".to_owned()), ..Decorator::default() });
    let connection = Connection::get(&mut work, connection).await.unwrap();
    let target = peer::target(&mut work, &connection).await.unwrap();
    work.send(&connection.id, &target, &ping).await.unwrap();
    work.take_outgoing(|_| true).unwrap().envelope
}

#[tokio::test]
async fn messages_go_over_sockets_that_we_open() {
    let (mut faber, mut alice) = (House::new("faber", 1).await, House::new("alice", 2).await);
    let address = open(&faber.transport, &faber.supervisor).await;
    let mut work = Work::new(&faber.agent);
    let asked = connections::NewInvitation {
        service_endpoint: Some(format!("ws://{address}")),
        ..connections::NewInvitation::default()
    };
    let (_, invitation) = connections::create_invitation(&mut work, asked).await.unwrap();
    work.commit().await.unwrap();
    let mut work = Work::new(&alice.agent);
    connections::receive_invitation(&mut work, &invitation, connections::InvitationOptions::default())
        .await
        .unwrap();
    work.commit().await.unwrap();
    for house in [&mut faber, &mut alice] {
        while house.event("connections").await["state"] != "active" {}
    }
    faber.end().await;
    alice.end().await;
}

#[tokio::test]
async fn what_is_no_message_closes_a_socket_and_what_is_for_nobody_does_not() {
    let faber = House::new("faber", 1).await;
    let address = open(&faber.transport, &faber.supervisor).await;
    let mut socket = dial(address).await;
    socket.send(Message::text("{}")).await.unwrap();
    socket.send(Message::binary(&b"garbage"[..])).await.unwrap();
    let Message::Close(Some(frame)) = next(&mut socket).await else { panic!("not closed") };
    assert_eq!(frame.code, CloseCode::Unsupported);
    // A plain request is none of a socket's.
    let answer = reqwest::get(format!("http://{address}/")).await.unwrap();
    assert_eq!(answer.status().as_u16(), 400);
    // Whoever is connected at the end is told.
    let mut socket = dial(address).await;
    socket.send(Message::Ping("x".into())).await.unwrap();
    assert!(matches!(socket.next().await.unwrap().unwrap(), Message::Ping(_) | Message::Pong(_)));
    faber.end().await;
    assert!(matches!(next(&mut socket).await, Message::Close(Some(frame)) if frame.code == CloseCode::Away));
}

#[tokio::test]
async fn a_silent_socket_is_closed() {
    let clock = manual();
    let mut settings = Settings::default();
    settings.transport.heartbeat = Duration::from_millis(50);
    let faber = House::with("faber", 1, settings, clock.clone()).await;
    let address = open(&faber.transport, &faber.supervisor).await;
    // The bytes are read, and nothing is answered.
    let mut stream = dial(address).await.into_inner();
    let mut bytes = Vec::new();
    let ends = stream.read_to_end(&mut bytes);
    tokio::pin!(ends);
    let mut steps = tokio::time::interval(Duration::from_millis(20));
    let closed = async {
        loop {
            tokio::select! {
                ended = &mut ends => break ended,
                _ = steps.tick() => clock.advance(Duration::from_secs(1)),
            }
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.unwrap().unwrap();
    // The last frame closes: 1001.
    assert!(bytes.ends_with(&[0x88, 2, 0x03, 0xe9]), "{bytes:?}");
    faber.end().await;
}

#[tokio::test]
async fn a_client_without_an_endpoint_has_its_messages_over_its_socket_wherever_that_is() {
    // Two processes on one wallet; the first works the queues off, the client comes to the second.
    let backend = Arc::new(MemoryWallet::new());
    let settings = || Settings { endpoints: vec!["http://127.0.0.1:1".to_owned()], ..Settings::default() };
    let first = agent("faber", 1, settings(), SystemClock::shared(), backend.clone());
    let second = agent("faber", 2, settings(), SystemClock::shared(), backend.clone());
    let supervisor = Supervisor::new(Shutdown::new());
    let (one, other) = (Transport::new(first.clone()).unwrap(), Transport::new(second.clone()).unwrap());
    one.spawn(&supervisor);
    other.spawn_with(&supervisor, &idle());
    let address = open(&other, &supervisor).await;

    let nowhere = Settings { endpoints: vec!["didcomm:transport/queue".to_owned()], ..Settings::default() };
    let client = agent("alice", 3, nowhere, SystemClock::shared(), Arc::new(MemoryWallet::new()));
    let mut work = Work::new(&first);
    let (made, invitation) =
        connections::create_invitation(&mut work, connections::NewInvitation::default()).await.unwrap();
    work.commit().await.unwrap();
    let mut work = Work::new(&client);
    let taken =
        connections::receive_invitation(&mut work, &invitation, connections::InvitationOptions::default())
            .await
            .unwrap();
    let request = work.take_outgoing(|_| true).unwrap();
    work.commit().await.unwrap();
    first.receive(request.envelope.as_bytes()).await.unwrap();
    // The response waits for the client.
    let wallet = first.wallet();
    until(async || queued(wallet, "waiting/").await == 1).await;

    // A client asks with the key that it was answered to; so far it knows only that of the invitation.
    let mut socket = dial(address).await;
    let ask = hello(&client, &taken.id).await;
    socket.send(Message::binary(ask.into_bytes())).await.unwrap();
    let response = next(&mut socket).await.into_data();
    client.receive(&response).await.unwrap();
    let mut work = Work::new(&client);
    assert_eq!(Connection::get(&mut work, &taken.id).await.unwrap().state, State::Active);
    until(async || queued(wallet, "waiting/").await == 0).await;
    let ask = hello(&client, &taken.id).await;
    socket.send(Message::binary(ask.into_bytes())).await.unwrap();

    let mut feed = client.feed().listen();
    for round in 0..3 {
        for number in round * 50..(round + 1) * 50 {
            // Said here or there.
            let mut work = Work::new(if number % 2 == 0 { &first } else { &second });
            basic_message::send(&mut work, &made.id, &number.to_string()).await.unwrap();
            work.commit().await.unwrap();
        }
        // For the second round the client is away: they wait for it.
        if round == 1 {
            until(async || queued(wallet, "outbound/").await == 0).await;
            socket = dial(address).await;
            let ask = hello(&client, &taken.id).await;
            socket.send(Message::binary(ask.into_bytes())).await.unwrap();
        }
        let mut number = round * 50;
        while number < (round + 1) * 50 {
            let message = next(&mut socket).await;
            client.receive(&message.into_data()).await.unwrap();
            while let Ok(event) = feed.try_recv() {
                let event: Value = serde_json::from_str(&event).unwrap();
                if event["topic"] == "basicmessages" {
                    assert_eq!(event["payload"]["content"], number.to_string());
                    number += 1;
                }
            }
        }
        if round == 0 {
            socket.close(None).await.unwrap();
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
        }
    }
    until(async || queued(wallet, "waiting/").await == 0).await;
    supervisor.shutdown().trigger("the test is over");
    supervisor.join(PATIENCE).await.unwrap();
}
