//! What is on its way, what came back, and when.

use std::time::Duration;

use anyhow::Context;

use super::cell::{Cell, Drive, Figures};
use crate::{Latency, Nanos, cpu_time, now};
use pmq_pipeline::{End, Tickets};
use pmq_protocol::wire::{Outstanding, Ticket, Window};

/// Offers a second when idle: enough for a histogram, and every core has gone to sleep in between.
pub(super) const IDLE: f64 = 200.0;

/// One measurement that runs. Whatever was handed out is waited for at the end, so nothing that is slow escapes the histogram. Its owner hands out what [`Load::offer`] allows, and says what came back.
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
    phase: Phase,
    /// CPU time of the processes at the ends of the span.
    used: (Vec<Duration>, Vec<Duration>),
    /// Verdicts within the span.
    count: u64,
    latency: Latency,
}

/// Where a measurement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is recorded yet.
    Warm,
    Measured,
    /// The time is up: nothing more is handed out, and what is on its way is waited for.
    Last,
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
            processes,
            phase: Phase::Warm,
            used: (Vec::new(), Vec::new()),
            count: 0,
            latency: Latency::default(),
        };
        Ok(load)
    }

    /// Whether it is over: the time is up, and everything has come back. Call it once a turn, and no more once it is.
    ///
    /// # Errors
    /// When a process has ended.
    pub(super) fn over(&mut self, at: Nanos) -> anyhow::Result<bool> {
        self.look(at)?;
        Ok(self.phase == Phase::Last && self.tickets.is_empty())
    }

    /// The span begins and ends with the first look at or behind its borders.
    fn look(&mut self, at: Nanos) -> anyhow::Result<()> {
        if self.phase == Phase::Warm && at >= self.span.0 {
            self.used.0 = used(&self.processes)?;
            self.span = (at, at + nanos(self.cell.measured));
            self.phase = Phase::Measured;
        }
        // Not without a verdict to divide by.
        if self.phase == Phase::Measured && at >= self.span.1 && self.count > 0 {
            self.used.1 = used(&self.processes)?;
            self.span.1 = at;
            self.phase = Phase::Last;
        }
        Ok(())
    }

    /// The next message's ticket, if one is to be handed out now.
    pub(super) fn offer(&mut self, at: Nanos) -> Option<Ticket> {
        if self.phase == Phase::Last || at < self.due || !self.taken.take(self.window, self.cell.size) {
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

    /// Whether nothing more is handed out.
    pub(super) fn is_last(&self) -> bool {
        self.phase == Phase::Last
    }

    /// A message that was handed out was not sent after all.
    pub(super) fn take_back(&mut self, ticket: Ticket) {
        if self.tickets.remove(ticket, End::Verdict).is_some() {
            self.taken.release(1, self.cell.size as u64);
        }
    }

    /// When the next message is due, if not at once.
    pub(super) fn due(&self) -> Option<Nanos> {
        (self.cell.drive == Drive::Idle && self.phase != Phase::Last).then_some(self.due)
    }

    /// A verdict has come.
    ///
    /// # Errors
    /// When nobody was asked for it, or a process has ended.
    pub(super) fn verdict(&mut self, ticket: Ticket, at: Nanos) -> anyhow::Result<()> {
        let sent = self.tickets.remove(ticket, End::Verdict).context("a verdict has come for what was not offered")?;
        self.taken.release(1, self.cell.size as u64);
        self.look(at)?;
        if self.phase != Phase::Warm {
            self.count += u64::from(self.phase == Phase::Measured);
            self.latency.record(Duration::from_nanos(at.saturating_sub(sent)));
        }
        Ok(())
    }

    /// What has been measured.
    pub(super) fn figures(self) -> Figures {
        let count = self.count;
        #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
        let per_verdict = |time: f64| time / count.max(1) as f64;
        // A thread that has ended takes its books with it; none does within a span (see `raw::measure`).
        let spent = |(before, after): (&Duration, &Duration)| per_verdict(after.saturating_sub(*before).as_secs_f64() * 1e6);
        let cpu = self.used.0.iter().zip(&self.used.1).map(spent);
        #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
        let verdicts_per_s = count as f64 / Duration::from_nanos(self.span.1 - self.span.0).as_secs_f64();
        Figures { verdicts_per_s, cpu_us: cpu.collect(), latency: self.latency }
    }
}

fn used(processes: &[u32]) -> anyhow::Result<Vec<Duration>> {
    processes.iter().map(|pid| cpu_time(*pid).with_context(|| format!("cannot tell what process {pid} uses"))).collect()
}

fn nanos(time: Duration) -> Nanos {
    Nanos::try_from(time.as_nanos()).unwrap_or(Nanos::MAX)
}
