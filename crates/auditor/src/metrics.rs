//! What the Auditor counts beside its requests.

use trustkeep_scalar_rpc::StatusCode;

/// A state was found that an honest Ledger and an honest Auditor cannot come to.
pub(crate) fn inconsistency(code: StatusCode) {
    metrics::counter!("scalardl_auditor_inconsistencies_total", "code" => code.number().to_string())
        .increment(1);
}

/// A stale order was ended, as the Ledger said.
pub(crate) fn recovery(committed: bool) {
    let outcome = if committed { "committed" } else { "aborted" };
    metrics::counter!("scalardl_auditor_recoveries_total", "outcome" => outcome).increment(1);
}
