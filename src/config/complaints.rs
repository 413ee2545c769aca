//! What is wrong with a file, as an error that points into it.

use toml::de::DeTable;

use super::document::{Document, span_of};
use super::error::ConfigError;
use pmq_protocol::InvalidSetting;

/// The only version of both kinds of files so far.
const VERSION: &str = "1";

/// Takes `version` out of a file's table.
pub(super) fn take_version(document: &Document, root: &mut DeTable<'_>) -> Result<(), ConfigError> {
    let Some(version) = root.get("version") else {
        return Err(ConfigError {
            key: Some("version".into()),
            ..document.at(document.span(), "`version` is missing", "add version = 1 at the top")
        });
    };
    if version.get_ref().as_integer().is_none_or(|number| number.as_str() != VERSION) {
        return Err(document.found(root, version.span(), "this version of the file format is not known", "write version = 1"));
    }
    root.remove("version");
    Ok(())
}

/// Finds where the settings stand about which the other crates complain: they know keys, and no files.
pub(super) struct Complaints<'d> {
    pub document: &'d Document,
    pub root: &'d DeTable<'d>,
}

impl Complaints<'_> {
    /// A setting below `section` that cannot work. A value that was not written is the default.
    pub(super) fn about(&self, section: &str, wrong: InvalidSetting) -> ConfigError {
        let error = self.at(&join(section, &wrong.key), &wrong.what, &wrong.help);
        let default = || wrong.value.map(|value| format!("{value} (default)").into());
        ConfigError { value: error.value.clone().or_else(default), ..error }
    }

    /// Whether a dotted key was written.
    pub(super) fn written(&self, key: &str) -> bool {
        span_of(self.root, &key.split('.').collect::<Vec<_>>()).is_some_and(|(_, exact)| exact)
    }

    /// A dotted key as it is shown.
    pub(super) fn shown(&self, key: &str) -> String {
        shown(&key.split('.').collect::<Vec<_>>())
    }

    /// A complaint about a dotted key; where it was not written, about the nearest section that was.
    pub(super) fn at(&self, key: &str, what: &str, help: &str) -> ConfigError {
        let keys: Vec<&str> = key.split('.').collect();
        let (span, exact) = span_of(self.root, &keys).unwrap_or_else(|| (self.document.span(), false));
        let mut error = self.document.found(self.root, span, what, help);
        if !exact {
            error.key = Some(shown(&keys).into());
            error.value = None;
        }
        error
    }
}

/// A path of keys and indices as it is shown: `stage[0].deadline`.
fn shown(keys: &[&str]) -> String {
    keys.iter().fold(String::new(), |shown, key| match key.parse::<usize>() {
        Ok(index) => format!("{shown}[{index}]"),
        Err(_) => join(&shown, key),
    })
}

fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}
