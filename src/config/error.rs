//! What is wrong with the configuration, where, and what would be right.

use std::fmt;
use std::path::PathBuf;

use serde_json::{Value, json};

/// Where a setting was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file, at a line and a column, both from 1.
    File {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The column, in characters.
        column: usize,
    },
    /// A file as a whole.
    Path(PathBuf),
    /// An environment variable.
    Variable(String),
    /// `--set` on the command line, with its key.
    Flag(String),
    /// Nowhere in particular.
    Nowhere,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(key) => write!(f, "--set {key}"),
            Self::Nowhere => f.write_str("configuration"),
        }
    }
}

/// A mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// Where it stands.
    pub place: Place,
    /// The key with its sections, as `ops.listen` or `stage[2].codec`.
    pub key: Option<Box<str>>,
    /// The value as it is written, on one line. Never that of a secret.
    pub value: Option<Box<str>>,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub help: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match (&self.key, &self.value) {
            (Some(key), Some(value)) => write!(f, "{key} = {value}: ")?,
            (Some(key), None) => write!(f, "{key}: ")?,
            (None, _) => {}
        }
        f.write_str(&self.what)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, "; {}", self.help) }
    }
}

impl ConfigError {
    /// As `--output json` shows it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let (file, line, column) = match &self.place {
            Place::File { path, line, column } => (Some(path), Some(line), Some(column)),
            Place::Path(path) => (Some(path), None, None),
            Place::Variable(_) | Place::Flag(_) | Place::Nowhere => (None, None, None),
        };
        json!({
            "place": self.place.to_string(),
            "file": file, "line": line, "column": column,
            "key": self.key, "value": self.value, "what": self.what, "help": self.help,
        })
    }
}

/// Something that works, but probably not as it is meant: shaped like an error.
pub type Warning = ConfigError;
