//! The Auditor's two gRPC services: each method takes its message through the edge to [`Auditor`].

mod auditor;
mod privileged;

use std::sync::Arc;

use trustkeep_scalar_domain::edge::{Edge, Routers};
use trustkeep_scalar_domain::settings::ServerSettings;
use trustkeep_scalar_rpc::services::{AuditorPrivilegedServer, AuditorServer};

use crate::Auditor;
use auditor::AuditorRpc;
use privileged::AuditorPrivilegedRpc;

/// What an Auditor serves on its two ports; every call passes `edge`.
#[must_use]
pub fn routers(auditor: &Arc<Auditor>, settings: &ServerSettings, edge: &Edge) -> Routers {
    let bytes_max = settings.message_bytes_max;
    let mut routers = Routers::default();
    let ordinary = AuditorServer::new(AuditorRpc::new(auditor.clone(), edge.clone()));
    routers.main.add_service(ordinary.max_decoding_message_size(bytes_max));
    let privileged = AuditorPrivilegedServer::new(AuditorPrivilegedRpc::new(auditor.clone(), edge.clone()));
    routers.privileged.add_service(privileged.max_decoding_message_size(bytes_max));
    routers
}
