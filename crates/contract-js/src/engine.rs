//! The engine: from a script to a contract or a function.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use trustkeep_contract::{
    Contract, Database, Engine, Environment, Function, FunctionCall, LoadError, Result,
};

use crate::apart::Interpreters;
use crate::call;
use crate::host::{DATABASE, LEDGER};
use crate::outside::{Assets, Nothing, Outside, Records};
use crate::source::Source;
use crate::wire::Kind;

/// Runs JavaScript.
#[derive(Clone, Debug)]
pub struct JsEngine(Place);

/// Where scripts run.
#[derive(Clone, Debug)]
enum Place {
    Here,
    Apart(Interpreters),
}

impl JsEngine {
    /// An engine that runs scripts in processes of `program`, called with `arguments` and one more, by which
    /// [`is_wanted`](crate::worker::is_wanted) knows it.
    #[must_use]
    pub fn apart(program: PathBuf, arguments: Vec<OsString>) -> Self {
        Self(Place::Apart(Interpreters::new(program, arguments)))
    }

    /// An engine that runs scripts in this process: what they make of few but huge operations has no end there. For
    /// tests, and for scripts that are one's own.
    #[must_use]
    pub fn here() -> Self {
        Self(Place::Here)
    }

    fn script(&self, byte_code: &[u8]) -> std::result::Result<Script, LoadError> {
        Ok(Script { source: Source::read(byte_code)?, place: self.0.clone() })
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

    /// Runs the script up to its `invoke`, without an outside.
    fn try_out(&self, byte_code: &[u8]) -> std::result::Result<(), LoadError> {
        let source = Source::read(byte_code)?;
        let tried = match &self.0 {
            Place::Here => call::check(&source),
            Place::Apart(interpreters) => {
                interpreters.run(Kind::Check, source.text(), &mut Nothing, &[]).map(drop)
            }
        };
        tried.map_err(|error| LoadError(format!("the JavaScript contract is refused: {error}")))
    }

    fn load(
        &self,
        _binary_name: &str,
        byte_code: &[u8],
    ) -> std::result::Result<Arc<dyn Contract>, LoadError> {
        Ok(Arc::new(self.script(byte_code)?))
    }

    fn load_function(
        &self,
        _binary_name: &str,
        byte_code: &[u8],
    ) -> std::result::Result<Arc<dyn Function>, LoadError> {
        Ok(Arc::new(self.script(byte_code)?))
    }
}

struct Script {
    source: Source,
    place: Place,
}

impl Script {
    fn run(
        &self,
        kind: Kind,
        outside: &mut dyn Outside,
        arguments: &[Option<&str>],
    ) -> Result<Option<String>> {
        match &self.place {
            Place::Apart(interpreters) => interpreters.run(kind, self.source.text(), outside, arguments),
            Place::Here => {
                let methods = if kind == Kind::Function { DATABASE } else { LEDGER };
                call::run(&self.source, methods, outside, arguments)
            }
        }
    }
}

impl Contract for Script {
    fn invoke(
        &self,
        environment: &mut dyn Environment,
        argument: &str,
        properties: Option<&str>,
    ) -> Result<Option<String>> {
        self.run(Kind::Contract, &mut Assets(environment), &[Some(argument), properties])
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
        self.run(Kind::Function, &mut Records(database), &arguments)
    }
}
