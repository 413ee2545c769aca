//! Batches and the pool that they are borrowed from.

use std::cell::Cell;

use super::{Envelope, Outcome, Settled};

/// Most messages in one batch.
pub const BATCH_MESSAGES: usize = 64;

/// Messages that travel together: those still on the pipeline and those whose end is known.
#[derive(Debug, Default)]
pub struct Batch {
    /// Still on the pipeline, in order of arrival.
    pub live: Vec<Envelope>,
    /// Settled, in order of settlement.
    pub settled: Vec<Settled>,
}

impl Batch {
    /// Settles every live message for which `judge` names an outcome; the order of the others is kept.
    pub fn settle_where(&mut self, mut judge: impl FnMut(&mut Envelope) -> Option<Outcome>) {
        let verdict = Cell::new(None);
        let leaving = self.live.extract_if(.., |envelope| {
            verdict.set(judge(envelope));
            verdict.get().is_some()
        });
        // `extract_if` yields an envelope right after its judgement, so the cell holds that envelope's outcome.
        self.settled.extend(leaving.filter_map(|envelope| Some(Settled::new(envelope, verdict.get()?))));
    }

    /// Whether nothing is left in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.settled.is_empty()
    }
}

/// Spare batches, boxed as they travel: a [`Pass`](super::Pass) is moved at every layer and stays small. Bounded: a batch that comes home to a full pool is freed.
#[derive(Debug)]
#[allow(clippy::vec_box, reason = "a batch keeps its box for life, so that borrowing one allocates nothing")]
pub struct Pool {
    spare: Vec<Box<Batch>>,
    bound: usize,
}

impl Pool {
    /// A pool that keeps at most `bound` spare batches.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { spare: Vec::with_capacity(bound), bound }
    }

    /// An empty batch with its buffers from earlier use.
    pub fn take(&mut self) -> Box<Batch> {
        self.spare
            .pop()
            .unwrap_or_else(|| Box::new(Batch { live: Vec::with_capacity(BATCH_MESSAGES), settled: Vec::with_capacity(BATCH_MESSAGES) }))
    }

    /// Takes a batch home. Whatever is left in it is dropped, so drain it first.
    pub fn give(&mut self, mut batch: Box<Batch>) {
        debug_assert!(batch.is_empty(), "a batch came home with messages in it");
        batch.live.clear();
        batch.settled.clear();
        if self.spare.len() < self.bound {
            self.spare.push(batch);
        }
    }
}
