//! The service `grpc.health.v1.Health`: whether this server wants to be sent calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// Serving until it is decommissioned. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct HealthService {
    is_decommissioned: Arc<AtomicBool>,
}

impl HealthService {
    /// From now on load balancers are to look elsewhere; calls are answered all the same.
    pub(super) fn decommission(&self) {
        self.is_decommissioned.store(true, Ordering::Release);
    }
}

/// One answer for whatever service is asked about, and no stream of answers: as the original.
#[tonic::async_trait]
impl Health for HealthService {
    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let status = if self.is_decommissioned.load(Ordering::Acquire) {
            ServingStatus::NotServing
        } else {
            ServingStatus::Serving
        };
        Ok(Response::new(HealthCheckResponse { status: status as i32 }))
    }

    type WatchStream = BoxStream<HealthCheckResponse>;

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("Method grpc.health.v1.Health/Watch is unimplemented"))
    }
}
