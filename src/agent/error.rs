//! Why an agent did not start, or ended.

use std::time::Duration;

use super::directory::TopicError;
use super::ops::{MetricsError, OpsError};
use super::plugin::PluginError;
use pmq_gossip::{GossipError, IdentityError};
use pmq_pipeline::RouterGone;
use pmq_transports::LinkError;

/// Why an agent did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The operator's address.
    #[error(transparent)]
    Ops(#[from] OpsError),
    /// The metrics recorder.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The key file.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The swarm's thread.
    #[error("the swarm's thread cannot be started: {0}")]
    Placement(#[source] std::io::Error),
    /// The overlay.
    #[error(transparent)]
    Gossip(#[from] GossipError),
    /// A topic that is joined at the start.
    #[error("network {network}: cannot join {topic:?}: {source}")]
    Topic {
        /// The network.
        network: String,
        /// The topic.
        topic: String,
        /// Why.
        source: TopicError,
    },
    /// A layer for a network that the settings do not name.
    #[error("a layer is to wrap network {0:?}, which the settings do not name")]
    NoSuchNetwork(String),
    /// A parents' address.
    #[error("{key}: {source}")]
    Attach {
        /// The setting that names it.
        key: String,
        /// Why.
        source: LinkError,
    },
    /// The operator's socket.
    #[error("control: {0}")]
    Admin(#[source] LinkError),
    /// No further parent can attach.
    #[error("an address for parents failed: {0}")]
    Accept(#[source] LinkError),
    /// Gossip ended by itself.
    #[error("gossip has ended, so the agent is of no use any more; the log says why")]
    Stopped,
    /// A driver ended by itself.
    #[error(transparent)]
    Driver(#[from] RouterGone),
    /// A part of the agent panicked.
    #[error("a part of the agent failed: {0}")]
    Panicked(#[from] tokio::task::JoinError),
    /// The host cannot be told where the agent is.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The drain took too long.
    #[error("shutting down took longer than agent.shutdown_within = {0:?}; what was still in flight is lost")]
    Overdue(Duration),
}
