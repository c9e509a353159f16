//! A Ledger, an Auditor and what stands between them, with the identities of all.

use std::fmt::Debug;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use trustkeep_scalar_client::{Ages, Call, Client, ClientConfig, Execution, Identity, Target};
use trustkeep_scalar_rpc::messages::{
    CertificateRegistrationRequest, ContractExecutionRequest, ContractExecutionResponse,
};
use trustkeep_scalar_rpc::services::{AuditorPrivilegedClient, LedgerPrivilegedClient};
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

use crate::liar::{Honest, Liar};
pub(crate) use crate::setting::{Pair, Setting};
use crate::site::{Kind, Site};

/// All that takes part; everything ends with it.
pub(crate) struct World {
    pub(crate) ledger: Site,
    pub(crate) auditor: Site,
    pub(crate) liar: Liar,
    pub(crate) keys: Keys,
    pub(crate) dir: TempDir,
    pub(crate) setting: Setting,
}

pub(crate) struct Keys {
    pub(crate) ledger: Pair,
    pub(crate) auditor: Pair,
    pub(crate) alice: Pair,
}

/// The contracts that each client of a world has: id and binary name.
const CONTRACTS: [(&str, &str); 5] = [
    ("create", "com.scalar.application.bankaccount.contract.CreateAccount"),
    ("deposit", "com.scalar.application.bankaccount.contract.Deposit"),
    ("transfer", "com.scalar.application.bankaccount.contract.Transfer"),
    ("history", "com.scalar.application.bankaccount.contract.AccountHistory"),
    ("get", "com.org1.contract.StateReader"),
];

/// Mutable records: a number by name.
pub(crate) const NOTES: &str = r#"{"shop.notes": {"transaction": true, "partition-key": ["id"],
    "columns": {"id": "TEXT", "amount": "INT"}}}"#;

impl World {
    /// Both servers, which trust each other, and alice. No lock is waited for: an order that stands in the way is
    /// asked for at once, by a process that has seen it before.
    pub(crate) async fn new() -> Self {
        Self::with_grace(0).await
    }

    /// The same, where a lock is only taken away from an order after a while.
    pub(crate) async fn with_grace(millis: u64) -> Self {
        Self::of(Setting::Signatures, millis).await
    }

    /// The same in either setting.
    pub(crate) async fn of(setting: Setting, grace_millis: u64) -> Self {
        let world = Self::strangers(setting, grace_millis).await;
        if setting == Setting::Signatures {
            world.trust(&world.keys.ledger.certificate, &world.keys.auditor.certificate).await;
        }
        world.admit(&world.client()).await;
        world
    }

    /// Both servers, which do not know each other's keys nor anybody else's.
    pub(crate) async fn strangers(setting: Setting, grace_millis: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [ledger, auditor] = setting.servers();
        let keys = Keys { ledger, auditor, alice: setting.pair("alice") };
        let above = dir.path();
        for (file, pair) in [("ledger.pem", &keys.ledger), ("auditor.pem", &keys.auditor)] {
            std::fs::write(above.join(file), &pair.private_key).unwrap();
        }
        let mut ledger = Site::new(Kind::Ledger, &above.join("ledger"), &ledger_lines(setting, above));
        ledger.define(NOTES).await;
        let [main, ..] = ledger.ports;
        let liar = Liar::before(main);
        let lines = auditor_lines(setting, above, liar.port, grace_millis);
        let mut auditor = Site::new(Kind::Auditor, &above.join("auditor"), &lines);
        tokio::join!(ledger.start(), auditor.start());
        Self { ledger, auditor, liar, keys, dir, setting }
    }

    /// Registers each server's certificate at the other.
    pub(crate) async fn trust(&self, of_ledger: &str, of_auditor: &str) {
        let request = |entity: &str, pem: &str| CertificateRegistrationRequest {
            entity_id: entity.into(),
            key_version: 1,
            cert_pem: pem.into(),
            context_namespace: String::new(),
        };
        let [_, at_ledger, _] = self.ledger.ports.map(|port| format!("http://127.0.0.1:{port}"));
        let [_, at_auditor, _] = self.auditor.ports.map(|port| format!("http://127.0.0.1:{port}"));
        let mut ledger = LedgerPrivilegedClient::connect(at_ledger).await.unwrap();
        ledger.register_cert(request("auditor", of_auditor)).await.unwrap();
        let mut auditor = AuditorPrivilegedClient::connect(at_auditor).await.unwrap();
        auditor.register_cert(request("ledger", of_ledger)).await.unwrap();
    }

    /// Registers a client and its contracts.
    pub(crate) async fn admit(&self, client: &Client) {
        match client.config().identity {
            Identity::Hmac { .. } => client.register_secret().await.unwrap(),
            _ => client.register_certificate().await.unwrap(),
        }
        client.bootstrap().await.unwrap();
        for (id, name) in CONTRACTS {
            client.register_built_in(id, name).await.unwrap();
        }
    }

    /// Alice, with channels of her own.
    pub(crate) fn client(&self) -> Client {
        self.client_of("alice", &self.keys.alice)
    }

