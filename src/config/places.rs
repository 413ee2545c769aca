//! Where each of the agent's settings was written, for mistakes that show only when the agent starts.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::Config;
use super::document::{Document, Node};
use super::error::{ConfigError, Place};
use super::mend::advise;

/// Place and value of each key that was written, by its dotted path.
#[derive(Debug)]
pub(super) struct Places(BTreeMap<String, (Place, String)>);

impl Places {
    pub(super) fn new(document: &Document, root: &DeTable<'_>) -> Self {
        let mut places = Self(BTreeMap::new());
        places.gather(document, "", root);
        places
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
            _ => drop(self.0.insert(path, (document.place(&value.span()), document.written(&value.span())))),
        }
    }

    fn refuse(&self, file: &Path, key: &str, wrong: &str) -> ConfigError {
        let advice = advise(wrong, &[]);
        let (place, value) = match self.0.get(key) {
            Some((place, value)) => (place.clone(), value.clone()),
            None => (Place::Path(file.to_owned()), advice.value.map_or_else(|| "default".to_owned(), |value| format!("{value} (default)"))),
        };
        ConfigError { place, key: Some(key.into()), value: Some(value.into()), what: advice.what, mend: advice.mend }
    }
}

impl Config {
    /// Reads the files of parents' tokens and certificates, as a start does. What cannot be used, one of each section.
    #[must_use]
    pub fn unusable_files(&self) -> Vec<ConfigError> {
        let (grpc, zeromq) = (self.attach.grpc.check_files(), self.attach.zeromq.check_files());
        let found = [("attach.grpc", grpc.err()), ("attach.zeromq", zeromq.err())];
        found
            .into_iter()
            .filter_map(|(section, found)| found.map(|(key, error)| self.refuse(&format!("{section}.{key}"), &error)))
            .collect()
    }

    /// Turns what went wrong at start because of one setting of the agent's file (a port in use, a bad key file) into an error that
    /// names where that setting was written. The text of `wrong` may end in "; " and the mend.
    #[must_use]
    pub fn refuse(&self, key: &str, wrong: &dyn Display) -> ConfigError {
        self.places.refuse(&self.file, key, &wrong.to_string())
    }
}
