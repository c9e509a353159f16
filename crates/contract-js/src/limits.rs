//! What an execution may use. The two administrative domains must agree on these, so they are constants of a release
//! and not configuration.

use std::time::Duration;

use trustkeep_contract::budget;

/// Bytes of a script.
pub const SOURCE_BYTES_MAX: usize = 256 << 10;
/// Bytes of an execution's heap, the language's own objects (some 150 KB) included.
pub const MEMORY_BYTES_MAX: usize = 16 << 20;
/// Bytes of C stack: some 500 calls within calls.
pub const STACK_BYTES_MAX: usize = 256 << 10;

/// Ticks of one transaction, the contracts that it invokes and its functions included: a branch, a call or a step of a loop takes one.
/// The interpreter reports them by [`TICKS_PER_REPORT`].
pub const TICKS: u64 = budget::WORK / WORK_PER_TICK;
/// Units of the transaction's work that are one tick.
pub const WORK_PER_TICK: u64 = 50;
/// Branches and calls between two reports of the interpreter.
pub const TICKS_PER_REPORT: u64 = 10_000;
/// Ticks of a call to the host.
pub const TICKS_HOST_CALL: u64 = 50;
/// Ticks of a call that reads or writes assets or records, or invokes a contract; and of each asset or record in its answer.
pub const TICKS_STORE: u64 = 500;
/// Bytes of text to or from the host that take one tick.
pub const BYTES_PER_TICK: u64 = 2;
/// Ticks of the check of a signature.
pub const TICKS_SIGNATURE: u64 = 2_500;

/// Bytes of address space of an interpreter's process: contracts that invoke each other have a heap each.
pub const PROCESS_BYTES_MAX: u64 = 1 << 30;
/// Interpreters of a server: one for each core, within these. One entity uses at most half of them at a time.
pub const INTERPRETERS_MIN: usize = 4;
/// See above.
pub const INTERPRETERS_MAX: usize = 32;
/// Executions that wait for an interpreter: fewer than there are threads for contracts, so that some are left for others.
pub const WAITING_MAX: usize = 160;
/// Executions of one entity that wait for an interpreter.
pub const WAITING_OF_ONE_MAX: usize = 96;
/// How long they wait.
pub const WAIT_MAX: Duration = Duration::from_secs(30);
/// How often the server looks what time an interpreter has used.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long an interpreter may be silent that uses no time: it was stopped, or the machine is overwhelmed.
pub const SILENCE_MAX: Duration = Duration::from_secs(60);
