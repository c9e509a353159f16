//! The store on DynamoDB against its emulators: DynamoDB Local and moto, neither of which we wrote.
//!
//! `TRUSTKEEP_TEST_DYNAMODB_LOCAL` and `TRUSTKEEP_TEST_MOTO` name endpoints that run already. Without them the
//! tests start the emulators themselves from `TRUSTKEEP_TEST_DYNAMODB_LOCAL_DIR` (the folder that holds
//! `DynamoDBLocal.jar` and `DynamoDBLocal_lib`) and `TRUSTKEEP_TEST_MOTO_SERVER` (the path of `moto_server`).
//! Without either they say so by name.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests report by panicking, and say on the terminal what they skipped"
)]

mod conformance;
mod emulator;
mod faults;
mod schema;
mod shared;
