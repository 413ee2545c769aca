//! The sections of the agent's file.

use std::path::PathBuf;

use serde::Deserialize;

use pmq_agent::{admin, ops, settings};

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
