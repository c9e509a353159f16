//! What a transaction may spend on contracts and functions, together with all that they invoke.
//!
//! A transaction runs on one thread from its beginning to its end, so its budget stands beside the thread: engines take
//! from it without an environment that hands it on, whichever of them invokes which.

use std::cell::RefCell;
use std::time::Duration;

/// Units of work of one transaction: about one an instruction of WebAssembly, fifty a tick of JavaScript.
pub const WORK: u64 = 200_000_000;
/// Time of the processor that the machine gives to a transaction where work is not all that counts. Nobody who keeps to
/// [`WORK`] with ordinary operations comes near it.
pub const TIME: Duration = Duration::from_secs(2);
/// How much longer a transaction may take that was executed before: what an Auditor has ordered it must be able to
/// validate, and what a Ledger has committed must not look wrong because the machine is slow today.
pub const AGAIN: u32 = 5;

/// Who spends, and what is left.
#[derive(Clone, Debug)]
struct Budget {
    payer: String,
    work: u64,
    time: Duration,
}

thread_local! {
    static BUDGET: RefCell<Option<Budget>> = const { RefCell::new(None) };
}

/// Runs all of one transaction. `payer` is the entity that executes; `again` says that it was executed before.
pub fn transaction<R>(payer: &str, again: bool, run: impl FnOnce() -> R) -> R {
    let time = if again { TIME.saturating_mul(AGAIN) } else { TIME };
    with(Budget { payer: payer.to_owned(), work: WORK, time }, run)
}

/// Runs a part of a transaction; if there is none, it is one of its own.
pub fn part<R>(run: impl FnOnce() -> R) -> R {
    if BUDGET.with_borrow(Option::is_some) { run() } else { transaction("", false, run) }
}

/// Runs a transaction with so much work; gives what remains of it. For interpreters in processes of their own.
pub fn with_work<R>(work: u64, run: impl FnOnce() -> R) -> (R, u64) {
    with(Budget { payer: String::new(), work, time: TIME }, || {
        let result = run();
        (result, self::work())
    })
}

fn with<R>(budget: Budget, run: impl FnOnce() -> R) -> R {
    struct Restore(Option<Budget>);
    impl Drop for Restore {
        fn drop(&mut self) {
            BUDGET.set(self.0.take());
        }
    }
    let _restore = Restore(BUDGET.replace(Some(budget)));
    run()
}

/// The work that is left.
#[must_use]
pub fn work() -> u64 {
    BUDGET.with_borrow(|budget| budget.as_ref().map_or(WORK, |budget| budget.work))
}

/// Says what work is left. It never becomes more.
pub fn set_work(left: u64) {
    BUDGET.with_borrow_mut(|budget| {
        if let Some(budget) = budget {
            budget.work = budget.work.min(left);
        }
    });
}

/// The time that is left.
#[must_use]
pub fn time() -> Duration {
    BUDGET.with_borrow(|budget| budget.as_ref().map_or(TIME, |budget| budget.time))
}

/// Takes of the time.
pub fn spend_time(spent: Duration) {
    BUDGET.with_borrow_mut(|budget| {
        if let Some(budget) = budget {
            budget.time = budget.time.saturating_sub(spent);
        }
    });
}

/// Who executes: empty outside a transaction.
#[must_use]
pub fn payer() -> String {
    BUDGET.with_borrow(|budget| budget.as_ref().map(|budget| budget.payer.clone()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_budget_for_all_that_a_transaction_runs() {
        transaction("alice", false, || {
            part(|| set_work(10));
            part(|| set_work(100));
            assert_eq!(work(), 10, "it never becomes more");
            spend_time(TIME / 2);
            assert_eq!((part(time), payer()), (TIME / 2, "alice".to_owned()));
            let (_, left) = with_work(7, || set_work(3));
            assert_eq!((left, work()), (3, 10));
        });
        assert_eq!((work(), time(), payer()), (WORK, TIME, String::new()));
        assert_eq!(transaction("alice", true, time), TIME * AGAIN);
        part(|| {
            set_work(1);
            assert_eq!(work(), 1);
        });
        assert_eq!(work(), WORK);
    }
}
