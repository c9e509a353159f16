//! Thousands of executions by clients that vanish at any step, over two processes of one Auditor, some on a Ledger that
//! lies now and then, against a model. The seed is printed; `TRUSTKEEP_SEED` sets it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trustkeep_crypto::Random;
use trustkeep_crypto::random::{Seeded, SystemRandom, below};
use trustkeep_scalar_rpc::messages::{AssetProof, ContractExecutionRequest};
use trustkeep_scalar_rpc::{Error, Result};

use crate::service::Auditor;
use crate::testing::{World, key, signed};

/// Few assets, so that clients meet.
const ASSETS: u32 = 6;
/// At once under way.
const CLIENTS: u32 = 4;
const STEPS: usize = 6_000;

/// A transaction under way.
struct Running {
    request: ContractExecutionRequest,
    touched: Vec<String>,
    written: Vec<String>,
    step: Step,
}

enum Step {
    Ordered,
    Executed(Vec<AssetProof>),
    Validated(Vec<AssetProof>),
}

struct Schedule {
    world: World,
    auditors: [Arc<Auditor>; 2],
    random: Arc<dyn Random>,
    running: Vec<Running>,
    nonces: usize,
    /// What each asset holds, as every committed transaction left it.
    model: BTreeMap<String, i64>,
    /// Assets that the Ledger has lied about, and with them those that were moved to or from since.
    spoilt: BTreeSet<String>,
    validated: usize,
    refused: usize,
}

impl Schedule {
    async fn new(seed: u64) -> Self {
        let world = World::new().await;
        let auditors = [world.auditor.clone(), world.another().await];
        Self {
            world,
            auditors,
            random: Arc::new(Seeded::new(seed)),
            running: Vec::new(),
            nonces: 0,
            model: BTreeMap::new(),
            spoilt: BTreeSet::new(),
            validated: 0,
            refused: 0,
        }
    }

    fn below(&self, end: u32) -> u32 {
        below(&*self.random, end)
    }

    fn auditor(&self) -> &Auditor {
        &self.auditors[usize::try_from(self.below(2)).unwrap()]
    }

    async fn step(&mut self) {
        let choice = self.below(100);
        match choice {
            0..=1 => self.world.wait(),
            2..=39 if self.running.len() < usize::try_from(CLIENTS).unwrap() => self.order().await,
            40..=97 if !self.running.is_empty() => self.advance().await,
            98.. if !self.running.is_empty() => {
                // It vanishes where it stands.
                let index = self.below(u32::try_from(self.running.len()).unwrap());
                self.running.remove(usize::try_from(index).unwrap());
            }
            _ => {}
        }
    }

