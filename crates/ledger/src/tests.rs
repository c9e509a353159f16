//! The Ledger as its clients see it, beneath gRPC and over a store in memory.

mod world;

mod conflicts;
mod executing;
mod functions;
mod stores;
mod tampering;

use world::World;
