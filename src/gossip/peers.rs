//! The table of neighbours: a small handle for each, never reused, and what is remembered of it.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use libp2p::PeerId;

use super::face::Transport;
use crate::pipeline::Peer;

/// What is remembered of a peer.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) peer: Peer,
    pub(super) id: PeerId,
    pub(super) connected: bool,
    /// Connections over TCP and over QUIC. Bounded by the limits on connections.
    links: [u32; 2],
    pub(super) since: Instant,
    pub(super) graylisted_after: Option<Duration>,
}

impl Entry {
    /// What its connections run over, each once.
    pub(super) fn transports(&self) -> Vec<Transport> {
        let [tcp, quic] = self.links;
        [(tcp, Transport::Tcp), (quic, Transport::Quic)]
            .into_iter()
            .filter(|(links, _)| *links > 0)
            .map(|(_, transport)| transport)
            .collect()
    }

    fn links(&mut self, transport: Transport) -> &mut u32 {
        let [tcp, quic] = &mut self.links;
        match transport {
            Transport::Tcp => tcp,
            Transport::Quic => quic,
        }
    }
}

/// Neighbours by handle and by id.
///
/// Bounded: connected ones by the connection limits, others by `remembered`, of which the one that left first is forgotten first.
#[derive(Debug)]
pub(super) struct Peers {
    by_id: HashMap<PeerId, Entry>,
    by_handle: HashMap<Peer, PeerId>,
    /// Those that left, in that order, each once.
    gone: VecDeque<PeerId>,
    remembered: usize,
    next: u32,
}

impl Peers {
    pub(super) fn new(remembered: usize) -> Self {
        Self { by_id: HashMap::new(), by_handle: HashMap::new(), gone: VecDeque::new(), remembered, next: 0 }
    }

    /// A peer's first connection. `None` when four billion handles have been given out.
    pub(super) fn connected(&mut self, id: PeerId, now: Instant) -> Option<Peer> {
        if let Some(entry) = self.by_id.get_mut(&id) {
            entry.connected = true;
            self.gone.retain(|gone| *gone != id);
            return Some(entry.peer);
        }
        let peer = Peer(self.next);
        self.next = self.next.checked_add(1)?;
        self.by_handle.insert(peer, id);
        self.by_id.insert(id, Entry { peer, id, connected: true, links: [0; 2], since: now, graylisted_after: None });
        Some(peer)
    }

    /// A peer's last connection closed.
    pub(super) fn disconnected(&mut self, id: &PeerId) {
        let Some(entry) = self.by_id.get_mut(id).filter(|entry| entry.connected) else { return };
        entry.connected = false;
        self.gone.push_back(*id);
        while self.gone.len() > self.remembered {
            if let Some(entry) = self.gone.pop_front().and_then(|id| self.by_id.remove(&id)) {
                self.by_handle.remove(&entry.peer);
            }
        }
    }

    /// A connection of a known peer opened, the first one or another.
    pub(super) fn opened(&mut self, id: &PeerId, transport: Transport) {
        if let Some(entry) = self.by_id.get_mut(id) {
            let links = entry.links(transport);
            *links = links.saturating_add(1);
        }
    }

    /// A connection of a known peer closed, the last one or another.
    pub(super) fn closed(&mut self, id: &PeerId, transport: Transport) {
        if let Some(entry) = self.by_id.get_mut(id) {
            let links = entry.links(transport);
            *links = links.saturating_sub(1);
        }
    }

    pub(super) fn handle(&self, id: &PeerId) -> Option<Peer> {
        self.by_id.get(id).map(|entry| entry.peer)
    }

    pub(super) fn id(&self, peer: Peer) -> Option<PeerId> {
        self.by_handle.get(&peer).copied()
    }

    pub(super) fn get_mut(&mut self, id: &PeerId) -> Option<&mut Entry> {
        self.by_id.get_mut(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.by_id.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.by_id.values_mut()
    }
}

#[cfg(test)]
mod tests;
