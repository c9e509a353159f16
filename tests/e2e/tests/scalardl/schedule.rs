//! Thousands of transfers between a few accounts in two namespaces, by clients that vanish and repeat themselves, through
//! a Ledger that drops, doubles, delays and lies, between two servers that are killed now and then. What remains, of
//! assets and of the records that functions changed, is held against a model.
//!
//! The faults come from a seed, which is printed; `TRUSTKEEP_SEED` runs the same again, as far as the order in which
//! two processes get on allows.

mod chaos;
mod customer;
mod model;

use std::fmt::Debug;
use std::str::FromStr;
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
use crate::crashes::restart;
use crate::liar::Honest;
use crate::world::{Setting, World, balance, deposit};

/// How many executions are sent to the Ledger in each setting; `TRUSTKEEP_EXECUTIONS` says otherwise.
const EXECUTIONS: u32 = 800;
/// The namespaces of accounts; the ids are the same in both.
const NAMESPACES: [&str; 2] = ["default", "second"];
/// In each of them.
const ACCOUNTS: usize = 8;
const CUSTOMERS: u64 = 6;
/// After how many executions one of the servers is killed, or both.
const KILLED_EVERY: u32 = 160;
/// How long an order is waited for: several times as long as three steps take when all is well.
const GRACE_MILLIS: u64 = 100;
/// What is on each account at first.
const ENDOWMENT: i64 = 500;

/// Transfers between namespaces.
const MOVE: &str = r#"
function invoke(ledger, argument) {
  const { from, to, amount } = argument;
  const balances = [from, to].map((account) => ledger.get(account.namespace, account.id).data.balance);
  if (balances[0] < amount) throw new ContractContextException("too little");
  ledger.put(from.namespace, from.id, { balance: balances[0] - amount });
  ledger.put(to.namespace, to.id, { balance: balances[1] + amount });
  ledger.setContext(String(amount));
}"#;

/// Counts how often it was executed for a nonce, and what went from an account.
const NOTE: &str = r#"
function invoke(database, nonce, argument, properties, context) {
  for (const [id, amount] of [[nonce, 1], [argument.from.namespace + "/" + argument.from.id, Number(context)]]) {
    const key = { namespace: "shop", table: "notes", partition_key: [{ column_name: "id", value: id, data_type: "TEXT" }] };
    const known = database.get(key);
    const value = (known === null ? 0 : known.amount) + amount;
    database.put({ ...key, columns: [{ column_name: "amount", value, data_type: "INT" }] });
  }
}"#;

/// How far all of them are.
pub(crate) struct Progress {
    executions: AtomicU32,
    goal: u32,
    /// Whether request proofs are purged when their orders have ended.
    purges: bool,
    moved: watch::Sender<u32>,
    /// Whether both servers run.
    up: watch::Sender<bool>,
}

impl Progress {
    /// Counts one execution; says whether there are more to come.
    fn executed(&self) -> bool {
        let count = self.executions.fetch_add(1, Ordering::Relaxed) + 1;
        self.moved.send_replace(count);
        count < self.goal
    }

    fn goes_on(&self) -> bool {
        self.executions.load(Ordering::Relaxed) < self.goal
    }

    /// Waits until both servers run.
    async fn up(&self) {
        self.up.subscribe().wait_for(|up| *up).await.unwrap();
    }
}

/// An account by its namespace and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Account {
    namespace: &'static str,
    id: String,
}

/// All of them, a namespace after the other.
fn accounts() -> Vec<Account> {
    let of =
        |namespace| (0..ACCOUNTS).map(move |index| Account { namespace, id: format!("account-{index}") });
    NAMESPACES.into_iter().flat_map(of).collect()
}

fn from_environment<T: FromStr<Err: Debug>>(name: &str) -> Option<T> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_signatures_no_money_is_lost_or_made_and_every_lie_is_found() {
    let seed = from_environment("TRUSTKEEP_SEED").unwrap_or_else(rand::random);
    println!("TRUSTKEEP_SEED={seed}");
    println!("{}", run(Setting::Signatures, seed).await);
}

/// With purges besides.
#[tokio::test(flavor = "multi_thread")]
async fn with_secrets_no_money_is_lost_or_made_and_every_lie_is_found() {
    let seed = from_environment("TRUSTKEEP_SEED").unwrap_or_else(rand::random);
    println!("TRUSTKEEP_SEED={seed}");
    println!("{}", run(Setting::Secrets, seed).await);
}

/// Gives a line of figures.
async fn run(setting: Setting, seed: u64) -> String {
    let goal = from_environment("TRUSTKEEP_EXECUTIONS").unwrap_or(EXECUTIONS);
    let mut world = World::of(setting, GRACE_MILLIS).await;
    world.client().create_namespace("second").await.unwrap();
    world.admit(&world.client_in("second")).await;
    world.client().register_contract("move", "move", MOVE.into(), "").await.unwrap();
    world.client().register_function("note", "note", NOTE.into()).await.unwrap();
    for account in accounts() {
        let client = world.client_in(account.namespace);
        client.execute_contract("create", &json!({ "id": account.id }).to_string()).await.unwrap();
        deposit(&client, &account.id, ENDOWMENT).await.unwrap();
    }
    let purges = setting == Setting::Secrets;
    if purges {
        let of = "transaction_state_purge";
        world.ledger.set(&format!("scalar.dl.ledger.{of}.enabled"), "true");
        world.auditor.set(&format!("scalar.dl.auditor.{of}.enabled"), "true");
        world.auditor.set(&format!("scalar.dl.auditor.{of}.on_completion.enabled"), "true");
        restart(&mut world).await;
    }
    let chaos = Arc::new(Chaos::new(seed, world.keys.ledger.clone()));
    world.liar.becomes(chaos.clone());
    let progress = Arc::new(Progress {
        executions: AtomicU32::new(0),
        goal,
        purges,
        moved: watch::Sender::new(0),
        up: watch::Sender::new(true),
    });
    let mut customers = JoinSet::new();
    for number in 0..CUSTOMERS {
        let namespace = if number % 3 == 2 { "second" } else { "default" };
        let client = world.client_in(namespace);
        let customer = Customer::new(number, namespace, seed, client, chaos.clone(), progress.clone());
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
    let mut sum = 0;
    for account in accounts() {
        let client = world.client_in(account.namespace);
        sum += settled(&client, &account.id).await;
        let validation = client.validate_ledger(None, &account.id, Ages::ALL).await.unwrap();
        assert!(validation.code == trustkeep_scalar_rpc::StatusCode::Ok);
    }
    assert_eq!(sum, ENDOWMENT * i64::try_from(accounts().len()).unwrap(), "the sum of all balances");
    world.check_others_get_on("untouched").await;
    world.auditor.stop().await;
    world.ledger.stop().await;
    model::check(&world, &attempts, &chaos).await
}

/// Kills one of the servers or both each time that so many executions were sent, and starts them again.
async fn kill_now_and_then(world: &mut World, seed: u64, progress: &Progress) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut moved = progress.moved.subscribe();
    for threshold in (KILLED_EVERY..progress.goal).step_by(KILLED_EVERY as usize) {
        moved.wait_for(|count| *count >= threshold).await.unwrap();
        if progress.purges {
            // Beside all that is under way; whether it gets to its end is left open.
            let _ = world.client().purge_state().await;
        }
        progress.up.send_replace(false);
        match random.random_range(0..5) {
            0 | 1 => {
                world.ledger.crash().await;
                world.start_ledger().await;
            }
            2 | 3 => {
                world.auditor.crash().await;
                world.auditor.start().await;
            }
            _ => restart(world).await,
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
