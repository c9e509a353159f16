//! An honest client that transfers money, and sometimes goes away or says things twice.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use trustkeep_scalar_client::{Call, Client};
use trustkeep_scalar_rpc::Error;
use trustkeep_scalar_rpc::messages::{ContractExecutionRequest, ContractExecutionResponse};

use super::chaos::Chaos;
use super::{Account, Progress, accounts};

/// How long a customer waits who met others at an account.
const BACK_OFF: Duration = Duration::from_millis(8);

/// One transfer that was tried.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) nonce: String,
    pub(crate) from: Account,
    pub(crate) to: Account,
    pub(crate) amount: i64,
    /// Whether a function took a note of it.
    pub(crate) noted: bool,
    pub(crate) end: End,
}

/// What its client knows of it in the end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Both servers said so: it has its effect.
    Validated,
    /// It surely has none.
    Refused,
    /// It may have one.
    Unknown,
    /// Somebody lied, to this client or, while it waited, to the Auditor; it may have an effect.
    Alarm { at_order: bool },
}

pub(crate) struct Customer {
    number: u64,
    namespace: &'static str,
    random: StdRng,
    client: Client,
    chaos: Arc<Chaos>,
    progress: Arc<Progress>,
    /// A request that came to its end, to be sent again.
    old: Option<ContractExecutionRequest>,
}

impl Customer {
    pub(crate) fn new(
        number: u64,
        namespace: &'static str,
        seed: u64,
        client: Client,
        chaos: Arc<Chaos>,
        progress: Arc<Progress>,
    ) -> Self {
        let random = StdRng::seed_from_u64(seed ^ (number + 1));
        Self { number, namespace, random, client, chaos, progress, old: None }
    }

