//! What an execution may use. The two administrative domains must agree on these, so they are constants of a release
//! and not configuration.

use std::time::Duration;

/// Bytes of a script.
pub const SOURCE_BYTES_MAX: usize = 256 << 10;
/// Bytes of an execution's heap, the language's own objects (some 150 KB) included.
pub const MEMORY_BYTES_MAX: usize = 16 << 20;
/// Bytes of C stack: some 500 calls within calls.
pub const STACK_BYTES_MAX: usize = 256 << 10;

/// Ticks of one execution, the contracts that it invokes included: a branch, a call or a step of a loop takes one.
/// The interpreter reports them by [`TICKS_PER_REPORT`].
pub const TICKS: u64 = 4_000_000;
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

/// How long an execution may take, looked at with each report. An operation on a large text or number is one tick,
/// however long it takes: this ends what ticks do not, though late if each of ten thousand such operations is slow. No
/// honest contract comes near it.
pub const TIME_MAX: Duration = Duration::from_secs(10);