    /// Alice in a namespace that was created.
    pub(crate) fn client_in(&self, namespace: &str) -> Client {
        let mut config = self.config("alice", &self.keys.alice);
        config.context_namespace = namespace.into();
        Client::new(config).unwrap()
    }

    pub(crate) fn client_of(&self, entity: &str, pair: &Pair) -> Client {
        Client::new(self.config(entity, pair)).unwrap()
    }

    /// How a client is configured: it reaches the Ledger by way of the liar.
    pub(crate) fn config(&self, entity: &str, pair: &Pair) -> ClientConfig {
        let [_, privileged, _] = self.ledger.ports;
        let identity = pair.identity(entity);
        let mut config = ClientConfig::new(Target::new("127.0.0.1", self.liar.port, privileged), identity);
        let [main, privileged, _] = self.auditor.ports;
        config.auditor = Some(Target::new("127.0.0.1", main, privileged));
        config
    }

    /// Another Ledger on a copy of this one's rows, which has its key too. It runs.
    pub(crate) async fn fork(&mut self, name: &str) -> Site {
        self.ledger.stop().await;
        let above = self.dir.path();
        let mut fork = self.ledger.fork(&above.join(name), &ledger_lines(self.setting, above));
        self.start_ledger().await;
        fork.start().await;
        fork
    }

    pub(crate) async fn start_ledger(&mut self) {
        self.ledger.start().await;
        let [main, ..] = self.ledger.ports;
        self.liar.point_at(main);
    }

    /// That honest clients get on with assets that nobody touched: they write, read and validate, and both servers
    /// say the same. What stands in the way of others is not theirs.
    pub(crate) async fn check_others_get_on(&self, asset: &str) {
        self.liar.becomes(Honest);
        let client = self.client();
        client.execute_contract("create", &json!({ "id": asset }).to_string()).await.unwrap();
        deposit(&client, asset, 5).await.unwrap();
        assert_eq!(balance(&client, asset).await.unwrap(), 5);
        let validation = client.validate_ledger(None, asset, Ages::ALL).await.unwrap();
        assert_eq!(validation.code, StatusCode::Ok);
        let (theirs, ours) = (validation.ledger_proof.unwrap(), validation.auditor_proof.unwrap());
        assert_eq!((theirs.age, &theirs.hash), (ours.age, &ours.hash));
    }
}

/// The Ledger's configuration beside the keys in `above`.
fn ledger_lines(setting: Setting, above: &Path) -> String {
    let own = format!(
        "scalar.dl.ledger.proof.enabled=true\n\
         scalar.dl.ledger.proof.private_key_path={}\n\
         scalar.dl.ledger.auditor.enabled=true\n",
        above.join("ledger.pem").display()
    );
    own + &setting.lines("ledger")
}

fn auditor_lines(setting: Setting, above: &Path, ledger: u16, grace_millis: u64) -> String {
    let own = format!(
        "scalar.dl.auditor.private_key_path={}\n\
         scalar.dl.auditor.ledger.host=127.0.0.1\n\
         scalar.dl.auditor.ledger.port={ledger}\n\
         scalar.dl.auditor.lock_recovery.grace_period_millis={grace_millis}\n",
        above.join("auditor.pem").display()
    );
    own + &setting.lines("auditor")
}

pub(crate) async fn deposit(client: &Client, asset: &str, amount: i64) -> Result<Execution> {
    client.execute_contract("deposit", &json!({ "id": asset, "amount": amount }).to_string()).await
}

/// What is on an account, as both servers see it.
pub(crate) async fn balance(client: &Client, asset: &str) -> Result<i64> {
    let read = client.execute_contract("get", &json!({ "asset_id": asset }).to_string()).await?;
    let read: Value = serde_json::from_str(&read.contract_result.unwrap_or_default()).unwrap();
    Ok(read.pointer("/output/balance").and_then(Value::as_i64).unwrap())
}

/// A signed deposit that goes its way step by step.
pub(crate) fn prepared(client: &Client, asset: &str, nonce: &str) -> ContractExecutionRequest {
    let argument = json!({ "id": asset, "amount": 1 }).to_string();
    let nonce = Some(nonce);
    client.prepare(Call { contract_id: "deposit", argument: &argument, nonce, ..Call::default() }).unwrap()
}

/// The first two steps of a deposit.
pub(crate) async fn executed(
    client: &Client,
    asset: &str,
    nonce: &str,
) -> Result<(ContractExecutionRequest, ContractExecutionResponse)> {
    let ordered = client.order(prepared(client, asset, nonce)).await?;
    let answer = client.execute_at_ledger(ordered.clone()).await?;
    Ok((ordered, answer))
}

/// That a call failed with this: a code's number, or the beginning of a sentence.
#[track_caller]
pub(crate) fn refused<T: Debug>(what: &str, result: Result<T>, expected: &str) -> Error {
    let error = match result {
        Ok(answer) => panic!("{what}: {answer:?} instead of {expected}"),
        Err(error) => error,
    };
    let fits = error.code.number().to_string() == expected || error.message.starts_with(expected);
    assert!(fits, "{what}: {} {} instead of {expected}", error.code.number(), error.message);
    error
}
