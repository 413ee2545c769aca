//! A gossipsub node without an agent around it: what the agent is compared with.
//!
//! Transports, router and every setting of theirs are the agent's own. What it lacks is what is to be measured: limits, metrics, roads, verdicts from elsewhere.
//! It accepts at once, on the task that owns the swarm.

use std::task::{Context, Poll};

use futures::StreamExt;
use libp2p::Swarm;
use libp2p::gossipsub::{Behaviour, Event, IdentTopic, MessageAcceptance, MessageAuthenticity, TopicHash};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{DialError, SwarmEvent};

use super::address::{listen_address, probe, target};
use super::error::GossipError;
use super::face::NetworkOverlay;
use super::identity::Identity;
use super::net::assemble;
use super::settings::Settings;
use super::stock::{Forward, Networks, config, peer_params, thresholds, topic_params};

/// Events of one look: as many as the agent takes in one turn.
const EVENTS: usize = 64;

/// How a plain node comes to forward a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdicts {
    /// The router waits for a verdict, as an agent's does, and has it at once.
    Reported,
    /// The router does not ask.
    #[default]
    None,
}

/// The node, on one topic of one network.
pub struct Plain {
    swarm: Swarm<Behaviour>,
    topic: TopicHash,
    verdicts: Verdicts,
}

impl Plain {
    /// Listens, joins the topic and dials the settings' peers once; they must be listening.
    ///
    /// # Errors
    /// [`GossipError`]: a setting cannot work, or an address is taken.
    pub async fn start(
        settings: &Settings,
        identity: &Identity,
        network: NetworkOverlay,
        topic: &str,
        verdicts: Verdicts,
    ) -> Result<Self, GossipError> {
        let refused = |error: &dyn std::fmt::Display| GossipError::Router(error.to_string());
        let ident = IdentTopic::new(topic);
        let score = network.score.clone();
        let forward = if verdicts == Verdicts::Reported { Forward::Judged } else { Forward::AtOnce };
        let config = config(settings, &Networks::new(vec![network]), forward)?;
        let mut router: Behaviour = Behaviour::new(MessageAuthenticity::Anonymous, config).map_err(|error| refused(&error))?;
        if settings.score.enabled {
            router.with_peer_score(peer_params(&settings.score), thresholds(&settings.score)).map_err(|error| refused(&error))?;
            router.set_topic_params(ident.clone(), topic_params(&settings.score, &score)).map_err(|error| refused(&error))?;
        }
        router.subscribe(&ident).map_err(|error| refused(&error))?;
        let mut swarm = assemble(settings, identity, router)?;
        for text in &settings.listen {
            let failed = |reason: String| GossipError::Listen { address: text.clone(), reason };
            let address = listen_address(text)?;
            probe(&address).map_err(|error| failed(error.to_string()))?;
            let id = swarm.listen_on(address).map_err(|error| failed(error.to_string()))?;
            loop {
                match swarm.select_next_some().await {
                    SwarmEvent::NewListenAddr { listener_id, .. } if listener_id == id => break,
                    SwarmEvent::ListenerClosed { listener_id, reason, .. } if listener_id == id => {
                        return Err(failed(format!("{reason:?}")));
                    }
                    _ => {}
                }
            }
        }
        for text in &settings.peers {
            let peer = target(text)?;
            let options = DialOpts::peer_id(peer.peer).addresses(peer.addresses).build();
            swarm.dial(options).map_err(|error: DialError| GossipError::Transport(format!("cannot dial {text}: {error}")))?;
        }
        Ok(Self { swarm, topic: ident.hash(), verdicts })
    }

    /// Publishes; false if the message did not go to anybody.
    pub fn publish(&mut self, payload: Vec<u8>) -> bool {
        self.swarm
            .behaviour_mut()
            .publish(self.topic.clone(), payload)
            .inspect_err(|error| tracing::debug!(%error, "not published"))
            .is_ok()
    }

    /// Looks at up to 64 events, and hands every message to `seen`, after its verdict. Ready when there may be more; pending, with a wake-up to come, when not.
    ///
    /// # Errors
    /// When a connection could not be made or was lost: on a line nothing can take its place.
    pub fn poll(&mut self, cx: &mut Context<'_>, seen: &mut impl FnMut(&[u8])) -> Poll<Result<(), GossipError>> {
        for _ in 0..EVENTS {
            match self.swarm.poll_next_unpin(cx) {
                Poll::Ready(Some(SwarmEvent::Behaviour(Event::Message { propagation_source, message_id, message }))) => {
                    if self.verdicts == Verdicts::Reported {
                        // False for one that the router has let go: the messages that arrive are counted at the line's end.
                        let router = self.swarm.behaviour_mut();
                        let _ = router.report_message_validation_result(&message_id, &propagation_source, MessageAcceptance::Accept);
                    }
                    seen(&message.data);
                }
                Poll::Ready(Some(SwarmEvent::OutgoingConnectionError { error, .. })) => {
                    return Poll::Ready(Err(GossipError::Transport(format!("a neighbour cannot be dialled: {error}"))));
                }
                Poll::Ready(Some(SwarmEvent::ConnectionClosed { cause, .. })) => {
                    return Poll::Ready(Err(GossipError::Transport(format!("a neighbour has gone: {cause:?}"))));
                }
                Poll::Ready(Some(_)) => {}
                // The swarm's stream never ends.
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }
}
