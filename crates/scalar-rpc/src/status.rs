//! How an outcome travels: Scalar DL's status codes, and the trailer that carries them on every error.
//!
//! A client reads nothing but the binary trailer `rpc.status-bin`, a serialised [`messages::Status`]; where it is
//! absent the client takes the outcome for unknown (501). So an [`Error`] is the only way to answer a failure.

use prost::Message as _;
use tonic::metadata::{BinaryMetadataKey, MetadataMap, MetadataValue};

use crate::messages;

/// The trailer that carries the status of a failed call.
pub const TRAILER: &str = "rpc.status-bin";

/// What a call came to (`StatusCode` of Scalar DL 3.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
#[expect(missing_docs, reason = "the names are Scalar DL's own and say what they are")]
pub enum StatusCode {
    Ok = 200,
    InvalidHash = 300,
    InvalidPrevHash = 301,
    InvalidContract = 302,
    InvalidOutput = 303,
    InvalidNonce = 304,
    InconsistentStates = 305,
    InconsistentRequest = 306,
    InvalidSignature = 400,
    UnloadableKey = 401,
    UnloadableContract = 402,
    CertificateNotFound = 403,
    ContractNotFound = 404,
    CertificateAlreadyRegistered = 405,
    ContractAlreadyRegistered = 406,
    InvalidRequest = 407,
    ContractContextualError = 408,
    AssetNotFound = 409,
    FunctionNotFound = 410,
    UnloadableFunction = 411,
    InvalidFunction = 412,
    SecretAlreadyRegistered = 413,
    InvalidArgument = 414,
    SecretNotFound = 415,
    NamespaceAlreadyExists = 416,
    NamespaceNotFound = 417,
    DatabaseError = 500,
    UnknownTransactionStatus = 501,
    RuntimeError = 502,
    Unavailable = 503,
    Conflict = 504,
}

impl StatusCode {
    const ALL: [Self; 31] = [
        Self::Ok,
        Self::InvalidHash,
        Self::InvalidPrevHash,
        Self::InvalidContract,
        Self::InvalidOutput,
        Self::InvalidNonce,
        Self::InconsistentStates,
        Self::InconsistentRequest,
        Self::InvalidSignature,
        Self::UnloadableKey,
        Self::UnloadableContract,
        Self::CertificateNotFound,
        Self::ContractNotFound,
        Self::CertificateAlreadyRegistered,
        Self::ContractAlreadyRegistered,
        Self::InvalidRequest,
        Self::ContractContextualError,
        Self::AssetNotFound,
        Self::FunctionNotFound,
        Self::UnloadableFunction,
        Self::InvalidFunction,
        Self::SecretAlreadyRegistered,
        Self::InvalidArgument,
        Self::SecretNotFound,
        Self::NamespaceAlreadyExists,
        Self::NamespaceNotFound,
        Self::DatabaseError,
        Self::UnknownTransactionStatus,
        Self::RuntimeError,
        Self::Unavailable,
        Self::Conflict,
    ];

    /// 200 to 504, as on the wire.
    #[must_use]
    pub fn number(self) -> u32 {
        u32::from(self as u16)
    }

    /// The code with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// The name that clients print: `INVALID_HASH` and so on.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::InvalidHash => "INVALID_HASH",
            Self::InvalidPrevHash => "INVALID_PREV_HASH",
            Self::InvalidContract => "INVALID_CONTRACT",
            Self::InvalidOutput => "INVALID_OUTPUT",
            Self::InvalidNonce => "INVALID_NONCE",
            Self::InconsistentStates => "INCONSISTENT_STATES",
            Self::InconsistentRequest => "INCONSISTENT_REQUEST",
            Self::InvalidSignature => "INVALID_SIGNATURE",
            Self::UnloadableKey => "UNLOADABLE_KEY",
            Self::UnloadableContract => "UNLOADABLE_CONTRACT",
            Self::CertificateNotFound => "CERTIFICATE_NOT_FOUND",
            Self::ContractNotFound => "CONTRACT_NOT_FOUND",
            Self::CertificateAlreadyRegistered => "CERTIFICATE_ALREADY_REGISTERED",
            Self::ContractAlreadyRegistered => "CONTRACT_ALREADY_REGISTERED",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::ContractContextualError => "CONTRACT_CONTEXTUAL_ERROR",
            Self::AssetNotFound => "ASSET_NOT_FOUND",
            Self::FunctionNotFound => "FUNCTION_NOT_FOUND",
            Self::UnloadableFunction => "UNLOADABLE_FUNCTION",
            Self::InvalidFunction => "INVALID_FUNCTION",
            Self::SecretAlreadyRegistered => "SECRET_ALREADY_REGISTERED",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::SecretNotFound => "SECRET_NOT_FOUND",
            Self::NamespaceAlreadyExists => "NAMESPACE_ALREADY_EXISTS",
            Self::NamespaceNotFound => "NAMESPACE_NOT_FOUND",
            Self::DatabaseError => "DATABASE_ERROR",
            Self::UnknownTransactionStatus => "UNKNOWN_TRANSACTION_STATUS",
            Self::RuntimeError => "RUNTIME_ERROR",
            Self::Unavailable => "UNAVAILABLE",
            Self::Conflict => "CONFLICT",
        }
    }

    /// The gRPC code that goes with it.
    #[must_use]
    pub fn grpc(self) -> tonic::Code {
        match self {
            Self::Ok => tonic::Code::Ok,
            Self::InvalidSignature
            | Self::UnloadableKey
            | Self::UnloadableContract
            | Self::InvalidRequest
            | Self::ContractContextualError
            | Self::UnloadableFunction
            | Self::InvalidFunction
            | Self::InvalidArgument => tonic::Code::InvalidArgument,
            Self::CertificateNotFound
            | Self::ContractNotFound
            | Self::AssetNotFound
            | Self::FunctionNotFound
            | Self::SecretNotFound
            | Self::NamespaceNotFound => tonic::Code::NotFound,
            Self::CertificateAlreadyRegistered
            | Self::ContractAlreadyRegistered
            | Self::SecretAlreadyRegistered
            | Self::NamespaceAlreadyExists => tonic::Code::AlreadyExists,
            Self::Conflict => tonic::Code::FailedPrecondition,
            Self::InvalidHash
            | Self::InvalidPrevHash
            | Self::InvalidContract
            | Self::InvalidOutput
            | Self::InvalidNonce
            | Self::InconsistentStates
            | Self::InconsistentRequest
            | Self::DatabaseError
            | Self::UnknownTransactionStatus
            | Self::RuntimeError => tonic::Code::Internal,
            Self::Unavailable => tonic::Code::Unavailable,
        }
    }
}

