//! The beginning of every request: fields that must be there, bounds, and one reading of what is said twice.
//!
//! Of an execution, only what is inside the formatted argument is signed. The fields `nonce` and `function_ids` beside
//! it are taken only if they say the same.

use std::borrow::Cow;

use trustkeep_contract::ClientIdentityKey;
use trustkeep_scalar_rpc::Result;
use trustkeep_scalar_rpc::argument::Argument;
use trustkeep_scalar_rpc::messages::ContractExecutionRequest;
use trustkeep_scalar_rpc::signing::DEFAULT_NAMESPACE;

use crate::errors;

/// Bytes of an entity's id.
pub const ENTITY_ID_BYTES_MAX: usize = 512;
/// Bytes of a contract's or function's id: with the key version it is a clustering key, of at most 1024 bytes.
pub const CONTRACT_ID_BYTES_MAX: usize = 512;
/// Bytes of an asset's id.
pub const ASSET_ID_BYTES_MAX: usize = 1_024;
/// Bytes of a nonce.
pub const NONCE_BYTES_MAX: usize = 512;
/// Bytes of a formatted argument, of an execution's function argument too: each row that it writes keeps the former.
pub const ARGUMENT_BYTES_MAX: usize = 512 << 10;
/// Functions that one execution may name.
pub const FUNCTIONS_MAX: usize = 64;

/// An execution request whose fields were checked; its signature was not.
#[derive(Clone, Debug)]
pub struct Execution<'a> {
    /// Who sent it.
    pub client: ClientIdentityKey,
    /// Spelt out.
    pub context_namespace: &'a str,
    /// The client's id of the contract.
    pub contract_id: &'a str,
    /// The argument, taken apart.
    pub argument: Argument<'a>,
    /// The client's argument to functions, if any.
    pub function_argument: Option<&'a str>,
}

