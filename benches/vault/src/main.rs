//! To be run by hand.
fn main() {}
