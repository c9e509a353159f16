//! Asking before something is destroyed.

use std::io::{self, IsTerminal as _, Write as _};

use super::failure::Failure;

/// What is answered to a question; `None` if there is nobody to ask.
pub(super) fn ask(question: &str) -> Result<Option<String>, Failure> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Ok(None);
    }
    write!(io::stdout(), "{question}")?;
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(Some(answer.trim_end_matches(['\n', '\r']).to_owned()))
}
