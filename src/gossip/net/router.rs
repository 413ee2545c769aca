//! What the swarm's task asks of a router. `stock` answers it with libp2p-gossipsub; a router of our own will answer it too.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use libp2p::PeerId;
use libp2p::swarm::NetworkBehaviour;

use pmq_pipeline::Topic;
use pmq_protocol::wire::{MessageId, Verdict};

/// What a router has to tell.
#[derive(Debug)]
pub(crate) enum RouterEvent {
    /// A message on a topic that is subscribed.
    Message { source: PeerId, topic: String, id: MessageId, payload: Bytes },
    /// A peer joined a topic.
    Joined { topic: Arc<str> },
    /// A message was not sent to a peer for its queue was full.
    Slow { dropped: usize },
}

/// Why a message was not published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RouterError {
    /// Known already, under this id.
    Duplicate(MessageId),
    NoPeers,
    TooLarge,
    QueuesFull,
    Other(String),
}

/// A router as a libp2p behaviour. All of it is synchronous and runs on the swarm's task.
pub(crate) trait Router: NetworkBehaviour {
    /// Translates an event; `None` for what nobody needs to know.
    fn translate(&mut self, event: <Self as NetworkBehaviour>::ToSwarm) -> Option<RouterEvent>;

    /// Joins a topic. False if it was joined already.
    fn subscribe(&mut self, topic: &Topic) -> Result<bool, String>;

    /// Leaves a topic. False if it was not joined.
    fn unsubscribe(&mut self, topic: &Topic) -> bool;

    /// Publishes; answers the message's id.
    fn publish(&mut self, topic: &Topic, payload: &[u8]) -> Result<MessageId, RouterError>;

    /// Peers to which a message on the topic could be sent now.
    fn eligible(&self, topic: &Topic) -> usize;

    /// A verdict. False if the router has let the message go already.
    fn report(&mut self, id: &MessageId, source: &PeerId, verdict: Verdict) -> bool;

    /// A peer's score; `None` without scoring.
    fn score(&self, peer: &PeerId) -> Option<f64>;

    /// The score that the application gives (P5). False if the peer is not known or scoring is off.
    fn appraise(&mut self, peer: &PeerId, score: f64) -> bool;

    /// The peers of a topic's mesh.
    fn mesh(&self, topic: &Topic) -> impl Iterator<Item = PeerId>;

    /// A peer's last connection closed.
    fn disconnected(&mut self, peer: &PeerId);

    /// Upkeep of the router's own tables, once a heartbeat.
    fn tick(&mut self, now: Instant);
}
