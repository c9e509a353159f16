//! A module that is fit to run.

use trustkeep_contract::{Contract, Database, Environment, Function, FunctionCall, LoadError};
use wasmi::{Engine, ExternType, FuncType};

use crate::call::{self, World};
use crate::imports::{self, HOST_MODULE};
use crate::limits::{MEMORY_BYTES_PER_FUEL, MODULE_BYTES_MAX};

/// A module, checked and translated.
pub(crate) struct Module {
    pub(crate) module: wasmi::Module,
    pub(crate) imports: Vec<imports::Import>,
    pub(crate) entry: Entry,
    /// Fuel that an instance takes before it does anything.
    pub(crate) fuel_of_start: u64,
}

/// What of a module is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Contract,
    Function,
}

impl Entry {
    /// The export that is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Contract => "invoke",
            Self::Function => "invoke_function",
        }
    }
}

impl Module {
    pub(crate) fn load(engine: &Engine, bytes: &[u8], entry: Entry) -> Result<Self, LoadError> {
        if bytes.len() > MODULE_BYTES_MAX {
            return Err(LoadError(format!(
                "the WebAssembly module has {} bytes, more than the {MODULE_BYTES_MAX} that are allowed: build it \
                 for size and strip it",
                bytes.len()
            )));
        }
        // First as a whole: translation goes along with its own check and trusts what it has not seen the end of.
        let module = wasmi::Module::validate(engine, bytes)
            .and_then(|()| wasmi::Module::new(engine, bytes))
            .map_err(|error| LoadError(format!("the WebAssembly module is refused: {error}")))?;
        let imports = module
            .imports()
            .map(|import| match import.ty() {
                ExternType::Func(given) if import.module() == HOST_MODULE => {
                    imports::find(import.name(), given)
                }
                _ => Err(LoadError(format!(
                    "the WebAssembly module imports {}.{}: a contract may import only functions of module \
                     {HOST_MODULE}, and has neither WASI nor a clock",
                    import.module(),
                    import.name()
                ))),
            })
            .collect::<Result<_, _>>()?;
        let name = entry.name();
        match module.get_export(name) {
            Some(ExternType::Func(given)) if given == FuncType::new([], []) => {}
            _ => {
                return Err(LoadError(format!(
                    "the WebAssembly module must export a function {name} without parameters and results"
                )));
            }
        }
        let Some(ExternType::Memory(memory)) = module.get_export(MEMORY) else {
            return Err(LoadError(format!("the WebAssembly module must export its memory as {MEMORY}")));
        };
        let fuel_of_start = memory.minimum().saturating_mul(PAGE_BYTES / MEMORY_BYTES_PER_FUEL);
        Ok(Self { module, imports, entry, fuel_of_start })
    }
}

/// Bytes of a page of memory.
const PAGE_BYTES: u64 = 64 << 10;
/// The export through which texts are exchanged.
pub(crate) const MEMORY: &str = "memory";

impl Contract for Module {
    fn invoke(
        &self,
        environment: &mut dyn Environment,
        argument: &str,
        properties: Option<&str>,
    ) -> trustkeep_contract::Result<Option<String>> {
        call::run(self, World::Contract { environment, argument, properties })
    }
}

impl Function for Module {
    fn invoke(
        &self,
        database: &mut dyn Database,
        call: FunctionCall<'_>,
    ) -> trustkeep_contract::Result<Option<String>> {
        call::run(self, World::Function { database, call })
    }
}
