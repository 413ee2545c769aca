//! What the parts of a running agent share: its networks, its topics, and the way to the overlay.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use crate::gossip::{Gossip, PublishError, Published, SubscribeError};
use crate::pipeline::{Arrival, Claims, Inlet, Peer, Snapshot, TooManyTopics, Topic, Topics, Up};

/// The peer that own messages are said to come from; the router counts its handles up from 0 and never gets there.
const OWN: Peer = Peer(u32::MAX);

/// One network as the rest of the agent sees it.
#[derive(Debug)]
pub struct Network {
    /// Its name.
    pub name: Arc<str>,
    /// Its topics.
    pub claims: Claims,
    /// From a message's arrival to the fallback.
    pub deadline: Duration,
    /// Largest payload, in bytes.
    pub max_message: usize,
    /// Whether own messages are delivered to own consumers.
    pub loopback: bool,
    /// To its driver.
    pub ups: mpsc::Sender<Up>,
    /// Where the router puts its messages.
    pub inlet: Inlet,
    /// What its driver shows.
    pub snapshot: watch::Receiver<Snapshot>,
}

/// What the parts of a running agent share.
#[derive(Debug)]
pub struct Directory {
    /// In the order in which they claim topics.
    pub networks: Vec<Network>,
    /// The overlay.
    pub gossip: Gossip,
    topics: Mutex<Topics>,
}

/// Why a topic cannot be used on a network.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// Another network claims it, or none.
    #[error("network {network} does not claim topic {topic:?}; it claims {claims:?}")]
    Unclaimed {
        /// The network asked.
        network: Arc<str>,
        /// The topic.
        topic: String,
        /// What the network claims.
        claims: Vec<String>,
    },
    /// See [`TooManyTopics`].
    #[error(transparent)]
    TooMany(#[from] TooManyTopics),
    /// The router refused.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// The router refused.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl Directory {
    /// A directory that knows no topic yet, and at most `max_topics` ever.
    #[must_use]
    pub fn new(networks: Vec<Network>, gossip: Gossip, max_topics: usize) -> Self {
        Self { networks, gossip, topics: Mutex::new(Topics::new(max_topics)) }
    }

    /// The network of that name.
    #[must_use]
    pub fn network(&self, name: &str) -> Option<(usize, &Network)> {
        self.networks.iter().enumerate().find(|(_, network)| *network.name == *name)
    }

    /// The topic of that name, if `network` is the one that claims it.
    ///
    /// # Errors
    /// [`TopicError`] when it is not, or when the agent knows too many topics.
    pub fn topic(&self, network: &Network, name: &str) -> Result<Topic, TopicError> {
        let owner = self.networks.iter().find(|candidate| candidate.claims.matches(name));
        if owner.is_none_or(|owner| owner.name != network.name) {
            return Err(TopicError::Unclaimed { network: network.name.clone(), topic: name.to_owned(), claims: network.claims.0.clone() });
        }
        // A panic while the table was held cannot have left it half-changed: it has one insertion.
        Ok(self.topics.lock().unwrap_or_else(PoisonError::into_inner).intern(name)?)
    }

    /// Joins a topic; its messages go to the network's driver.
    ///
    /// # Errors
    /// [`TopicError`].
    pub async fn subscribe(&self, network: &Network, name: &str) -> Result<(), TopicError> {
        let topic = self.topic(network, name)?;
        Ok(self.gossip.subscribe(topic, network.inlet.clone()).await?)
    }

    /// Leaves a topic.
    ///
    /// # Errors
    /// [`TopicError`].
    pub async fn unsubscribe(&self, network: &Network, name: &str) -> Result<(), TopicError> {
        let topic = self.topic(network, name)?;
        Ok(self.gossip.unsubscribe(topic).await?)
    }

    /// Publishes for an own parent, and delivers to own consumers where the network says so.
    ///
    /// # Errors
    /// [`TopicError`].
    pub async fn publish(&self, network: &Network, name: &str, payload: Bytes) -> Result<Published, TopicError> {
        let topic = self.topic(network, name)?;
        let published = self.gossip.publish(topic.clone(), payload.clone()).await?;
        // Without loopback, too: the road marks its number as seen.
        if !published.duplicate {
            let arrival = Arrival { peer: OWN, topic, id: published.id, payload, arrived: Instant::now() };
            if network.ups.send(Up::Own(arrival, network.loopback)).await.is_err() {
                tracing::debug!(network = %network.name, "own message not marked nor delivered: the network is shutting down");
            }
        }
        Ok(published)
    }
}
