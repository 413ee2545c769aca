//! Who is connected to a ROUTER: strangers, who have not opened a link yet, and parents with a link.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::lane::Lane;

/// How long a stranger may stay one.
const OPEN_WITHIN: Duration = Duration::from_secs(5);
/// Strangers at a time; a further one is cut off.
const STRANGERS: usize = 256;

/// Peers by identity. Bounded by [`STRANGERS`] and by the sessions that the agent accepts (whose links it drops when they end).
#[derive(Debug, Default)]
pub(super) struct Peers {
    lanes: HashMap<Bytes, Arc<Lane>>,
    strangers: HashMap<Bytes, Instant>,
}

impl Peers {
    /// Somebody connected. False if there are too many strangers.
    pub(super) fn connected(&mut self, identity: Bytes, now: Instant) -> bool {
        if self.lanes.contains_key(&identity) {
            return true;
        }
        if self.strangers.len() >= STRANGERS {
            return false;
        }
        self.strangers.insert(identity, now);
        true
    }

    /// A link was opened; answers the one that it replaces.
    pub(super) fn opened(&mut self, lane: &Arc<Lane>) -> Option<Arc<Lane>> {
        self.strangers.remove(lane.identity());
        self.lanes.insert(lane.identity().clone(), lane.clone())
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
        self.lanes.remove(identity)
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
