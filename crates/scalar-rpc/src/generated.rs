//! What `cargo run -p xtask --features generate -- generate` made of `proto/`.

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated; the protocol files are the documentation"
)]
mod rpc {
    include!("generated/rpc.rs");
}

/// The messages of the protocol; their fields are those of the protocol file.
pub mod messages {
    pub use super::rpc::asset_lock_recovery_response::Result as AssetLockRecoveryResult;
    pub use super::rpc::{
        AssetLockRecoveryRequest, AssetLockRecoveryResponse, AssetProof, AssetProofRetrievalRequest,
        AssetProofRetrievalResponse, CertificateRegistrationRequest, CheckPausedResponse,
        ContractExecutionRequest, ContractExecutionResponse, ContractRegistrationRequest,
        ContractsListingRequest, ContractsListingResponse, ExecutionAbortRequest, ExecutionAbortResponse,
        ExecutionFinishRequest, ExecutionOrderingResponse, ExecutionValidationRequest,
        FunctionRegistrationRequest, LedgerValidationRequest, LedgerValidationResponse,
        NamespaceCreationRequest, NamespaceDroppingRequest, NamespacesListingRequest,
        NamespacesListingResponse, PauseRequest, SecretRegistrationRequest,
        SignedFunctionRegistrationRequest, StateRetrievalRequest, StateRetrievalResponse, Status,
        TransactionState, TransactionStatePurgeRequest, TransactionStatePurgeResponse,
    };
}

/// The clients and servers of the protocol's services.
pub mod services {
    pub use super::rpc::admin_client::AdminClient;
    pub use super::rpc::admin_server::{Admin, AdminServer};
    pub use super::rpc::auditor_client::AuditorClient;
    pub use super::rpc::auditor_privileged_client::AuditorPrivilegedClient;
    pub use super::rpc::auditor_privileged_server::{AuditorPrivileged, AuditorPrivilegedServer};
    pub use super::rpc::auditor_server::{Auditor, AuditorServer};
    pub use super::rpc::ledger_client::LedgerClient;
    pub use super::rpc::ledger_privileged_client::LedgerPrivilegedClient;
    pub use super::rpc::ledger_privileged_server::{LedgerPrivileged, LedgerPrivilegedServer};
    pub use super::rpc::ledger_server::{Ledger, LedgerServer};
}
