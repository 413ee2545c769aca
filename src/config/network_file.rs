//! A network's pipeline file.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::complaints::{Complaints, take_version};
use super::document::{Document, Node, Span};
use super::error::{ConfigError, Place, Warning};
use super::help::choose;
use super::overrides::{self, Override};
use super::reference::REFERENCE_NETWORK;
use pmq_agent::settings::{Head, Network};
use pmq_gossip::{Mesh, MessageIdFunction, NetworkSettings};
use pmq_pipeline::{Claims, Part, Plan};
use pmq_stages::{NetworkContext, Registry, StageError};

/// What a network's file is read against.
pub(super) struct Context<'c> {
    pub registry: &'c Registry,
    /// Those below `network.NAME`.
    pub overrides: &'c [Override],
    pub mesh: &'c Mesh,
    pub max_topics: usize,
    /// The network that takes what no other one claims.
    pub unclaimed: Option<&'c str>,
}

/// A network, with what later checks need to point at its file.
pub(super) struct Read {
    pub network: Network,
    pub file: PathBuf,
    pub name_at: Place,
    pub topics_at: Place,
    pub warnings: Vec<Warning>,
}

/// One entry of the list of stages.
struct Entry<'a> {
    name: Spanned<String>,
    span: Span,
    settings: Node<'a>,
}

/// Reads and checks one network's file.
pub(super) fn load(path: &Path, text: String, context: &Context<'_>) -> Result<Read, ConfigError> {
    let own = own(path, &text, context)?;
    let document = Document::new(path, text, &own, REFERENCE_NETWORK);
    let mut root = document.table()?;
    take_version(&document, &mut root)?;
    let mut rest = root.clone();
    let stages = rest.remove("stage");
    let overlay = rest.remove("gossip");

    let rest = Spanned::new(document.span(), DeValue::Table(rest));
    let head: Head = document.read(&root, rest, &["version", "gossip", "stage"], Head::deserialize)?;
    let complain = Complaints { document: &document, root: &root };
    head.check().map_err(|wrong| complain.about("", wrong))?;
    let overlay = read_overlay(&document, &root, overlay, &head)?;
    overlay.check().map_err(|wrong| complain.about("gossip", wrong))?;

    let claims = Claims(head.topics.clone());
    // Its stages must let everything pass that the directory of networks gives it.
    let served = if context.unclaimed == Some(head.name.as_str()) { claims.clone().and_the_rest() } else { claims.clone() };
    let network = NetworkContext {
        name: head.name.as_str().into(),
        claims: served.clone(),
        max_message: usize::try_from(head.max_message.as_u64()).unwrap_or(usize::MAX),
        max_topics: context.max_topics,
    };
    let entries = entries(&document, &root, stages)?;
    let mut parts: Vec<Part> = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let read = context.registry.parse(entry.name.get_ref(), entry.settings.clone(), &network);
        parts.push(read.map_err(|wrong| match wrong {
            StageError::Read(wrong) => document.explain(&root, wrong.message(), wrong.span().unwrap_or(entry.span.clone())),
            StageError::Setting(wrong) => complain.about(&format!("stage.{index}"), wrong),
            StageError::Unknown { key, what, name, known } => {
                complain.at(&format!("stage.{index}.{key}"), &format!("unknown {what} {name:?}"), &choose(&name, &known))
            }
        })?);
    }
    let plan = Plan::new(parts).map_err(|wrong| {
        let span = entries.get(wrong.index).or(entries.last()).map_or(document.span(), |entry| entry.name.span());
        document.found(&root, span, &wrong.what, &wrong.help)
    })?;

    let queue = format!("stage.{}", plan.front.len());
    context.mesh.fits(plan.queue.deadline()).map_err(|wrong| complain.about(&queue, wrong))?;
    let warnings = warnings(&head, &served, &overlay, &plan, &complain);
    let place = |key| complain.at(key, "", "").place;
    Ok(Read {
        name_at: place("name"),
        topics_at: place("topics"),
        file: path.to_owned(),
        network: Network {
            name: head.name,
            claims,
            subscribe: head.subscribe,
            expected_rate: head.expected_rate,
            expected_size: head.expected_size.as_u64(),
            max_message: head.max_message.as_u64(),
            loopback: head.loopback,
            overlay,
            plan,
        },
        warnings,
    })
}

