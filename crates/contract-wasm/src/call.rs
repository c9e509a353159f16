//! One execution: a fresh instance, what it may use, and how it ended.

use trustkeep_contract::{Database, Environment, Error, FunctionCall, Result, budget};
use wasmi::{Instance, Memory, Store, StoreLimits, StoreLimitsBuilder, TrapCode};

use crate::limits::{
    CALL_DEPTH_MAX, FUEL, MEMORY_BYTES_MAX, STACK_BYTES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX,
};
use crate::module::{MEMORY, Module};

/// What an execution sees of the outside.
pub(crate) enum World<'a> {
    Contract { environment: &'a mut dyn Environment, argument: &'a str, properties: Option<&'a str> },
    Function { database: &'a mut dyn Database, call: FunctionCall<'a> },
}

/// The state of an execution beside that of its instance.
pub(crate) struct Call<'a> {
    pub(crate) world: World<'a>,
    /// Known once the instance is there.
    pub(crate) memory: Option<Memory>,
    /// What the last answer of the host was; the contract copies it with `read`.
    pub(crate) buffer: Vec<u8>,
    pub(crate) result: Option<String>,
    /// How a host function ended the execution.
    pub(crate) ended: Option<Error>,
    limits: StoreLimits,
}

/// Runs the entry of a module once.
pub(crate) fn run(module: &Module, world: World<'_>) -> Result<Option<String>> {
    let call = Call { world, memory: None, buffer: Vec::new(), result: None, ended: None, limits: limits() };
    let mut store = Store::new(module.module.engine(), call);
    store.limiter(|call| &mut call.limits);
    let outcome = budget::part(|| {
        let outcome = enter(module, &mut store);
        budget::set_work(store.get_fuel().unwrap_or_default());
        outcome
    });
    let call = store.into_data();
    match (outcome, call.ended) {
        (_, Some(ended)) => Err(ended),
        (Ok(()), None) => Ok(call.result),
        (Err(error), None) => Err(Error::Runtime(explain(&error))),
    }
}

fn enter(module: &Module, store: &mut Store<Call<'_>>) -> std::result::Result<(), wasmi::Error> {
    // Whoever has too little for the start has nothing left.
    let fuel = budget::work().checked_sub(module.fuel_of_start);
    store.set_fuel(fuel.unwrap_or_default())?;
    if fuel.is_none() {
        return Err(TrapCode::OutOfFuel.into());
    }
    let imports: Vec<_> = module.imports.iter().map(|import| import.link(store)).collect();
    let instance = Instance::new(&mut *store, &module.module, &imports)?;
    store.data_mut().memory = instance.get_memory(&*store, MEMORY);
    instance.get_typed_func::<(), ()>(&*store, module.entry.name())?.call(store, ())
}

/// What fails to grow ends the execution, so that a contract cannot see whether the limit or the machine refused.
fn limits() -> StoreLimits {
    StoreLimitsBuilder::new()
        .memory_size(MEMORY_BYTES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .instances(1)
        .memories(1)
        .tables(TABLES_MAX)
        .trap_on_grow_failure(true)
        .build()
}

/// Why the interpreter gave up, for whoever wrote the contract.
fn explain(error: &wasmi::Error) -> String {
    match error.as_trap_code() {
        Some(TrapCode::OutOfFuel) => format!("the contract used all of its {FUEL} units of fuel"),
        Some(TrapCode::StackOverflow) => format!(
            "the contract's calls are nested deeper than {CALL_DEPTH_MAX}, or take more than {STACK_BYTES_MAX} \
             bytes of stack"
        ),
        Some(TrapCode::UnreachableCodeReached) => "the contract trapped: it reached unreachable code".into(),
        Some(TrapCode::GrowthOperationLimited) => {
            format!("the contract asked for more memory than its {MEMORY_BYTES_MAX} bytes")
        }
        Some(code) => format!("the contract trapped: {code}"),
        None => format!("the contract could not be run: {error}"),
    }
}
