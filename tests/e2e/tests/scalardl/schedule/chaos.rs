//! The way to the Ledger on bad days.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tonic::Status;
use trustkeep_crypto::hash::sha256;
use trustkeep_scalar_rpc::messages::{
    AssetProof, AssetProofRetrievalRequest, AssetProofRetrievalResponse, ContractExecutionRequest,
    ContractExecutionResponse, ExecutionAbortRequest, ExecutionAbortResponse,
};
use trustkeep_scalar_rpc::signing::Signed as _;
use trustkeep_scalar_rpc::{Error, StatusCode};

use crate::liar::{Answer, Real, Ways};
use crate::world::Pair;

/// What it did to whom.
pub(crate) struct Chaos {
    seed: u64,
    ledger: Pair,
    /// Of the questions of the Auditor, so that one that is asked again is answered otherwise.
    questions: AtomicU64,
    /// Nonces whose client was given something else than the Ledger's answer.
    lied_to: Mutex<HashSet<String>>,
    /// Nonces that were sent to the Ledger more than once.
    doubled: Mutex<HashSet<String>>,
    /// Answers to the Auditor that were lies.
    lies_to_auditor: AtomicU64,
}

impl Chaos {
    pub(crate) fn new(seed: u64, ledger: Pair) -> Self {
        Self {
            seed,
            ledger,
            questions: AtomicU64::new(0),
            lied_to: Mutex::default(),
            doubled: Mutex::default(),
            lies_to_auditor: AtomicU64::new(0),
        }
    }

    pub(crate) fn lied_to(&self, nonce: &str) -> bool {
        self.lied_to.lock().unwrap().contains(nonce)
    }

    pub(crate) fn doubled(&self, nonce: &str) -> bool {
        self.doubled.lock().unwrap().contains(nonce)
    }

    /// How many lies there were: to clients, and to the Auditor.
    pub(crate) fn lies(&self) -> (usize, u64) {
        (self.lied_to.lock().unwrap().len(), self.lies_to_auditor.load(Ordering::Relaxed))
    }

    /// The same dice for the same thing, whenever it comes.
    fn dice(&self, what: &str) -> StdRng {
        let mut bytes = self.seed.to_le_bytes().to_vec();
        bytes.extend(what.as_bytes());
        StdRng::from_seed(sha256(&bytes))
    }

    fn question(&self) -> StdRng {
        self.dice(&format!("question {}", self.questions.fetch_add(1, Ordering::Relaxed)))
    }

    fn sign(&self, proof: &mut AssetProof) {
        proof.signature = self.ledger.sign(&proof.signing_bytes());
    }

    /// Changes an answer so that it is wrong, whoever looks at it.
    fn spoil(&self, dice: &mut StdRng, answer: &mut ContractExecutionResponse) {
        let index = dice.random_range(0..answer.proofs.len().max(1));
        match (dice.random_range(0..7), answer.proofs.get_mut(index)) {
            (0, _) => drop(answer.proofs.pop()),
            (1, _) => answer.contract_result = r#"{"status":"succeeded"}"#.into(),
            (2, Some(proof)) => proof.hash = vec![3; 32].into(),
            (kind, Some(proof)) => {
                match kind {
                    3 => proof.hash = vec![3; 32].into(),
                    4 => proof.age += 1,
                    5 => proof.prev_hash = vec![3; 32].into(),
                    _ => proof.nonce = "another".into(),
                }
                self.sign(proof);
            }
            (_, None) => answer.contract_result = "nothing".into(),
        }
    }
}

fn broken() -> Status {
    Status::unavailable("the connection broke")
}

#[async_trait]
impl Ways for std::sync::Arc<Chaos> {
    async fn execute(
        &self,
        mut real: Real,
        request: ContractExecutionRequest,
    ) -> Answer<ContractExecutionResponse> {
        let nonce = request.nonce.clone();
        let mut dice = self.dice(&nonce);
        match dice.random_range(0..100) {
            0..3 => Err(broken()),
            3..6 => {
                real.execute_contract(request).await?;
                Err(broken())
            }
            6..12 => {
                self.doubled.lock().unwrap().insert(nonce);
                let mut again = real.clone();
                let (first, second) =
                    tokio::join!(real.execute_contract(request.clone()), again.execute_contract(request));
                let answer = if dice.random_bool(0.5) { first } else { second };
                Ok(answer?.into_inner())
            }
            12..16 => {
                tokio::time::sleep(Duration::from_millis(dice.random_range(1..30))).await;
                Ok(real.execute_contract(request).await?.into_inner())
            }
            16 => {
                // So late that it is given up meanwhile.
                tokio::time::sleep(Duration::from_millis(2 * super::GRACE_MILLIS)).await;
                Ok(real.execute_contract(request).await?.into_inner())
            }
            17..23 => {
                let mut answer = real.execute_contract(request).await?.into_inner();
                self.spoil(&mut dice, &mut answer);
                self.lied_to.lock().unwrap().insert(nonce);
                Ok(answer)
            }
            _ => Ok(real.execute_contract(request).await?.into_inner()),
        }
    }

    async fn proof(
        &self,
        mut real: Real,
        request: AssetProofRetrievalRequest,
    ) -> Answer<AssetProofRetrievalResponse> {
        let mut dice = self.question();
        let told = match dice.random_range(0..100) {
            0..5 => return Err(broken()),
            5..10 => {
                real.retrieve_asset_proof(request).await?;
                Err(Error::new(StatusCode::AssetNotFound, "DL-LEDGER-409001: There is none.").into())
            }
            10..15 => {
                let mut answer = real.retrieve_asset_proof(request).await?.into_inner();
                if let Some(proof) = &mut answer.proof {
                    proof.hash = vec![4; 32].into();
                    if dice.random_bool(0.5) {
                        self.sign(proof);
                    }
                }
                Ok(answer)
            }
            _ => return Ok(real.retrieve_asset_proof(request).await?.into_inner()),
        };
        self.lies_to_auditor.fetch_add(1, Ordering::Relaxed);
        told
    }

    async fn abort(&self, mut real: Real, request: ExecutionAbortRequest) -> Answer<ExecutionAbortResponse> {
        match self.question().random_range(0..100) {
            0..5 => Err(broken()),
            5..10 => {
                real.abort_execution(request).await?;
                Err(broken())
            }
            10..20 => {
                real.abort_execution(request.clone()).await?;
                Ok(real.abort_execution(request).await?.into_inner())
            }
            _ => Ok(real.abort_execution(request).await?.into_inner()),
        }
    }
}
