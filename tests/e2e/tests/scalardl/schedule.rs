//! Thousands of transfers between a few accounts, by clients that vanish and repeat themselves, through a Ledger that
//! drops, doubles, delays and lies, between two servers that are killed now and then. What remains is held against a
//! model.
//!
//! The faults come from a seed, which is printed; `TRUSTKEEP_SEED` runs the same again, as far as the order in which
//! two processes get on allows.

mod chaos;
mod customer;
mod model;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use trustkeep_e2e::eventually;
use trustkeep_scalar_client::{Ages, Client};

use self::chaos::Chaos;
use self::customer::Customer;
use crate::liar::Honest;
use crate::world::{World, balance, deposit};

/// How many executions are sent to the Ledger.
const EXECUTIONS: u32 = 2_000;
const ACCOUNTS: usize = 16;
const CUSTOMERS: u64 = 6;
/// How often one of the servers is killed.
const KILLS: u32 = 8;
/// How long an order is waited for: several times as long as three steps take when all is well.
const GRACE_MILLIS: u64 = 100;
/// What is on each account at first.
const ENDOWMENT: i64 = 500;

/// How far all of them are.
pub(crate) struct Progress {
    executions: AtomicU32,
    moved: watch::Sender<u32>,
    /// Whether both servers run.
    up: watch::Sender<bool>,
}

impl Progress {
    /// Counts one execution; says whether there are more to come.
    fn executed(&self) -> bool {
        let count = self.executions.fetch_add(1, Ordering::Relaxed) + 1;
        self.moved.send_replace(count);
        count < EXECUTIONS
    }

    fn goes_on(&self) -> bool {
        self.executions.load(Ordering::Relaxed) < EXECUTIONS
    }

    /// Waits until both servers run.
    async fn up(&self) {
        self.up.subscribe().wait_for(|up| *up).await.unwrap();
    }
}

fn account(index: usize) -> String {
    format!("account-{index}")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_money_is_lost_or_made_and_every_lie_is_found() {
    let seed = match std::env::var("TRUSTKEEP_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => rand::random(),
    };
    println!("TRUSTKEEP_SEED={seed}");
    let mut world = World::with_grace(GRACE_MILLIS).await;
    let client = world.client();
    for index in 0..ACCOUNTS {
        client.execute_contract("create", &json!({ "id": account(index) }).to_string()).await.unwrap();
        deposit(&client, &account(index), ENDOWMENT).await.unwrap();
    }
    let chaos = Arc::new(Chaos::new(seed, world.keys.ledger.clone()));
    world.liar.becomes(chaos.clone());
    let progress = Arc::new(Progress {
        executions: AtomicU32::new(0),
        moved: watch::Sender::new(0),
        up: watch::Sender::new(true),
    });
    let mut customers = JoinSet::new();
    for number in 0..CUSTOMERS {
        let customer = Customer::new(number, seed, world.client(), chaos.clone(), progress.clone());
        customers.spawn(customer.run());
    }
    let mut attempts = Vec::new();
    {
        let mut killing = std::pin::pin!(kill_now_and_then(&mut world, seed, &progress));
        let mut killed = false;
        loop {
            tokio::select! {
                () = &mut killing, if !killed => killed = true,
                // A customer that panics ends the test.
                customer = customers.join_next() => match customer {
                    Some(tried) => attempts.extend(tried.unwrap()),
                    None => break,
                },
            }
        }
        assert!(killed, "every kill took place");
    }

    // All is well from now on: whoever vanished is waited for, and all accounts are whole.
    world.liar.becomes(Honest);
    let client = world.client();
    let mut sum = 0;
    for index in 0..ACCOUNTS {
        sum += settled(&client, &account(index)).await;
        let validation = client.validate_ledger(None, &account(index), Ages::ALL).await.unwrap();
        assert!(validation.code == trustkeep_scalar_rpc::StatusCode::Ok);
    }
    assert_eq!(sum, ENDOWMENT * i64::try_from(ACCOUNTS).unwrap(), "the sum of all balances");
    world.check_others_get_on("untouched").await;
    world.auditor.stop().await;
    world.ledger.stop().await;
    let tally = model::check(&world, &attempts, &chaos).await;
    println!("{tally}");
}

/// Kills one of the servers each time that so many executions were sent, and starts it again.
async fn kill_now_and_then(world: &mut World, seed: u64, progress: &Progress) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut moved = progress.moved.subscribe();
    for kill in 1..=KILLS {
        let threshold = kill * EXECUTIONS / (KILLS + 1);
        moved.wait_for(|count| *count >= threshold).await.unwrap();
        progress.up.send_replace(false);
        if random.random_bool(0.5) {
            world.ledger.crash().await;
            world.start_ledger().await;
        } else {
            world.auditor.crash().await;
            world.auditor.start().await;
        }
        progress.up.send_replace(true);
    }
}

/// The balance, once nobody stands in the way any more.
async fn settled(client: &Client, account: &str) -> i64 {
    let settling = async || match balance(client, account).await {
        Ok(balance) => Ok(Some(balance)),
        Err(error) if error.code.number() == 504 => {
            tokio::time::sleep(Duration::from_millis(GRACE_MILLIS)).await;
            Ok(None)
        }
        Err(error) => anyhow::bail!("{account}: {error}"),
    };
    eventually("an account that is settled", settling).await.unwrap()
}
