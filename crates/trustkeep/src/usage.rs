//! A wrong command line of `vault`, in the words and exit codes of the family's tool, with a hint below.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

/// What to print on standard error, and the exit code. `None`: as clap says it, with exit code 1.
pub(crate) fn explain(root: &Command, words: &[OsString], error: &clap::Error) -> Option<(String, u8)> {
    let (command, path, given) = called(root, words);
    let text = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let positionals: Vec<&Arg> = command.get_positionals().collect();
    let needed = positionals.iter().filter(|argument| argument.is_required_set()).count();
    let usage = || command.clone().bin_name(path.as_str()).render_usage().to_string();
    match error.kind() {
        ErrorKind::MissingRequiredArgument if given < needed => {
            Some((format!("Not enough arguments (expected {needed}, got {given})\n\n{}", usage()), 1))
        }
        ErrorKind::UnknownArgument => {
            let argument = text(ContextKind::InvalidArg)?;
            let Some(flag) = argument.strip_prefix("--") else {
                let most = positionals.len();
                return Some((
                    format!("Too many arguments (expected {most}, got {given})\n\n{}", usage()),
                    1,
                ));
            };
            let name = flag.split('=').next().unwrap_or(flag);
            let hint = match text(ContextKind::SuggestedArg) {
                Some(meant) => format!("Did you mean -{}? ", meant.trim_start_matches('-')),
                None => String::new(),
            };
            let hint = format!("{hint}`{path} -help` lists its flags.");
            Some((format!("flag provided but not defined: -{name}\n\n{hint}"), 1))
        }
        ErrorKind::InvalidValue if text(ContextKind::InvalidArg)?.starts_with("--format") => {
            let value = text(ContextKind::InvalidValue)?;
            Some((format!("Invalid output format: {value}\n\nOne of table, json, yaml, pretty, raw."), 1))
        }
        // The family's tool shows its commands, and says 127 as a shell does of a program that is not there.
        ErrorKind::InvalidSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let unknown =
                text(ContextKind::InvalidSubcommand).map(|name| format!("No command \"{name}\".\n\n"));
            let help = command.clone().bin_name(path.as_str()).render_help().to_string();
            let code = if path.contains(' ') { 1 } else { 127 };
            Some((format!("{}{}", unknown.unwrap_or_default(), help.trim_end()), code))
        }
        _ => None,
    }
}

/// The command that was called, its name with those above it, and how many positional arguments it got.
fn called<'a>(root: &'a Command, words: &[OsString]) -> (&'a Command, String, usize) {
    let (mut command, mut path, mut given) = (root, String::from("vault"), 0);
    let mut only_positional = false;
    for word in words.iter().skip(1) {
        let text = word.to_string_lossy();
        if text == "--" && !only_positional {
            only_positional = true;
        } else if only_positional || !text.starts_with("--") {
            match command.find_subcommand(text.as_ref()).filter(|_| given == 0 && !only_positional) {
                Some(below) => {
                    path = format!("{path} {}", below.get_name());
                    command = below;
                }
                None => given += 1,
            }
        }
    }
    (command, path, given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> (String, u8) {
        let mut root = crate::cli::vault_command();
        root.build();
        let words = std::iter::once("vault").chain(line.split_whitespace()).map(OsString::from);
        let words: Vec<OsString> = words.collect();
        let error = root.try_get_matches_from_mut(&words).unwrap_err();
        let (text, code) = explain(&root, &words, &error).unwrap();
        (text.lines().next().unwrap_or_default().to_owned(), code)
    }

    #[test]
    fn a_wrong_command_line_reads_as_users_know_it() {
        for (line, expected, code) in [
            ("kv get", "Not enough arguments (expected 1, got 0)", 1),
            ("policy write p1", "Not enough arguments (expected 2, got 1)", 1),
            ("--format=json policy write", "Not enough arguments (expected 2, got 0)", 1),
            ("secrets enable a b", "Too many arguments (expected 1, got 2)", 1),
            ("status x", "Too many arguments (expected 0, got 1)", 1),
            ("kv get --nonsense x", "flag provided but not defined: -nonsense", 1),
            ("read --format=odd x", "Invalid output format: odd", 1),
            ("nonsense", "No command \"nonsense\".", 127),
            ("kv nonsense", "No command \"nonsense\".", 1),
        ] {
            assert_eq!(said(line), (expected.to_owned(), code), "{line}");
        }
    }
}
