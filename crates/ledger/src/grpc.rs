//! The Ledger's two gRPC services: each method hands its message to [`Ledger`] and sends what comes back.

mod ledger;
mod privileged;

use std::sync::Arc;

use trustkeep_scalar_domain::edge::{Edge, Routers};
use trustkeep_scalar_rpc::services::{LedgerPrivilegedServer, LedgerServer};

use crate::Ledger;
use ledger::LedgerRpc;
use privileged::LedgerPrivilegedRpc;

/// What a Ledger serves on its two ports; every call passes `edge`.
#[must_use]
pub fn routers(ledger: &Arc<Ledger>, edge: &Edge) -> Routers {
    let bytes_max = ledger.settings().server.message_bytes_max;
    let mut routers = Routers::default();
    let ordinary = LedgerServer::new(LedgerRpc::new(ledger.clone(), edge.clone()));
    routers.main.add_service(ordinary.max_decoding_message_size(bytes_max));
    let privileged = LedgerPrivilegedServer::new(LedgerPrivilegedRpc::new(ledger.clone(), edge.clone()));
    routers.privileged.add_service(privileged.max_decoding_message_size(bytes_max));
    routers
}
