//! Emulators of AWS that others wrote, as tests need them.
//!
//! - [`Server`]: one that was started, and ends with the tests;
//! - [`Proxy`]: a way to it on which answers are lost, delayed or others, as a test says.

mod proxy;
mod server;

pub use proxy::{Fate, Proxy, Request};
pub use server::Server;
