//! What a command reads from the terminal, from standard input and from files named with `@`.

use std::io::Read as _;

use zeroize::Zeroizing;

use super::error::Error;

/// All of standard input, as text.
pub(crate) fn standard_input(non_interactive: bool) -> Result<Zeroizing<String>, Error> {
    let mut text = Zeroizing::new(String::new());
    if !non_interactive {
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| Error::Usage(format!("cannot read standard input as text: {error}")))?;
    }
    Ok(text)
}

/// The text of a file.
pub(crate) fn file(path: &str) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::Usage(format!("cannot read the file {path}: {error}")))
}

/// A key share: as it was given, from standard input if that was `-`, else asked for.
pub(crate) fn share(
    given: Option<String>,
    prompt: &str,
    non_interactive: bool,
) -> Result<Zeroizing<String>, Error> {
    let given = given.map(Zeroizing::new);
    match given.as_ref().map(|text| text.trim()) {
        Some("-") => Ok(Zeroizing::new(standard_input(non_interactive)?.trim().to_owned())),
        Some(text) if !text.is_empty() => Ok(Zeroizing::new(text.to_owned())),
        _ => hidden(prompt, non_interactive),
    }
}

/// Asks on the terminal without echo; from a pipe, takes the first line.
pub(crate) fn hidden(prompt: &str, non_interactive: bool) -> Result<Zeroizing<String>, Error> {
    use std::io::IsTerminal as _;
    if non_interactive {
        return Err(Error::Usage(format!(
            "{prompt} is needed, and -non-interactive forbids to ask: give it as an argument"
        )));
    }
    if std::io::stdin().is_terminal() {
        let answer = rpassword::prompt_password(format!("{prompt} (will be hidden): "))
            .map_err(|error| Error::Usage(format!("cannot read the answer from the terminal: {error}")))?;
        return Ok(Zeroizing::new(Zeroizing::new(answer).trim().to_owned()));
    }
    let mut line = Zeroizing::new(String::new());
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Error::Usage(format!("cannot read {prompt} from standard input: {error}")))?;
    Ok(Zeroizing::new(line.trim().to_owned()))
}
