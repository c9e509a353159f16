//! What calls came to, for Prometheus: `scalardl_stats_<ledger|auditor>_<request>…` as the original exports it.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use trustkeep_chassis::clock::SharedClock;

use super::histogram::{Counts, Histogram};

/// A kind of call, by its request's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
#[expect(missing_docs, reason = "the names are those of the protocol's messages")]
pub enum RequestKind {
    AssetLockRecovery,
    AssetProofRetrieval,
    CertificateRegistration,
    ContractExecution,
    ContractRegistration,
    ContractsListing,
    ExecutionAbort,
    ExecutionFinish,
    ExecutionValidation,
    FunctionRegistration,
    LedgerValidation,
    NamespaceCreation,
    NamespaceDropping,
    NamespacesListing,
    SecretRegistration,
    SignedFunctionRegistration,
    StateRetrieval,
    TransactionStatePurge,
}

impl RequestKind {
    const ALL: [Self; 18] = [
        Self::AssetLockRecovery,
        Self::AssetProofRetrieval,
        Self::CertificateRegistration,
        Self::ContractExecution,
        Self::ContractRegistration,
        Self::ContractsListing,
        Self::ExecutionAbort,
        Self::ExecutionFinish,
        Self::ExecutionValidation,
        Self::FunctionRegistration,
        Self::LedgerValidation,
        Self::NamespaceCreation,
        Self::NamespaceDropping,
        Self::NamespacesListing,
        Self::SecretRegistration,
        Self::SignedFunctionRegistration,
        Self::StateRetrieval,
        Self::TransactionStatePurge,
    ];

    /// The name in metrics: the message's, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AssetLockRecovery => "asset_lock_recovery_request",
            Self::AssetProofRetrieval => "asset_proof_retrieval_request",
            Self::CertificateRegistration => "certificate_registration_request",
            Self::ContractExecution => "contract_execution_request",
            Self::ContractRegistration => "contract_registration_request",
            Self::ContractsListing => "contracts_listing_request",
            Self::ExecutionAbort => "execution_abort_request",
            Self::ExecutionFinish => "execution_finish_request",
            Self::ExecutionValidation => "execution_validation_request",
            Self::FunctionRegistration => "function_registration_request",
            Self::LedgerValidation => "ledger_validation_request",
            Self::NamespaceCreation => "namespace_creation_request",
            Self::NamespaceDropping => "namespace_dropping_request",
            Self::NamespacesListing => "namespaces_listing_request",
            Self::SecretRegistration => "secret_registration_request",
            Self::SignedFunctionRegistration => "signed_function_registration_request",
            Self::StateRetrieval => "state_retrieval_request",
            Self::TransactionStatePurge => "transaction_state_purge_request",
        }
    }
}

/// The counts of one server. Recording takes no lock.
pub struct Stats {
    prefix: String,
    clock: SharedClock,
    requests: [PerRequest; RequestKind::ALL.len()],
    past: Mutex<VecDeque<Snapshot>>,
}

impl std::fmt::Debug for Stats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stats").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// 128: neighbouring cache lines are fetched in pairs.
#[repr(align(128))]
struct PerRequest {
    success: AtomicU64,
    failure: AtomicU64,
    durations: Histogram,
}

struct Snapshot {
    taken_at: Duration,
    counts: Vec<Counts>,
}

impl Stats {
    /// Nothing counted yet; `service` is `ledger` or `auditor`.
    #[must_use]
    pub fn new(service: &str, clock: SharedClock) -> Self {
        let per_request = |_| PerRequest {
            success: AtomicU64::new(0),
            failure: AtomicU64::new(0),
            durations: Histogram::new(),
        };
        Self {
            prefix: format!("scalardl_stats_{service}"),
            clock,
            requests: RequestKind::ALL.map(per_request),
            past: Mutex::default(),
        }
    }

    /// Counts one call.
    pub fn record(&self, kind: RequestKind, is_success: bool, duration: Duration) {
        let Some(counts) = self.requests.get(kind as usize) else { return };
        let counter = if is_success { &counts.success } else { &counts.failure };
        counter.fetch_add(1, Relaxed);
        counts.durations.record(duration);
    }

