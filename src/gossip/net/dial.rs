//! Which static peer to dial, and when. No IO and no clock of its own: events and `now` in, targets out.

use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId};

use crate::address::Target;
use crate::settings::Redial;

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
    /// Addresses that failed since the last wait or connection.
    tried: usize,
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
                entries.push(Entry { target, state: State::Waiting(now), tried: 0, attempts: 0 });
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

    /// A peer connected, whoever dialled. The address that was tried last is the first the next time.
    pub(crate) fn connected(&mut self, peer: &PeerId) {
        if let Some(entry) = self.entry(peer) {
            entry.tried = 0;
            entry.state = State::Connected;
            entry.attempts = 0;
        }
    }

    /// A peer's last connection closed. `chance` in 0..1 jitters the wait.
    pub(crate) fn disconnected(&mut self, peer: &PeerId, now: Instant, chance: f64) {
        self.retry(peer, now, chance);
    }

    /// A dial failed: the next address is due at once, and when all have failed there is a wait. Without effect on a peer that has connected meanwhile.
    pub(crate) fn failed(&mut self, peer: &PeerId, now: Instant, chance: f64) {
        let Some(entry) = self.entry(peer).filter(|entry| entry.state == State::Dialling) else { return };
        entry.tried += 1;
        if entry.target.addresses.len() > 1 {
            entry.target.addresses.rotate_left(1);
        }
        if entry.tried < entry.target.addresses.len() {
            entry.state = State::Waiting(now);
        } else {
            self.retry(peer, now, chance);
        }
    }

    /// When the next target is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.entries.iter().filter_map(|entry| if let State::Waiting(at) = entry.state { Some(at) } else { None }).min()
    }

    /// A peer that is due and where to dial it; it counts as being dialled from now on.
    pub(crate) fn due(&mut self, now: Instant) -> Option<(PeerId, Multiaddr)> {
        let entry = self.entries.iter_mut().find(|entry| matches!(entry.state, State::Waiting(at) if at <= now))?;
        let address = entry.target.addresses.first()?.clone();
        entry.state = State::Dialling;
        Some((entry.target.peer, address))
    }

    fn entry(&mut self, peer: &PeerId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.target.peer == *peer)
    }

    fn retry(&mut self, peer: &PeerId, now: Instant, chance: f64) {
        let redial = self.redial.clone();
        if let Some(entry) = self.entry(peer) {
            entry.state = State::Waiting(now + wait(&redial, entry.attempts, chance));
            entry.attempts = entry.attempts.saturating_add(1);
            entry.tried = 0;
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
