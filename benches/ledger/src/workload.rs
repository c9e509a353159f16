//! What clients do: the original's own benchmarks, by its own contracts.

use clap::ValueEnum;
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::json;

/// A workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// Six kinds of transactions alike often on accounts drawn uniformly, as the original's SmallBank.
    Smallbank,
    /// One record of 1 KiB is read and another is written.
    YcsbA,
    /// One record of 1 KiB is read and written.
    YcsbF,
    /// `object.v1_0_0.Put`, what a HashStore client does: one small state of one asset.
    Put,
}

/// What a ledger is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of SmallBank.
    Accounts,
    /// Of YCSB.
    Records,
    /// Of HashStore.
    Objects,
}

/// A contract and its argument.
pub(crate) type Call = (&'static str, String);

/// Contract id and binary name of everything that is executed here.
pub(crate) const CONTRACTS: [(&str, &str); 11] = [
    ("smallbank.CreateAccount", "com.scalar.dl.benchmarks.smallbank.contract.CreateAccount"),
    ("smallbank.Balance", "com.scalar.dl.benchmarks.smallbank.contract.Balance"),
    ("smallbank.DepositChecking", "com.scalar.dl.benchmarks.smallbank.contract.DepositChecking"),
    ("smallbank.TransactSavings", "com.scalar.dl.benchmarks.smallbank.contract.TransactSavings"),
    ("smallbank.WriteCheck", "com.scalar.dl.benchmarks.smallbank.contract.WriteCheck"),
    ("smallbank.SendPayment", "com.scalar.dl.benchmarks.smallbank.contract.SendPayment"),
    ("smallbank.Amalgamate", "com.scalar.dl.benchmarks.smallbank.contract.Amalgamate"),
    ("ycsb.Create", "com.scalar.dl.benchmarks.ycsb.contract.Create"),
    ("ycsb.A", "com.scalar.dl.benchmarks.ycsb.contract.WorkloadA"),
    ("ycsb.F", "com.scalar.dl.benchmarks.ycsb.contract.WorkloadF"),
    ("object.v1_0_0.Put", "com.scalar.dl.genericcontracts.object.v1_0_0.Put"),
];

/// The contract that fills our ledgers, and its source.
pub(crate) const LOADER: (&str, &str) = ("load", include_str!("load.js"));

impl Workload {
    /// What must be there before it.
    pub(crate) fn needs(self) -> Option<Kind> {
        match self {
            Self::Smallbank => Some(Kind::Accounts),
            Self::YcsbA | Self::YcsbF => Some(Kind::Records),
            // Its assets come into being as they are put.
            Self::Put => None,
        }
    }

    /// One execution among `assets` assets.
    pub(crate) fn call(self, random: &mut StdRng, assets: u64) -> Call {
        match self {
            Self::Smallbank => smallbank(random, assets),
            Self::YcsbA => {
                let (read, written) = two(random, assets);
                let users = [user(read), user(written)];
                ("ycsb.A", json!({ "user_ids": users, "payloads": [text(random, RECORD)] }).to_string())
            }
            Self::YcsbF => {
                let users = [user(random.random_range(0..assets))];
                ("ycsb.F", json!({ "user_ids": users, "payloads": [text(random, RECORD)] }).to_string())
            }
            Self::Put => {
                let id = random.random_range(0..assets).to_string();
                let argument = json!({ "object_id": id, "hash_value": text(random, HASH) });
                ("object.v1_0_0.Put", argument.to_string())
            }
        }
    }
}

impl Kind {
    /// How our ledger is filled with the assets from one number to another.
    pub(crate) fn filling(self, random: &mut StdRng, from: u64, to: u64) -> Call {
        let (kind, payload) = match self {
            Self::Accounts => ("account", String::new()),
            Self::Records => ("record", text(random, RECORD)),
            Self::Objects => ("object", text(random, HASH)),
        };
        (LOADER.0, json!({ "kind": kind, "from": from, "to": to, "payload": payload }).to_string())
    }

    /// The same by contracts that the peer has, too.
    pub(crate) fn filling_of_peer(self, random: &mut StdRng, from: u64, to: u64) -> Call {
        match self {
            Self::Accounts => {
                let customer = |id: u64| {
                    json!({
                        "customer_id": id, "customer_name": format!("customer {id}"),
                        "checking_balance": 100_000, "savings_balance": 100_000,
                    })
                };
                let ids: Vec<_> = (from..to).collect();
                let customers: Vec<_> = (from..to).map(customer).collect();
                let argument = json!({ "customer_ids": ids, "customers": customers });
                ("smallbank.CreateAccount", argument.to_string())
            }
            Self::Records => {
                let ids: Vec<_> = (from..to).map(user).collect();
                let payloads: Vec<_> = (from..to).map(|_| text(random, RECORD)).collect();
                ("ycsb.Create", json!({ "user_ids": ids, "payloads": payloads }).to_string())
            }
            Self::Objects => {
                let argument = json!({ "object_id": from.to_string(), "hash_value": text(random, HASH) });
                ("object.v1_0_0.Put", argument.to_string())
            }
        }
    }

    /// How many assets one execution fills in: a commit holds so many, and each row of the peer's holds all of them in
    /// its argument.
    pub(crate) fn at_once(self, peer: bool) -> u64 {
        match (self, peer) {
            (Self::Records, false) => 100,
            (Self::Accounts | Self::Objects, false) => 500,
            (Self::Accounts, true) => 20,
            (Self::Records, true) => 4,
            (Self::Objects, true) => 1,
        }
    }
}

/// Uniform in kind and accounts.
fn smallbank(random: &mut StdRng, accounts: u64) -> Call {
    let (one, other) = two(random, accounts);
    let amount = random.random_range(1..100);
    let (contract, argument) = match random.random_range(0..6) {
        0 => ("smallbank.Balance", json!({ "customer_id": one })),
        1 => ("smallbank.DepositChecking", json!({ "customer_id": one, "amount": amount })),
        2 => ("smallbank.TransactSavings", json!({ "customer_id": one, "amount": amount })),
        3 => ("smallbank.WriteCheck", json!({ "customer_id": one, "amount": amount })),
        4 => {
            let argument = json!({ "source_customer_id": one, "dest_customer_id": other, "amount": amount });
            ("smallbank.SendPayment", argument)
        }
        _ => ("smallbank.Amalgamate", json!({ "source_customer_id": one, "dest_customer_id": other })),
    };
    (contract, argument.to_string())
}

/// Two that differ.
fn two(random: &mut StdRng, among: u64) -> (u64, u64) {
    let one = random.random_range(0..among);
    (one, (one + random.random_range(1..among)) % among)
}

fn user(number: u64) -> String {
    format!("user{number}")
}

/// Random letters and digits, which no store can make much smaller.
fn text(random: &mut StdRng, length: usize) -> String {
    (0..length).map(|_| char::from(random.sample(rand::distr::Alphanumeric))).collect()
}

/// Characters of a record's payload.
const RECORD: usize = 1024;
/// Characters of a digest in hexadecimal.
const HASH: usize = 64;