    /// Transfers until enough was executed; all that it tried.
    pub(crate) async fn run(mut self) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        while self.progress.goes_on() {
            let nonce = format!("{}-{}", self.number, attempts.len());
            // A client of the default namespace may reach into others, by a contract that does.
            let noted = self.namespace == "default" && self.random.random_bool(0.3);
            let mut accounts = accounts();
            accounts.retain(|account| noted || account.namespace == self.namespace);
            let from = accounts.swap_remove(self.random.random_range(0..accounts.len()));
            let to = accounts.swap_remove(self.random.random_range(0..accounts.len()));
            let amount = self.random.random_range(1..100);
            let full = |account: &Account| json!({ "namespace": account.namespace, "id": account.id });
            let (contract_id, argument) = match noted {
                true => ("move", json!({ "from": full(&from), "to": full(&to), "amount": amount })),
                false => ("transfer", json!({ "from": from.id, "to": to.id, "amount": amount })),
            };
            let argument = argument.to_string();
            let mut call = Call { contract_id, argument: &argument, nonce: Some(&nonce), ..Call::default() };
            if noted {
                (call.function_ids, call.function_argument) = (&["note"], &nonce);
            }
            let request = self.client.prepare(call).unwrap();
            let end = self.transfer(request).await;
            attempts.push(Attempt { nonce, from, to, amount, noted, end });
            if self.random.random_bool(0.05) {
                self.send_again().await;
            }
        }
        attempts
    }

    async fn transfer(&mut self, request: ContractExecutionRequest) -> End {
        let ordered = match self.client.order(request).await {
            Ok(ordered) => ordered,
            Err(error) => return self.refused_order(error).await,
        };
        // Away without a word.
        if self.random.random_bool(0.02) {
            return End::Unknown;
        }
        let answer = self.client.execute_at_ledger(ordered.clone()).await;
        self.progress.executed();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.refused_execution(&ordered.nonce, error).await,
        };
        if self.random.random_bool(0.02) {
            return End::Unknown;
        }
        let end = self.validate(&ordered, answer).await;
        if end == End::Validated {
            self.old = Some(ordered);
        }
        end
    }

    async fn validate(
        &mut self,
        ordered: &ContractExecutionRequest,
        answer: ContractExecutionResponse,
    ) -> End {
        let lied_to = self.chaos.lied_to(&ordered.nonce);
        // The answer may be lost several times while servers are killed.
        for _ in 0..4 {
            let validated = self.client.validate_at_auditor(ordered.clone(), answer.proofs.clone()).await;
            match validated {
                Ok(validated) => {
                    let same = same(&answer, &validated);
                    assert!(same != lied_to, "{}: a lie that was not found, or none", ordered.nonce);
                    if self.random.random_bool(0.05) {
                        self.validate_again(ordered, &answer).await;
                    }
                    return if same { End::Validated } else { End::Alarm { at_order: false } };
                }
                // It has ended, by a recovery or by the validation whose answer was lost.
                Err(error) if error.code.number() == 304 && self.progress.purges => return End::Unknown,
                Err(error) if is_alarm(&error) => {
                    assert!(lied_to, "{}: a false alarm: {error}", ordered.nonce);
                    return End::Alarm { at_order: false };
                }
                Err(error) if matches!(error.code.number(), 501 | 503) => self.progress.up().await,
                Err(error) => panic!("{}: {error}", ordered.nonce),
            }
        }
        End::Unknown
    }

    /// Another time, as if the answer had been lost.
    async fn validate_again(&self, ordered: &ContractExecutionRequest, answer: &ContractExecutionResponse) {
        match self.client.validate_at_auditor(ordered.clone(), answer.proofs.clone()).await {
            Ok(_) => {}
            Err(error) if error.code.number() == 304 && self.progress.purges => {}
            Err(error) => assert!(matches!(error.code.number(), 501 | 503), "{}: {error}", ordered.nonce),
        }
    }

    async fn refused_order(&self, error: Error) -> End {
        match error.code.number() {
            408 => End::Refused,
            504 => {
                tokio::time::sleep(BACK_OFF).await;
                End::Refused
            }
            // Of the Auditor itself, which could not be reached or which could not ask the Ledger about others.
            501 | 503 => {
                self.progress.up().await;
                End::Unknown
            }
            _ if is_alarm(&error) => End::Alarm { at_order: true },
            _ => panic!("an order: {error}"),
        }
    }

    async fn refused_execution(&self, nonce: &str, error: Error) -> End {
        match error.code.number() {
            // Of the second one of two: whether the nonce is known there or the money has gone.
            408 | 504 if self.chaos.doubled(nonce) => End::Unknown,
            // Who was so late that the order was given up may find the account empty, too.
            408 | 504 => End::Refused,
            501 | 503 => {
                self.progress.up().await;
                End::Unknown
            }
            _ => panic!("{nonce}: an execution: {error}"),
        }
    }

    /// Sends a request that has come to its end, to both servers.
    async fn send_again(&mut self) {
        let Some(old) = self.old.take() else { return };
        let ordered = self.client.order(old.clone()).await.map(drop);
        let executed = self.client.execute_at_ledger(old.clone()).await.map(drop);
        // Whether the contract says no or the nonce does, at the Ledger: nothing is done.
        for (answer, codes) in [(ordered, [304, 304]), (executed, [504, 408])] {
            let Err(error) = answer else { panic!("a request was taken twice: {old:?}") };
            let code = error.code.number();
            assert!(codes.contains(&code) || matches!(code, 501 | 503), "{error}");
        }
    }
}

/// As clients compare them.
fn same(theirs: &ContractExecutionResponse, ours: &ContractExecutionResponse) -> bool {
    let hashes = |answer: &ContractExecutionResponse| {
        let mut hashes: Vec<_> = answer
            .proofs
            .iter()
            .map(|proof| (proof.asset_id.clone(), proof.age, proof.hash.clone()))
            .collect();
        hashes.sort();
        hashes
    };
    theirs.contract_result == ours.contract_result && hashes(theirs) == hashes(ours)
}

fn is_alarm(error: &Error) -> bool {
    matches!(error.code.number(), 300..=400)
}