    /// Calls of one kind so far: successful and failed.
    pub fn count(&self, kind: RequestKind) -> (u64, u64) {
        self.requests
            .get(kind as usize)
            .map_or((0, 0), |counts| (counts.success.load(Relaxed), counts.failure.load(Relaxed)))
    }

    /// Prometheus text (exposition format 0.0.4). Quantiles, in seconds, are of about the last five minutes if somebody
    /// asks at least every minute, else of a longer time.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let prefix = &self.prefix;
        let (mut successes, mut failures) = (0, 0);
        for (kind, counts) in RequestKind::ALL.into_iter().zip(self.recent()) {
            let (success, failure) = self.count(kind);
            successes += success;
            failures += failure;
            let name = format!("{prefix}_{}", kind.name());
            let calls = success + failure;
            if calls == 0 {
                continue;
            }
            // Writing into a String cannot fail, here and below.
            let _ = writeln!(text, "# TYPE {name} summary");
            for quantile in QUANTILES {
                let seconds = counts.quantile(quantile);
                let _ = writeln!(text, "{name}{{quantile=\"{quantile}\",}} {seconds}");
            }
            let _ = writeln!(text, "{name}_count {calls}");
            for (what, count) in [("success", success), ("failure", failure)] {
                let _ = writeln!(text, "# TYPE {name}_{what} gauge\n{name}_{what} {count}");
            }
        }
        for (what, count) in [("success", successes), ("failure", failures)] {
            let _ = writeln!(text, "# TYPE {prefix}_total_{what} gauge\n{prefix}_total_{what} {count}");
        }
        text
    }

    /// The durations since about [`WINDOW`] ago.
    fn recent(&self) -> Vec<Counts> {
        let counts: Vec<_> = self.requests.iter().map(|request| request.durations.counts()).collect();
        let now = self.clock.monotonic();
        let age = |snapshot: &Snapshot| now.saturating_sub(snapshot.taken_at);
        let mut past = self.past.lock();
        while past.get(1).is_some_and(|second| age(second) >= WINDOW) {
            past.pop_front();
        }
        let recent = match past.front() {
            Some(oldest) if age(oldest) >= WINDOW => {
                counts.iter().zip(&oldest.counts).map(|(now, then)| now.since(then)).collect()
            }
            _ => counts.clone(),
        };
        if past.back().is_none_or(|newest| age(newest) >= SNAPSHOT_EVERY) {
            past.push_back(Snapshot { taken_at: now, counts });
        }
        recent
    }
}

const QUANTILES: [f64; 6] = [0.5, 0.75, 0.95, 0.98, 0.99, 0.999];
const WINDOW: Duration = Duration::from_secs(300);
/// With [`WINDOW`] it bounds how many snapshots there are.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use trustkeep_chassis::clock::{ManualClock, Timestamp};

    #[test]
    fn the_names_are_the_originals_and_quantiles_forget() {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let stats = Stats::new("ledger", clock.clone());
        for _ in 0..10 {
            stats.record(RequestKind::ContractExecution, true, Duration::from_secs(1));
        }
        stats.record(RequestKind::ContractExecution, false, Duration::from_secs(1));
        let text = stats.render();
        for line in [
            "scalardl_stats_ledger_contract_execution_request_count 11",
            "scalardl_stats_ledger_contract_execution_request_success 10",
            "scalardl_stats_ledger_contract_execution_request_failure 1",
            "scalardl_stats_ledger_total_success 10",
            "scalardl_stats_ledger_total_failure 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("certificate_registration"), "{text}");
        let median = || {
            let text = stats.render();
            let line = text.lines().find(|line| line.contains("quantile=\"0.5\"")).unwrap();
            line.split(' ').next_back().unwrap().parse::<f64>().unwrap()
        };
        assert!((median() - 1.0).abs() < 0.04);
        for _ in 0..6 {
            clock.advance(SNAPSHOT_EVERY);
            stats.record(RequestKind::ContractExecution, true, Duration::from_millis(2));
            median();
        }
        assert!((median() / 0.002 - 1.0).abs() < 0.04);
        assert!(stats.past.lock().len() <= 7);
    }
}
