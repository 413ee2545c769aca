//! Reads files, keeps spans, gives every room its own settings and turns its complaint into file:line:column.
//!
//! ```text
//! --set > PMQ__SECTION__KEY > file --Document--> table with spans --serde--> settings of each room --check--> Config
//!                                                     |                                              |
//!                                                     +------- ConfigError: place, key, value, mend <-+
//! ```

mod agent_file;
mod check;
mod document;
mod error;
mod files;
mod memory;
mod mend;
mod network_file;
mod notes;
mod overrides;
mod places;
mod reference;
mod show;

pub use check::Warning;
pub use error::{ConfigError, Place};
pub use files::{Request, Source, search};
pub use memory::{Estimate, Item};
pub use reference::{REFERENCE, REFERENCE_NETWORK};
pub use show::{Setting, show};

use std::path::PathBuf;

use crate::agent::{console, ops, settings};
use crate::stages::Registry;
use crate::{gossip, pipeline};

/// Everything that an agent is set by, checked.
#[derive(Debug)]
pub struct Config {
    /// The agent's file.
    pub file: PathBuf,
    /// How the agent runs.
    pub agent: settings::Agent,
    /// The overlay, for all networks together. A relative path of the identity is taken from the file's directory.
    pub gossip: gossip::Settings,
    /// What parents may have, and who they may be.
    pub attach: settings::Attach,
    /// The operator's socket.
    pub control: console::settings::Settings,
    /// The operator's HTTP address.
    pub ops: ops::settings::Settings,
    /// Logs.
    pub log: settings::Log,
    /// The network that takes topics that nobody claims; `None` = they are refused by name.
    pub unclaimed: Option<String>,
    /// The networks in the order of the agent's file, but the one that takes unclaimed topics last: a topic belongs to the first network
    /// that claims it. Apart from that one's `*`, their claims do not overlap.
    pub networks: Vec<Network>,
    /// What works, but probably not as it is meant.
    pub warnings: Vec<Warning>,
    places: places::Places,
}

/// One network, from its pipeline file.
#[derive(Debug)]
pub struct Network {
    /// Its file.
    pub file: PathBuf,
    /// Its name.
    pub name: String,
    /// The topics that it claims.
    pub claims: pipeline::Claims,
    /// Topics joined at start; all of them claimed.
    pub subscribe: Vec<String>,
    /// Messages a second that estimates assume.
    pub expected_rate: f64,
    /// Bytes of a message that estimates assume.
    pub expected_size: u64,
    /// Bytes of the largest message.
    pub max_message: u64,
    /// Whether messages of own parents are delivered to own consumers.
    pub loopback: bool,
    /// Its part of the overlay.
    pub overlay: gossip::NetworkSettings,
    /// Its stages.
    pub plan: pipeline::Plan,
}

/// Loads and checks the agent's file and those of its networks. Nothing is bound or written.
///
/// # Errors
/// The first [`ConfigError`].
pub fn load(request: &Request) -> Result<Config, ConfigError> {
    load_with(request, &Registry::standard())
}

/// Like [`load`], with stages and codecs of one's own.
///
/// # Errors
/// The first [`ConfigError`].
pub fn load_with(request: &Request, registry: &Registry) -> Result<Config, ConfigError> {
    let overrides = request.overrides()?;
    agent_file::load(&files::find(request)?, &request.source, &overrides, registry)
}

#[cfg(test)]
mod tests;
