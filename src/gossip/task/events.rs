//! What the swarm tells, and what a heartbeat brings.

use std::time::Instant;

use bytes::Bytes;
use libp2p::core::ConnectedPoint;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId};

use super::Task;
use crate::address::transport;
use crate::net::{Ending, Router, RouterEvent, SharedEvent};
use crate::peers::Link;
use pmq_pipeline::Arrival;
use pmq_protocol::wire::{MessageId, Verdict};

impl<R: Router> Task<R> {
    pub(super) fn on_swarm(&mut self, event: SwarmEvent<SharedEvent<R>>, now: Instant) {
        match event {
            SwarmEvent::Behaviour(SharedEvent::Router(event)) => {
                if let Some(event) = self.swarm.behaviour_mut().router.translate(event) {
                    self.on_router(event, now);
                }
            }
            SwarmEvent::Behaviour(_) => {}
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, num_established, .. } => {
                self.dialler.connected(&peer_id);
                if num_established.get() == 1 {
                    tracing::debug!(peer = %peer_id, address = %endpoint.get_remote_address(), "connected");
                    if self.solitude.connected(now) {
                        tracing::info!(peer = %peer_id, "the first peer after the start or a long time without any");
                        self.healed.send_modify(|count| *count += 1);
                    }
                    if self.peers.connected(peer_id, now).is_none() {
                        tracing::error!("all peer handles are used up; messages of new peers are ignored until a restart");
                    }
                }
                self.linked(&peer_id, connection_id, &endpoint, now);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, cause, .. } => {
                let anew = self.peers.closed(&peer_id, connection_id, Ending::of(cause.as_ref()), now);
                if num_established > 0 {
                    if anew && self.swarm.disconnect_peer_id(peer_id).is_ok() {
                        tracing::debug!(peer = %peer_id, ?cause, "a peer's first connection was lost while a later one is open: both ends begin anew");
                    }
                    return;
                }
                tracing::debug!(peer = %peer_id, ?cause, "disconnected");
                self.peers.disconnected(&peer_id);
                self.solitude.disconnected(now);
                self.swarm.behaviour_mut().router.disconnected(&peer_id);
                self.dialler.disconnected(&peer_id, now, rand::random());
            }
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
                self.metrics.dial_failed.increment(1);
                match &error {
                    DialError::WrongPeerId { obtained, address } => {
                        tracing::warn!(expected = ?peer_id, %obtained, %address, "another peer answers at a peer's address; correct `peers`");
                    }
                    _ => tracing::debug!(peer = ?peer_id, %error, "dial failed"),
                }
                if let Some(peer) = peer_id {
                    self.dialler.failed(&peer, now, rand::random());
                }
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                self.metrics.incoming_failed.increment(1);
                tracing::debug!(address = %send_back_addr, %error, "incoming connection refused or failed");
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener failed for a moment"),
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                // QUIC's says `Ok` of a socket that failed, too: only one that was closed here has left the list before.
                if self.listeners.contains(&listener_id) {
                    tracing::error!(?addresses, ?reason, "a listener closed: nobody can connect there until the agent is restarted");
                } else {
                    tracing::debug!(?addresses, "a listener closed at the end");
                }
            }
            SwarmEvent::NewListenAddr { address, .. } => tracing::info!(%address, "listening"),
            SwarmEvent::ExpiredListenAddr { address, .. } => tracing::info!(%address, "not listening any more"),
            _ => {}
        }
    }

    fn on_router(&mut self, event: RouterEvent, now: Instant) {
        match event {
            RouterEvent::Message { source, topic, id, payload } => self.on_message(source, &topic, id, payload, now),
            RouterEvent::Joined { topic } => self.retry_waiting(Some(&topic)),
            RouterEvent::Slow { dropped } => self.metrics.send_dropped.increment(dropped as u64),
        }
    }

    fn on_message(&mut self, source: PeerId, topic: &str, id: MessageId, payload: Bytes, now: Instant) {
        self.metrics.received.increment(1);
        // Overflow policy: the newest is ignored, which frees it in the router, too. The task never waits for a pipeline; the pipeline's driver books it.
        let handed = match (self.peers.handle(&source), self.sinks.get(topic)) {
            (Some(peer), Some(sink)) => sink.inlet.offer(Arrival { peer, topic: sink.topic.clone(), id, payload, arrived: now }),
            // All peer handles are used up.
            (None, Some(sink)) => {
                sink.inlet.refused(&sink.topic);
                false
            }
            // Left meanwhile.
            (_, None) => false,
        };
        if !handed {
            self.metrics.ingress_dropped.increment(1);
            self.metrics.reported(Verdict::Ignore);
            if !self.swarm.behaviour_mut().router.report(&id, &source, Verdict::Ignore) {
                self.metrics.report_missed.increment(1);
            }
        }
    }

    pub(super) fn dial(&mut self, peer: PeerId, address: Multiaddr, now: Instant) {
        let options = DialOpts::peer_id(peer).condition(PeerCondition::Disconnected).addresses(vec![address]).build();
        match self.swarm.dial(options) {
            Ok(()) => {}
            // It has connected to us meanwhile, and its event is on the way.
            Err(DialError::DialPeerConditionFalse(_)) if self.swarm.is_connected(&peer) => self.dialler.connected(&peer),
            Err(error) => {
                self.metrics.dial_failed.increment(1);
                tracing::debug!(%peer, %error, "dial refused");
                self.dialler.failed(&peer, now, rand::random());
            }
        }
    }

    /// Books a connection. A router greets a peer on its first connection alone, so with one that died without a word and is back before that was noticed, it would go on
    /// as if nothing had happened, and the peer would never learn of a topic here: both ends begin anew, now if this connection shows it, else when the old one is gone.
    fn linked(&mut self, peer: &PeerId, id: ConnectionId, endpoint: &ConnectedPoint, now: Instant) {
        let Some(transport) = transport(endpoint.get_remote_address()) else { return };
        let link = Link::new(id, transport, endpoint.is_listener(), now);
        if self.peers.opened(peer, link, self.dial_timeout) && self.swarm.disconnect_peer_id(*peer).is_ok() {
            tracing::info!(%peer, "a peer connected anew while an older connection was open: it has lost that one; both are closed");
        }
    }

    pub(super) fn on_tick(&mut self, now: Instant) {
        self.swarm.behaviour_mut().router.tick(now);
        self.retry_waiting(None);
        for peer in self.peers.overdue(now) {
            if self.swarm.disconnect_peer_id(peer).is_ok() {
                tracing::info!(%peer, "a peer may have lost the connection on which it was greeted, just after it had been cut: both ends begin anew");
            }
        }
        let router = &self.swarm.behaviour().router;
        let (mut connected, mut graylisted) = (0_u32, 0_u32);
        for entry in self.peers.iter_mut().filter(|entry| entry.connected) {
            connected += 1;
            if router.score(&entry.id).is_some_and(|score| score < self.graylist) {
                graylisted += 1;
                graylist(entry, now);
            }
        }
        self.metrics.peers.set(connected);
        self.metrics.graylisted.set(graylisted);
        let mesh: usize = self.sinks.values().map(|sink| router.mesh(&sink.topic).count()).sum();
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
        self.metrics.mesh.set(mesh as f64);
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
        self.metrics.waiting.set(self.waiting.len() as f64);
    }

    /// Notes whether a peer is below the graylist threshold now.
    pub(super) fn observe(&mut self, peer: &PeerId, now: Instant) {
        let score = self.swarm.behaviour().router.score(peer);
        if score.is_some_and(|score| score < self.graylist)
            && let Some(entry) = self.peers.get_mut(peer)
        {
            graylist(entry, now);
        }
    }
}

fn graylist(entry: &mut crate::peers::Entry, now: Instant) {
    if entry.graylisted_after.is_none() {
        let after = now.saturating_duration_since(entry.since);
        entry.graylisted_after = Some(after);
        tracing::warn!(peer = %entry.id, ?after, "peer graylisted: its score fell below the threshold, nothing from it is read any more");
    }
}
