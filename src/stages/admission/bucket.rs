//! A token bucket for messages and bytes at once.

use std::time::Instant;

/// What a bucket is filled with, and how far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    /// Messages a second.
    pub(super) rate: f64,
    /// Messages at most.
    pub(super) burst: f64,
    /// Bytes a second.
    pub(super) byte_rate: f64,
    /// Bytes at most.
    pub(super) byte_burst: f64,
}

/// Which of the two ran dry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dry {
    Messages,
    Bytes,
}

/// Tokens left at the time of the last refill. Refilled by elapsed time whenever it is asked, so it needs no timer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    messages: f64,
    bytes: f64,
    refilled: Instant,
}

impl Bucket {
    /// A full one.
    pub(super) fn full(rates: &Rates, now: Instant) -> Self {
        Self { messages: rates.burst, bytes: rates.byte_burst, refilled: now }
    }

    /// Takes one message of `bytes`, or nothing at all.
    pub(super) fn take(&mut self, rates: &Rates, bytes: usize, now: Instant) -> Result<(), Dry> {
        self.refill(rates, now);
        let bytes = bytes as f64;
        if self.messages < 1.0 {
            return Err(Dry::Messages);
        }
        if self.bytes < bytes {
            return Err(Dry::Bytes);
        }
        self.messages -= 1.0;
        self.bytes -= bytes;
        Ok(())
    }

    /// Whether it would be full at `now`: then it says no more than a new one.
    pub(super) fn is_full(&self, rates: &Rates, now: Instant) -> bool {
        let mut then = *self;
        then.refill(rates, now);
        then.messages >= rates.burst && then.bytes >= rates.byte_burst
    }

    fn refill(&mut self, rates: &Rates, now: Instant) {
        // A clock that was read before the last refill adds nothing.
        let elapsed = now.saturating_duration_since(self.refilled);
        if !elapsed.is_zero() {
            let seconds = elapsed.as_secs_f64();
            self.messages = (self.messages + rates.rate * seconds).min(rates.burst);
            self.bytes = (self.bytes + rates.byte_rate * seconds).min(rates.byte_burst);
            self.refilled = now;
        }
    }
}
