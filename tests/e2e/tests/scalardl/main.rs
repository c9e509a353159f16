//! Ledger and Auditor from outside: somebody lies, edits rows, goes back in time, sends things again, or dies. Each time
//! it is found, by the documented code, or mended; and who is honest gets on with what nobody touched.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bad_input;
mod crashes;
mod forks;
mod functions;
mod generic;
mod languages;
mod ledger_alone;
mod liar;
mod lies;
mod replays;
mod rows_of_auditor;
mod rows_of_ledger;
mod schedule;
mod setting;
mod site;
mod trust;
mod withheld;
mod world;
