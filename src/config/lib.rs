//! Reads files, keeps spans, gives every room its own settings and turns its complaint into file:line:column.
//!
//! ```text
//! --set > PMQ__SECTION__KEY > file --Document--> table with spans --serde--> settings of each room --check--> Config
//!                                                     |                                              |
//!                                                     +------- ConfigError: place, key, value, help <-+
//! ```

mod agent_file;
mod check;
mod clashes;
mod complaints;
mod document;
mod error;
mod files;
mod help;
mod memory;
mod network_file;
mod notes;
mod overrides;
mod reference;
mod sections;
mod show;
mod spans;

pub use error::{ConfigError, Place, Warning};
pub use files::{Request, Source, search};
pub use memory::{Estimate, Item};
pub use reference::{REFERENCE, REFERENCE_NETWORK};
pub use show::{Setting, show};
pub use spans::Spans;

use std::path::PathBuf;

use pmq_agent::settings::Log;
use pmq_stages::Registry;

/// Everything that the files say, checked.
#[derive(Debug)]
pub struct Config {
    /// The agent's file.
    pub file: PathBuf,
    /// What the agent is set by. The networks stand in the order of the agent's file, but the one that takes unclaimed topics last: a topic
    /// belongs to the first network that claims it. Apart from that one's `*`, their claims do not overlap.
    pub settings: pmq_agent::Settings,
    /// The networks' files, in the order of `settings.networks`.
    pub network_files: Vec<PathBuf>,
    /// Logs.
    pub log: Log,
    /// The network that takes topics that nobody claims; `None` = they are refused by name.
    pub unclaimed: Option<String>,
    /// What works, but probably not as it is meant.
    pub warnings: Vec<Warning>,
    /// Where each setting was written.
    pub spans: Spans,
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
