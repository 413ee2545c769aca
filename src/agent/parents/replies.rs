//! When answers to requests are written.
//!
//! A parent that waits for each answer has it at once. One that asks on without waiting has its answers in bursts: each write is a system call here and a
//! wake-up there, and nobody waits for it.

use std::time::{Duration, Instant};

/// How long an answer may wait for the next ones.
const HOLD: Duration = Duration::from_millis(1);
/// Answers that are written without waiting longer.
const BURST: usize = 64;
/// Bound of the doubt: a hold in vain costs up to two milliseconds, and then at most one request of so many.
const MOST_DOUBT: u32 = 4095;

/// ReplyBatcher that are not written yet, and what is known of the parent's way to ask. Bounded by [`BURST`] and by [`HOLD`].
#[derive(Debug, Default)]
pub(super) struct ReplyBatcher {
    /// Whether the parent asks on before it has its answers.
    pipelined: bool,
    /// Requests that came while others were without an answer, since it was last found to wait.
    overlaps: u32,
    /// How many of them it takes to believe that it asks on: doubled by every hold in vain, since a few tasks that each wait for their answer overlap, too.
    doubt: u32,
    /// Not written yet.
    held: usize,
    /// When the first of them has to be.
    due: Option<Instant>,
    /// Whether a request came while they were held.
    asked: bool,
}

impl ReplyBatcher {
    /// A request came; `others` are without an answer yet.
    pub(super) fn asked(&mut self, others: bool) {
        self.asked |= self.held > 0;
        if others && !self.pipelined {
            self.overlaps += 1;
            self.pipelined = self.overlaps > self.doubt;
        }
    }

    /// So many were answered. Whether they are to be written now.
    pub(super) fn answered(&mut self, count: usize, now: impl FnOnce() -> Instant) -> bool {
        if !self.pipelined {
            return true;
        }
        self.held += count;
        if self.due.is_none() {
            self.due = Some(now() + HOLD);
        }
        self.held >= BURST
    }

    /// When to write at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// All are written. A parent that asked for nothing while the first was held for its whole time has waited for it.
    pub(super) fn written(&mut self, now: impl FnOnce() -> Instant) {
        if let Some(due) = self.due.take() {
            if now() < due {
                // Taken along by other frames, or a full burst: nothing is learnt.
            } else if self.asked {
                self.doubt /= 2;
            } else {
                (self.pipelined, self.overlaps) = (false, 0);
                self.doubt = (2 * self.doubt + 1).min(MOST_DOUBT);
            }
            self.held = 0;
            self.asked = false;
        }
    }
}

#[cfg(test)]
#[path = "replies_tests.rs"]
mod tests;
