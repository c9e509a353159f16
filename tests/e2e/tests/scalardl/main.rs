//! A Ledger and an Auditor as processes of their own: killed between steps, gone back in time, changed behind their
//! backs.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod crashes;
mod domains;
mod tampering;
