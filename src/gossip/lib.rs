//! The only room that knows libp2p: swarm, dialling, identity and the router. No libp2p type leaves it, so the router can be exchanged.
//!
//! ```text
//!             commands                     arrivals, by try_send into each topic's sink
//!   Gossip -----------> +--------------+ ------------------------------------------------> roads
//!                       |  Task (one)  |
//!   roads  -----------> |  owns swarm, | <----> connections, handshakes, codecs: tasks of libp2p
//!             reports   |  router      |
//!                       +--------------+
//! ```
//!
//! # Invariants
//! - The task never waits for a road: an arrival that finds its sink full is reported Ignore at once, which frees it in the router, and is counted.
//! - Verdicts come before new work: a verdict forwards a message or frees it, new work only adds.
//! - Every message that the router hands over is reported exactly once: here if it finds no room, by its road else.

mod address;
mod error;
mod face;
mod handle;
mod identity;
mod metrics;
mod net;
mod payloads;
mod peers;
mod plain;
mod settings;
mod stock;
mod task;

pub use address::Transport;
pub use error::{GossipError, PeerError, PublishError, Stopped, SubscribeError};
pub use face::{AllowChange, NetworkOverlay, PeerView, Published};
pub use handle::{Gossip, Running, check, start};
pub use identity::{Identity, IdentityError};
pub use payloads::Payloads;
pub use plain::{Plain, Verdicts};
pub use pmq_protocol::InvalidSetting;
pub use settings::{
    AddressScore, BehaviourScore, Connections, ContentHash, FirstDeliveries, Invalid, Memory, Mesh, MeshDeliveries, MessageIdFunction,
    NetworkSettings, QUEUE_OVERHEAD, Quic, Redial, SCORE_MEMORY, Score, Settings, SlowPeerScore, Thresholds, TimeInMesh, TopicScore,
};

pub use stock::message_id;

#[cfg(test)]
mod tests;
