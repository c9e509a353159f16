//! The files themselves.

use std::path::{Path, PathBuf};

use trustkeep_chassis::config::Source;
use zeroize::Zeroizing;

use super::section::Reader;
use crate::hcl::{self, Item};

/// Bytes of one file.
const FILE_LEN_MAX: u64 = 4 * 1024 * 1024;
/// Files of one folder.
const FILES_MAX: usize = 1000;

/// A file and what stands in it.
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) items: Vec<Item>,
}

/// Reads every file; what cannot be read is a problem.
pub(super) fn read(paths: &[PathBuf], reader: &mut Reader<'_>) -> Vec<File> {
    if paths.is_empty() {
        reader.problems.add(super::nowhere(), "", "no configuration file is given (-config=FILE)");
    }
    let mut files = Vec::new();
    for path in paths {
        match files_of(path) {
            Ok(found) => files.extend(found.into_iter().filter_map(|path| read_file(path, reader))),
            Err(message) => reader.problems.add(Source::file(path, None), "", message),
        }
    }
    files
}

/// The file itself, or those of a folder that are configuration files, in the order of their names.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| format!("the folder cannot be read: {error}");
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '#']));
        if !hidden && file.is_file() && file.extension().is_some_and(|end| end == "hcl" || end == "json") {
            files.push(file);
        }
        if files.len() > FILES_MAX {
            return Err(format!("more than {FILES_MAX} configuration files"));
        }
    }
    if files.is_empty() {
        return Err("no *.hcl or *.json file in this folder".to_owned());
    }
    files.sort();
    Ok(files)
}

fn read_file(path: PathBuf, reader: &mut Reader<'_>) -> Option<File> {
    let text = match read_text(&path) {
        Ok(text) => text,
        Err(message) => {
            reader.problems.add(Source::file(path, None), "", message);
            return None;
        }
    };
    match hcl::parse(&text) {
        Ok(items) => Some(File { path, items }),
        Err(error) => {
            let message = format!("column {}: {}", error.column, error.message);
            reader.problems.add(Source::file(path, error.line), "", message);
            None
        }
    }
}

/// It may hold secrets.
fn read_text(path: &Path) -> Result<Zeroizing<String>, String> {
    let unreadable = |error: std::io::Error| format!("the file cannot be read: {error}");
    if path.metadata().map_err(unreadable)?.len() > FILE_LEN_MAX {
        return Err(format!("the file is longer than {FILE_LEN_MAX} bytes"));
    }
    std::fs::read_to_string(path).map(Zeroizing::new).map_err(unreadable)
}
