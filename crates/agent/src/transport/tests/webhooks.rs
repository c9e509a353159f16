//! A controller that is away for a while.

use std::collections::BTreeMap;

use ::http::{Request, Response};
use bytes::Bytes;
use http_body_util::Full;
use parking_lot::Mutex;
use trustkeep_chassis::http::{Incoming, collect, service_fn};

use super::*;
use crate::Webhook;

type Heard = Arc<Mutex<Vec<(String, BTreeMap<String, String>, Value)>>>;

/// Listens for events at an address.
async fn controller(address: &str, supervisor: &Supervisor) -> (SocketAddr, Heard) {
    let listener = listener(address).await;
    let (address, heard) = (listener.local_address(), Heard::default());
    let hears = heard.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let heard = hears.clone();
        async move {
            let path = request.uri().path().to_owned();
            let headers = request.headers().iter();
            let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
            let headers = headers.collect();
            let body = collect(request.into_body(), 1 << 20).await.unwrap();
            heard.lock().push((path, headers, serde_json::from_slice(&body).unwrap()));
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    supervisor.spawn("controller", listener.serve(service, supervisor.shutdown().clone()));
    (address, heard)
}

#[tokio::test]
async fn a_controller_that_was_away_is_told_everything_in_order_and_another_at_once() {
    const COUNT: usize = 100;
    let clock = manual();
    let supervisor = Supervisor::new(Shutdown::new());
    let (address, prompt) = controller("127.0.0.1:0", &supervisor).await;
    let away = listener("127.0.0.1:0").await.local_address();
    let mut settings = Settings::default();
    settings.transport.webhooks = vec![
        Webhook::parse(&format!("http://{away}/hooks#secret")),
        Webhook::parse(&format!("http://{address}/")),
    ];
    assert!(!format!("{settings:?}").contains("secret"));
    let agent = agent("faber", 1, settings, clock.clone(), Arc::new(MemoryWallet::new()));
    Transport::new(agent.clone()).unwrap().spawn(&supervisor);
    for number in 0..COUNT {
        let mut work = Work::new(&agent);
        work.tell("lane", "basicmessages", &serde_json::json!({ "content": number }));
        work.commit().await.unwrap();
    }
    until(async || prompt.lock().len() == COUNT).await;
    // Ten minutes of tries.
    for _ in 0..10 {
        clock.advance(Duration::from_secs(60));
    }
    let (_, late) = controller(&away.to_string(), &supervisor).await;
    until(async || {
        clock.advance(Duration::from_secs(60));
        late.lock().len() >= COUNT
    })
    .await;
    for (heard, path) in [(&prompt, "/topic/basicmessages/"), (&late, "/hooks/topic/basicmessages/")] {
        let heard = heard.lock();
        let contents: Vec<_> = heard.iter().map(|(_, _, body)| body["content"].as_u64().unwrap()).collect();
        assert_eq!(contents, (0..100).collect::<Vec<_>>());
        assert!(
            heard.iter().all(|(at, headers, _)| at == path && headers["content-type"] == "application/json")
        );
    }
    assert!(late.lock().iter().all(|(_, headers, _)| headers["x-api-key"] == "secret"));
    assert!(prompt.lock().iter().all(|(_, headers, _)| !headers.contains_key("x-api-key")));
    let ids = |heard: &Heard| -> Vec<String> {
        heard.lock().iter().map(|(_, headers, _)| headers["idempotency-key"].clone()).collect()
    };
    assert_eq!(ids(&prompt), ids(&late));
    until(async || queued(agent.wallet(), "").await == 0).await;
    supervisor.shutdown().trigger("the test is over");
    supervisor.join(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn who_listens_to_one_process_hears_what_another_commits() {
    let backend = Arc::new(MemoryWallet::new());
    let [one, other] =
        [1, 2].map(|seed| agent("faber", seed, Settings::default(), SystemClock::shared(), backend.clone()));
    let supervisor = Supervisor::new(Shutdown::new());
    Transport::new(one.clone()).unwrap().spawn(&supervisor);
    Transport::new(other.clone()).unwrap().spawn_with(&supervisor, &idle());
    let mut feed = one.feed().listen();
    until(async || other.feed().is_listened_to()).await;
    for (number, agent) in [&one, &other, &other].into_iter().enumerate() {
        let mut work = Work::new(agent);
        work.tell("lane", "basicmessages", &serde_json::json!({ "content": number }));
        work.commit().await.unwrap();
        let event = tokio::time::timeout(PATIENCE, feed.recv()).await.unwrap().unwrap();
        let event: Value = serde_json::from_str(&event).unwrap();
        assert_eq!(event["payload"]["content"], number);
    }
    // Without webhooks, events are done when they are told.
    until(async || queued(one.wallet(), "").await == 0).await;
    drop(feed);
    supervisor.shutdown().trigger("the test is over");
    supervisor.join(PATIENCE).await.unwrap();
    assert_eq!(one.wallet().count(&Query::all("trustkeep_feed_listener")).await.unwrap(), 0);
}
