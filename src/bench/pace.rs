//! The clock that every process of a run shares, and a constant rate on it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime};
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;

/// Nanoseconds on the machine's monotonic clock.
pub(crate) type Nanos = u64;

/// The time now.
#[allow(clippy::cast_sign_loss, reason = "the clock counts from the machine's start")]
pub(crate) fn now() -> Nanos {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// How a constant rate is laid out in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pattern {
    /// Each message at its own moment, all intervals equal.
    Even,
    /// Each at some moment of its interval, so that no other timer of the machine keeps step with it. The same moments every time.
    Jittered,
}

/// A constant rate: the message of index `i` is due at `start + i / rate`, whatever became of those before it.
///
/// The timer is the kernel's, exact to microseconds; the runtime's own is exact to a millisecond, which would send in bursts of 20 at 20,000 a second.
#[derive(Debug)]
pub(crate) struct Pace {
    timer: AsyncFd<OwnedFd>,
    start: Nanos,
    rate: f64,
    pattern: Pattern,
    /// When the timer will expire; 0 = it is not set.
    armed: AtomicU64,
}

impl Pace {
    /// So many messages a second from `start` on.
    ///
    /// # Errors
    /// When the kernel gives no timer.
    pub(crate) fn new(start: Nanos, rate: f64) -> io::Result<Self> {
        let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        #[allow(deprecated, reason = "its successor is unsafe code: it asks for what an OwnedFd that is never exchanged gives")]
        let timer = AsyncFd::new(timer)?;
        Ok(Self { timer, start, rate, pattern: Pattern::Even, armed: AtomicU64::new(0) })
    }

    /// Lays the messages out in another way.
    #[must_use]
    pub(crate) fn with(self, pattern: Pattern) -> Self {
        Self { pattern, ..self }
    }

    /// When a message is due.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an hour at the rate fits")]
    pub(crate) fn due(&self, index: u64) -> Nanos {
        let within = if self.pattern == Pattern::Jittered { scattered(index) } else { 0.0 };
        self.start + ((index as f64 + within) * 1e9 / self.rate) as u64
    }

    /// Waits until the message is due. Returns at once, and lets nobody else run, if it is already.
    ///
    /// # Errors
    /// When the timer fails.
    pub(crate) async fn wait(&self, index: u64) -> io::Result<()> {
        let due = self.due(index);
        while now() < due {
            // Whoever waits between other things begins again and again for the same message.
            if self.armed.swap(due, Ordering::Relaxed) != due {
                let at = Duration::from_nanos(due);
                let at = Timespec { tv_sec: at.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: at.subsec_nanos().into() };
                let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: at };
                rustix::time::timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::ABSTIME, &once)?;
            }
            let mut ready = self.timer.readable().await?;
            // The count of expiries is of no use; reading it is what clears them.
            match ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0_u8; 8])?)) {
                Ok(read) => {
                    read?;
                    self.armed.store(0, Ordering::Relaxed);
                }
                Err(_not_yet) => {}
            }
        }
        Ok(())
    }
}

/// A number from 0 to below 1 for each index, without order (the finaliser of splitmix64).
#[allow(clippy::cast_precision_loss, reason = "53 bits are kept")]
fn scattered(index: u64) -> f64 {
    let mut bits = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
