//! The engine: from a script to a contract or a function.

use std::sync::Arc;

use trustkeep_contract::{
    Contract, Database, Engine, Environment, Error, Function, FunctionCall, LoadError, Result,
};

use crate::call::{self, World};
use crate::source::Source;

/// Runs JavaScript.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsEngine;

impl JsEngine {
    /// An engine.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Engine for JsEngine {
    /// Text that is neither a WebAssembly module nor a JVM class.
    fn recognises(&self, byte_code: &[u8]) -> bool {
        !byte_code.is_empty()
            && !byte_code.starts_with(b"\0asm")
            && !byte_code.starts_with(&[0xca, 0xfe, 0xba, 0xbe])
            && std::str::from_utf8(byte_code).is_ok()
    }

    fn load(
        &self,
        _binary_name: &str,
        byte_code: &[u8],
    ) -> std::result::Result<Arc<dyn Contract>, LoadError> {
        Ok(Arc::new(script(byte_code)?))
    }

    fn load_function(
        &self,
        _binary_name: &str,
        byte_code: &[u8],
    ) -> std::result::Result<Arc<dyn Function>, LoadError> {
        Ok(Arc::new(script(byte_code)?))
    }
}

/// A script that was read, and tried once without an outside.
fn script(byte_code: &[u8]) -> std::result::Result<Script, LoadError> {
    let source = Source::read(byte_code)?;
    match call::check(&source) {
        Ok(()) => Ok(Script(source)),
        Err(Error::Contextual(why) | Error::Runtime(why)) => {
            Err(LoadError(format!("the JavaScript contract is refused: {why}")))
        }
        Err(Error::Interrupted) => Err(LoadError("the JavaScript contract was interrupted".into())),
    }
}

struct Script(Source);

impl Contract for Script {
    fn invoke(
        &self,
        environment: &mut dyn Environment,
        argument: &str,
        properties: Option<&str>,
    ) -> Result<Option<String>> {
        call::run(&self.0, World::Contract(environment), &[Some(argument), properties])
    }
}

impl Function for Script {
    fn invoke(&self, database: &mut dyn Database, call: FunctionCall<'_>) -> Result<Option<String>> {
        let arguments = [
            call.function_argument,
            Some(call.contract_argument),
            call.contract_properties,
            call.contract_context,
        ];
        call::run(&self.0, World::Function(database), &arguments)
    }
}
