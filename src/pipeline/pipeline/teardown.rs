//! Ends of messages that do not leave through the stages, and what consumers are told of losses.

use std::time::Instant;

use super::{Pipeline, PipelineError, Report, faulted};
use crate::{Batch, Delivery, Outcome, Topic};
use pmq_protocol::wire::{Reason, Verdict};

/// Losses that consumers are to be told of, collected over one step, so that a flood which alternates topics or causes appends one record of
/// each and not one a message. Drained at the end of the step; bounded by what the step settles.
#[derive(Default)]
pub(super) struct Lost(Vec<(Topic, Reason, u64)>);

impl Lost {
    pub(super) fn add(&mut self, topic: &Topic, reason: Reason) {
        match self.0.last_mut() {
            Some((last, cause, count)) if last.index == topic.index && *cause == reason => *count += 1,
            _ => self.0.push((topic.clone(), reason, 1)),
        }
    }

    /// At most one record for each topic and cause, in the order of their numbers.
    pub(super) fn tell(&mut self, outlet: &mut dyn Delivery) {
        self.0.sort_unstable_by_key(|(topic, cause, _)| (topic.index, *cause as u8));
        for alike in self.0.chunk_by(|(left, this, _), (right, that, _)| left.index == right.index && this == that) {
            if let [(topic, cause, _), ..] = alike {
                outlet.unverified(topic, *cause, alike.iter().map(|(_, _, count)| count).sum());
            }
        }
        self.0.clear();
    }
}

impl Pipeline {
    /// Messages that found no room on the way here, and that the router was told of already.
    ///
    /// # Errors
    /// [`PipelineError`] when the log cannot keep its promise.
    pub fn missed(&mut self, topic: &Topic, reason: Reason, count: u64) -> Result<(), PipelineError> {
        self.tally.arrived(count);
        self.tally.settle_many(topic, Outcome::ignore(reason), count);
        self.delivery.unverified(topic, reason, count);
        Ok(self.delivery.commit()?)
    }

    /// Deadlines, while the stack is not ready: what they end as Ignore is reported without it, and leaves through the stages later. What else is
    /// settled waits for the stack.
    pub fn overdue(&mut self, now: Instant) {
        self.queue.expire(now, &mut self.out);
        let Self { out, late, reports, tally, lost, .. } = self;
        for settled in out.settled.extract_if(.., |settled| settled.outcome.verdict == Verdict::Ignore) {
            let report = Report { said: settled.said.clone(), ..Report::of(&settled.envelope.arrival, settled.outcome) };
            tally.settle(&report.topic, report.outcome);
            if report.outcome.reason.lost_by_us() {
                lost.add(&report.topic, report.outcome.reason);
            }
            reports.push(report);
            late.settled.push(settled);
        }
        self.lost.tell(self.delivery.as_mut());
    }

    /// The end of a pipeline whose stack is not ready any more: settles everything without it. What was accepted and could not leave is lost to `reason`.
    ///
    /// # Errors
    /// [`PipelineError`] when the log cannot keep its promise.
    pub fn close(&mut self, reason: Reason) -> Result<(), PipelineError> {
        self.queue.flush(reason, &mut self.out);
        let mut rest = std::mem::take(&mut self.out.settled);
        rest.iter_mut()
            .filter(|settled| settled.outcome.verdict != Verdict::Ignore)
            .for_each(|settled| settled.outcome = Outcome::ignore(reason));
        self.end(rest.into_iter().map(|settled| Report::of(&settled.envelope.arrival, settled.outcome)));
        Ok(self.delivery.commit()?)
    }

    /// The ends of messages that leave without the stages.
    fn end(&mut self, reports: impl IntoIterator<Item = Report>) {
        for report in reports {
            self.tally.settle(&report.topic, report.outcome);
            if report.outcome.reason.lost_by_us() {
                self.lost.add(&report.topic, report.outcome.reason);
            }
            self.reports.push(report);
        }
        self.lost.tell(self.delivery.as_mut());
    }

    /// Takes over the book of a pipeline that failed, and settles what it still held: without its stages, which are broken.
    pub fn inherit(&mut self, old: Self, mut rest: Batch) {
        self.tally = old.tally;
        self.reports = old.reports;
        self.lost = old.lost;
        rest.settled.extend(old.out.settled.into_iter().map(|settled| faulted(settled.envelope)));
        self.end(rest.settled.into_iter().map(|settled| Report::of(&settled.envelope.arrival, settled.outcome)).chain(old.lent));
    }

    /// Settles what a pipeline that failed still holds, where no other one takes over.
    pub fn settle_without_stages(&mut self, rest: Batch) {
        let held = std::mem::take(&mut self.out.settled).into_iter().map(|settled| faulted(settled.envelope));
        let reports: Vec<Report> =
            rest.settled.into_iter().chain(held).map(|settled| Report::of(&settled.envelope.arrival, settled.outcome)).collect();
        let lent = std::mem::take(&mut self.lent);
        self.end(reports.into_iter().chain(lent));
    }
}
