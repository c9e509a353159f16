//! Wallets on real SQLite files and a real PostgreSQL: conformance, opening, faults.
//!
//! `TRUSTKEEP_TEST_POSTGRES` names a server (a libpq URL) whose user may make databases; without it the tests start one of
//! their own from the binaries installed, and where there are none they say so and end.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod places;
#[cfg(test)]
mod server;
#[cfg(test)]
mod suite;
