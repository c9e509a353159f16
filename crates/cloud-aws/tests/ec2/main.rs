//! The providers `aws` and `aws_spot` against two emulators of EC2 that we did not write, moto and MiniStack, through a proxy
//! that throttles, fails, delays, cuts, and loses answers.
//!
//! The tests start the emulators from `TRUSTKEEP_TEST_MOTO_SERVER` and `TRUSTKEEP_TEST_MINISTACK` (paths of `moto_server` and
//! `ministack`). Without one of them they say so by name, as they do for what an emulator cannot show.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests report by panicking, and say on the terminal what they skipped"
)]

mod account;
mod disks;
mod emulator;
mod faults;
mod images;
mod machines;
mod refusals;
mod rights;
mod spot;
