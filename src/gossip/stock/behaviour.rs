//! libp2p-gossipsub as a [`Router`].
//!
//! It is wrapped rather than used as it is, so that a gate can drop publishes out of a frame before the duplicate cache sees them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::gossipsub::{
    Behaviour, Event, IdentTopic, MaxCountSubscriptionFilter, MessageAcceptance, MessageAuthenticity, MessageId as StockId, PublishError,
    TopicHash,
};
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::{ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm};
use libp2p::{Multiaddr, PeerId};

use super::config::{Forward, config};
use super::networks::{Claimed, Inbound, Networks};
use super::score;
use crate::error::GossipError;
use crate::face::NetworkOverlay;
use crate::net::{Router, RouterError, RouterEvent};
use crate::payloads::Payloads;
use crate::settings::{Score, Settings};
use pmq_pipeline::Topic;
use pmq_protocol::wire::{MessageId, Verdict};

type Inner = Behaviour<Inbound, MaxCountSubscriptionFilter<Claimed>>;

/// The stock router.
pub(crate) struct Stock {
    inner: Inner,
    networks: Networks,
    score: Score,
    /// Bounded by the connection limits.
    connected: HashSet<PeerId>,
    /// Who is on which topic; connected peers only. Bounded: the subscription filter bounds topics per peer.
    members: HashMap<Arc<str>, HashSet<PeerId>>,
    /// Peers below the publish threshold as of the last tick: own messages are not sent to them.
    muted: HashSet<PeerId>,
    payloads: Payloads,
}

impl Stock {
    pub(crate) fn new(settings: &Settings, list: Vec<NetworkOverlay>) -> Result<Self, GossipError> {
        let networks = Networks::new(list);
        let config = config(settings, &networks, Forward::Judged)?;
        let transform = Inbound {
            networks: networks.any_predecessor().then(|| networks.clone()),
            authored: metrics::counter!("pmq_gossip_authored_refused_total"),
            topicless: metrics::counter!("pmq_gossip_topic_refused_total"),
        };
        let filter = MaxCountSubscriptionFilter {
            filter: Claimed(networks.clone()),
            // 100 and 100; one subscription too many drops all of a frame's.
            max_subscribed_topics: settings.mesh.topics_per_peer,
            max_subscriptions_per_request: settings.mesh.topics_per_peer,
        };
        let mut inner: Inner =
            Behaviour::new_with_subscription_filter_and_transform(MessageAuthenticity::Anonymous, config, filter, transform)
                .map_err(|error| GossipError::Router(error.to_owned()))?;
        if settings.score.enabled {
            inner.with_peer_score(score::peer_params(&settings.score), score::thresholds(&settings.score)).map_err(GossipError::Router)?;
            // A topic's parameters are set when it is joined; here they are only checked, so that a bad value ends the start and not a later subscribe.
            for network in networks.all() {
                score::topic_params(&settings.score, &network.score).validate().map_err(|error| GossipError::Router(error.to_owned()))?;
            }
        }
        Ok(Self {
            inner,
            networks,
            score: settings.score.clone(),
            connected: HashSet::new(),
            members: HashMap::new(),
            muted: HashSet::new(),
            payloads: Payloads::default(),
        })
    }

    /// `None` for a peer that has gone: its event was queued before its connection closed, and nothing would take it out of the table again.
    fn joined(&mut self, peer: PeerId, topic: &TopicHash) -> Option<RouterEvent> {
        if !self.connected.contains(&peer) {
            return None;
        }
        let name: Arc<str> = match self.members.get_key_value(topic.as_str()) {
            Some((name, _)) => name.clone(),
            None => topic.as_str().into(),
        };
        self.members.entry(name.clone()).or_default().insert(peer);
        Some(RouterEvent::Joined { topic: name })
    }

    fn left(&mut self, peer: &PeerId, topic: &TopicHash) {
        if let Some(members) = self.members.get_mut(topic.as_str()) {
            members.remove(peer);
            if members.is_empty() {
                self.members.remove(topic.as_str());
            }
        }
    }
}

fn hash(topic: &Topic) -> TopicHash {
    TopicHash::from_raw(&*topic.name)
}

