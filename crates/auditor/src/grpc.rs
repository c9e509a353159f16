//! The Auditor's two gRPC services: each method hands its message to [`Auditor`](crate::Auditor) and sends what comes
//! back.

mod auditor;
mod privileged;

pub use auditor::AuditorRpc;
pub use privileged::AuditorPrivilegedRpc;

use tonic::{Response, Status};
use trustkeep_scalar_rpc::Result;

async fn answer<T>(work: impl Future<Output = Result<T>>) -> std::result::Result<Response<T>, Status> {
    Ok(Response::new(work.await?))
}
