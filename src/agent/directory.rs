//! What the parts of a running agent share: its networks, its topics, and the way to the overlay.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};

use super::publish_order::Turn;
use super::subscriptions::{Holder, Subscriptions};
use pmq_gossip::{Gossip, MessageIdFunction, PublishError, Published, SubscribeError};
use pmq_pipeline::{Arrival, Claims, DriverMessage, Inlet, Peer, Plan, Snapshot, Tap, TooManyTopics, Topic, Topics};
use pmq_protocol::wire::{TopicLength, check_topic};

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
    /// How the ids of its messages are made.
    pub message_id: MessageIdFunction,
    /// Its stages' settings, which say what neighbours would reject.
    pub plan: Arc<Plan>,
    /// To its driver.
    pub ups: mpsc::Sender<DriverMessage>,
    /// Where the router puts its messages.
    pub inlet: Inlet,
    /// What its driver shows.
    pub snapshot: watch::Receiver<Snapshot>,
    /// Where its outcomes can be looked at.
    pub tap: Tap,
}

/// What the parts of a running agent share.
#[derive(Debug)]
pub struct Directory {
    /// In the order in which they claim topics.
    pub networks: Vec<Network>,
    /// The overlay.
    pub gossip: Gossip,
    topics: Mutex<Topics>,
    /// Held while the router is asked, so that a topic that one parent leaves and another joins ends up joined.
    subscriptions: AsyncMutex<Subscriptions>,
}

/// Why a topic cannot be used on a network.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// It is no topic's name.
    #[error(transparent)]
    Length(#[from] TopicLength),
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
    /// Somebody else may have joined it.
    #[error("topic {0:?} is not joined by this session; only what a session has joined can it leave")]
    NotJoined(String),
    /// Neighbours would hold it against this agent.
    #[error("not sent: neighbours would reject this message on {topic:?}, and penalise this agent for it: {reason}")]
    Invalid {
        /// The topic.
        topic: String,
        /// What the network's codec says.
        reason: String,
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
        Self { networks, gossip, topics: Mutex::new(Topics::new(max_topics)), subscriptions: AsyncMutex::default() }
    }

    /// The network of that name.
    #[must_use]
    pub fn network(&self, name: &str) -> Option<(usize, &Network)> {
        self.networks.iter().enumerate().find(|(_, network)| *network.name == *name)
    }

    /// The network that takes a topic.
    #[must_use]
    pub fn owner(&self, topic: &str) -> Option<&Network> {
        self.networks.iter().find(|candidate| candidate.claims.matches(topic))
    }

    /// The topic of that name, if `network` is the one that claims it.
    ///
    /// # Errors
    /// [`TopicError`] when it is not, when the name is no topic's, or when the agent knows too many topics.
    pub fn topic(&self, network: &Network, name: &str) -> Result<Topic, TopicError> {
        // First: the text of any other refusal repeats the name, and a pattern may match an empty or endless one, which no parent could be sent.
        check_topic(name)?;
        let owner = self.owner(name);
        if owner.is_none_or(|owner| owner.name != network.name) {
            return Err(TopicError::Unclaimed { network: network.name.clone(), topic: name.to_owned(), claims: network.claims.0.clone() });
        }
        // A panic while the table was held cannot have left it half-changed: it has one insertion.
        Ok(self.topics.lock().unwrap_or_else(PoisonError::into_inner).intern(name)?)
    }

    /// Joins a topic for `holder`; its messages go to the network's driver.
    ///
    /// # Errors
    /// [`TopicError`].
    pub async fn subscribe(&self, network: &Network, name: &str, holder: Holder) -> Result<(), TopicError> {
        let topic = self.topic(network, name)?;
        let mut subscriptions = self.subscriptions.lock().await;
        let held = subscriptions.holds(&topic, holder);
        // Before the router is asked: a request that is given up meanwhile leaves a holder that is released in time, not a topic without one.
        subscriptions.add(topic.clone(), holder);
        // Also when somebody else holds it: to join twice changes nothing.
        let joined = self.gossip.subscribe(topic.clone(), network.inlet.clone()).await;
        if joined.is_err() && !held {
            subscriptions.remove(&topic, holder);
        }
        Ok(joined?)
    }

    /// Leaves a topic for `holder`; the overlay's topic is left when nobody holds it any more.
    ///
    /// # Errors
    /// [`TopicError`].
    pub async fn unsubscribe(&self, network: &Network, name: &str, holder: Holder) -> Result<(), TopicError> {
        let topic = self.topic(network, name)?;
        let mut subscriptions = self.subscriptions.lock().await;
        if !subscriptions.holds(&topic, holder) {
            return Err(TopicError::NotJoined(name.to_owned()));
        }
        if subscriptions.is_last(&topic, holder) {
            match self.gossip.unsubscribe(topic.clone()).await {
                // An earlier attempt was given up between the router and the table.
                Ok(()) | Err(SubscribeError::NotSubscribed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        subscriptions.remove(&topic, holder);
        Ok(())
    }

    /// Gives back all that `holder` has joined. What nobody else holds is left after the network's deadline, so that a parent that is back in that time has missed
    /// nothing.
    pub async fn release(self: &Arc<Self>, holder: Holder) {
        let mut subscriptions = self.subscriptions.lock().await;
        let deadline = |topic: &Topic| {
            let owner = self.networks.iter().find(|network| network.claims.matches(&topic.name));
            owner.map_or(Duration::ZERO, |network| network.deadline)
        };
        if subscriptions.release(holder, Instant::now(), deadline) && !subscriptions.swept {
            subscriptions.swept = true;
            tokio::spawn(self.clone().sweep());
        }
    }

    /// Leaves the topics that nobody came back for; ends when there are none left that are kept.
    async fn sweep(self: Arc<Self>) {
        loop {
            let mut subscriptions = self.subscriptions.lock().await;
            while let Some(topic) = subscriptions.expired(Instant::now()) {
                if let Err(error) = self.gossip.unsubscribe(topic.clone()).await {
                    tracing::debug!(topic = %topic.name, %error, "not left");
                }
            }
            let Some(next) = subscriptions.next() else {
                subscriptions.swept = false;
                return;
            };
            drop(subscriptions);
            tokio::time::sleep_until(next.into()).await;
        }
    }

    /// Publishes for an own parent when its turn has come, and delivers to own consumers where the network says so.
    ///
    /// # Errors
    /// [`TopicError`].
    pub async fn publish(&self, network: &Network, name: &str, payload: Bytes, mut turn: Turn) -> Result<Published, TopicError> {
        let topic = self.topic(network, name)?;
        // The size comes first, and is the overlay's to judge; a codec need not read what is too large.
        if payload.len() <= network.max_message {
            network.plan.own(name, &payload).map_err(|reason| TopicError::Invalid { topic: name.to_owned(), reason })?;
        }
        turn.come().await;
        let published = self.gossip.hand_over(topic.clone(), payload.clone()).await?;
        drop(turn);
        let published = published.await?;
        // Without loopback, too: the pipeline marks its number as seen.
        if !published.duplicate {
            // A copy of its own: a slice would keep the parent's whole frame alive as long as the delivery log keeps the message.
            let payload = Bytes::copy_from_slice(&payload);
            let arrival = Arrival { peer: OWN, topic, id: published.id, payload, arrived: Instant::now() };
            if network.ups.send(DriverMessage::Own(arrival, network.loopback)).await.is_err() {
                tracing::debug!(network = %network.name, "own message not marked nor delivered: the network is shutting down");
            }
        }
        Ok(published)
    }
}
