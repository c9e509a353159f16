//! A mediator of two instances, and a client whose socket is with the one while messages for him come to the other.

use futures::SinkExt as _;
use tokio_tungstenite::tungstenite::Message;
use trustkeep_didcomm::{Keypair, Prefix, Recipient, forward};

use super::sockets::{dial, hello, next, open};
use super::*;
use crate::Stored as _;
use crate::protocols::mediation::{self, Mediation, RoutedKey};

const ENVELOPES: usize = 30;

#[tokio::test]
async fn what_comes_to_one_instance_goes_over_the_socket_with_the_other_in_order_and_once() {
    let backend = Arc::new(MemoryWallet::new());
    let settings = || Settings {
        endpoints: vec!["http://127.0.0.1:1".to_owned()],
        open_mediation: true,
        ..Settings::default()
    };
    let first = agent("mediator", 1, settings(), SystemClock::shared(), backend.clone());
    let second = agent("mediator", 2, settings(), SystemClock::shared(), backend.clone());
    let supervisor = Supervisor::new(Shutdown::new());
    let (one, other) = (Transport::new(first.clone()).unwrap(), Transport::new(second.clone()).unwrap());
    one.spawn(&supervisor);
    other.spawn_with(&supervisor, &idle());
    let address = open(&other, &supervisor).await;

    // A client that nobody can reach, and its agreement.
    let client =
        agent("client", 3, Settings::default(), SystemClock::shared(), Arc::new(MemoryWallet::new()));
    let mut work = Work::new(&first);
    let (_, invitation) = connections::create_invitation(&mut work, Default::default()).await.unwrap();
    work.commit().await.unwrap();
    let mut work = Work::new(&client);
    let taken = connections::receive_invitation(&mut work, &invitation, Default::default()).await.unwrap();
    let request = work.take_outgoing(|_| true).unwrap();
    work.commit().await.unwrap();
    first.receive(request.envelope.as_bytes()).await.unwrap();
    let mut socket = dial(address).await;
    socket.send(Message::text(hello(&client, &taken.id).await)).await.unwrap();
    client.receive(&next(&mut socket).await.into_data()).await.unwrap();
    socket.send(Message::text(hello(&client, &taken.id).await)).await.unwrap();
    let mut work = Work::new(&client);
    let asked = mediation::request(&mut work, &taken.id, Vec::new(), Vec::new()).await.unwrap();
    let message = work.take_outgoing(|outgoing| outgoing.connection_id.is_some()).unwrap();
    work.commit().await.unwrap();
    second.receive(message.envelope.as_bytes()).await.unwrap();
    client.receive(&next(&mut socket).await.into_data()).await.unwrap();
    let granted = Mediation::get(&mut Work::new(&client), &asked.id).await.unwrap();
    let routing = Recipient::new(granted.routing().unwrap()[0]).unwrap();

    // Its key is named to the first; every instance knows it.
    let random = Seeded::new(9);
    let key = Keypair::generate(&random).unwrap().verkey();
    let mut work = Work::new(&first);
    let theirs = work.find(&Query::all(Mediation::CATEGORY)).await.unwrap();
    let connection = theirs[0].tag("connection_id").unwrap().to_owned();
    RoutedKey::new(&work, mediation::MediationRole::Server, &connection, &key).save(&mut work);
    work.commit().await.unwrap();

    let pass = async |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let envelope = format!("{{\"number\":{number}}}").into_bytes();
            let wrapped =
                forward::wrap(envelope, key, std::slice::from_ref(&routing), Prefix::DidComm, &random);
            let instance = if number % 2 == 0 { &first } else { &second };
            instance.receive(&wrapped.unwrap()).await.unwrap();
        }
    };
    // Half of them while it is there, the rest while it is away.
    pass(0..ENVELOPES / 2).await;
    let mut arrived = Vec::new();
    while arrived.len() < ENVELOPES / 2 {
        arrived.push(next(&mut socket).await.into_data());
    }
    socket.close(None).await.unwrap();
    while futures::StreamExt::next(&mut socket).await.is_some_and(|message| message.is_ok()) {}
    pass(ENVELOPES / 2..ENVELOPES).await;
    let wallet = first.wallet();
    until(async || queued(wallet, "outbound/").await == 0).await;
    let mut socket = dial(address).await;
    socket.send(Message::text(hello(&client, &taken.id).await)).await.unwrap();
    while arrived.len() < ENVELOPES {
        arrived.push(next(&mut socket).await.into_data());
    }
    let wanted: Vec<_> = (0..ENVELOPES).map(|number| format!("{{\"number\":{number}}}")).collect();
    assert_eq!(arrived, wanted);
    until(async || queued(wallet, "waiting/").await == 0).await;
    drop(socket);
    supervisor.shutdown().trigger("the test is over");
    supervisor.join(PATIENCE).await.unwrap();
}
