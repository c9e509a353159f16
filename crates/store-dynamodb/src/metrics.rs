//! What the backend counts.

/// Answered requests, by `action` and `outcome` (`ok`, or why not).
const REQUESTS: &str = "trustkeep_store_dynamodb_requests_total";
/// Repeated requests, by `reason`.
const RETRIES: &str = "trustkeep_store_dynamodb_retries_total";
/// How many commits went into one write request.
const GROUP_COMMITS: &str = "trustkeep_store_dynamodb_group_commits";

pub(crate) fn request(action: &'static str, outcome: &'static str) {
    metrics::counter!(REQUESTS, "action" => action, "outcome" => outcome).increment(1);
}

pub(crate) fn retry(reason: &'static str) {
    metrics::counter!(RETRIES, "reason" => reason).increment(1);
}

pub(crate) fn group(commits: usize) {
    metrics::histogram!(GROUP_COMMITS).record(f64::from(u32::try_from(commits).unwrap_or(u32::MAX)));
}
