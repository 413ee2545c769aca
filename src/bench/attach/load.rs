//! What is on its way, what came back, and when.

use std::time::Duration;

use anyhow::Context;

use super::cell::{Cell, Drive, Figures};
use crate::bench::{Latency, Nanos, Usage, now, usage};
use crate::pipeline::{End, Tickets};
use crate::wire::{Outstanding, Ticket, Window};

/// Offers a second when idle: enough for a histogram, and every core has gone to sleep in between.
pub(super) const IDLE: f64 = 200.0;

/// One measurement that runs. Its owner hands out what [`Load::offer`] allows, and says what came back.
#[derive(Debug)]
pub(super) struct Load {
    cell: Cell,
    window: Window,
    taken: Outstanding,
    /// When each message was handed out, or due. Bounded by the window.
    tickets: Tickets<Nanos>,
    /// When the next one is due; 0 = as soon as there is credit.
    due: Nanos,
    /// The ends of the warm-up, and of it all.
    span: (Nanos, Nanos),
    processes: Vec<u32>,
    before: Vec<Usage>,
    after: Vec<Usage>,
    latency: Latency,
}

impl Load {
    /// Begins now. `processes` are those whose CPU time is told: the agent's, and the parent's if it has one.
    ///
    /// # Errors
    /// When a process has ended.
    pub(super) fn begin(cell: Cell, window: Window, processes: Vec<u32>) -> anyhow::Result<Self> {
        let start = now() + nanos(cell.warm);
        let load = Self {
            cell,
            window,
            taken: Outstanding::default(),
            tickets: Tickets::new(window.messages),
            due: 0,
            span: (start, start + nanos(cell.measured)),
            before: used(&processes)?,
            processes,
            after: Vec::new(),
            latency: Latency::default(),
        };
        Ok(load)
    }

    /// Whether it is over: the time is up, and something has come back. Call it once a turn, and no more once it is.
    ///
    /// # Errors
    /// When a process has ended.
    pub(super) fn over(&mut self, at: Nanos) -> anyhow::Result<bool> {
        if at < self.span.0 {
            return Ok(false);
        }
        if self.latency.count() == 0 {
            self.before = used(&self.processes)?;
            return Ok(false);
        }
        if at >= self.span.1 {
            self.span.1 = at;
            self.after = used(&self.processes)?;
        }
        Ok(at >= self.span.1)
    }

    /// The next message's ticket, if one is to be handed out now.
    pub(super) fn offer(&mut self, at: Nanos) -> Option<Ticket> {
        if at < self.due || !self.taken.take(self.window, self.cell.size) {
            return None;
        }
        let mut sent = at;
        if self.cell.drive == Drive::Idle {
            // From when it was due, however late this end is by itself.
            sent = if self.due > 0 { self.due } else { at };
            // Somewhere within half an interval around the next beat, so that no other timer keeps step with it.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few milliseconds in nanoseconds")]
            let pause = (1e9 / IDLE * rand::random_range(0.5..1.5)) as Nanos;
            self.due = sent + pause;
        }
        self.tickets.insert(sent).ok()
    }

    /// When the next message is due, if not at once.
    pub(super) fn due(&self) -> Option<Nanos> {
        (self.cell.drive == Drive::Idle).then_some(self.due)
    }

    /// A verdict has come.
    ///
    /// # Errors
    /// When nobody was asked for it.
    pub(super) fn verdict(&mut self, ticket: Ticket, at: Nanos) -> anyhow::Result<()> {
        let sent = self.tickets.remove(ticket, End::Verdict).context("a verdict has come for what was not offered")?;
        self.taken.release(1, self.cell.size as u64);
        if at >= self.span.0 {
            self.latency.record(Duration::from_nanos(at.saturating_sub(sent)));
        }
        Ok(())
    }

    /// What has been measured.
    pub(super) fn figures(self) -> Figures {
        let count = self.latency.count();
        #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
        let per_verdict = |time: f64| time / count.max(1) as f64;
        // A thread that has ended takes its books with it; none does while this runs, unless somebody else starts threads here.
        let spent = |(before, after): (&Usage, &Usage)| per_verdict(after.cpu.saturating_sub(before.cpu).as_secs_f64() * 1e6);
        let cpu = self.before.iter().zip(&self.after).map(spent);
        #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
        let verdicts_per_s = count as f64 / Duration::from_nanos(self.span.1 - self.span.0).as_secs_f64();
        Figures { verdicts_per_s, cpu_us: cpu.collect(), latency: self.latency }
    }
}

fn used(processes: &[u32]) -> anyhow::Result<Vec<Usage>> {
    processes.iter().map(|pid| usage(*pid).with_context(|| format!("cannot tell what process {pid} uses"))).collect()
}

fn nanos(time: Duration) -> Nanos {
    Nanos::try_from(time.as_nanos()).unwrap_or(Nanos::MAX)
}
