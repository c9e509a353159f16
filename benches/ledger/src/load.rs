//! Clients that execute: a fixed number of executions to fill a ledger, a fixed time to measure one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use parking_lot::Mutex;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::task::JoinSet;
use trustkeep_scalar_client::{Call, Client};
use trustkeep_scalar_rpc::messages::ContractExecutionRequest;
use trustkeep_scalar_rpc::{Error, StatusCode};

use crate::deployment::Deployment;
use crate::workload::{Kind, Workload};

/// Clients with a connection each, and what they draw by.
pub(crate) struct Clients {
    clients: Vec<Client>,
    random: StdRng,
}

/// What clients saw.
#[derive(Default)]
pub(crate) struct Seen {
    /// How long each success took, sorted.
    pub(crate) latencies: Vec<Duration>,
    /// Executions that were answered with 504.
    pub(crate) conflicts: usize,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
}

/// Fills a ledger with assets, many executions at a time.
pub(crate) async fn fill(deployment: &Deployment<'_>, kind: Kind, assets: u64) -> anyhow::Result<()> {
    let peer = deployment.setting.is_peer();
    let mut random = StdRng::seed_from_u64(SEED);
    let step = kind.at_once(peer);
    let next = Arc::new(Mutex::new((0..assets).step_by(step as usize).map(move |from| {
        let to = (from + step).min(assets);
        if peer { kind.filling_of_peer(&mut random, from, to) } else { kind.filling(&mut random, from, to) }
    })));
    let mut tasks = JoinSet::new();
    for _ in 0..FILLING {
        let (client, next) = (deployment.client()?, next.clone());
        tasks.spawn(async move {
            loop {
                let Some((contract, argument)) = next.lock().next() else { return anyhow::Ok(()) };
                for attempt in 1.. {
                    match client.execute_contract(contract, &argument).await {
                        Ok(_) => break,
                        Err(error) if is_conflict(&error) && attempt < ATTEMPTS_MAX => {}
                        Err(error) => return Err(error).context("filling the ledger"),
                    }
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done?.with_context(|| deployment.log())?;
    }
    Ok(())
}

impl Clients {
    pub(crate) fn new(deployment: &Deployment<'_>, count: usize) -> anyhow::Result<Self> {
        let clients = (0..count.max(1)).map(|_| deployment.client()).collect::<anyhow::Result<_>>()?;
        Ok(Self { clients, random: StdRng::seed_from_u64(SEED + count as u64) })
    }

    /// Executes for so long as warm-up and gives how many executions a second there were.
    pub(crate) async fn warm_up(
        &mut self,
        workload: Workload,
        assets: u64,
        time: Duration,
    ) -> anyhow::Result<f64> {
        let (mut left, mut rate) = (time, GUESS);
        // In steps, so that what was signed beforehand lasts.
        while !left.is_zero() {
            let step = left.min(Duration::from_secs(2));
            let requests = self.sign(workload, assets, rate, step)?;
            let seen = self.run(requests, step).await?;
            rate = (seen.latencies.len() + seen.conflicts) as f64 / seen.elapsed.as_secs_f64().max(0.001);
            left = left.saturating_sub(step);
        }
        Ok(rate)
    }

    /// Requests for so long at this rate and half as many more, made and signed beforehand: what is measured is the
    /// servers.
    pub(crate) fn sign(
        &mut self,
        workload: Workload,
        assets: u64,
        rate: f64,
        time: Duration,
    ) -> anyhow::Result<Vec<ContractExecutionRequest>> {
        let client = self.clients.first().context("no client")?;
        let count = (rate * time.as_secs_f64() * 1.5) as usize + self.clients.len();
        let random = &mut self.random;
        let prepare = |_| {
            let (contract_id, argument) = workload.call(random, assets);
            Ok(client.prepare(Call { contract_id, argument: &argument, ..Call::default() })?)
        };
        (0..count.min(SIGNED_MAX)).map(prepare).collect()
    }

    /// Sends requests for so long, or until there are none, each client one after the other.
    pub(crate) async fn run(
        &self,
        requests: Vec<ContractExecutionRequest>,
        time: Duration,
    ) -> anyhow::Result<Seen> {
        let requests = Arc::new(Mutex::new(requests.into_iter()));
        let mut tasks = JoinSet::new();
        let began = Instant::now();
        for client in self.clients.clone() {
            let requests = requests.clone();
            tasks.spawn(async move {
                let mut seen = Seen::default();
                while began.elapsed() < time {
                    let Some(request) = requests.lock().next() else { break };
                    let sent = Instant::now();
                    match client.execute_signed(request).await {
                        Ok(_) => seen.latencies.push(sent.elapsed()),
                        Err(error) if is_conflict(&error) => seen.conflicts += 1,
                        Err(error) => return Err(anyhow::Error::from(error)),
                    }
                }
                Ok(seen)
            });
        }
        let mut all = Seen::default();
        while let Some(seen) = tasks.join_next().await {
            let seen = seen??;
            all.latencies.extend(seen.latencies);
            all.conflicts += seen.conflicts;
        }
        all.elapsed = began.elapsed();
        all.latencies.sort_unstable();
        Ok(all)
    }
}

impl Seen {
    /// The latency that this share of all successes keeps within.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        trustkeep_bench_rig::quantile(&self.latencies, share)
    }

    /// Successes a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64().max(0.001)
    }

    /// Conflicts of all executions, 0 to 1.
    pub(crate) fn conflict_share(&self) -> f64 {
        self.conflicts as f64 / (self.conflicts + self.latencies.len()).max(1) as f64
    }
}

fn is_conflict(error: &Error) -> bool {
    error.code == StatusCode::Conflict
}

/// The same in every run.
const SEED: u64 = 20_261_122;
/// Clients that fill.
const FILLING: usize = 8;
/// The peer's filling meets itself now and then.
const ATTEMPTS_MAX: u32 = 20;
/// Executions a second that are signed for at first.
const GUESS: f64 = 12_000.0;
/// Half a gigabyte of records.
const SIGNED_MAX: usize = 300_000;