    async fn order(&mut self) {
        let (from, to) = (self.below(ASSETS), self.below(ASSETS));
        let (from, to) = (format!("a{from}"), format!("a{to}"));
        let (contract, argument, touched, written) = match self.below(3) {
            0 => ("get", format!(r#"{{"id":"{from}"}}"#), vec![from], vec![]),
            1 => ("scan", format!(r#"{{"id":"{from}"}}"#), vec![from], vec![]),
            _ if from == to => return,
            _ => {
                let argument = format!(r#"{{"from":"{from}","to":"{to}"}}"#);
                let both = vec![from, to];
                ("move", argument, both.clone(), both)
            }
        };
        self.nonces += 1;
        let request = self.world.request(contract, &format!("n{}", self.nonces), &argument);
        match self.auditor().order(&request).await {
            Ok(auditor_signature) => {
                let request = ContractExecutionRequest { auditor_signature, ..request };
                self.running.push(Running { request, touched, written, step: Step::Ordered });
            }
            Err(error) => self.judge(&error, &touched),
        }
    }

    /// Conflicts are daily business; anything else must be about an asset that was lied about.
    #[track_caller]
    fn judge(&mut self, error: &Error, touched: &[String]) {
        if error.code.number() != 504 {
            assert!((300..=305).contains(&error.code.number()), "{error}");
            let lied = touched.iter().any(|id| self.spoilt.contains(id));
            assert!(lied, "{error}, though nobody lied about {touched:?}");
            self.refused += 1;
        }
    }

    async fn advance(&mut self) {
        let index = usize::try_from(self.below(u32::try_from(self.running.len()).unwrap())).unwrap();
        let mut running = self.running.swap_remove(index);
        match running.step {
            Step::Ordered => match self.world.execute(&running.request) {
                Ok(proofs) => {
                    if let [from, to] = running.written.as_slice() {
                        *self.model.entry(from.clone()).or_default() -= 1;
                        *self.model.entry(to.clone()).or_default() += 1;
                        // What is computed from a lie is one.
                        if self.spoilt.contains(from) || self.spoilt.contains(to) {
                            self.spoilt.extend(running.touched.iter().cloned());
                        }
                    }
                    running.step = Step::Executed(proofs);
                    self.running.push(running);
                }
                // Given up meanwhile: its client has been away for too long.
                Err(error) => assert_eq!(error.code.number(), 504, "{error}"),
            },
            Step::Executed(ref proofs) => {
                let validated = self.auditor().validate(&running.request, proofs.clone()).await;
                match validated {
                    Ok(answer) => {
                        self.check(&running, &answer.proofs);
                        running.step = Step::Validated(proofs.clone());
                        self.running.push(running);
                    }
                    Err(error) => self.judge(&error, &running.touched),
                }
            }
            // Its answer was lost: it asks again.
            Step::Validated(ref proofs) => {
                let again = self.auditor().validate(&running.request, proofs.clone()).await;
                match again {
                    Ok(answer) => self.check(&running, &answer.proofs),
                    Err(error) => self.judge(&error, &running.touched),
                }
            }
        }
    }

    fn check(&mut self, running: &Running, proofs: &[AssetProof]) {
        self.validated += 1;
        let proved: Vec<_> = proofs.iter().map(|proof| proof.asset_id.clone()).collect();
        for id in &running.written {
            assert!(proved.contains(id), "{id} was written and is not proved");
        }
    }

    /// Everybody goes home; what is left is recovered. Then both domains hold the same.
    async fn end(&mut self) -> Result<()> {
        self.running.clear();
        // What the other process ordered is seen now and stale after the second wait.
        for _ in 0..2 {
            self.world.wait();
            for asset in 0..ASSETS {
                // Not known, or evidence: looked at below.
                self.world.auditor.recover_lock(&key(&format!("a{asset}"))).await.ok();
            }
        }
        for asset in 0..ASSETS {
            let id = format!("a{asset}");
            if self.spoilt.contains(&id) {
                continue;
            }
            let looked =
                match self.world.run("get", &format!("end-{id}"), &format!(r#"{{"id":"{id}"}}"#)).await {
                    Ok(looked) => looked,
                    // Held together with one that was lied about.
                    Err(error) if !self.spoilt.is_empty() => {
                        assert!((300..=305).contains(&error.code.number()), "{error}");
                        continue;
                    }
                    Err(error) => return Err(error),
                };
            match self.model.get(&id) {
                Some(value) => assert_eq!(looked.contract_result, format!(r#"{{"v":{value}}}"#), "{id}"),
                None => assert_eq!(looked.contract_result, "", "{id}"),
            }
            assert_eq!(self.world.lock(&id).await.1, 0, "{id} is free");
        }
        Ok(())
    }
}

fn seed() -> u64 {
    let seed = std::env::var("TRUSTKEEP_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| {
        let mut bytes = [0; 8];
        SystemRandom.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    });
    println!("TRUSTKEEP_SEED={seed}");
    seed
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_vanish_hurt_nobody() -> Result<()> {
    let mut schedule = Schedule::new(seed()).await;
    for _ in 0..STEPS {
        schedule.step().await;
    }
    schedule.end().await?;
    println!("{} orders, {} validations", schedule.nonces, schedule.validated);
    assert!(schedule.refused == 0 && schedule.validated > STEPS / 10);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lie_is_met_at_the_next_access() -> Result<()> {
    let seed = seed();
    for round in 0..20 {
        let mut schedule = Schedule::new(seed.wrapping_add(round)).await;
        for _ in 0..300 {
            schedule.step().await;
        }
        // Nobody is under way, so that the next access is one that begins after the lie.
        schedule.end().await?;
        let id = format!("a{}", schedule.below(ASSETS));
        let place = key(&id);
        if schedule.world.lock(&id).await.0.is_none() {
            continue;
        }
        if schedule.below(2) == 0 {
            schedule.world.ledger.roll_back(&place);
        } else {
            let age = usize::try_from(schedule.world.lock(&id).await.0.unwrap()).unwrap();
            schedule.world.ledger.change(&place, age, |row| {
                row.output = r#"{"v":1000000}"#.into();
                row.hash = row.computed_hash(&id);
            });
        }
        schedule.spoilt.insert(id.clone());
        let looked = schedule.world.run("get", "after", &format!(r#"{{"id":"{id}"}}"#)).await;
        assert_eq!(looked.unwrap_err().code.number(), 305);
        for _ in 0..300 {
            schedule.step().await;
        }
        assert!(schedule.world.lock(&id).await.1 > 0, "the evidence stays");
        schedule.end().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_of_one_request_are_none_of_another() -> Result<()> {
    let world = World::new().await;
    world.run("put", "n1", r#"{"id":"a","v":1}"#).await?;
    let first = world.order(&world.request("put", "n2", r#"{"id":"a","v":2}"#)).await?;
    let second = world.order(&world.request("put", "n3", r#"{"id":"b","v":2}"#)).await?;
    let (firsts, seconds) = (world.execute(&first)?, world.execute(&second)?);
    let named: Vec<_> =
        seconds.iter().map(|proof| AssetProof { asset_id: "a".into(), ..proof.clone() }).collect();
    let named = named.into_iter().map(signed).collect();
    for (request, proofs) in [(&first, seconds), (&second, firsts), (&first, named)] {
        let error = world.validate(request, proofs).await.unwrap_err();
        assert_eq!(error.code.number(), 305, "{error}");
    }
    Ok(())
}
