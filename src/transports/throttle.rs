//! How fast links are accepted: a rate, and a pause when the machine is out of resources.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A virtual-scheduling rate limiter (GCRA) with a burst of one second's worth, and an exponential pause on top.
#[derive(Debug)]
pub(super) struct Throttle {
    /// Time that one accepted link costs.
    cost: Duration,
    /// When everything accepted so far is paid for.
    paid: Instant,
    /// No attempt before.
    resume: Instant,
    pause: Duration,
}

impl Throttle {
    /// `rate` links a second; 0 is taken for 1.
    pub(super) fn new(rate: u32, now: Instant) -> Self {
        Self { cost: Duration::from_secs(1) / rate.max(1), paid: now, resume: now, pause: FIRST_PAUSE }
    }

    /// How long the next attempt has to wait.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let burst = Duration::from_secs(1).saturating_sub(self.cost);
        let rate = self.paid.saturating_duration_since(now).saturating_sub(burst);
        rate.max(self.resume.saturating_duration_since(now))
    }

    /// A link was accepted.
    pub(super) fn accepted(&mut self, now: Instant) {
        self.paid = self.paid.max(now) + self.cost;
        self.pause = FIRST_PAUSE;
    }

    /// Accepting failed for want of resources. Answers whether this is the first time since a success.
    pub(super) fn back_off(&mut self, now: Instant) -> bool {
        let first = self.pause == FIRST_PAUSE;
        self.resume = now + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        first
    }
}

/// Once a second at most: for log lines that strangers cause.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Whether it may happen now.
    pub(super) fn may(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let may = last.is_none_or(|last| now.saturating_duration_since(last) >= Duration::from_secs(1));
        if may {
            *last = Some(now);
        }
        may
    }
}
