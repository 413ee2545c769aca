//! Attached sessions, for the admin socket.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pmq_pipeline::LinkId;
use pmq_protocol::session::Counts;
use pmq_protocol::wire::{Roles, SessionId};
use pmq_transports::{Address, Credential};

/// One session.
#[derive(Debug, Clone)]
pub struct SessionInfo {
    /// As it stands in its frames.
    pub session: SessionId,
    /// Who.
    pub who: Credential,
    /// The address that it came to.
    pub over: Address,
    /// Name and version of its software; empty before its hello.
    pub software: String,
    /// When it came.
    pub since: Instant,
    /// Its networks; none before its hello.
    pub places: Vec<Place>,
    /// What it was refused in passing.
    pub counts: Counts,
}

/// One network of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Index of the network in the directory.
    pub network: usize,
    /// Its link there.
    pub link: LinkId,
    /// What it may do there.
    pub roles: Roles,
}

/// The sessions that are attached. Bounded by the bound on sessions: only those that were admitted are in it. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<u64, SessionInfo>>>);

impl Registry {
    /// All of them, in the order in which they came.
    #[must_use]
    pub fn list(&self) -> Vec<SessionInfo> {
        self.lock().values().cloned().collect()
    }

    /// A session begins.
    pub(super) fn register(&self, session: SessionId, who: Credential, over: Address) -> SessionGuard {
        let info = SessionInfo {
            session,
            who,
            over,
            software: String::new(),
            since: Instant::now(),
            places: Vec::new(),
            counts: Counts::default(),
        };
        let mut sittings = self.lock();
        let number = sittings.last_key_value().map_or(0, |(last, _)| last + 1);
        sittings.insert(number, info);
        drop(sittings);
        SessionGuard { registry: self.clone(), number, counts: Counts::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, SessionInfo>> {
        // A panic while it was held cannot have left it half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's own entry; it leaves the registry when this is dropped.
#[derive(Debug)]
pub(super) struct SessionGuard {
    registry: Registry,
    number: u64,
    counts: Counts,
}

impl SessionGuard {
    /// The hello was taken.
    pub(super) fn attached(&self, software: &str, places: Vec<Place>) {
        self.change(|info| {
            software.clone_into(&mut info.software);
            info.places = places;
        });
    }

    /// What was refused so far. Takes the lock only when that has changed.
    pub(super) fn refused(&mut self, counts: Counts) {
        if counts != self.counts {
            self.counts = counts;
            self.change(|info| info.counts = counts);
        }
    }

    fn change(&self, change: impl FnOnce(&mut SessionInfo)) {
        if let Some(info) = self.registry.lock().get_mut(&self.number) {
            change(info);
        }
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        self.registry.lock().remove(&self.number);
    }
}
