//! A look at a network's outcomes while they happen, without influence on its pipeline.
//!
//! ```text
//!   driver --(only while somebody looks)--> ring of fixed records --> each tap, at its own pace
//! ```
//!
//! # Invariants
//! - While nobody looks, a step of the pipeline costs one relaxed load.
//! - A record has a fixed size and holds no payload, only the parent's short reason. Bounded: by the ring; overflow policy: the oldest record makes room, and a tap that had not
//!   seen it yet is told how many it has missed, in their place. No tap can make the driver or another tap wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::{Outcome, Peer, Report, Topic, VerdictRecord};
use pmq_protocol::wire::MessageId;

/// Outcomes of one network that a tap may fall behind, all taps of it together.
pub const TAP_RECORDS: usize = 4096;

/// One end, as a tap shows it.
#[derive(Debug, Clone)]
pub struct TapRecord {
    /// The topic.
    pub topic: Topic,
    /// How it ended.
    pub outcome: Outcome,
    /// When.
    pub ended: Instant,
    /// What ended.
    pub what: TapSubject,
}

/// What a [`TapRecord`] is about.
#[derive(Debug, Clone)]
pub enum TapSubject {
    /// One message.
    Message {
        /// The neighbour that sent it first.
        peer: Peer,
        /// Its id in the overlay.
        id: MessageId,
        /// Payload bytes.
        size: u32,
        /// When it came.
        arrived: Instant,
        /// The verdict that ended it, if one did.
        said: Option<VerdictRecord>,
    },
    /// So many messages that found no room on the way to the pipeline, and of which nothing else is known.
    Missed(u64),
}

impl TapRecord {
    /// One report.
    #[must_use]
    pub fn of(report: &Report, ended: Instant) -> Self {
        let &Report { peer, id, size, arrived, outcome, .. } = report;
        let what = TapSubject::Message { peer, id, size, arrived, said: report.said.clone() };
        Self { topic: report.topic.clone(), outcome, ended, what }
    }
}

/// Where one network's outcomes can be looked at. Clones share it.
#[derive(Debug, Clone)]
pub struct Tap(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    looking: AtomicUsize,
    /// There is a ring only while somebody looks.
    ring: Mutex<Option<broadcast::Sender<TapRecord>>>,
    bound: usize,
}

impl Shared {
    fn ring(&self) -> MutexGuard<'_, Option<broadcast::Sender<TapRecord>>> {
        // A panic while it was held cannot have left it half-changed.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Tap {
    fn default() -> Self {
        Self::new(TAP_RECORDS)
    }
}

impl Tap {
    /// A tap whose ring has room for `bound` records, at least.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self(Arc::new(Shared { looking: AtomicUsize::new(0), ring: Mutex::default(), bound: bound.max(1) }))
    }

    /// Starts to look: from now on every outcome is seen, or counted as lost.
    #[must_use]
    pub fn look(&self) -> TapSubscription {
        let mut ring = self.0.ring();
        let records = match &*ring {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, records) = broadcast::channel(self.0.bound);
                *ring = Some(sender);
                records
            }
        };
        // Counted under the lock, so that the ring that is dropped with the last look is nobody's.
        self.0.looking.fetch_add(1, Ordering::Relaxed);
        TapSubscription { records, shared: self.0.clone() }
    }

    /// Where to put records now; `None` while nobody looks.
    #[must_use]
    pub fn open(&self) -> Option<TapSender> {
        // Whoever begins to look meanwhile sees what comes next.
        if self.0.looking.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.0.ring().clone().map(TapSender)
    }
}

/// A tap that somebody looks at.
#[derive(Debug)]
pub struct TapSender(broadcast::Sender<TapRecord>);

impl TapSender {
    /// Shows a record to everybody who looks. Never waits for any of them.
    pub fn show(&self, seen: TapRecord) {
        // It fails only when the last one has just looked away.
        let _ = self.0.send(seen);
    }
}

/// Somebody who looks at a [`Tap`]; ends when dropped.
#[derive(Debug)]
pub struct TapSubscription {
    records: broadcast::Receiver<TapRecord>,
    shared: Arc<Shared>,
}

/// What there was to see.
#[derive(Debug, Clone)]
pub enum TapItem {
    /// An end.
    Record(TapRecord),
    /// So many records came and went before they were looked at.
    Lost(u64),
}

impl TapSubscription {
    /// The next record. Cancel-safe. `None` when the tap is gone.
    pub async fn next(&mut self) -> Option<TapItem> {
        match self.records.recv().await {
            Ok(seen) => Some(TapItem::Record(seen)),
            Err(RecvError::Lagged(lost)) => Some(TapItem::Lost(lost)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Drop for TapSubscription {
    fn drop(&mut self) {
        let mut ring = self.shared.ring();
        if self.shared.looking.fetch_sub(1, Ordering::Relaxed) == 1 {
            *ring = None;
        }
    }
}

#[cfg(test)]
#[path = "tap_tests.rs"]
mod tests;
