//! The end of the line: counts what arrives, and records how late.

use std::time::Duration;

use super::message::Mark;
use super::orders::{Got, Said, Watch, say};
use crate::Nanos;

/// Books of one step at a time.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    watch: Option<Watch>,
    /// A bit for each message of the step: nothing is counted twice.
    seen: Vec<u64>,
    highest: u64,
    got: Got,
}

impl Sink {
    /// Begins a step, and says so; what belongs to an earlier one is no longer counted.
    ///
    /// # Errors
    /// When nobody reads it.
    pub(crate) fn watch(&mut self, watch: Watch) -> anyhow::Result<()> {
        self.begin(watch);
        say(&Said::Watching(watch.run))
    }

    pub(super) fn begin(&mut self, watch: Watch) {
        let words = usize::try_from(watch.count.div_ceil(64)).unwrap_or(usize::MAX);
        self.seen.clear();
        self.seen.resize(words, 0);
        self.highest = 0;
        self.got = Got { run: watch.run, ..Got::default() };
        self.watch = Some(watch);
    }

    /// A message has arrived. True for the last one that was missing.
    pub(crate) fn arrived(&mut self, payload: &[u8], now: Nanos) -> bool {
        let Some((mark, watch)) = self.of_step(payload) else { return false };
        let Some(word) = usize::try_from(mark.index / 64).ok().and_then(|at| self.seen.get_mut(at)) else { return false };
        let bit = 1 << (mark.index % 64);
        if *word & bit != 0 {
            return false;
        }
        *word |= bit;
        self.got.count += 1;
        let took = now.saturating_sub(mark.due);
        if mark.index >= self.highest {
            (self.highest, self.got.late) = (mark.index, took);
        }
        if mark.index >= watch.warm {
            self.got.latency.record(Duration::from_nanos(took));
        }
        self.got.count == watch.count
    }

    /// The parent was asked for a message's verdict.
    pub(crate) fn asked(&mut self, payload: &[u8], now: Nanos) {
        if let Some((mark, watch)) = self.of_step(payload)
            && mark.index >= watch.warm
        {
            self.got.asked.record(Duration::from_nanos(now.saturating_sub(mark.due)));
        }
    }

    /// What is there so far.
    pub(crate) fn got(&self) -> Box<Got> {
        Box::new(self.got.clone())
    }

    fn of_step(&self, payload: &[u8]) -> Option<(Mark, Watch)> {
        let (mark, watch) = (Mark::read(payload)?, self.watch?);
        (mark.run == watch.run && mark.index < watch.count).then_some((mark, watch))
    }
}