/// The overrides that concern this file. Its name must be read first, and cannot be overridden itself.
fn own(path: &Path, text: &str, context: &Context<'_>) -> Result<Vec<Override>, ConfigError> {
    let bare = Document::new(path, text.to_owned(), &[], REFERENCE_NETWORK);
    let table = bare.table()?;
    let name = table.get("name").and_then(|name| name.get_ref().as_str()).unwrap_or_default();
    let own = overrides::for_network(context.overrides, name);
    match own.iter().find(|setting| setting.keys == ["name"]) {
        Some(setting) => Err(ConfigError {
            place: setting.place.clone(),
            key: Some("name".into()),
            value: None,
            what: "a network's name is what its overrides are found by".to_owned(),
            help: "change it in the file".to_owned(),
        }),
        None => Ok(own),
    }
}

/// `[gossip]` of a network's file. The largest message has one home, the head.
fn read_overlay(document: &Document, root: &DeTable<'_>, node: Option<Node<'_>>, head: &Head) -> Result<NetworkSettings, ConfigError> {
    let node = node.unwrap_or_else(|| Spanned::new(document.span(), DeValue::Table(DeTable::new())));
    if let Some(twice) = node.get_ref().get("max_message") {
        return Err(document.found(
            root,
            twice.span(),
            "the largest message is set once for the whole network",
            "set max_message at the top of the file",
        ));
    }
    let overlay = document.read(root, node, &[], NetworkSettings::deserialize)?;
    Ok(NetworkSettings { max_message: head.max_message, ..overlay })
}

/// The list of stages, with `use` taken out of each.
fn entries<'a>(document: &Document, root: &DeTable<'_>, stages: Option<Node<'a>>) -> Result<Vec<Entry<'a>>, ConfigError> {
    const SHAPE: &str = "write [[stage]], then use = \"...\" and the stage's settings";
    let Some(stages) = stages else { return Ok(Vec::new()) };
    let span = stages.span();
    let DeValue::Array(list) = stages.into_inner() else {
        return Err(document.found(root, span, "`stage` is no list of sections", SHAPE));
    };
    let entry = |node: Node<'a>| {
        let span = node.span();
        let DeValue::Table(mut table) = node.into_inner() else {
            return Err(document.found(root, span, "a stage is a section", SHAPE));
        };
        let Some(name) = table.remove("use") else {
            return Err(document.found(root, span, "the stage does not say which one it is", "add use = \"...\" to it"));
        };
        let Some(text) = name.get_ref().as_str().map(str::to_owned) else {
            return Err(document.found(root, name.span(), "a stage's name is a text", SHAPE));
        };
        Ok(Entry { name: Spanned::new(name.span(), text), span: span.clone(), settings: Spanned::new(span, DeValue::Table(table)) })
    };
    list.into_iter().map(entry).collect()
}

/// What in one network's file works, but probably not as it is meant.
fn warnings(head: &Head, claims: &Claims, overlay: &NetworkSettings, plan: &Plan, complain: &Complaints<'_>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let several = claims.0.len() > 1 || claims.0.iter().any(|topic| topic.contains('*'));
    if several && matches!(overlay.message_id, MessageIdFunction::Content { .. }) {
        let what = "ids are made of the content alone and there is more than one topic: whoever sends a message on another topic first suppresses it on this one";
        let help = "take function = \"topic-content\" unless the overlay is shared with nodes that cannot";
        warnings.push(complain.at("gossip.message_id", what, help));
    }
    warnings.extend(plan.warnings(head.expected_rate).into_iter().map(|warning| complain.about("stage", warning)));
    warnings
}
