//! Auth methods, one file each. A method checks who asks and says so with a [`Login`]; the core makes the token.

mod login;
pub mod token;
mod token_parameters;

pub use login::{Alias, Login};
pub use token_parameters::{TokenKind, TokenParameters};