/// A failed call: a code and the sentence that goes with it, `DL-<COMPONENT>-<code><number>: <text>` where the
/// original has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What kind of failure.
    pub code: StatusCode,
    /// The sentence for people.
    pub message: String,
}

/// What a call gives.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failure with its sentence as it stands: errors of contracts (408) and unexpected ones (502).
    pub fn new(code: StatusCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A failure that the original numbers: `component` as in `LEDGER`, `id` 1 to 999 within the code.
    pub fn numbered(code: StatusCode, component: &str, id: u32, text: impl AsRef<str>) -> Self {
        Self::new(code, format!("DL-{component}-{}{id:03}: {}", code.number(), text.as_ref()))
    }

    /// A failure of a server's own making: 502.
    pub fn runtime(message: impl Into<String>) -> Self {
        Self::new(StatusCode::RuntimeError, message)
    }

    /// Reads a failure back from what a client got; a call without the trailer has an unknown outcome (501), unless
    /// it surely never reached the server (503): a proxy may say `UNAVAILABLE` of a call that was carried out.
    #[must_use]
    pub fn from_grpc(status: &tonic::Status) -> Self {
        let carried = status
            .metadata()
            .get_bin(TRAILER)
            .and_then(|value| value.to_bytes().ok())
            .and_then(|bytes| messages::Status::decode(bytes).ok());
        match carried {
            Some(carried) => Self {
                code: StatusCode::from_number(carried.code).unwrap_or(StatusCode::RuntimeError),
                message: carried.message,
            },
            None => {
                let code = if never_sent(status) {
                    StatusCode::Unavailable
                } else {
                    StatusCode::UnknownTransactionStatus
                };
                Self::new(code, status.message())
            }
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        let carried = messages::Status { code: error.code.number(), message: error.message }.encode_to_vec();
        let mut metadata = MetadataMap::new();
        metadata.insert_bin(BinaryMetadataKey::from_static(TRAILER), MetadataValue::from_bytes(&carried));
        Self::with_metadata(error.code.grpc(), "", metadata)
    }
}

/// Whether no connection was made.
fn never_sent(status: &tonic::Status) -> bool {
    let first = std::error::Error::source(status);
    std::iter::successors(first, |error| error.source()).any(|error| error.is::<tonic::ConnectError>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_comes_back_as_it_went() {
        for code in StatusCode::ALL.into_iter().filter(|code| *code != StatusCode::Ok) {
            let sent = Error::numbered(code, "LEDGER", 7, "what happened");
            assert_eq!(sent.message, format!("DL-LEDGER-{}007: what happened", code.number()));
            let carried = tonic::Status::from(sent.clone());
            assert_eq!((carried.code(), carried.message()), (code.grpc(), ""));
            assert_eq!(Error::from_grpc(&carried), sent);
        }
    }

    #[test]
    fn a_call_without_the_trailer_has_an_unknown_outcome() {
        let error = Error::from_grpc(&tonic::Status::deadline_exceeded("too late"));
        assert_eq!(error.code, StatusCode::UnknownTransactionStatus);
        let error = Error::from_grpc(&tonic::Status::unavailable("said by a proxy"));
        assert_eq!(error.code, StatusCode::UnknownTransactionStatus);
        let refused = tonic::ConnectError("refused".into());
        let error = Error::from_grpc(&tonic::Status::from_error(Box::new(refused)));
        assert_eq!(error.code, StatusCode::Unavailable);
    }
}
