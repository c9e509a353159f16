//! Trying again: what failed for a while is repeated for a while.

use std::time::Duration;

use tokio::time::Instant;
use trustkeep_cloud::{Fault, Kind, Result};

use super::{Item, Jobs};
use crate::metrics;

/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(15);

impl Jobs {
    /// Does something until it succeeds, fails for good, or `patience` is over; then the last fault is given. The faults are shown as the progress of
    /// `item`, and counted.
    pub(super) async fn persist<T, F>(
        &self,
        item: &Item,
        patience: Duration,
        what: &str,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let id = item.id.as_str();
        self.note(id, what);
        let (deadline, mut pause) = (Instant::now() + patience, self.parts().patience().pause);
        loop {
            let fault = match attempt().await {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            let is_over = Instant::now() + pause > deadline;
            // A machine that does not answer yet refuses nothing: it is waited for.
            if is_over || fault.kind != Kind::Unavailable {
                self.count(item, fault.kind);
            }
            if !fault.is_temporary() {
                return Err(fault.during(what));
            }
            if is_over {
                let waited = format!("{what}, given up after {} s", patience.as_secs());
                return Err(fault.during(waited));
            }
            self.note(id, format!("{what}: {fault}"));
            if let Kind::Throttled(Some(wait)) = fault.kind {
                pause = pause.max(wait);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Counts a fault at the provider of an item.
    fn count(&self, item: &Item, kind: Kind) {
        let page = self.parts().book.page();
        let node = page.node(&item.vcid, &item.id).map(|found| found.unit);
        let unit = node.or_else(|| page.disk(&item.vcid, &item.id).map(|found| found.unit));
        if let Some(unit) = unit {
            metrics::fault(&unit.spec.provider, kind);
        }
    }

    /// Looks again and again, until there is something or `patience` is over.
    pub(super) async fn await_it<T, F>(
        &self,
        item: &Item,
        patience: Duration,
        what: &str,
        mut look: impl FnMut() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<Option<T>>>,
    {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(found) = self.persist(item, left, what, &mut look).await? {
                return Ok(found);
            }
            if Instant::now() > deadline {
                let text = format!("{what}: not done after {} s", patience.as_secs());
                return Err(Fault::new(Kind::Unavailable, text));
            }
            tokio::time::sleep(self.parts().patience().pause).await;
        }
    }
}
