//! Pauses between attempts to connect.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// Doubling pauses, each shortened by up to a half at random, so that parents of a restarted agent do not come all at once.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// A link was good.
    pub(super) fn reset(&mut self) {
        self.0 = FIRST;
    }

    /// The next pause; `share` is drawn from 0..1.
    pub(super) fn pause(&mut self, share: f64) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST);
        pause.mul_f64(1.0 - share.clamp(0.0, 1.0) / 2.0)
    }
}
