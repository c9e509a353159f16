//! The store on a real PostgreSQL: conformance, faults, schema, rights and TLS.
//!
//! `TRUSTKEEP_TEST_POSTGRES` names a server (a libpq URL); without it the tests start one of their own from the
//! binaries installed, and where there are none they say so and end.

mod faults;
mod proxy;
mod schema;
mod server;
mod suite;
mod tls;
