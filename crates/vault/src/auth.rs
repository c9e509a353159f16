//! Auth methods, one file each; they answer with tokens.

pub mod token;