impl<'a> Execution<'a> {
    /// Reads a request.
    ///
    /// # Errors
    /// 502 (DL-COMMON-502003) for a field that is missing, 502 (DL-COMMON-414017) for an argument in no known form, 414
    /// for what is too long, forbidden, or said twice and differently.
    pub fn of(request: &'a ContractExecutionRequest) -> Result<Self> {
        let client = client(&request.entity_id, request.key_version)?;
        check_contract_id(&request.contract_id)?;
        check_text("contract_argument", &request.contract_argument, ARGUMENT_BYTES_MAX)?;
        check_optional_text("function_argument", &request.function_argument, ARGUMENT_BYTES_MAX)?;
        if request.signature.is_empty() {
            return Err(errors::field_missing("signature"));
        }
        let context_namespace = context_namespace(&request.context_namespace);
        let argument = Argument::parse(&request.contract_argument)?;
        check_nonce(&argument.nonce)?;
        if !request.nonce.is_empty() && request.nonce != argument.nonce {
            return Err(differs("nonce"));
        }
        if argument.context_namespace.is_some_and(|inside| inside != context_namespace) {
            return Err(differs("context_namespace"));
        }
        let same = |(given, signed): (&String, &Cow<'_, str>)| given == signed;
        if !request.function_ids.is_empty()
            && (request.function_ids.len() != argument.function_ids.len()
                || !request.function_ids.iter().zip(&argument.function_ids).all(same))
        {
            return Err(differs("function_ids"));
        }
        if argument.function_ids.len() > FUNCTIONS_MAX {
            return Err(errors::invalid(format!("function_ids: at most {FUNCTIONS_MAX} are executed.")));
        }
        let function_argument = Some(request.function_argument.as_str()).filter(|text| !text.is_empty());
        let contract_id = &request.contract_id;
        Ok(Self { client, context_namespace, contract_id, argument, function_argument })
    }
}

/// Spells a context namespace out: an empty field is `default`.
#[must_use]
pub fn context_namespace(field: &str) -> &str {
    if field.is_empty() { DEFAULT_NAMESPACE } else { field }
}

/// As a context namespace is signed: `default` is no byte.
#[must_use]
pub fn signed_namespace(namespace: &str) -> &str {
    if namespace == DEFAULT_NAMESPACE { "" } else { namespace }
}

/// Who sends a request.
///
/// # Errors
/// As [`check_entity`].
pub fn client(entity_id: &str, key_version: u32) -> Result<ClientIdentityKey> {
    check_entity(entity_id, key_version)?;
    Ok(ClientIdentityKey { entity_id: entity_id.to_owned(), key_version })
}

/// Checks an entity's id and the version of its key. `/` is refused: rows name a contract as
/// `entity/version/contract`.
///
/// # Errors
/// 502 if the id is missing or the version 0, 414 for what is too long or forbidden.
pub fn check_entity(entity_id: &str, key_version: u32) -> Result<()> {
    check_id("entity_id", entity_id, ENTITY_ID_BYTES_MAX)?;
    match key_version {
        0 => Err(errors::field_missing("key_version")),
        1..=KEY_VERSION_MAX => Ok(()),
        _ => Err(errors::invalid(format!("key_version must be at most {KEY_VERSION_MAX}."))),
    }
}

/// Checks a contract's id.
///
/// # Errors
/// As [`check_entity`].
pub fn check_contract_id(contract_id: &str) -> Result<()> {
    check_id("contract_id", contract_id, CONTRACT_ID_BYTES_MAX)
}

/// Checks a function's id.
///
/// # Errors
/// As [`check_entity`].
pub fn check_function_id(function_id: &str) -> Result<()> {
    check_id("function_id", function_id, CONTRACT_ID_BYTES_MAX)
}

/// Checks an asset's id, in which `/` may be.
///
/// # Errors
/// 502 if it is missing, 414 if it is too long or holds a NUL.
pub fn check_asset_id(asset_id: &str) -> Result<()> {
    check_text("asset_id", asset_id, ASSET_ID_BYTES_MAX)
}

/// Checks a nonce, the transaction's id.
///
/// # Errors
/// As [`check_asset_id`].
pub fn check_nonce(nonce: &str) -> Result<()> {
    check_text("nonce", nonce, NONCE_BYTES_MAX)
}

/// Checks a text that must be there.
///
/// # Errors
/// As [`check_asset_id`].
pub fn check_text(field: &str, text: &str, bytes_max: usize) -> Result<()> {
    if text.is_empty() {
        return Err(errors::field_missing(field));
    }
    check_optional_text(field, text, bytes_max)
}

/// Checks a text that may be empty.
///
/// # Errors
/// 414 if it is too long or holds a NUL, which not every database can keep.
pub fn check_optional_text(field: &str, text: &str, bytes_max: usize) -> Result<()> {
    if text.len() > bytes_max {
        let found = text.len();
        return Err(errors::invalid(format!("{field} is too long: {found} bytes, at most {bytes_max}.")));
    }
    if text.contains('\0') {
        return Err(errors::invalid(format!("{field} must not contain the character NUL.")));
    }
    Ok(())
}

/// As in Java, where it is a signed number.
const KEY_VERSION_MAX: u32 = i32::MAX as u32;

fn check_id(field: &str, id: &str, bytes_max: usize) -> Result<()> {
    check_text(field, id, bytes_max)?;
    if id.contains('/') {
        return Err(errors::invalid(format!("{field} must not contain '/': {id}")));
    }
    Ok(())
}

fn differs(field: &str) -> trustkeep_scalar_rpc::Error {
    errors::invalid(format!("The field {field} differs from what is signed in the contract's argument."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustkeep_scalar_rpc::argument;

    fn request() -> ContractExecutionRequest {
        ContractExecutionRequest {
            contract_id: "c".into(),
            contract_argument: argument::format("{}", "n-1", "", &["f", "g"]).unwrap(),
            entity_id: "alice@example.com".into(),
            key_version: 1,
            signature: vec![1].into(),
            ..Default::default()
        }
    }

    #[test]
    fn the_fields_beside_the_argument_must_say_the_same() {
        let plain = request();
        let execution = Execution::of(&plain).unwrap();
        assert_eq!((&*execution.argument.nonce, execution.context_namespace), ("n-1", "default"));
        let same = ContractExecutionRequest {
            nonce: "n-1".into(),
            function_ids: vec!["f".into(), "g".into()],
            context_namespace: "default".into(),
            ..request()
        };
        assert!(Execution::of(&same).is_ok());
        for other in [
            ContractExecutionRequest { nonce: "n-2".into(), ..request() },
            ContractExecutionRequest { function_ids: vec!["f".into()], ..request() },
            ContractExecutionRequest { function_ids: vec!["g".into(), "f".into()], ..request() },
            ContractExecutionRequest { context_namespace: "ns".into(), ..request() },
        ] {
            let error = Execution::of(&other).unwrap_err();
            assert!(error.code.number() == 414 && error.message.contains("differs"), "{error}");
        }
    }

    #[test]
    fn what_is_missing_or_forbidden_is_named() {
        for (request, code, field) in [
            (ContractExecutionRequest { entity_id: String::new(), ..request() }, 502, "entity_id"),
            (ContractExecutionRequest { entity_id: "a/b".into(), ..request() }, 414, "entity_id"),
            (ContractExecutionRequest { key_version: 0, ..request() }, 502, "key_version"),
            (ContractExecutionRequest { key_version: u32::MAX, ..request() }, 414, "key_version"),
            (ContractExecutionRequest { contract_id: "a/b".into(), ..request() }, 414, "contract_id"),
            (ContractExecutionRequest { contract_id: "c".repeat(1000), ..request() }, 414, "contract_id"),
            (
                ContractExecutionRequest { contract_argument: String::new(), ..request() },
                502,
                "contract_argument",
            ),
            (ContractExecutionRequest { contract_argument: "{}".into(), ..request() }, 502, "argument"),
            (
                ContractExecutionRequest { contract_argument: r#"{"nonce":""}"#.into(), ..request() },
                502,
                "nonce",
            ),
            (
                ContractExecutionRequest { function_argument: "\0".into(), ..request() },
                414,
                "function_argument",
            ),
            (ContractExecutionRequest { signature: Default::default(), ..request() }, 502, "signature"),
            (
                ContractExecutionRequest {
                    contract_argument: "x".repeat(ARGUMENT_BYTES_MAX + 1),
                    ..request()
                },
                414,
                "contract_argument",
            ),
        ] {
            let error = Execution::of(&request).unwrap_err();
            assert!(error.code.number() == code && error.message.contains(field), "{error}");
        }
    }
}
