//! What every built-in contract starts from: its argument as JSON, and the ledger.

use crate::json::Json;
use crate::{Asset, Contract, Environment, Error, Result};

/// One built-in contract.
#[derive(Clone, Copy)]
pub(super) struct BuiltIn {
    pub(super) run: Run,
    /// What it invokes: the start of the ids, or the whole id.
    pub(super) nested: &'static str,
}

/// The contract itself; gives its result as canonical JSON.
pub(super) type Run = fn(Call<'_>) -> Result<Option<String>>;

/// One invocation.
pub(super) struct Call<'a> {
    pub(super) ledger: &'a mut dyn Environment,
    pub(super) argument: Argument,
    pub(super) properties: Option<&'a str>,
    pub(super) nested: &'static str,
}

/// What the client, or the contract that nests this one, asks.
pub(super) struct Argument(pub(super) Json);

impl Contract for BuiltIn {
    fn invoke(
        &self,
        ledger: &mut dyn Environment,
        argument: &str,
        properties: Option<&str>,
    ) -> Result<Option<String>> {
        let argument = Argument(parse(argument)?);
        (self.run)(Call { ledger, argument, properties, nested: self.nested })
    }

    fn is_brief(&self) -> bool {
        true
    }
}

impl std::ops::Deref for Argument {
    type Target = Json;

    fn deref(&self) -> &Json {
        &self.0
    }
}

impl Argument {
    /// A member of the argument that must be a string.
    pub(super) fn string(&self, name: &str, otherwise: &str) -> Result<&str> {
        self.get(name).and_then(Json::as_str).ok_or_else(|| refusal(otherwise))
    }

    /// A member of the argument that must be there.
    pub(super) fn member(&self, name: &str, otherwise: &str) -> Result<&Json> {
        self.get(name).ok_or_else(|| refusal(otherwise))
    }

    /// Whether an option of the argument is set.
    pub(super) fn option(&self, name: &str) -> bool {
        self.get("options").and_then(|options| options.get(name)).is_some_and(Json::to_boolean)
    }
}

/// Invokes another contract of the same client and reads its result; `None` for none.
pub(super) fn invoke(
    ledger: &mut dyn Environment,
    contract_id: &str,
    argument: &Json,
) -> Result<Option<Json>> {
    ledger.invoke(contract_id, &argument.text())?.as_deref().map(parse).transpose()
}

/// Reads JSON of the client, of another contract or of the ledger.
pub(super) fn parse(text: &str) -> Result<Json> {
    Json::parse(text).map_err(|error| {
        Error::Runtime(format!(
            "DL-COMMON-502002: Deserializing the specified json string failed. Details: {error}"
        ))
    })
}

/// The data of an asset.
pub(super) fn data(asset: &Asset) -> Result<Json> {
    parse(&asset.data)
}

/// The contract's own no: 408.
pub(super) fn refusal(text: impl Into<String>) -> Error {
    Error::Contextual(text.into())
}

/// What breaks a contract that trusts its argument or an asset: the original's `NullPointerException` and the like.
pub(super) fn broken(what: impl std::fmt::Display) -> Error {
    Error::Runtime(format!("the contract failed: {what}"))
}

/// A member which the contract relies upon.
pub(super) fn required<'a>(value: &'a Json, name: &str) -> Result<&'a Json> {
    value.get(name).ok_or_else(|| broken(format_args!("there is no member \"{name}\"")))
}
