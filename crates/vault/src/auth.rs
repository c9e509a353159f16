//! Auth methods, one file each. A method checks who asks and says so with a [`Login`]; the core makes the token.

pub mod approle;
mod entry;
mod legacy;
mod login;
pub mod token;
mod token_parameters;
pub mod userpass;

pub use login::{Alias, Login};
pub(crate) use token_parameters::clean_policies;
pub use token_parameters::{TokenKind, TokenParameters};
