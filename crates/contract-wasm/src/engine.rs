//! The engine: from a module's bytes to a contract or a function.

use std::sync::Arc;

use trustkeep_contract::{Contract, Engine, Function, LoadError};
use wasmi::{CompilationMode, Config, EnforcedLimits};

use crate::limits::{CALL_DEPTH_MAX, STACK_BYTES_MAX};
use crate::module::{Entry, Module};

/// Runs WebAssembly.
#[derive(Clone, Debug)]
pub struct WasmEngine(wasmi::Engine);

impl WasmEngine {
    /// An engine; its contracts share its stacks.
    #[must_use]
    pub fn new() -> Self {
        let mut config = Config::default();
        config
            .consume_fuel(true)
            // Translation at first use would take its fuel from whoever comes first.
            .compilation_mode(CompilationMode::Eager)
            .enforced_limits(EnforcedLimits::strict())
            .ignore_custom_sections(true)
            .wasm_multi_memory(false)
            .wasm_custom_page_sizes(false)
            .wasm_wide_arithmetic(false)
            .set_max_recursion_depth(CALL_DEPTH_MAX)
            .set_max_stack_height(STACK_BYTES_MAX)
            .set_max_cached_stacks(CACHED_STACKS_MAX);
        Self(wasmi::Engine::new(&config))
    }
}

/// Stacks that are kept for the next execution.
const CACHED_STACKS_MAX: usize = 32;

impl Default for WasmEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for WasmEngine {
    fn recognises(&self, byte_code: &[u8]) -> bool {
        byte_code.starts_with(b"\0asm")
    }

    fn load(&self, _binary_name: &str, byte_code: &[u8]) -> Result<Arc<dyn Contract>, LoadError> {
        Ok(Arc::new(Module::load(&self.0, byte_code, Entry::Contract)?))
    }

    fn load_function(&self, _binary_name: &str, byte_code: &[u8]) -> Result<Arc<dyn Function>, LoadError> {
        Ok(Arc::new(Module::load(&self.0, byte_code, Entry::Function)?))
    }
}
