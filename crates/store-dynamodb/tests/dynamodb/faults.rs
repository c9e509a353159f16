//! Throttling, lost answers, missing rights: nothing acknowledged is lost, nothing happens twice, and each
//! trouble has its own error.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use trustkeep_emulator::{Fate, Proxy, Request};
use trustkeep_store::ColumnType::{Int, Text};
use trustkeep_store::{Commit, Error, Key, Row, Store, Table};
use trustkeep_store_dynamodb::{DynamoStore, Settings};

use crate::emulator::{self, Emulator};

struct Setup {
    proxy: Proxy,
    store: DynamoStore,
    /// Beside the proxy.
    direct: DynamoStore,
    rows: Table,
}

/// Both emulators, each behind a proxy.
async fn setups(change: impl Fn(&mut Settings)) -> Vec<Setup> {
    let mut setups = Vec::new();
    for emulator in [Emulator::dynamodb_local(), Emulator::moto()].into_iter().flatten() {
        let proxy = Proxy::before(&emulator.endpoint).await.unwrap();
        let mut settings = emulator.settings();
        change(&mut settings);
        let direct = emulator::open(settings.clone()).await;
        settings.endpoint = Some(proxy.endpoint.clone());
        let rows =
            Table::define("fault", "rows").partition("name", Text).column("amount", Int).build().unwrap();
        direct.create_tables(std::slice::from_ref(&rows)).await.unwrap();
        let store = emulator::open(settings).await;
        setups.push(Setup { proxy, store, direct, rows });
    }
    setups
}

impl Setup {
    fn put(&self, name: &str, amount: i64) -> Commit {
        Commit::new().put(&self.rows, Key::of(name), Row::of([amount]))
    }

    fn create(&self, name: &str, amount: i64) -> Commit {
        self.put(name, amount).expect_absent(&self.rows, Key::of(name))
    }

    async fn amount(&self, name: &str) -> Option<i64> {
        self.direct.get(&self.rows, &Key::of(name)).await.unwrap().and_then(|record| record.int(0))
    }
}

fn first(action: &'static str, count: usize, fate: Fate) -> impl Fn(&Request) -> Fate + Send + Sync {
    move |request| if request.action == action && request.nth < count { fate.clone() } else { Fate::Pass }
}

/// An error as DynamoDB words it.
fn refuse(status: u16, code: &str, text: &str) -> Fate {
    let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
    Fate::json(status, &json!({ "__type": code, "message": text }))
}

/// A transaction that was cancelled for the items of these reasons.
fn cancel(codes: &[&str]) -> Fate {
    let reasons: Vec<_> = codes.iter().map(|code| json!({ "Code": code })).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "message": "Transaction cancelled",
        "CancellationReasons": reasons,
    });
    Fate::json(400, &body)
}

