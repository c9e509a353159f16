//! Writes the commit and its time into the program, for `--version`.
//!
//! Only release builds look at git: a development build that asked on every commit would link
//! anew for each of them. `TRUSTKEEP_COMMIT` and `TRUSTKEEP_BUILD_TIME` (RFC 3339) win over git, for builds from an
//! archive. The time is the commit's, not the clock's, so that two builds of one commit are equal.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TRUSTKEEP_COMMIT");
    println!("cargo::rerun-if-env-changed=TRUSTKEEP_BUILD_TIME");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if release && let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    let commit = stated("TRUSTKEEP_COMMIT")
        .or_else(|| release.then(|| git(&["rev-parse", "HEAD"])).flatten())
        .unwrap_or_else(|| "development".to_owned());
    let time = stated("TRUSTKEEP_BUILD_TIME")
        .or_else(|| release.then(|| git(&["log", "-1", "--format=%cI"])).flatten())
        .unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned());
    println!("cargo::rustc-env=TRUSTKEEP_COMMIT={commit}");
    println!("cargo::rustc-env=TRUSTKEEP_BUILD_TIME={time}");
}

fn stated(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
