//! The table of neighbours: a small handle for each, never reused, and what is remembered of it.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;

use super::address::Transport;
use super::net::Ending;
use pmq_pipeline::Peer;

/// At most one cut on suspicion per peer in this time: a peer that keeps two connections of its own making, or closes the second of two, is not cut off for ever.
const CUT_EVERY: Duration = Duration::from_secs(60);

/// What is remembered of a peer.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) peer: Peer,
    pub(super) id: PeerId,
    pub(super) connected: bool,
    /// Its connections, in the order in which they opened: the first is the one on which the router greeted the peer, or has inherited that from one that both ends knew.
    /// Bounded by the limit on connections to the same peer.
    links: Vec<Link>,
    /// When all its connections were last closed so that both ends begin anew.
    cut: Option<Instant>,
    /// It may never have been greeted on those that stand, but had been cut a moment before: to be cut when [`CUT_EVERY`] allows.
    suspect: bool,
    pub(super) since: Instant,
    pub(super) graylisted_after: Option<Duration>,
}

/// A connection of a peer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) id: ConnectionId,
    pub(super) transport: Transport,
    /// The peer opened it.
    pub(super) incoming: bool,
    pub(super) since: Instant,
    /// This end is closing it.
    pub(super) closing: bool,
}

impl Link {
    pub(super) fn new(id: ConnectionId, transport: Transport, incoming: bool, since: Instant) -> Self {
        Self { id, transport, incoming, since, closing: false }
    }
}

impl Entry {
    /// What its connections run over, each once.
    pub(super) fn transports(&self) -> Vec<Transport> {
        [Transport::Tcp, Transport::Quic]
            .into_iter()
            .filter(|transport| self.links.iter().any(|link| link.transport == *transport))
            .collect()
    }

    /// Whether a new connection shows that the peer has lost those that stand here. No agent dials a peer to which it is connected, so one that does knows nothing of
    /// them, unless both have dialled each other at the same moment, give or take `dialling`. Other programs may, so this is a suspicion.
    fn outlived(&self, link: &Link, dialling: Duration) -> bool {
        let lost = |old: &Link| !old.closing && (old.incoming || link.since.saturating_duration_since(old.since) > dialling);
        link.incoming && self.links.iter().any(lost)
    }

    fn cut_lately(&self, now: Instant) -> bool {
        self.cut.is_some_and(|cut| now.saturating_duration_since(cut) < CUT_EVERY)
    }

    /// All its connections are about to be closed.
    fn cut(&mut self, now: Instant) {
        self.cut = Some(now);
        self.suspect = false;
        for link in &mut self.links {
            link.closing = true;
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
            entry.suspect = false;
            self.gone.retain(|gone| *gone != id);
            return Some(entry.peer);
        }
        let peer = Peer(self.next);
        self.next = self.next.checked_add(1)?;
        self.by_handle.insert(peer, id);
        self.by_id.insert(
            id,
            Entry { peer, id, connected: true, links: Vec::new(), cut: None, suspect: false, since: now, graylisted_after: None },
        );
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

    /// A connection of a known peer opened, the first one or another. True if it shows that the peer has begun anew and the older ones are dead, and so all are to be
    /// closed, which counts as under way from here on; a dial takes up to `dialling`. At most once in [`CUT_EVERY`]: when it is false though the older ones are dead,
    /// [`Self::closed`] is true for them later, or [`Self::overdue`] names the peer.
    pub(super) fn opened(&mut self, id: &PeerId, link: Link, dialling: Duration) -> bool {
        let Some(entry) = self.by_id.get_mut(id) else { return false };
        let anew = entry.outlived(&link, dialling) && !entry.cut_lately(link.since);
        entry.links.push(link);
        if anew {
            entry.cut(link.since);
        }
        anew
    }

    /// A connection of a known peer closed, the last one or another. True if the router greeted the peer on that one and the peer may have lost it long before: then it
    /// was never greeted on those that stand, and they are to be closed, which counts as under way from here on.
    pub(super) fn closed(&mut self, id: &PeerId, link: ConnectionId, ending: Ending, now: Instant) -> bool {
        let Some(entry) = self.by_id.get_mut(id) else { return false };
        let Some(at) = entry.links.iter().position(|known| known.id == link) else { return false };
        let old = entry.links.remove(at);
        if at > 0 || entry.links.iter().all(|standing| standing.closing) {
            return false;
        }
        let anew = match ending {
            // Those that stand opened while this one was being closed.
            _ if old.closing => true,
            Ending::Lost => true,
            Ending::Unclear => !entry.cut_lately(now),
            Ending::Agreed => false,
        };
        if anew {
            entry.cut(now);
        } else {
            entry.suspect |= ending == Ending::Unclear;
        }
        anew
    }

    /// Peers whose connections are to be closed because they may never have been greeted, which could not be before. That counts as under way from here on.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<PeerId> {
        let overdue = self.by_id.values_mut().filter(|entry| entry.connected && entry.suspect && !entry.cut_lately(now));
        overdue
            .map(|entry| {
                entry.cut(now);
                entry.id
            })
            .collect()
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
