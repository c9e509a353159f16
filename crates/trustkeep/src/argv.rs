//! Arguments in the manner of Go's flag package, brought into the form that clap reads.
//!
//! The `vault` commands are written `-flag=value`, `-flag value` or with two dashes, before or after the
//! positional arguments; switches take `-switch=false`. Which flag takes a value is asked of the command
//! tree, so that `-ttl -1` is a value and `-force path` is not.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

/// Rewrites the arguments after the program's name for `root`, which must have been built (`Command::build`).
///
/// Untouched stay `-` (standard input), everything after `--`, `key=value` pairs and anything that is not UTF-8.
pub(crate) fn normalise(root: &Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let mut command = root;
    let mut positional = false;
    let mut out = Vec::with_capacity(arguments.len());
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        let Some(text) = argument.to_str() else {
            positional = true;
            out.push(argument);
            continue;
        };
        if text == "--" {
            out.push(argument);
            out.extend(rest);
            break;
        }
        let Some(body) = flag_body(text) else {
            match command.find_subcommand(text) {
                Some(below) if !positional => command = below,
                _ => positional = true,
            }
            out.push(argument);
            continue;
        };
        let (name, value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (body, None),
        };
        match find(command, name).map(kind) {
            Some(Kind::Switch) => match value.map(truth) {
                None | Some(Some(true)) => out.push(format!("--{name}").into()),
                Some(Some(false)) => {}
                Some(None) => out.push(format!("--{body}").into()),
            },
            Some(Kind::Value) if value.is_none() => match rest.next() {
                Some(next) => {
                    let mut joined = OsString::from(format!("--{name}="));
                    joined.push(next);
                    out.push(joined);
                }
                None => out.push(format!("--{name}").into()),
            },
            Some(Kind::Value | Kind::OptionalValue) => out.push(format!("--{body}").into()),
            None if name == "h" => out.push("-h".into()),
            None if name == "help" => out.push("--help".into()),
            // Unknown: clap answers, with the flag that was perhaps meant.
            None => out.push(format!("--{body}").into()),
        }
    }
    out
}

enum Kind {
    /// On when present.
    Switch,
    /// Takes the next word when it has no `=`.
    Value,
    /// A boolean with a default: `-renewable` and `-renewable=false`, never the next word.
    OptionalValue,
}

/// The flag without its dashes, or `None` if the word is no flag: `-`, `-5`, `path`, `key=value`.
fn flag_body(text: &str) -> Option<&str> {
    let body = text.strip_prefix("--").or_else(|| text.strip_prefix('-'))?;
    body.starts_with(|first: char| first.is_ascii_alphabetic()).then_some(body)
}

fn find<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|argument| {
        argument.get_long() == Some(name)
            || argument.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
    })
}

fn kind(argument: &Arg) -> Kind {
    match argument.get_action() {
        ArgAction::Set | ArgAction::Append => match argument.get_num_args() {
            Some(range) if range.min_values() == 0 => Kind::OptionalValue,
            _ => Kind::Value,
        },
        _ => Kind::Switch,
    }
}

/// The spellings of booleans that Go's `strconv.ParseBool` takes.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect()
    }

    #[test]
    fn arguments_as_the_vault_tool_takes_them() {
        let mut root = crate::cli::vault_command();
        root.build();
        let cases = [
            // one dash, two dashes, joined or not
            ("kv get -mount=secret db", "kv get --mount=secret db"),
            ("kv get -mount secret db", "kv get --mount=secret db"),
            ("kv get --mount secret db", "kv get --mount=secret db"),
            ("kv get --mount=secret db", "kv get --mount=secret db"),
            // before and after positional arguments
            ("kv get secret/db -field=pass", "kv get secret/db --field=pass"),
            ("kv put secret/db a=1 -cas 0", "kv put secret/db a=1 --cas=0"),
            // global flags are known below every command, and above them
            ("status -format json", "status --format=json"),
            ("-address http://x:1 status", "--address=http://x:1 status"),
            // values that look like flags
            ("token create -ttl -1", "token create --ttl=-1"),
            ("kv put -mount -x secret/db a=1", "kv put --mount=-x secret/db a=1"),
            // switches never take the next word
            ("write -force sys/rotate", "write --force sys/rotate"),
            ("write -f sys/rotate", "write --f sys/rotate"),
            ("status -tls-skip-verify=true", "status --tls-skip-verify"),
            ("status -tls-skip-verify=0", "status"),
            ("status -tls-skip-verify=maybe", "status --tls-skip-verify=maybe"),
            ("token create -renewable=false -orphan", "token create --renewable=false --orphan"),
            ("token create -renewable -policy p", "token create --renewable --policy=p"),
            // pairs, standard input, numbers and the end of flags stay as they are
            ("policy write ops -", "policy write ops -"),
            ("kv put secret/db pass=-x --", "kv put secret/db pass=-x --"),
            ("write x -- -address=1", "write x -- -address=1"),
            ("write totp/code -5", "write totp/code -5"),
            ("kv put secret/db x=@file -field v", "kv put secret/db x=@file --field=v"),
            // a value may contain '=' and may be empty
            ("status -header=A=b", "status --header=A=b"),
            ("secrets enable -description= kv", "secrets enable --description= kv"),
            ("secrets enable -options version=2 kv", "secrets enable --options=version=2 kv"),
            // a positional argument that is also a command's name
            ("read kv", "read kv"),
            ("secrets enable kv", "secrets enable kv"),
            ("server -dev -dev-root-token-id root", "server --dev --dev-root-token-id=root"),
            ("server -config a.hcl -config=b.hcl", "server --config=a.hcl --config=b.hcl"),
            // help, unknown flags, a value that is missing
            ("kv get -help", "kv get --help"),
            ("kv get -h", "kv get -h"),
            ("kv get -mout=x", "kv get --mout=x"),
            ("kv get -mount", "kv get --mount"),
        ];
        for (given, expected) in cases {
            assert_eq!(normalise(&root, words(given)), words(expected), "for: {given}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_text_pass_unharmed() {
        use std::os::unix::ffi::OsStringExt as _;
        let mut root = crate::cli::vault_command();
        root.build();
        let odd = OsString::from_vec(vec![b'k', b'=', 0xff]);
        let given = vec!["kv".into(), "put".into(), "p".into(), odd.clone()];
        assert_eq!(normalise(&root, given).last(), Some(&odd));
    }
}
