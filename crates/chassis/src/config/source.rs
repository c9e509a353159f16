use std::fmt;
use std::path::PathBuf;

/// Where a setting comes from, precise enough that a person finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A configuration file; the line counts from 1 and is absent when the format's parser does not know it.
    File {
        /// The file as the operator named it.
        path: PathBuf,
        /// Line, from 1.
        line: Option<usize>,
    },
    /// An environment variable, by name.
    Environment(String),
    /// A command-line flag, as typed (`-config`, `--dev`).
    Flag(String),
    /// The built-in default.
    Default,
}

impl Source {
    /// A place in a file.
    pub fn file(path: impl Into<PathBuf>, line: impl Into<Option<usize>>) -> Self {
        Self::File { path: path.into(), line: line.into() }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}
