//! The heartbeat: who was heard when, and what follows from silence.

use std::time::Instant;

use super::{Dead, Timing};

/// What the passing of time asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nothing.
    Quiet,
    /// A ping.
    Ping,
}

/// Watches the other end's silence.
#[derive(Debug)]
pub(super) struct Pulse {
    timing: Timing,
    heard: Instant,
    pinged: Option<Instant>,
}

impl Pulse {
    pub(super) fn new(timing: Timing, now: Instant) -> Self {
        Self { timing, heard: now, pinged: None }
    }

    /// A frame came, whatever it says.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = self.heard.max(now);
        self.pinged = None;
    }

    /// The moment at which [`Pulse::beat`] has something to say next.
    pub(super) fn next(&self) -> Instant {
        let ping = self.pinged.unwrap_or(self.heard) + self.timing.ping;
        ping.min(self.heard + self.timing.dead)
    }

    pub(super) fn beat(&mut self, now: Instant) -> Result<Beat, Dead> {
        let silence = now.saturating_duration_since(self.heard);
        if silence >= self.timing.dead {
            return Err(Dead { waited_for: "no frame came", silence });
        }
        if now < self.pinged.unwrap_or(self.heard) + self.timing.ping {
            return Ok(Beat::Quiet);
        }
        self.pinged = Some(now);
        Ok(Beat::Ping)
    }
}
