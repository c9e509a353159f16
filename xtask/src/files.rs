//! What files must not hold: unfinished work, paths of one machine, more than one can read; links that lead nowhere.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Lines of a Rust file. More than that hides a concept that wants its own file.
const LINES_MAX: usize = 700;

pub(crate) fn check(top: &Path) -> anyhow::Result<Vec<String>> {
    let listed =
        Command::new("git").args(["ls-files", "-z"]).current_dir(top).output().context("git ls-files")?;
    ensure!(listed.status.success(), "git ls-files failed");
    let listed = String::from_utf8(listed.stdout)?;
    let mut broken = Vec::new();
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let Ok(text) = fs::read_to_string(top.join(name)) else { continue };
        if name.ends_with(".rs") {
            broken.extend(rust(name, &text));
        }
        if name.ends_with(".md") {
            broken.extend(links(top, name, &text));
        }
        if !name.ends_with(".lock") && !name.starts_with("xtask/") {
            broken.extend(machine_paths(name, &text));
        }
    }
    let architecture = fs::read_to_string(top.join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?;
    for folder in ["crates", "benches"] {
        for entry in fs::read_dir(top.join(folder))? {
            let name = format!("{folder}/{}", entry?.file_name().to_string_lossy());
            if !architecture.contains(&format!("`{name}`")) {
                broken.push(format!("ARCHITECTURE.md does not name `{name}`"));
            }
        }
    }
    Ok(broken)
}

fn rust(name: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let lines = text.lines().count();
    if lines > LINES_MAX && !name.contains("/generated/") {
        broken.push(format!("{name}: {lines} lines, at most {LINES_MAX}: which concept wants its own file?"));
    }
    for (number, line) in text.lines().enumerate() {
        let unfinished = ["todo!(", "unimplemented!(", "#[ignore"].iter().any(|word| line.contains(word));
        if unfinished && !name.starts_with("xtask/") {
            broken.push(format!("{name}:{}: unfinished or switched off", number + 1));
        }
    }
    if name.ends_with("/mod.rs") || ["utils.rs", "helpers.rs"].iter().any(|bad| name.ends_with(bad)) {
        broken.push(format!("{name}: a file is named after what it holds, and modules are name.rs + name/"));
    }
    broken
}

/// Links in documents to files of the tree.
fn links(top: &Path, name: &str, text: &str) -> Vec<String> {
    let folder = top.join(name).parent().map(Path::to_path_buf).unwrap_or_default();
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let inside =
        targets.filter(|target| !target.contains("://") && !target.starts_with('#') && !target.is_empty());
    inside
        .filter(|target| !folder.join(target.split('#').next().unwrap_or_default()).exists())
        .map(|target| format!("{name}: the link to {target} leads nowhere"))
        .collect()
}

fn machine_paths(name: &str, text: &str) -> Vec<String> {
    let found = text
        .lines()
        .enumerate()
        .filter(|(_, line)| ["/work/", "/root/.", "/tmp/bash_jobs"].iter().any(|path| line.contains(path)));
    found.map(|(number, _)| format!("{name}:{}: a path of one machine", number + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_files_must_not_hold_is_named() {
        assert_eq!(rust("a/mod.rs", "fn f() { todo!() }\n").len(), 2);
        assert_eq!(rust("a/long.rs", &"\n".repeat(LINES_MAX + 1)).len(), 1);
        assert_eq!(machine_paths("a.md", "see /work/x\nfine\n").len(), 1);
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(links(here, "a.md", "[x](Cargo.toml) [y](nowhere.md) [z](https://example.com)").len(), 1);
    }
}
