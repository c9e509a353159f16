//! Numbers about the process, in the Prometheus text form.
//!
//! Services declare theirs with the `metrics` crate's macros and keep the handles. The two kinds that every service has are
//! here: the process's own ([`process`]) and those of its requests ([`RequestMetrics`]), which are counted without a
//! lock or a look-up because every request pays for them.

pub mod process;
mod request;

use std::sync::OnceLock;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

pub use request::{RequestMetrics, StatusClass};

use crate::shutdown::Shutdown;

/// Upper bounds of the latency buckets, seconds: from an answer out of memory to a request that has hung.
pub const LATENCY_BUCKETS_SECONDS: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Upper bounds of the buckets of `controller_job_seconds`, seconds: what a cloud does in seconds to what it does in half an hour.
pub const JOB_BUCKETS_SECONDS: [f64; 11] =
    [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0];

/// Buckets of every other histogram: sizes and counts.
pub const COUNT_BUCKETS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// Metrics cannot be collected.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot install the metrics recorder: {0}; another part of the program has installed one")]
pub struct InstallError(String);

/// Installs the recorder behind the `metrics` macros. Must precede the first use of a macro; calling it again is harmless.
///
/// # Errors
/// If a recorder that is not ours is in place.
pub fn install() -> Result<(), InstallError> {
    recorder().clone().map(|_| ())
}

/// All metrics as Prometheus text (exposition format 0.0.4).
pub fn render() -> String {
    let mut text = match recorder() {
        Ok(handle) => handle.render(),
        Err(_) => String::new(),
    };
    request::render(&mut text);
    process::render(&mut text);
    text
}

/// The answer to `GET /metrics`.
pub fn response() -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render()).into_response()
}

/// Folds histogram samples into their buckets every few seconds, so that they do not pile up while nobody scrapes.
/// A task for the supervisor.
///
/// # Errors
/// Never; the signature is that of a supervised task.
pub async fn run_upkeep(shutdown: Shutdown) -> Result<(), std::convert::Infallible> {
    const PERIOD: Duration = Duration::from_secs(5);
    let mut ticks = tokio::time::interval(PERIOD);
    loop {
        tokio::select! {
            () = shutdown.wait() => return Ok(()),
            _ = ticks.tick() => if let Ok(handle) = recorder() { handle.run_upkeep() },
        }
    }
}

fn recorder() -> &'static Result<PrometheusHandle, InstallError> {
    static RECORDER: OnceLock<Result<PrometheusHandle, InstallError>> = OnceLock::new();
    RECORDER.get_or_init(|| {
        PrometheusBuilder::new()
            .set_buckets(&COUNT_BUCKETS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &LATENCY_BUCKETS_SECONDS)
            })
            // Named in full, since of two endings that fit it is not said which counts.
            .and_then(|builder| {
                builder.set_buckets_for_metric(
                    Matcher::Full("controller_job_seconds".into()),
                    &JOB_BUCKETS_SECONDS,
                )
            })
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(|error| InstallError(error.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installing_twice_is_harmless_and_counters_are_rendered() {
        install().unwrap();
        ::metrics::counter!("chassis_test_events_total", "kind" => "a").increment(3);
        install().unwrap();
        let text = render();
        assert!(text.contains("chassis_test_events_total{kind=\"a\"} 3"), "{text}");
    }
}
