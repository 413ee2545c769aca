//! The agent's file.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{Document, span_of};
use super::error::ConfigError;
use super::overrides::{self, Override};
use super::reference::REFERENCE;
use super::spans::Spans;
use super::{Config, Source, check, clashes, network_file};
use pmq_agent::{admin, ops, settings};
use pmq_protocol::InvalidSetting;
use pmq_stages::Registry;

/// The only version of both kinds of files so far.
const VERSION: &str = "1";

/// The agent's file without its version.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AgentFile {
    /// The networks' pipeline files, relative to this file.
    pub networks: Vec<PathBuf>,
    pub agent: settings::Agent,
    pub gossip: pmq_gossip::Settings,
    pub attach: settings::Attach,
    pub control: admin::settings::Settings,
    pub ops: ops::settings::Settings,
    pub log: settings::Log,
    pub network: Network,
}

/// `[network]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Network {
    pub default: settings::Unclaimed,
}

/// Reads, checks and joins the agent's file and those that it names.
pub(super) fn load(path: &Path, source: &Source, all: &[Override], registry: &Registry) -> Result<Config, ConfigError> {
    let (of_networks, own): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|setting| overrides::network_of(setting).is_some());
    let document = Document::new(path, source.read(path)?, &own, REFERENCE);
    let mut root = document.table()?;
    take_version(&document, &mut root)?;
    let node = Spanned::new(document.span(), DeValue::Table(root.clone()));
    let mut file = document.read(&root, node, &["version"], AgentFile::deserialize)?;

    let complain = Complaints { document: &document, root: &root };
    file.agent.check().map_err(|wrong| complain.about("agent", wrong))?;
    file.gossip.check().map_err(|wrong| complain.about("gossip", wrong))?;
    file.attach.check().map_err(|wrong| complain.about("attach", wrong))?;
    file.attach.unix.check().map_err(|wrong| complain.about("attach.unix", wrong))?;
    file.attach.zeromq.check().map_err(|wrong| complain.about("attach.zeromq", wrong))?;
    file.attach.grpc.check().map_err(|wrong| complain.about("attach.grpc", wrong))?;
    file.attach.quic.check().map_err(|wrong| complain.about("attach.quic", wrong))?;
    for (index, grant) in file.attach.grant.iter().enumerate() {
        grant.check().map_err(|wrong| complain.about(&format!("attach.grant.{index}"), wrong))?;
    }
    file.control.check().map_err(|wrong| complain.about("control", wrong))?;
    file.ops.check().map_err(|wrong| complain.about("ops", wrong))?;
    file.log.check().map_err(|wrong| complain.about("log", wrong))?;
    if file.networks.is_empty() {
        let help = "name their pipeline files, as networks = [\"weather.toml\"]; `pmq config default --network` shows one";
        return Err(complain.at("networks", "there is no network", help));
    }

    clashes::check(&file, &complain)?;

    let directory = path.parent().unwrap_or(Path::new("")).to_owned();
    file.gossip.identity = directory.join(&file.gossip.identity);
    for token in file.attach.zeromq.token.iter_mut().chain(&mut file.attach.grpc.token) {
        token.file = directory.join(&token.file);
    }
    for path in file.attach.grpc.paths() {
        *path = directory.join(&*path);
    }
    let unclaimed = file.network.default.take.clone();
    let context = network_file::Context {
        registry,
        overrides: &of_networks,
        mesh: &file.gossip.mesh,
        max_topics: file.agent.max_topics,
        unclaimed: unclaimed.as_deref(),
    };
    let mut read = Vec::with_capacity(file.networks.len());
    for (index, name) in file.networks.iter().enumerate() {
        let path = directory.join(name);
        let text = source.read(&path).map_err(|wrong| {
            let what = format!("{} {}", path.display(), wrong.what);
            complain.at(&format!("networks.{index}"), &what, &wrong.help)
        })?;
        read.push(network_file::load(&path, text, &context)?);
    }
    check::unknown_networks(&of_networks, &read)?;
    clashes::topics(&file, &read, &complain)?;
    let mut warnings = check::cross(&file, &read, &complain)?;
    let (mut networks, mut network_files): (Vec<_>, Vec<_>) = read
        .into_iter()
        .map(|read| {
            warnings.extend(read.warnings);
            (read.network, read.file)
        })
        .unzip();
    // Behind all others, since a topic belongs to the first network that claims it.
    if let Some(index) = unclaimed.as_ref().and_then(|name| networks.iter().position(|network| network.name == *name)) {
        let mut last = networks.remove(index);
        last.claims = last.claims.and_the_rest();
        networks.push(last);
        let file = network_files.remove(index);
        network_files.push(file);
    }
    Ok(Config {
        file: path.to_owned(),
        settings: pmq_agent::Settings {
            agent: file.agent,
            gossip: file.gossip,
            attach: file.attach,
            control: file.control,
            ops: file.ops,
            networks,
        },
        network_files,
        log: file.log,
        unclaimed,
        warnings,
        spans: Spans::new(path, &document, &root),
    })
}

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
