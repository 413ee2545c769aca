//! The agent's file.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

use super::complaints::{Complaints, take_version};
use super::document::Document;
use super::error::ConfigError;
use super::overrides::{self, Override};
use super::reference::REFERENCE;
use super::sections::AgentFile;
use super::spans::Spans;
use super::{Config, Source, check, clashes, network_file};
use pmq_stages::Registry;

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
