//! The Ledger's two gRPC services: each method hands its message to [`Ledger`](crate::Ledger) and sends what comes back.

mod ledger;
mod privileged;

pub use ledger::LedgerRpc;
pub use privileged::LedgerPrivilegedRpc;

use tonic::{Response, Status};
use trustkeep_scalar_rpc::Result;

async fn answer<T>(work: impl Future<Output = Result<T>>) -> std::result::Result<Response<T>, Status> {
    Ok(Response::new(work.await?))
}
