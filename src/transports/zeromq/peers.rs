//! Who is connected to a ROUTER: strangers, who have not opened a link yet, and parents with a link.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::lane::Lane;

/// How long a stranger may stay one.
const OPEN_WITHIN: Duration = Duration::from_secs(5);
/// Strangers at a time; for a further one the oldest is cut off, so that those who wait keep nobody out who has something to show.
const STRANGERS: usize = 256;

/// Ended links whose peers do not read; beyond that no further link is opened until some of them have read or are gone.
pub(super) const PARTING: usize = 64;

/// Peers by identity. Bounded by [`STRANGERS`] and by the sessions that the agent accepts (whose links it drops when they end).
#[derive(Debug, Default)]
pub(super) struct Peers {
    lanes: HashMap<Bytes, Arc<Lane>>,
    strangers: HashMap<Bytes, Instant>,
    /// Links that are over, and whose last frames their peer has not read: each still holds a descriptor and up to the bound of a link's sink.
    parting: Vec<Arc<Lane>>,
}

impl Peers {
    /// Somebody connected. Answers the stranger that has to make room.
    pub(super) fn connected(&mut self, identity: Bytes, now: Instant) -> Option<Bytes> {
        if self.lanes.contains_key(&identity) {
            return None;
        }
        let full = self.strangers.len() >= STRANGERS;
        let oldest = self.strangers.iter().filter(|_| full).min_by_key(|(_, since)| **since).map(|(identity, _)| identity.clone());
        self.strangers.retain(|stranger, _| Some(stranger) != oldest.as_ref());
        self.strangers.insert(identity, now);
        oldest
    }

    /// A link was opened; answers the one that it replaces.
    pub(super) fn opened(&mut self, lane: &Arc<Lane>) -> Option<Arc<Lane>> {
        self.strangers.remove(lane.identity());
        let before = self.lanes.insert(lane.identity().clone(), lane.clone());
        self.parting.extend(before.clone());
        before
    }

    /// Whether there is room for another link: not while [`PARTING`] ended ones still hold what their peers do not read.
    pub(super) fn room(&mut self) -> bool {
        self.parting.retain(|lane| !lane.is_sent());
        self.parting.len() < PARTING
    }

    pub(super) fn lane(&self, identity: &Bytes) -> Option<&Arc<Lane>> {
        self.lanes.get(identity)
    }

    /// Whether that very link is open.
    pub(super) fn holds(&self, lane: &Arc<Lane>) -> bool {
        self.lanes.get(lane.identity()).is_some_and(|held| Arc::ptr_eq(held, lane))
    }

    /// Forgets a peer; answers its link.
    pub(super) fn remove(&mut self, identity: &Bytes) -> Option<Arc<Lane>> {
        self.strangers.remove(identity);
        let lane = self.lanes.remove(identity);
        self.parting.extend(lane.clone());
        if self.parting.len() > PARTING {
            self.parting.retain(|lane| !lane.is_sent());
        }
        lane
    }

    /// Strangers that have been here too long.
    pub(super) fn overdue(&self, now: Instant) -> Vec<Bytes> {
        let late = |(_, since): &(&Bytes, &Instant)| now.saturating_duration_since(**since) >= OPEN_WITHIN;
        self.strangers.iter().filter(late).map(|(identity, _)| identity.clone()).collect()
    }

    pub(super) fn without_links(&self) -> bool {
        self.lanes.is_empty()
    }

    pub(super) fn lanes(&self) -> impl Iterator<Item = &Arc<Lane>> {
        self.lanes.values()
    }
}

#[cfg(test)]
#[path = "peers_tests.rs"]
mod tests;
