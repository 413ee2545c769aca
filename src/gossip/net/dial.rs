//! Which static peer to dial, and when. No IO and no clock of its own: events and `now` in, targets out.

use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId};

use crate::gossip::settings::Redial;

/// A peer to stay connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) peer: PeerId,
    /// All are tried together; one is enough.
    pub(crate) addresses: Vec<Multiaddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Dial at this time.
    Waiting(Instant),
    /// A dial is under way; it ends in a connection or in a failure.
    Dialling,
    Connected,
}

#[derive(Debug)]
struct Entry {
    target: Target,
    state: State,
    /// Attempts since the last connection.
    attempts: u32,
}

/// The static peers. As many as the settings name.
#[derive(Debug)]
pub(crate) struct Dialler {
    entries: Vec<Entry>,
    redial: Redial,
}

impl Dialler {
    /// All targets are due at once. Entries for the same peer are one target with the addresses of all.
    pub(crate) fn new(targets: impl IntoIterator<Item = Target>, redial: Redial, now: Instant) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        for target in targets {
            let Some(entry) = entries.iter_mut().find(|entry| entry.target.peer == target.peer) else {
                entries.push(Entry { target, state: State::Waiting(now), attempts: 0 });
                continue;
            };
            for address in target.addresses {
                if !entry.target.addresses.contains(&address) {
                    entry.target.addresses.push(address);
                }
            }
        }
        Self { entries, redial }
    }

    /// A peer connected, whoever dialled.
    pub(crate) fn connected(&mut self, peer: &PeerId) {
        if let Some(entry) = self.entry(peer) {
            entry.state = State::Connected;
            entry.attempts = 0;
        }
    }

    /// A peer's last connection closed. `chance` in 0..1 jitters the wait.
    pub(crate) fn disconnected(&mut self, peer: &PeerId, now: Instant, chance: f64) {
        self.retry(peer, now, chance);
    }

    /// A dial failed. Without effect on a peer that has connected meanwhile.
    pub(crate) fn failed(&mut self, peer: &PeerId, now: Instant, chance: f64) {
        if self.entry(peer).is_some_and(|entry| entry.state == State::Dialling) {
            self.retry(peer, now, chance);
        }
    }

    /// When the next target is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.entries.iter().filter_map(|entry| if let State::Waiting(at) = entry.state { Some(at) } else { None }).min()
    }

    /// A target that is due; it counts as being dialled from now on.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Target> {
        let entry = self.entries.iter_mut().find(|entry| matches!(entry.state, State::Waiting(at) if at <= now))?;
        entry.state = State::Dialling;
        Some(entry.target.clone())
    }

    fn entry(&mut self, peer: &PeerId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.target.peer == *peer)
    }

    fn retry(&mut self, peer: &PeerId, now: Instant, chance: f64) {
        let redial = self.redial.clone();
        if let Some(entry) = self.entry(peer) {
            entry.state = State::Waiting(now + wait(&redial, entry.attempts, chance));
            entry.attempts = entry.attempts.saturating_add(1);
        }
    }
}

/// The wait doubles with each attempt up to the longest one; the upper half of it is left to chance, so that peers that lost each other at the same moment do not
/// dial each other at the same moment.
fn wait(redial: &Redial, attempts: u32, chance: f64) -> Duration {
    let full = redial.min.saturating_mul(1_u32.checked_shl(attempts).unwrap_or(u32::MAX)).min(redial.max);
    let half = full / 2;
    half + half.mul_f64(chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests;
