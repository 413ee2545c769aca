//! What the composition root itself is set by: `[agent]`, `[attach]`'s limits and grants, `[log]`, and the head of a network's file.

mod agent;
mod attach;
mod log;
mod network;

pub use agent::{Agent, Placement};
pub use attach::{Attach, Grant, Role, Who};
pub use log::{Format, Log};
pub use network::{Head, Unclaimed};

use crate::{admin, ops};

/// Everything that an agent is set by.
#[derive(Debug)]
pub struct Settings {
    /// How the agent runs.
    pub agent: Agent,
    /// The overlay, for all networks together.
    pub gossip: pmq_gossip::Settings,
    /// What parents may have, and who they may be.
    pub attach: Attach,
    /// The operator's socket.
    pub control: admin::settings::Settings,
    /// The operator's HTTP address.
    pub ops: ops::settings::Settings,
    /// The networks. A topic belongs to the first one that claims it.
    pub networks: Vec<Network>,
}

/// One network, its overlay and its stages.
#[derive(Debug)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// The topics that it claims.
    pub claims: pmq_pipeline::Claims,
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
    pub overlay: pmq_gossip::NetworkSettings,
    /// Its stages.
    pub plan: pmq_pipeline::Plan,
}
