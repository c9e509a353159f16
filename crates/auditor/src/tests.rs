//! The three steps and what can go wrong in them, against a Ledger that may lie.

mod faults;
mod honest;
mod recovering;
mod schedule;
