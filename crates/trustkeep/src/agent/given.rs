//! What was given: on the command line, in the environment, in a file; the first of them that gives an option counts.

use std::collections::BTreeMap;

use super::arg_file;
use super::option::{self, OPTIONS, Opt, Takes};

/// Bytes of a file of options.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The values of each option, once for each time that it was given.
#[derive(Debug, Default)]
pub(super) struct Given(BTreeMap<&'static str, Vec<Vec<String>>>);

/// What is wrong with a command line: exit code 2, as argparse has it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(pub(super) String);

impl Given {
    /// Reads the words after `start` or `provision`, and what else gives options.
    ///
    /// # Errors
    /// Names the option.
    pub(super) fn read(
        words: &[String],
        environment: &dyn Fn(&str) -> Option<String>,
        is_start: bool,
    ) -> Result<Self, UsageError> {
        let mut given = Self::default();
        given.take_words(words, is_start)?;
        let mut lower = Self::default();
        for option in OPTIONS.iter().filter(|option| is_start || !option.is_of_start) {
            if let Some(value) = environment(option.variable).filter(|_| !option.variable.is_empty()) {
                lower.take_variable(option, &value)?;
            }
        }
        given.fill(lower);
        if let Some(path) = given.one("arg-file") {
            let path = path.to_owned();
            let text = read_file(&path)?;
            let mut lower = Self::default();
            for (name, values) in arg_file::read(&text).map_err(|why| in_file(&path, &why))? {
                let unknown = || {
                    let why = format!("unrecognized arguments: --{name}{}", meant(&name, is_start));
                    in_file(&path, &why)
                };
                let option = option::named(&format!("--{name}"), is_start).ok_or_else(unknown)?;
                for values in values {
                    lower.take(option, values).map_err(|UsageError(why)| in_file(&path, &why))?;
                }
            }
            given.fill(lower);
        }
        Ok(given)
    }

    /// Whether a flag was given, or any value of an option.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The first value of the last time.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.last(name)?.first().map(String::as_str)
    }

    /// The values of the last time.
    pub(super) fn last(&self, name: &str) -> Option<&[String]> {
        self.0.get(name)?.last().map(Vec::as_slice)
    }

    /// The values of each time.
    pub(super) fn all(&self, name: &str) -> &[Vec<String>] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The options that were given.
    pub(super) fn options(&self) -> impl Iterator<Item = &'static Opt> {
        OPTIONS.iter().filter(|option| self.has(option.name))
    }

    fn fill(&mut self, lower: Self) {
        for (name, values) in lower.0 {
            self.0.entry(name).or_insert(values);
        }
    }

    fn take_words(&mut self, words: &[String], is_start: bool) -> Result<(), UsageError> {
        let mut rest = words.iter().peekable();
        while let Some(word) = rest.next() {
            let (name, joined) = match word.split_once('=').filter(|_| word.starts_with("--")) {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let option = option::named(name, is_start).ok_or_else(|| {
                // A value too many is no name.
                let meant = if is_option(name) { meant(name, is_start) } else { String::new() };
                UsageError(format!("unrecognized arguments: {word}{meant}"))
            })?;
            let most = match option.takes {
                Takes::Nothing => 0,
                Takes::One | Takes::Maybe => 1,
                Takes::Many => usize::MAX,
                Takes::Exactly(count) => count,
            };
            let mut values: Vec<String> = joined.into_iter().collect();
            while values.len() < most
                && let Some(value) = rest.next_if(|next| !is_option(next))
            {
                values.push(value.clone());
            }
            self.take(option, values)?;
        }
        Ok(())
    }

    fn take_variable(&mut self, option: &'static Opt, value: &str) -> Result<(), UsageError> {
        if option.takes == Takes::Nothing {
            let flag = arg_file::flag(value).ok_or_else(|| {
                let expected = "Expecting 'true', 'false', 'yes', 'no', '1' or '0'";
                UsageError(format!("Unexpected value for {}: '{value}'. {expected}", option.variable))
            })?;
            return if flag { self.take(option, Vec::new()) } else { Ok(()) };
        }
        let list = value.trim().strip_prefix('[').and_then(|value| value.strip_suffix(']'));
        let values: Vec<String> = match (list, option.takes) {
            (Some(list), _) => list.split(',').map(|value| unquoted(value).to_owned()).collect(),
            (None, Takes::Exactly(_) | Takes::Many) => value.split_whitespace().map(str::to_owned).collect(),
            (None, _) => vec![value.to_owned()],
        };
        if option.is_repeated && option.takes == Takes::One {
            values.into_iter().try_for_each(|value| self.take(option, vec![value]))
        } else {
            self.take(option, values)
        }
    }

    fn take(&mut self, option: &'static Opt, values: Vec<String>) -> Result<(), UsageError> {
        let expected = match option.takes {
            Takes::Nothing if !values.is_empty() => "no argument",
            Takes::One if values.len() != 1 => "one argument",
            Takes::Maybe if values.len() > 1 => "one argument",
            Takes::Many if values.is_empty() => "at least one argument",
            Takes::Exactly(count) if values.len() != count => {
                return Err(expected_of(option, &format!("{count} arguments")));
            }
            _ => {
                let times = self.0.entry(option.name).or_default();
                if !option.is_repeated {
                    times.clear();
                }
                times.push(values);
                return Ok(());
            }
        };
        Err(expected_of(option, expected))
    }
}