impl Router for Stock {
    fn translate(&mut self, event: Event) -> Option<RouterEvent> {
        match event {
            Event::Message { propagation_source: source, message_id, message } => Some(match MessageId::new(&message_id.0) {
                Ok(id) => {
                    let payload = self.payloads.share(message.data);
                    RouterEvent::Message { source, topic: message.topic.into_string(), id, payload }
                }
                Err(_) => return None,
            }),
            Event::Subscribed { peer_id, topic } => self.joined(peer_id, &topic),
            Event::Unsubscribed { peer_id, topic } => {
                self.left(&peer_id, &topic);
                None
            }
            Event::SlowPeer { failed_messages, .. } => {
                Some(RouterEvent::Slow { dropped: failed_messages.priority + failed_messages.non_priority })
            }
            Event::GossipsubNotSupported { peer_id } => {
                tracing::info!(peer = %peer_id, "peer does not speak gossipsub");
                None
            }
        }
    }

    fn subscribe(&mut self, topic: &Topic) -> Result<bool, String> {
        let ident = IdentTopic::new(&*topic.name);
        // Before joining: P4 counts only for topics that have parameters.
        if self.score.enabled
            && let Some(network) = self.networks.of(&topic.name)
        {
            self.inner.set_topic_params(ident.clone(), score::topic_params(&self.score, &network.score))?;
        }
        self.inner.subscribe(&ident).map_err(|error| error.to_string())
    }

    fn unsubscribe(&mut self, topic: &Topic) -> bool {
        self.inner.unsubscribe(&IdentTopic::new(&*topic.name))
    }

    fn publish(&mut self, topic: &Topic, payload: &[u8]) -> Result<MessageId, RouterError> {
        let wrap = |id: &[u8]| MessageId::new(id).map_err(|error| RouterError::Other(error.to_string()));
        match self.inner.publish(hash(topic), payload) {
            Ok(id) => wrap(&id.0),
            Err(PublishError::Duplicate) => Err(RouterError::Duplicate(wrap(&self.networks.message_id(&topic.name, payload))?)),
            Err(PublishError::NoPeersSubscribedToTopic) => Err(RouterError::NoPeers),
            Err(PublishError::MessageTooLarge) => Err(RouterError::TooLarge),
            Err(PublishError::AllQueuesFull(_)) => Err(RouterError::QueuesFull),
            Err(error @ (PublishError::SigningError(_) | PublishError::TransformFailed(_))) => Err(RouterError::Other(error.to_string())),
        }
    }

    fn eligible(&self, topic: &Topic) -> usize {
        self.members.get(&*topic.name).map_or(0, |members| {
            if self.muted.is_empty() { members.len() } else { members.iter().filter(|peer| !self.muted.contains(peer)).count() }
        })
    }

    fn report(&mut self, id: &MessageId, source: &PeerId, verdict: Verdict) -> bool {
        let acceptance = match verdict {
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Ignore => MessageAcceptance::Ignore,
            Verdict::Reject => MessageAcceptance::Reject,
        };
        self.inner.report_message_validation_result(&StockId::new(id.as_bytes()), source, acceptance)
    }

    fn score(&self, peer: &PeerId) -> Option<f64> {
        self.inner.peer_score(peer)
    }

    fn appraise(&mut self, peer: &PeerId, score: f64) -> bool {
        self.inner.set_application_score(peer, score)
    }

    fn mesh(&self, topic: &Topic) -> impl Iterator<Item = PeerId> {
        let peers: Vec<PeerId> = self.inner.mesh_peers(&hash(topic)).copied().collect();
        peers.into_iter()
    }

    fn disconnected(&mut self, peer: &PeerId) {
        self.members.retain(|_, members| {
            members.remove(peer);
            !members.is_empty()
        });
        self.muted.remove(peer);
    }

    fn tick(&mut self, _: Instant) {
        let threshold = self.score.thresholds.publish;
        self.muted.clear();
        if self.score.enabled {
            let peers = self.inner.all_peers().map(|(peer, _)| *peer);
            self.muted.extend(peers.filter(|peer| self.inner.peer_score(peer).is_some_and(|score| score < threshold)));
        }
    }
}

/// Handed through as it is.
impl NetworkBehaviour for Stock {
    type ConnectionHandler = <Inner as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = Event;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(id, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner.handle_pending_outbound_connection(id, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(id, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished { peer_id, .. }) => {
                self.connected.insert(*peer_id);
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { peer_id, remaining_established: 0, .. }) => {
                self.connected.remove(peer_id);
                self.disconnected(peer_id);
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, id, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner.poll(cx)
    }
}

#[cfg(test)]
mod tests;
