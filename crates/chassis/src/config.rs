//! The part of configuration that all services share, whatever format their files have.
//!
//! A service parses its own format (HCL, properties, YAML) and hands what it found to a [`Layered`]
//! lookup together with the environment and the command line; [`value`] turns the texts into types; whatever is
//! wrong is collected in [`Problems`] and reported at once, each with its place and the nearest key that exists.

mod layered;
mod problem;
mod source;
pub mod value;

pub use layered::{Found, Layered};
pub use problem::{Problem, Problems, nearest};
pub use source::Source;