fn throttled() -> Fate {
    refuse(400, "ProvisionedThroughputExceededException", "The level of configured throughput was exceeded")
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_is_waited_out_and_then_reported() {
    for setup in setups(|settings| settings.max_retries = 4).await {
        setup.proxy.rule(first("TransactWriteItems", 3, throttled()));
        setup.store.commit(setup.create("a", 1)).await.unwrap();
        assert_eq!(setup.proxy.seen("TransactWriteItems").len(), 4);
        assert_eq!(setup.amount("a").await, Some(1));

        setup.proxy.rule(|_| throttled());
        let error = setup.store.commit(setup.create("b", 1)).await.unwrap_err();
        assert!(matches!(&error, Error::Unavailable(text) if text.contains("throughput")), "{error:?}");
        assert_eq!(setup.proxy.seen("TransactWriteItems").len(), 5, "one attempt and four more");
        let error = setup.store.get(&setup.rows, &Key::of("a")).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        assert_eq!(setup.amount("b").await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_recovered_with_the_same_request() {
    for setup in setups(|_| {}).await {
        for (name, fate) in [("before", Fate::CutBefore), ("after", Fate::CutAfter)] {
            setup.proxy.rule(first("TransactWriteItems", 1, fate));
            let version = setup.store.commit(setup.create(name, 1)).await.unwrap();
            let found = setup.direct.get(&setup.rows, &Key::of(name)).await.unwrap().unwrap();
            assert_eq!(found.version, version, "the answer tells the version that the row has");
            let seen = setup.proxy.seen("TransactWriteItems");
            assert_eq!(seen.len(), 2);
            assert_eq!(seen[0].body, seen[1].body, "repeated as it was, token included");
            assert!(seen[0].body["ClientRequestToken"].is_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_replacement_is_recovered() {
    for setup in setups(|_| {}).await {
        let key = Key::of("row");
        let mut version = setup.store.commit(setup.create("row", 0)).await.unwrap();
        for (amount, fate) in [(1, Fate::CutBefore), (2, Fate::CutAfter)] {
            setup.proxy.rule(first("PutItem", 1, fate));
            let replace = setup.put("row", amount).expect_version(&setup.rows, key.clone(), version);
            version = setup.store.commit(replace).await.unwrap();
            assert_eq!(setup.proxy.seen("PutItem").len(), 2);
            assert!(setup.proxy.seen("TransactWriteItems").is_empty(), "one row needs no transaction");
            assert_eq!(setup.amount("row").await, Some(amount));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_may_have_been_replaced_is_unknown() {
    for setup in setups(|_| {}).await {
        let key = Key::of("row");
        let version = setup.store.commit(setup.create("row", 0)).await.unwrap();
        let other = Arc::new(setup);
        // Ours arrives, its answer is lost, and before the second attempt another writer replaces the row.
        let (sent, arrived) = std::sync::mpsc::channel::<()>();
        let (replaced, go_on) = std::sync::mpsc::channel::<()>();
        let gate = parking_lot::Mutex::new((sent, go_on));
        other.proxy.rule(move |request| match (request.action.as_str(), request.nth) {
            ("PutItem", 0) => Fate::CutAfter,
            ("PutItem", 1) => {
                let gate = gate.lock();
                gate.0.send(()).unwrap();
                tokio::task::block_in_place(|| gate.1.recv()).unwrap();
                Fate::Pass
            }
            _ => Fate::Pass,
        });
        let commit = other.put("row", 1).expect_version(&other.rows, key.clone(), version);
        let ours = {
            let other = other.clone();
            tokio::spawn(async move { other.store.commit(commit).await })
        };
        tokio::task::spawn_blocking(move || arrived.recv()).await.unwrap().unwrap();
        assert_eq!(other.amount("row").await, Some(1));
        other.direct.commit(other.put("row", 9)).await.unwrap();
        replaced.send(()).unwrap();
        let answer = ours.await.unwrap();
        assert!(matches!(answer, Err(Error::OutcomeUnknown(_))), "{answer:?}");
        assert_eq!(other.amount("row").await, Some(9), "the other's write stands");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_stays_lost_is_an_unknown_outcome() {
    for setup in setups(|settings| settings.max_retries = 3).await {
        setup.proxy.rule(|request| match request.action.as_str() {
            "TransactWriteItems" => Fate::CutBefore,
            _ => Fate::Pass,
        });
        let error = setup.store.commit(setup.create("never", 1)).await.unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown(_)), "{error:?}");
        assert_eq!(setup.amount("never").await, None);

        setup.proxy.rule(|request| match request.action.as_str() {
            "TransactWriteItems" if request.nth == 0 => Fate::CutAfter,
            "TransactWriteItems" => throttled(),
            _ => Fate::Pass,
        });
        let error = setup.store.commit(setup.create("done", 1)).await.unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown(_)), "{error:?}");
        assert_eq!(setup.amount("done").await, Some(1));
    }
}

/// Counters under random faults: what was acknowledged is counted once, what is unknown at most once.
#[tokio::test(flavor = "multi_thread")]
async fn counters_under_faults_count_each_acknowledged_step_once() {
    const WRITERS: usize = 6;
    const STEPS: usize = 12;
    for setup in setups(|settings| settings.max_retries = 40).await {
        let turn = AtomicUsize::new(0);
        setup.proxy.rule(move |request| {
            if !matches!(request.action.as_str(), "TransactWriteItems" | "PutItem") {
                return Fate::Pass;
            }
            match turn.fetch_add(1, Ordering::Relaxed) % 7 {
                1 => Fate::CutBefore,
                3 => Fate::CutAfter,
                4 => throttled(),
                6 => refuse(500, "InternalServerError", "try again"),
                _ => Fate::Pass,
            }
        });
        let setup = Arc::new(setup);
        let tasks: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let setup = setup.clone();
                tokio::spawn(async move {
                    count_up(&setup, &setup.store, &format!("counter-{}", writer / 2), STEPS).await
                })
            })
            .collect();
        let mut unknown = [0; WRITERS / 2];
        for (writer, task) in tasks.into_iter().enumerate() {
            unknown[writer / 2] += task.await.unwrap();
        }
        for (counter, unknown) in unknown.into_iter().enumerate() {
            let total = setup.amount(&format!("counter-{counter}")).await.unwrap();
            let total = usize::try_from(total).unwrap();
            let allowed = STEPS * 2..=STEPS * 2 + unknown;
            assert!(allowed.contains(&total), "counter {counter} is at {total}, allowed {allowed:?}");
        }
    }
}

/// Two writers share a counter; each adds `steps` and says of how many more it does not know.
async fn count_up(setup: &Setup, store: &DynamoStore, name: &str, steps: usize) -> usize {
    let key = Key::of(name);
    let (mut done, mut unknown) = (0, 0);
    while done < steps {
        let commit = match store.get(&setup.rows, &key).await.unwrap() {
            None => setup.create(name, 1),
            Some(found) => setup.put(name, found.int(0).unwrap() + 1).expect_version(
                &setup.rows,
                key.clone(),
                found.version,
            ),
        };
        match store.commit(commit).await {
            Ok(_) => done += 1,
            Err(Error::Conflict { .. }) => {}
            Err(Error::OutcomeUnknown(_)) => unknown += 1,
            Err(error) => panic!("{error}"),
        }
    }
    unknown
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_commit_of_a_group_does_not_take_the_others_along() {
    for setup in setups(|settings| settings.groups_max = 1).await {
        // While the first is held up, the others gather into one group.
        let held = Arc::new(tokio::sync::Notify::new());
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (notify, released) = (held.clone(), parking_lot::Mutex::new(released));
        setup.proxy.rule(move |request| {
            if request.action == "TransactWriteItems" && request.nth == 0 {
                notify.notify_one();
                tokio::task::block_in_place(|| released.lock().recv()).unwrap();
            }
            Fate::Pass
        });
        setup.direct.commit(setup.create("taken", 5)).await.unwrap();
        let setup = Arc::new(setup);
        let commit = |name: &'static str| {
            let setup = setup.clone();
            async move { setup.store.commit(setup.create(name, 1)).await }
        };
        let opening = tokio::spawn(commit("opening"));
        held.notified().await;
        let rest = tokio::spawn(futures::future::join_all(["x", "taken", "y"].map(commit)));
        // All three are queued once the first poll of each is through.
        while setup.store.waiting() < 3 {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
        opening.await.unwrap().unwrap();
        let answers = rest.await.unwrap();
        assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
        let Err(Error::Conflict { table, key }) = &answers[1] else { panic!("{answers:?}") };
        assert_eq!((table.as_str(), key), ("fault.rows", &Key::of("taken")));
        assert_eq!(setup.amount("taken").await, Some(5));
        let sizes: Vec<usize> = setup
            .proxy
            .seen("TransactWriteItems")
            .iter()
            .map(|request| request.body["TransactItems"].as_array().unwrap().len())
            .collect();
        assert_eq!(sizes, [1, 3, 2], "one alone, three together, two again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_own_words() {
    let cases = [
        (
            refuse(
                400,
                "AccessDeniedException",
                "User: arn:aws:iam::1:user/a is not authorized to perform: dynamodb:ConditionCheckItem on resource: x",
            ),
            ["dynamodb:ConditionCheckItem", "fence_by_update", "fault.rows"],
        ),
        (
            refuse(400, "ExpiredTokenException", "The security token included in the request is expired"),
            ["session token has expired", "eu-central-1", "TransactWriteItems"],
        ),
        (
            refuse(400, "UnrecognizedClientException", "The security token is invalid"),
            ["access key", "region eu-central-1", "TransactWriteItems"],
        ),
    ];
    for setup in setups(|_| {}).await {
        for (fate, words) in &cases {
            let fate = fate.clone();
            setup.proxy.rule(move |_| fate.clone());
            let error = setup.store.commit(setup.create("a", 1)).await.unwrap_err();
            assert!(matches!(error, Error::Denied(_)), "{error:?}");
            for word in words {
                assert!(error.to_string().contains(word), "{word:?} is not in: {error}");
            }
            assert_eq!(setup.proxy.seen("TransactWriteItems").len(), 1, "repeating would not help");
        }
        setup.proxy.rule(|_| {
            refuse(400, "AccessDeniedException", "not authorized to perform: dynamodb:CreateTable")
        });
        let other = Table::define("fault", "other").partition("name", Text).build().unwrap();
        let error = setup.store.create_tables(&[other]).await.unwrap_err();
        assert!(error.to_string().contains("by hand"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_unavailable_and_nothing_was_written() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut settings = emulator::settings_at(&endpoint);
    settings.max_retries = 2;
    let opened = DynamoStore::open(settings, StdRng::seed_from_u64(1)).await;
    let error = opened.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains(&endpoint), "{error}");
}

/// The right `dynamodb:ConditionCheckItem` is missing in the policies of existing installations.
#[tokio::test(flavor = "multi_thread")]
async fn fencing_by_update_asks_for_no_condition_check_and_changes_nothing() {
    for setup in setups(|settings| settings.fence_by_update = true).await {
        let version = setup.store.commit(setup.create("lease", 7)).await.unwrap();
        let lease = Key::of("lease");
        let fence = |epoch: i64| {
            let (table, key) = (setup.rows.clone(), lease.clone());
            trustkeep_store::Expect::Column { table, key, column: 0, value: epoch.into() }
        };
        setup.proxy.rule(|_| Fate::Pass);
        setup.store.commit(setup.put("a", 1).expect(fence(7))).await.unwrap();
        let nothing = setup.put("b", 1).expect_absent(&setup.rows, Key::of("nothing"));
        setup.store.commit(nothing).await.unwrap();
        let stale = setup.store.commit(setup.put("c", 1).expect(fence(6))).await;
        assert!(matches!(stale, Err(Error::Conflict { key, .. }) if key == lease));
        for request in setup.proxy.seen("TransactWriteItems") {
            for item in request.body["TransactItems"].as_array().unwrap() {
                assert!(item.get("ConditionCheck").is_none(), "{item}");
            }
        }
        let found = setup.direct.get(&setup.rows, &lease).await.unwrap().unwrap();
        assert_eq!((found.version, found.int(0)), (version, Some(7)));
        assert_eq!(setup.amount("nothing").await, None, "a check made the row it expected not to be");
        assert_eq!(setup.amount("c").await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn collisions_with_other_writers_are_retried_as_new_requests() {
    for setup in setups(|settings| settings.max_retries = 4).await {
        for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
            setup.proxy.rule(first("TransactWriteItems", 2, cancel(&["None", code])));
            let commit = setup.put(code, 1).expect_absent(&setup.rows, Key::of("nothing"));
            setup.store.commit(commit).await.unwrap();
            assert_eq!(setup.amount(code).await, Some(1));
            let tokens: std::collections::HashSet<String> = setup
                .proxy
                .seen("TransactWriteItems")
                .iter()
                .map(|request| request.body["ClientRequestToken"].to_string())
                .collect();
            assert_eq!(tokens.len(), 3, "a cancelled request is over; its token is not used again");
        }
        setup.proxy.rule(|_| cancel(&["TransactionConflict"]));
        let error = setup.store.commit(setup.create("never", 1)).await.unwrap_err();
        assert!(matches!(&error, Error::Unavailable(text) if text.contains("collision")), "{error:?}");
        assert_eq!(setup.amount("never").await, None);
    }
}

/// Two processes: each its own queue, one table.
#[tokio::test(flavor = "multi_thread")]
async fn two_stores_on_one_table_lose_no_step() {
    const STEPS: usize = 15;
    for setup in setups(|_| {}).await {
        let one = Arc::new(setup);
        let tasks: Vec<_> = (0..4)
            .map(|task| {
                let setup = one.clone();
                tokio::spawn(async move {
                    let store = if task % 2 == 0 { &setup.store } else { &setup.direct };
                    count_up(&setup, store, "both", STEPS).await
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), 0, "nothing is unknown where nothing fails");
        }
        assert_eq!(one.amount("both").await, i64::try_from(4 * STEPS).ok());
    }
}

#[tokio::test]
async fn retries_that_would_outlast_the_token_are_refused() {
    let mut settings = emulator::settings_at("http://127.0.0.1:9");
    settings.max_retries = 100;
    let error = DynamoStore::open(settings, StdRng::seed_from_u64(1)).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(text) if text.contains("max_retries 100")), "{error:?}");
}

/// A chain of credentials that found none.
#[derive(Debug)]
struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("searched everywhere")))
    }
}

#[tokio::test]
async fn missing_credentials_are_named_as_such() {
    let mut settings = emulator::settings_at("http://127.0.0.1:9");
    settings.credentials = SharedCredentialsProvider::new(NoCredentials);
    let error = DynamoStore::open(settings, StdRng::seed_from_u64(1)).await.unwrap_err();
    let Error::Denied(text) = &error else { panic!("{error:?}") };
    assert!(text.contains("no AWS credentials") && text.contains("searched everywhere"), "{text}");
}
