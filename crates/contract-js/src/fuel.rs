//! Ticks that an execution shares with those it invokes.

use std::cell::Cell;

use crate::limits::TICKS;

thread_local! {
    /// What the invoking contract lends, while it waits: its environment runs the invoked one on the same thread.
    static LENT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// What a new execution starts with.
pub(crate) fn available() -> u64 {
    LENT.get().unwrap_or(TICKS)
}

/// What an execution has left, for the one that invoked it.
pub(crate) fn give_back(left: u64) {
    if LENT.get().is_some() {
        LENT.set(Some(left));
    }
}

/// Runs `invoke` with `left` to spend; gives what remains of it.
pub(crate) fn lend<R>(left: u64, invoke: impl FnOnce() -> R) -> (R, u64) {
    struct Restore(Option<u64>);
    impl Drop for Restore {
        fn drop(&mut self) {
            LENT.set(self.0);
        }
    }
    let _restore = Restore(LENT.replace(Some(left)));
    let result = invoke();
    let left = LENT.get().unwrap_or_default();
    (result, left)
}
