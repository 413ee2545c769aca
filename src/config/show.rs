//! The configuration in force, and where each part of it comes from.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::document::{Document, Node};
use super::error::{ConfigError, Place};
use super::overrides::{self, Override};
use super::reference::{REFERENCE, REFERENCE_NETWORK, uncommented};
use super::{Request, Source};

/// One option in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The network; empty for the agent's own.
    pub network: String,
    /// The key with its sections; an entry of a list by its index, a stage by index and name.
    pub key: String,
    /// The value as it is written.
    pub value: String,
    /// Where it was written; `None` = the default.
    pub place: Option<Place>,
}

/// Everything in force, defaults included. Files hold no secrets, only paths of files that do.
///
/// # Errors
/// As [`load`](super::load).
pub fn show(request: &Request) -> Result<Vec<Setting>, ConfigError> {
    let config = super::load(request)?;
    let (of_networks, own): (Vec<_>, Vec<_>) =
        request.overrides()?.into_iter().partition(|setting| overrides::network_of(setting).is_some());
    let mut all = merge("", &config.file, &request.source, &own, REFERENCE)?;
    for (network, file) in config.settings.networks.iter().zip(&config.network_files) {
        let own = overrides::for_network(&of_networks, &network.name);
        all.extend(merge(&network.name, file, &request.source, &own, REFERENCE_NETWORK)?);
    }
    Ok(all)
}

/// One file over its reference.
fn merge(
    network: &str,
    path: &Path,
    source: &Source,
    overrides: &[Override],
    reference: &'static str,
) -> Result<Vec<Setting>, ConfigError> {
    let document = Document::new(path, source.read(path)?, overrides, reference);
    let table = document.table()?;
    let defaults = Document::new(Path::new("reference"), uncommented(reference), &[], reference);
    let default_table = defaults.table()?;
    let mut all = Vec::new();
    walk(&mut Walk { document: &document, defaults: &defaults, network, all: &mut all }, "", Some(&table), Some(&default_table));
    Ok(all)
}

struct Walk<'w> {
    document: &'w Document,
    defaults: &'w Document,
    network: &'w str,
    all: &'w mut Vec<Setting>,
}

fn walk(to: &mut Walk<'_>, prefix: &str, own: Option<&DeTable<'_>>, reference: Option<&DeTable<'_>>) {
    let mut keys: Vec<&str> = own.into_iter().chain(reference).flat_map(|table| table.keys().map(|key| key.get_ref().as_ref())).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let path = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
        let (mine, default) = (own.and_then(|table| table.get(key)), reference.and_then(|table| table.get(key)));
        // What the reference writes where there is no default is only an example.
        let example = prefix.is_empty() && matches!(key, "networks" | "name" | "topics" | "version");
        let optional = default.filter(|_| !example);
        visit(to, &path, mine, optional);
    }
}

fn visit(to: &mut Walk<'_>, path: &str, mine: Option<&Node<'_>>, default: Option<&Node<'_>>) {
    match (mine.map(toml::Spanned::get_ref), default.map(toml::Spanned::get_ref)) {
        (Some(DeValue::Table(own)), other) => walk(to, path, Some(own), other.and_then(DeValue::as_table)),
        (None, Some(DeValue::Table(reference))) => walk(to, path, None, Some(reference)),
        (Some(DeValue::Array(own)), other) if own.iter().any(|item| item.get_ref().is_table()) => {
            let like: Vec<&DeTable<'_>> = other
                .and_then(DeValue::as_array)
                .into_iter()
                .flat_map(|list| list.iter())
                .filter_map(|item| item.get_ref().as_table())
                .collect();
            for (index, entry) in own.iter().filter_map(|item| item.get_ref().as_table()).enumerate() {
                let name = word(entry, "use");
                let reference = match name {
                    // The reference has one decode, whose other codecs have no options.
                    Some(name) => like.iter().find(|other| {
                        word(other, "use") == Some(name) && (name != "decode" || word(other, "codec") == word(entry, "codec"))
                    }),
                    None => like.first(),
                };
                let label = name.map_or_else(String::new, |name| format!(" {name}"));
                walk(to, &format!("{path}[{index}{label}]"), Some(entry), reference.copied());
            }
        }
        (Some(_), _) => {
            if let Some(node) = mine {
                push(to, path, to.document.written(&node.span()), Some(to.document.place(&node.span())));
            }
        }
        (None, Some(DeValue::Array(list))) if list.iter().any(|item| item.get_ref().is_table()) => {
            // Stages are only those that the file lists; other lists have their defaults.
            let entries = list.iter().filter(|_| path != "stage").filter_map(|item| item.get_ref().as_table());
            for (index, entry) in entries.enumerate() {
                walk(to, &format!("{path}[{index}]"), None, Some(entry));
            }
        }
        (None, Some(_)) => {
            if let Some(node) = default {
                push(to, path, to.defaults.written(&node.span()), None);
            }
        }
        (None, None) => {}
    }
}

fn word<'t>(table: &'t DeTable<'_>, key: &str) -> Option<&'t str> {
    table.get(key)?.get_ref().as_str()
}

fn push(to: &mut Walk<'_>, path: &str, value: String, place: Option<Place>) {
    to.all.push(Setting { network: to.network.to_owned(), key: path.to_owned(), value, place });
}
