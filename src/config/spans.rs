//! Where each of the agent's settings was written, for mistakes that show only when the agent starts.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::Config;
use super::document::{Document, Node};
use super::error::{ConfigError, Place};
use pmq_gossip::{Identity, IdentityError};
use pmq_transports::quic;

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
    /// Reads the files of the agent's key and of parents' tokens and certificates, as a start does.
    ///
    /// # Errors
    /// For the first that cannot be used.
    pub fn check_files(&self) -> Result<(), ConfigError> {
        let attach = &self.settings.attach;
        self.check_identity()?;
        attach.zeromq.check_files().map_err(|(key, error)| self.spans.refuse(&format!("attach.zeromq.{key}"), &error))?;
        attach.grpc.check_files().map_err(|(key, error)| self.spans.refuse(&format!("attach.grpc.{key}"), &error))
    }

    fn check_identity(&self) -> Result<(), ConfigError> {
        const KEY: &str = "gossip.identity";
        let file = &self.settings.gossip.identity;
        let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match Identity::load(file).and_then(|identity| identity.protobuf()) {
            Ok(key) => quic::Identity::from_protobuf(&key).map(drop).map_err(|error| self.spans.refuse(KEY, &error)),
            // It is made at the first start.
            Err(IdentityError::Missing { .. }) if directory.is_dir() => Ok(()),
            Err(IdentityError::Missing { .. }) => {
                let what = format!("identity file {}: there is no directory {}", file.display(), directory.display());
                Err(ConfigError { help: "make it, or name another".to_owned(), ..self.spans.refuse(KEY, &what) })
            }
            Err(error) => Err(self.spans.refuse(KEY, &error)),
        }
    }
}
