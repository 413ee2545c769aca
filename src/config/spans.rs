//! Where each of the agent's settings was written, for mistakes that show only when the agent starts.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::Config;
use super::document::{Document, Node};
use super::error::{ConfigError, Place};

/// Place and value of each key that was written, by its dotted path.
#[derive(Debug)]
pub struct Spans {
    file: PathBuf,
    written: BTreeMap<String, (Place, String)>,
}

impl Spans {
    pub(super) fn new(file: &Path, document: &Document, root: &DeTable<'_>) -> Self {
        let mut spans = Self { file: file.to_owned(), written: BTreeMap::new() };
        spans.gather(document, "", root);
        spans
    }

    fn gather(&mut self, document: &Document, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
            self.value(document, path, value);
        }
    }

    fn value(&mut self, document: &Document, path: String, value: &Node<'_>) {
        match value.get_ref() {
            DeValue::Table(table) => self.gather(document, &path, table),
            DeValue::Array(list) if list.iter().any(|item| item.get_ref().is_table()) => {
                for (index, item) in list.iter().enumerate() {
                    self.value(document, format!("{path}[{index}]"), item);
                }
            }
            _ => drop(self.written.insert(path, (document.place(&value.span()), document.written(&value.span())))),
        }
    }

    /// Turns what went wrong at start because of one setting of the agent's file (a port in use, a bad key file) into an error that
    /// names where that setting was written.
    #[must_use]
    pub fn refuse(&self, key: &str, wrong: &dyn Display) -> ConfigError {
        let default = || (Place::Path(self.file.clone()), "default".to_owned());
        let (place, value) = self.written.get(key).cloned().unwrap_or_else(default);
        ConfigError { place, key: Some(key.into()), value: Some(value.into()), what: wrong.to_string(), help: String::new() }
    }
}

impl Config {
    /// Reads the files of parents' tokens and certificates, as a start does. What cannot be used, one of each section.
    #[must_use]
    pub fn unusable_files(&self) -> Vec<ConfigError> {
        let attach = &self.settings.attach;
        let (grpc, zeromq) = (attach.grpc.check_files(), attach.zeromq.check_files());
        let found = [("attach.grpc", grpc.err()), ("attach.zeromq", zeromq.err())];
        found
            .into_iter()
            .filter_map(|(section, found)| found.map(|(key, error)| self.spans.refuse(&format!("{section}.{key}"), &error)))
            .collect()
    }
}
