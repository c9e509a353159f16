//! Where the token of the last login is kept: `~/.vault-token`, or what `~/.vault` names instead.
//!
//! `~/.vault` (or the file of `VAULT_CONFIG_PATH`) is HCL with one key, `token_helper`: a program that is run by the
//! shell with `get` (prints the token), `store` (reads it from standard input) or `erase` as its last word.

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use trustkeep_vault::hcl::{self, Kind};
use zeroize::Zeroizing;

use super::error::Error;
use super::token_file;

type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The token that is kept; empty if there is none.
pub(crate) fn read(environment: Environment<'_>) -> Result<Zeroizing<String>, Error> {
    let Some(helper) = configured(environment)? else { return token_file::read(environment) };
    let done = helper.run("get", "", environment)?;
    let text = String::from_utf8_lossy(&done);
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// Keeps `token` for the next commands.
pub(crate) fn store(token: &str, environment: Environment<'_>) -> Result<(), Error> {
    match configured(environment)? {
        Some(helper) => helper.run("store", token, environment).map(|_| ()),
        None => token_file::store(token, environment),
    }
}

/// A program that keeps tokens.
struct Helper {
    program: PathBuf,
}

impl Helper {
    fn run(
        &self,
        operation: &str,
        input: &str,
        environment: Environment<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let name = self.program.display();
        let failed = |why: String| Error::Usage(format!("the token helper {name} failed: {why}"));
        // The shell runs it, so that the setting may carry arguments.
        let shell = environment("SHELL").filter(|shell| !shell.is_empty()).unwrap_or("/bin/sh".to_owned());
        let mut child = Command::new(shell)
            .arg("-c")
            .arg(format!("{name} {operation}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        if let Some(mut pipe) = child.stdin.take() {
            // A helper that reads nothing closes the pipe: its exit code says whether that was right.
            let _ = pipe.write_all(input.as_bytes());
        }
        let done = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            return Err(failed(format!("{}: {}", done.status, said.trim())));
        }
        Ok(Zeroizing::new(done.stdout))
    }
}

fn configured(environment: Environment<'_>) -> Result<Option<Helper>, Error> {
    let own =
        || environment("HOME").filter(|home| !home.is_empty()).map(|home| PathBuf::from(home).join(".vault"));
    let named = environment("VAULT_CONFIG_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    let Some(path) = named.or_else(own) else { return Ok(None) };
    let wrong = |why: String| {
        Error::Usage(format!(
            "error parsing config file at {}: {why}; ensure that the file is valid (other programs use this name too)",
            path.display()
        ))
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(wrong(error.to_string())),
    };
    let mut helper = None;
    for item in hcl::parse(&text).map_err(|error| wrong(error.to_string()))? {
        match (item.key.as_str(), item.value.kind) {
            ("token_helper", Kind::Text(program)) => helper = Some(program.to_string()),
            ("token_helper", _) => {
                return Err(wrong(format!("line {}: token_helper must be a string", item.line)));
            }
            (other, _) => return Err(wrong(format!("line {}: invalid key \"{other}\"", item.line))),
        }
    }
    let Some(program) = helper.filter(|program| !program.is_empty()) else { return Ok(None) };
    // Only the file itself is run, never something of the same name on the path.
    let program = std::path::absolute(program).map_err(|error| wrong(error.to_string()))?;
    if !program.exists() {
        return Err(wrong(format!("the token helper {} does not exist", program.display())));
    }
    Ok(Some(Helper { program }))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_helper_keeps_the_token_instead_of_the_file() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let script = format!(
            "#!/bin/sh\ncase $1 in store) cat > {0};; get) cat {0};; *) exit 3;; esac\n",
            at("kept").display()
        );
        std::fs::write(at("helper"), script).unwrap();
        std::fs::set_permissions(at("helper"), std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::write(at(".vault"), format!("token_helper = \"{}\"\n", at("helper").display())).unwrap();
        let home = home.path().to_str().unwrap().to_owned();
        let environment = move |name: &str| (name == "HOME").then(|| home.clone());
        assert!(read(&environment).unwrap_err().to_string().contains("failed"), "nothing was kept yet");
        store("hvs.kept", &environment).unwrap();
        assert_eq!(read(&environment).unwrap().as_str(), "hvs.kept");
        assert!(!at(".vault-token").exists());
    }

    #[test]
    fn a_file_of_another_program_is_named() {
        let home = tempfile::tempdir().unwrap();
        for (text, expected) in [
            ("token_helper = \"/nonexistent/helper\"", "does not exist"),
            ("colour = 1", "invalid key \"colour\""),
            ("token_helper = [", "error parsing config file"),
        ] {
            std::fs::write(home.path().join("config"), text).unwrap();
            let path = home.path().join("config").to_str().unwrap().to_owned();
            let environment = move |name: &str| (name == "VAULT_CONFIG_PATH").then(|| path.clone());
            let error = read(&environment).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