fn expected_of(option: &Opt, expected: &str) -> UsageError {
    let short = if option.short.is_empty() { String::new() } else { format!("-{}/", option.short) };
    UsageError(format!("argument {short}--{}: expected {expected}", option.name))
}

fn meant(name: &str, is_start: bool) -> String {
    let nearest = option::nearest(name.trim_start_matches('-'), is_start);
    nearest.map_or_else(String::new, |nearest| format!(" (did you mean --{nearest}?)"))
}

/// Not a value: negative numbers are none either, no option takes one.
fn is_option(word: &str) -> bool {
    word.starts_with('-') && word.len() > 1
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    let inner = |quote: char| value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

fn read_file(path: &str) -> Result<String, UsageError> {
    if path.contains("://") {
        return Err(UsageError(format!("--arg-file {path}: only files of this machine are read")));
    }
    let refused = |why: &dyn std::fmt::Display| UsageError(format!("--arg-file {path}: {why}"));
    let bytes = std::fs::metadata(path).map_err(|error| refused(&error))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(refused(&format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    std::fs::read_to_string(path).map_err(|error| refused(&error))
}

fn in_file(path: &str, why: &str) -> UsageError {
    UsageError(format!("{path}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, environment: &[(&str, &str)]) -> Result<Given, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let variable = |name: &str| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Given::read(&words, &variable, true).map_err(|error| error.to_string())
    }

    #[test]
    fn a_command_line_as_the_original_takes_it() {
        let given = read(
            "-it http 0.0.0.0 8030 -it ws 0.0.0.0 8031 -ot http --outbound-transport=ws -e http://a http://b --admin 0.0.0.0 8032 --auto-provision -l faber -l bob",
            &[],
        )
        .unwrap();
        assert_eq!(given.all("inbound-transport"), [["http", "0.0.0.0", "8030"], ["ws", "0.0.0.0", "8031"]]);
        assert_eq!(given.all("outbound-transport"), [["http"], ["ws"]]);
        assert_eq!(given.last("endpoint").unwrap(), ["http://a", "http://b"]);
        assert_eq!((given.one("label"), given.has("auto-provision")), (Some("bob"), true));
    }

    #[test]
    fn the_environment_fills_what_the_command_line_leaves_out() {
        let environment = [
            ("ACAPY_LABEL", "alice"),
            ("ACAPY_INBOUND_TRANSPORT", "[http, 0.0.0.0, 8030]"),
            ("ACAPY_ADMIN", "0.0.0.0 8031"),
            ("ACAPY_AUTO_PROVISION", "true"),
            ("ACAPY_AUTO_ACCEPT_INVITES", "0"),
            ("ACAPY_WEBHOOK_URL", "[\"http://a#k\", http://b]"),
        ];
        let given = read("-l faber", &environment).unwrap();
        assert_eq!(given.one("label"), Some("faber"));
        assert_eq!(given.all("inbound-transport"), [["http", "0.0.0.0", "8030"]]);
        assert_eq!(given.last("admin").unwrap(), ["0.0.0.0", "8031"]);
        assert!(given.has("auto-provision") && !given.has("auto-accept-invites"));
        assert_eq!(given.all("webhook-url"), [["http://a#k"], ["http://b"]]);
    }

    #[test]
    fn a_file_comes_last() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("args.yml");
        let text = "label: eve\nendpoint: http://c\nauto-accept-requests: true\nopen-mediation: false\nadmin: [0.0.0.0, 8031]\ninbound-transport:\n  - [http, 0.0.0.0, 8030]\n  - [ws, 0.0.0.0, 8033]\noutbound-transport: [http, ws]\n";
        std::fs::write(&path, text).unwrap();
        let line = format!("--arg-file {} -e http://a", path.display());
        let given = read(&line, &[("ACAPY_LABEL", "alice")]).unwrap();
        assert_eq!((given.one("label"), given.one("endpoint")), (Some("alice"), Some("http://a")));
        assert_eq!(given.last("admin").unwrap(), ["0.0.0.0", "8031"]);
        assert_eq!(given.all("inbound-transport").len(), 2);
        assert_eq!(given.all("outbound-transport"), [["http"], ["ws"]]);
        assert!(given.has("auto-accept-requests") && !given.has("open-mediation"));
        std::fs::write(&path, "lable: eve\n").unwrap();
        let why = read(&line, &[]).unwrap_err();
        assert!(why.ends_with("unrecognized arguments: --lable (did you mean --label?)"), "{why}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, expected) in [
            ("--bogus", "unrecognized arguments: --bogus"),
            ("--end-point http://a", "unrecognized arguments: --end-point (did you mean --endpoint?)"),
            ("-it http 0", "argument -it/--inbound-transport: expected 3 arguments"),
            ("--wallet-type", "argument --wallet-type: expected one argument"),
            ("-e", "argument -e/--endpoint: expected at least one argument"),
            ("--auto-provision=1", "argument --auto-provision: expected no argument"),
            ("stray", "unrecognized arguments: stray"),
        ] {
            assert_eq!(read(line, &[]).unwrap_err(), expected);
        }
        let why = read("", &[("ACAPY_NO_LEDGER", "maybe")]).unwrap_err();
        assert!(why.starts_with("Unexpected value for ACAPY_NO_LEDGER: 'maybe'."), "{why}");
    }
}
