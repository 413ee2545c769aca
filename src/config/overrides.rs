//! Settings from the environment and the command line.

use std::ffi::OsString;

use super::error::{ConfigError, Place};

/// What an environment variable starts with.
pub(super) const PREFIX: &str = "PMQ__";

/// Last parts of keys that name secrets. They are read from files only: an environment is inherited, listed and logged.
const SECRETS: [&str; 8] = ["secret", "secret_key", "private_key", "identity_key", "key", "password", "token", "psk"];

/// One setting that goes over the file's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Override {
    /// Where it comes from.
    pub place: Place,
    /// Sections and key.
    pub keys: Vec<String>,
    /// The value: TOML, or a bare text.
    pub value: String,
}

/// The settings among `variables`, in the order of their names.
///
/// # Errors
/// [`ConfigError`] for a secret, whose value is not shown, and for what is not valid Unicode.
pub(super) fn from_environment(variables: &[(OsString, OsString)]) -> Result<Vec<Override>, ConfigError> {
    let mut ours: Vec<_> = variables.iter().filter(|(name, _)| name.as_encoded_bytes().starts_with(PREFIX.as_bytes())).collect();
    ours.sort();
    ours.into_iter()
        .map(|(name, value)| {
            let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
                let place = Place::Variable(name.to_string_lossy().into_owned());
                let part = if name.to_str().is_none() { "name" } else { "value" };
                let what = format!("its {part} is not valid Unicode");
                return Err(ConfigError { place, key: None, value: None, what, help: "write it in UTF-8".to_owned() });
            };
            let (name, value) = (name.to_owned(), value.to_owned());
            let keys: Vec<String> = name[PREFIX.len()..].split("__").map(str::to_lowercase).collect();
            let place = Place::Variable(name);
            if keys.iter().any(String::is_empty) {
                let what = "a part of the name is empty".to_owned();
                return Err(ConfigError { place, key: None, value: None, what, help: "write PMQ__SECTION__KEY".to_owned() });
            }
            refuse_secret(&place, &keys, &value)?;
            Ok(Override { place, keys, value })
        })
        .collect()
}

/// A `--set section.key=value`.
///
/// # Errors
/// [`ConfigError`] without a key or an equals sign, or for a secret.
pub(super) fn from_flag(text: &str) -> Result<Override, ConfigError> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    let place = Place::Flag(key.trim().to_owned());
    let keys: Vec<String> = key.split('.').map(|part| part.trim().to_owned()).collect();
    if !text.contains('=') || keys.iter().any(String::is_empty) {
        let what = "no setting".to_owned();
        return Err(ConfigError { place, key: None, value: None, what, help: "write --set section.key=value".to_owned() });
    }
    refuse_secret(&place, &keys, value)?;
    Ok(Override { place, keys, value: value.trim().to_owned() })
}

fn refuse_secret(place: &Place, keys: &[String], value: &str) -> Result<(), ConfigError> {
    let named = keys.last().is_some_and(|key| SECRETS.contains(&key.as_str()));
    if !named && !value.contains("PRIVATE KEY") {
        return Ok(());
    }
    Err(ConfigError {
        place: place.clone(),
        key: Some(keys.join(".").into()),
        value: None,
        what: "secrets are taken neither from the environment nor from the command line".to_owned(),
        help: "put it into a file of mode 0600 and name the file, as gossip.identity does".to_owned(),
    })
}

/// Splits off what concerns the network `name`: keys below `network.NAME`, which is how a pipeline file is overridden.
///
/// Environment variables cannot spell capitals and hyphens, so names are compared without either.
pub(super) fn for_network(all: &[Override], name: &str) -> Vec<Override> {
    all.iter()
        .filter(|setting| network_of(setting).is_some_and(|asked| plain(asked) == plain(name)))
        .map(|setting| Override { keys: setting.keys.iter().skip(2).cloned().collect(), ..setting.clone() })
        .collect()
}

/// The network that an override concerns, if it is one.
pub(super) fn network_of(setting: &Override) -> Option<&str> {
    match setting.keys.as_slice() {
        [section, name, _, ..] if section == "network" && name != "default" => Some(name),
        _ => None,
    }
}

/// A name as the environment can spell it.
pub(super) fn plain(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}
