//! The store on a real PostgreSQL: conformance, faults, schema, rights and TLS.
//!
//! `TRUSTKEEP_TEST_POSTGRES` names a server (a libpq URL); without it the tests start one of their own from the
//! binaries installed, and where there are none they say so and end.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod server;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod tls;
