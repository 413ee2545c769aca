//! What can go wrong at the room's face.

use std::time::Duration;

use pmq_protocol::InvalidSetting;

/// Why gossip did not start.
#[derive(Debug, thiserror::Error)]
pub enum GossipError {
    /// A setting cannot work.
    #[error(transparent)]
    Settings(#[from] InvalidSetting),
    /// An address could not be listened on.
    #[error("cannot listen on {address}: {reason}; choose another address in `listen`, or end the process that holds it")]
    Listen {
        /// As in the settings.
        address: String,
        /// The system's reason.
        reason: String,
    },
    /// The transports could not be set up.
    #[error("the transport could not be set up: {0}")]
    Transport(String),
    /// The router refused its settings.
    #[error("the router refused its settings: {0}")]
    Router(String),
}

/// The swarm's task has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("gossip has stopped")]
pub struct Stopped;

/// Why a topic was not joined or left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// No network claims it.
    #[error("topic {0:?} is claimed by no network; add it to a network's `topics`, or set up a default network")]
    Unclaimed(String),
    /// It was not joined.
    #[error("topic {0:?} is not subscribed")]
    NotSubscribed(String),
    /// The router refused it.
    #[error("topic {topic:?}: {reason}")]
    Router {
        /// The topic.
        topic: String,
        /// The router's reason.
        reason: String,
    },
    /// See [`Stopped`].
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a message was not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No network claims the topic.
    #[error("topic {0:?} is claimed by no network; add it to a network's `topics`, or set up a default network")]
    Unclaimed(String),
    /// Nobody is on the topic. Nothing was remembered: try again.
    #[error("no peer on the topic within {0:?}; try again when peers are connected")]
    NoPeers(Duration),
    /// Nobody is on the topic, and no further publish may wait for one.
    #[error("no peer on the topic, and {0} publishes wait for one already; try again later, or raise `publish_waiting`")]
    TooManyWaiting(usize),
    /// Larger than the network allows.
    #[error("a message of {size} bytes, the network allows {max}; raise `max_message` on every node of the network, or send less")]
    TooLarge {
        /// The message's size.
        size: usize,
        /// The largest allowed.
        max: usize,
    },
    /// The queues to all peers are full. The router remembers the id all the same.
    #[error("the queues to all peers are full; the same message counts as a duplicate for {0:?}, so a retry before that is useless")]
    QueueFull(Duration),
    /// The router refused it.
    #[error("the router refused the message: {0}")]
    Router(String),
    /// See [`Stopped`].
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why the list of allowed peers was not changed, or a peer not appraised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Not a peer id.
    #[error(transparent)]
    Id(#[from] InvalidSetting),
    /// No such peer is known, or peers are not scored.
    #[error("peer {0} is not known to the score, or scoring is off")]
    Unknown(String),
    /// See [`Stopped`].
    #[error(transparent)]
    Stopped(#[from] Stopped),
}
