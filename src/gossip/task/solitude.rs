//! When this agent has been alone, and for how long.

use std::time::{Duration, Instant};

/// Counts connected peers, and tells when the first one ends a partition.
#[derive(Debug)]
pub(super) struct Solitude {
    connected: usize,
    /// When the last peer went; `None` before there was any.
    since: Option<Instant>,
    /// Shorter than this is a hiccup, not a partition.
    bound: Duration,
}

impl Solitude {
    pub(super) fn new(bound: Duration) -> Self {
        Self { connected: 0, since: None, bound }
    }

    /// A peer's first connection. True if it ends a partition; an agent that starts has been away for who knows how long.
    pub(super) fn connected(&mut self, now: Instant) -> bool {
        self.connected += 1;
        self.connected == 1 && self.since.is_none_or(|since| now.saturating_duration_since(since) > self.bound)
    }

    /// A peer's last connection closed.
    pub(super) fn disconnected(&mut self, now: Instant) {
        self.connected = self.connected.saturating_sub(1);
        if self.connected == 0 {
            self.since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests;
