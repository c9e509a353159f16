//! The service `rpc.Admin`: pausing, as `scalar-admin` asks for it.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use tonic::{Code, Request, Response, Status};
use trustkeep_scalar_rpc::messages::{CheckPausedResponse, PauseRequest};
use trustkeep_scalar_rpc::services::Admin;

use super::gate::{Gate, Paused};

/// Pauses and goes on.
#[derive(Debug)]
pub(super) struct AdminService(pub(super) Arc<Gate>);

#[tonic::async_trait]
impl Admin for AdminService {
    async fn pause(&self, request: Request<PauseRequest>) -> Result<Response<()>, Status> {
        let PauseRequest { wait_outstanding, max_pause_wait_time } = request.into_inner();
        let (paused, wait_ms) = if wait_outstanding {
            let wait_ms = max_pause_wait_time.unwrap_or(WAIT_MS_DEFAULT);
            let wait = u64::try_from(wait_ms).ok().filter(|wait| *wait > 0).ok_or_else(|| {
                Status::invalid_argument(format!(
                    "max_pause_wait_time must be greater than 0 ms, but was {wait_ms} ms; leave it unset to use the default of {WAIT_MS_DEFAULT} ms"
                ))
            })?;
            tracing::info!("pausing: waiting for the calls inside");
            let wait = Duration::from_millis(wait).min(WAIT_MAX);
            (self.0.pause_and_drain(wait).await, wait_ms)
        } else {
            (self.0.pause(), 0)
        };
        match failure(paused, wait_ms) {
            None => {
                tracing::warn!("paused");
                Ok(Response::new(()))
            }
            Some(failure) => {
                tracing::warn!(reason = failure.message(), "not paused");
                Err(failure)
            }
        }
    }

    async fn unpause(&self, _: Request<()>) -> Result<Response<()>, Status> {
        self.0.open();
        tracing::warn!("unpaused");
        Ok(Response::new(()))
    }

    async fn check_paused(&self, _: Request<()>) -> Result<Response<CheckPausedResponse>, Status> {
        Ok(Response::new(CheckPausedResponse { paused: !self.0.is_open() }))
    }
}

const WAIT_MS_DEFAULT: i64 = 30_000;
/// Nobody means to wait longer, and beyond it times overflow.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);
const ERROR_DOMAIN: &str = "com.scalar.dl.admin";

fn failure(paused: Paused, wait_ms: i64) -> Option<Status> {
    let late = "Pause did not complete: outstanding requests were not drained within";
    let (code, reason, message) = match paused {
        Paused::Paused => return None,
        Paused::GateOpen => (
            Code::Aborted,
            "GATE_OPEN",
            "Pause did not complete: the gate was reopened by a concurrent unpause".to_owned(),
        ),
        Paused::PauseInProgress => (
            Code::Aborted,
            "PAUSE_IN_PROGRESS",
            "Pause did not start: another pause request is in progress".to_owned(),
        ),
        Paused::TimedOut => (
            Code::FailedPrecondition,
            "TIMED_OUT",
            format!("{late} {wait_ms} ms; the gate has been reopened"),
        ),
        Paused::TimedOutStillPaused => (
            Code::FailedPrecondition,
            "TIMED_OUT_STILL_PAUSED",
            format!("{late} {wait_ms} ms; the gate stays closed by an earlier pause"),
        ),
    };
    let info = ErrorInfo { reason: reason.to_owned(), domain: ERROR_DOMAIN.to_owned() };
    let details = RichStatus {
        code: code.into(),
        message: message.clone(),
        details: vec![Any {
            type_url: "type.googleapis.com/google.rpc.ErrorInfo".to_owned(),
            value: info.encode_to_vec(),
        }],
    };
    Some(Status::with_details(code, message, details.encode_to_vec().into()))
}

/// `google.rpc.Status`, which goes into `grpc-status-details-bin`.
#[derive(Clone, PartialEq, prost::Message)]
struct RichStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.ErrorInfo`, without its metadata.
#[derive(Clone, PartialEq, prost::Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_its_reason_to_programs_too() {
        let status = failure(Paused::TimedOutStillPaused, 5).unwrap();
        let details = RichStatus::decode(status.details()).unwrap();
        assert_eq!((details.code, details.message.as_str()), (9, status.message()));
        let info = ErrorInfo::decode(details.details[0].value.as_slice()).unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("TIMED_OUT_STILL_PAUSED", ERROR_DOMAIN));
    }

    #[tokio::test]
    async fn a_wait_of_nothing_is_refused() {
        let admin = AdminService(Arc::new(Gate::new()));
        let pause = |wait, time| {
            admin.pause(Request::new(PauseRequest { wait_outstanding: wait, max_pause_wait_time: time }))
        };
        for time in [0, -1, i64::MIN] {
            assert_eq!(pause(true, Some(time)).await.unwrap_err().code(), Code::InvalidArgument);
        }
        assert!(admin.0.is_open());
        pause(true, Some(i64::MAX)).await.unwrap();
        pause(false, Some(-1)).await.unwrap();
        assert!(admin.check_paused(Request::new(())).await.unwrap().into_inner().paused);
    }
}
