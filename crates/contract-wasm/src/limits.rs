//! What an execution may use. The two administrative domains must agree on these, so they are constants of a release
//! and not configuration.

/// Bytes of a module.
pub const MODULE_BYTES_MAX: usize = 2 << 20;
/// Bytes of a module's memory (256 pages). To grow beyond it ends the contract; beyond the module's own maximum
/// `memory.grow` gives -1, as the language says.
pub const MEMORY_BYTES_MAX: usize = 16 << 20;
/// Tables of a module.
pub const TABLES_MAX: usize = 4;
/// Elements of a table.
pub const TABLE_ELEMENTS_MAX: usize = 10_000;
/// Calls within calls.
pub const CALL_DEPTH_MAX: usize = 1_000;
/// Bytes of the interpreter's stack of values.
pub const STACK_BYTES_MAX: usize = 1 << 20;

/// Fuel of one transaction, the contracts that it invokes and its functions included: an instruction takes about one unit.
pub const FUEL: u64 = trustkeep_contract::budget::WORK;
/// Fuel of a call to the host.
pub const FUEL_HOST_CALL: u64 = 500;
/// Bytes of a module's first memory that take one unit of fuel: it is cleared for each execution.
pub const MEMORY_BYTES_PER_FUEL: u64 = 64;
/// Fuel of a byte that the host reads, writes or hashes.
pub const FUEL_BYTE: u64 = 1;
/// Fuel of a call that reads or writes assets or records, or invokes a contract; and of each asset or record in its answer.
pub const FUEL_STORE: u64 = 20_000;
/// Fuel of the check of a signature.
pub const FUEL_SIGNATURE: u64 = 100_000;
