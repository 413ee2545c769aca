//! Which network a topic belongs to, and what gossipsub's hooks need to know of it.

use std::sync::Arc;

use libp2p::gossipsub::{DataTransform, Message, RawMessage, TopicHash, TopicSubscriptionFilter};

use super::ids;
use crate::face::NetworkOverlay;
use crate::settings::MessageIdFunction;
use pmq_protocol::wire::check_topic;

/// The networks in the order of their claims: the first that claims a topic has it.
#[derive(Debug, Clone)]
pub(crate) struct Networks {
    list: Arc<[NetworkOverlay]>,
    /// Set when all networks agree, so that a message costs no look at the claims.
    id: Option<MessageIdFunction>,
}

impl Networks {
    pub(crate) fn new(list: Vec<NetworkOverlay>) -> Self {
        let mut functions = list.iter().map(|network| network.id);
        let first = functions.next().unwrap_or_default();
        let id = functions.all(|function| function == first).then_some(first);
        Self { list: list.into(), id }
    }

    pub(super) fn all(&self) -> &[NetworkOverlay] {
        &self.list
    }

    /// The network that claims a topic. A few patterns, compared in order: cheaper than the hash that follows.
    pub(super) fn of(&self, topic: &str) -> Option<&NetworkOverlay> {
        self.list.iter().find(|network| network.claims.matches(topic))
    }

    pub(super) fn message_id(&self, topic: &str, payload: &[u8]) -> Vec<u8> {
        // A name that is no topic's is not compared: no network has it, and [`Inbound`] refuses it.
        let of = || check_topic(topic).ok().and_then(|()| self.of(topic));
        let function = self.id.unwrap_or_else(|| of().map(|network| network.id).unwrap_or_default());
        ids::message_id(function, topic, payload)
    }

    /// Whether any network takes messages that name their author.
    pub(super) fn any_predecessor(&self) -> bool {
        self.list.iter().any(|network| network.predecessor)
    }

    pub(super) fn largest_message(&self) -> u64 {
        self.list.iter().map(|network| network.max_message as u64).max().unwrap_or_default()
    }

    pub(super) fn longest_deadline(&self) -> std::time::Duration {
        self.list.iter().map(|network| network.deadline).max().unwrap_or_default()
    }
}

/// Refuses messages before their id is made: those whose topic is no name, which no parent could be told and which, if endless, would be compared with every network's
/// claims; and authored ones where gossipsub itself had to be told to let them pass. Its mode is one for all topics, a network's choice is not.
pub(crate) struct Inbound {
    /// `None` when gossipsub refuses all authored messages by itself.
    pub(super) networks: Option<Networks>,
    pub(super) authored: metrics::Counter,
    /// Messages on topics that are none.
    pub(super) topicless: metrics::Counter,
}

fn refused(why: &'static str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, why)
}

impl DataTransform for Inbound {
    fn inbound_transform(&self, raw: RawMessage) -> Result<Message, std::io::Error> {
        // The name may be endless, so neither the counter nor the error repeats it.
        if let Err(length) = check_topic(raw.topic.as_str()) {
            self.topicless.increment(1);
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, length));
        }
        if let Some(networks) = &self.networks {
            // Nodes of the Go predecessor penalise whoever forwards them a signed message.
            let signed = raw.signature.is_some() || raw.key.is_some();
            let authored = raw.source.is_some() || raw.sequence_number.is_some();
            let predecessor = networks.of(raw.topic.as_str()).is_some_and(|network| network.predecessor);
            if signed || (authored && !predecessor) {
                self.authored.increment(1);
                return Err(refused("signed or authored message"));
            }
        }
        Ok(Message { source: raw.source, data: raw.data, sequence_number: raw.sequence_number, topic: raw.topic })
    }

    fn outbound_transform(&self, _: &TopicHash, data: Vec<u8>) -> Result<Vec<u8>, std::io::Error> {
        Ok(data)
    }
}

/// Peers' subscriptions to topics that no network claims, or with empty or endless names, are not kept. Own ones pass the same filter.
pub(crate) struct Claimed(pub(super) Networks);

impl TopicSubscriptionFilter for Claimed {
    fn can_subscribe(&mut self, topic: &TopicHash) -> bool {
        check_topic(topic.as_str()).is_ok() && self.0.of(topic.as_str()).is_some()
    }
}

#[cfg(test)]
mod tests;
