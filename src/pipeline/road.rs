//! One network's road, put together in the order of its file. Synchronous: the driver brings messages, verdicts and time.
//!
//! ```text
//!   arrive --> front (onion) --> store --offers-->
//!                 |                ^
//!                 |   settle <-----+--- verdict, expire
//!                 v      |
//!              reports <-+--> tail (onion) --> outlet --shipments-->
//! ```
//!
//! # Invariants
//! - Every arrival gets exactly one report, and the tally adds up after every call, also after one that failed.
//! - Only an Accept reaches the tail, and the log has it before the report leaves.
//! - Between two [`Road::poll_ready`] the front stack is called once at most, as tower demands: [`Road::arrive`], [`Road::settle`],
//!   [`Road::tick`], [`Road::command`] and [`Road::flush`] make one pass each.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tower::{BoxError, Layer, Service};

use super::{
    Arrival, Batch, Command, CommandError, Core, Envelope, Fault, LinkId, LogError, Order, Outcome, Outlet, Pass, Peer, Plan, Pool,
    Settled, Shipment, Stack, StageLayer, Store, Tally, Topic, Wrapped,
};
use crate::wire::{MessageId, Offer, Reason, Ticket, Verdict, VerdictRefused};

/// What the router is told of a message, once.
#[derive(Debug, Clone)]
pub struct Report {
    /// The neighbour that sent it.
    pub peer: Peer,
    /// Its id in the overlay.
    pub id: MessageId,
    /// Its topic.
    pub topic: Topic,
    /// How it ended.
    pub outcome: Outcome,
    /// When it came.
    pub arrived: Instant,
}

impl Report {
    /// The end of one arrival.
    #[must_use]
    pub fn of(arrival: &Arrival, outcome: Outcome) -> Self {
        Self { peer: arrival.peer, id: arrival.id, topic: arrival.topic.clone(), outcome, arrived: arrival.arrived }
    }
}

/// A road that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RoadError {
    /// A stage or layer failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The delivery log failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// One network's stages, queue, delivery and book.
pub struct Road {
    front: Stack,
    /// Whether a layer that may fail stands around the front.
    wrapped: bool,
    /// Copies of what such a layer has been given; it keeps the originals when it fails. Bounded by a batch.
    lent: Vec<Envelope>,
    tail: Stack,
    /// The messages whose verdict is pending.
    pub store: Box<dyn Store>,
    /// Delivery to consumers.
    pub outlet: Box<dyn Outlet>,
    pool: Pool,
    /// What verdicts, deadlines and the queue's bounds have settled since the last [`Road::settle`].
    out: Box<Batch>,
    reports: Vec<Report>,
    tally: Tally,
}

/// The end of a message that was on the road when it failed.
fn faulted(envelope: Envelope) -> Settled {
    Settled { envelope, outcome: Outcome::ignore(Reason::Fault) }
}

fn onion(stages: &[Box<dyn super::Blueprint>]) -> Stack {
    stages.iter().rev().fold(Box::new(Core) as Stack, |inner, stage| StageLayer(stage.as_ref()).layer(inner))
}

impl Road {
    /// Builds the road of a plan with empty tables. `stream` names its delivery stream: a new one at every start.
    #[must_use]
    pub fn new(plan: &Plan, stream: u64) -> Self {
        let mut pool = Pool::new(4);
        let out = pool.take();
        Self {
            front: onion(&plan.front),
            wrapped: false,
            lent: Vec::new(),
            tail: onion(&plan.tail),
            store: plan.store.build(),
            outlet: plan.outlet.build(stream),
            pool,
            out,
            reports: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Wraps the stages in front of the queue in any tower layer whose `call` does not wait (rate limits and the like wait in
    /// `poll_ready`, which is where the road lets them).
    #[must_use]
    pub fn wrap<L>(mut self, layer: &L) -> Self
    where
        L: Layer<Stack>,
        L::Service: Service<Pass, Response = Pass> + Send + 'static,
        <L::Service as Service<Pass>>::Error: Into<BoxError>,
        <L::Service as Service<Pass>>::Future: Send,
    {
        self.front = Box::new(Wrapped(layer.layer(self.front)));
        self.wrapped = true;
        self
    }

    /// Whether the stacks take a pass now. To be awaited before every other call that can fail.
    ///
    /// # Errors
    /// [`Fault`] when a layer has failed for good.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        if self.front.poll_ready(cx)?.is_pending() {
            return Poll::Pending;
        }
        self.tail.poll_ready(cx)
    }

    /// One pass of messages through the stages in front of the queue.
    fn front(&mut self, batch: Box<Batch>, pass: fn(Box<Batch>, Instant) -> Pass, now: Instant) -> Result<Box<Batch>, Fault> {
        if self.wrapped {
            self.lent.extend(batch.settled.iter().map(|settled| &settled.envelope).chain(&batch.live).cloned());
        }
        let pass = pass(batch, now);
        let (kind, count) = (std::mem::discriminant(&pass), self.lent.len());
        let answer = match self.front.call(pass).into_inner() {
            Ok(pass) if std::mem::discriminant(&pass) != kind => Err(Fault::Swapped),
            Ok(Pass::Inward(batch, _) | Pass::Outward(batch, _)) if self.wrapped && batch.live.len() + batch.settled.len() != count => {
                Err(Fault::Kept)
            }
            Ok(Pass::Inward(batch, _) | Pass::Outward(batch, _)) => Ok(batch),
            Ok(Pass::Tick(_) | Pass::Command(..)) => Err(Fault::Swapped),
            Err(fault) => Err(fault),
        };
        let lent = self.lent.drain(..);
        if answer.is_err() {
            self.out.settled.extend(lent.map(faulted));
        }
        answer
    }

    /// Messages from the overlay. Drains `arrivals`. What the queue refuses takes effect at the next [`Road::settle`].
    ///
    /// # Errors
    /// [`RoadError`] when the road cannot go on.
    pub fn arrive(&mut self, arrivals: &mut Vec<Arrival>, now: Instant) -> Result<(), RoadError> {
        self.tally.arrived(arrivals.len() as u64);
        let mut batch = self.pool.take();
        batch.live.extend(arrivals.drain(..).map(|arrival| Envelope { arrival, header: None }));
        let mut batch = self.front(batch, Pass::Inward, now)?;
        if let Err(error) = self.finish(&mut batch, now) {
            self.out.settled.extend(batch.live.drain(..).map(faulted));
            return Err(error);
        }
        self.store.admit(&mut batch, now);
        // Refused by the queue: these have passed the stages and leave through them.
        self.out.settled.append(&mut batch.settled);
        self.pool.give(batch);
        Ok(())
    }

    /// A verdict; takes effect at the next [`Road::settle`]. Answers the time since the message was offered.
    ///
    /// # Errors
    /// [`VerdictRefused`] when it changes nothing.
    pub fn verdict(&mut self, link: LinkId, ticket: Ticket, verdict: Verdict, now: Instant) -> Result<Duration, VerdictRefused> {
        self.store.verdict(link, ticket, verdict, now, &mut self.out)
    }

    /// Whether there is anything for [`Road::settle`] to do.
    #[must_use]
    pub fn unsettled(&self) -> bool {
        !self.out.settled.is_empty()
    }

    /// Lets what verdicts, deadlines and the queue's bounds have settled leave through the stages.
    ///
    /// # Errors
    /// [`RoadError`] when the road cannot go on.
    pub fn settle(&mut self, now: Instant) -> Result<(), RoadError> {
        if self.out.settled.is_empty() {
            return Ok(());
        }
        let fresh = self.pool.take();
        let batch = std::mem::replace(&mut self.out, fresh);
        let mut batch = self.front(batch, Pass::Outward, now)?;
        self.finish(&mut batch, now)?;
        self.pool.give(batch);
        Ok(())
    }

    /// Books outcomes, reports them, and sends accepted messages down the tail.
    fn finish(&mut self, batch: &mut Batch, now: Instant) -> Result<(), RoadError> {
        let mut accepted = self.pool.take();
        let mark = self.reports.len();
        for Settled { envelope, outcome } in batch.settled.drain(..) {
            let arrival = &envelope.arrival;
            // Promises 1.2 holds whatever a stage of the library's user says.
            let outcome = if outcome.verdict == Verdict::Reject { Outcome::reject(outcome.reason) } else { outcome };
            self.reports.push(Report::of(arrival, outcome));
            if outcome.verdict == Verdict::Accept {
                accepted.live.push(envelope);
            } else if outcome.reason.lost_by_us() {
                self.outlet.unverified(&arrival.topic, outcome.reason, 1);
            }
        }
        let kept = self.tail(accepted, now);
        for report in self.reports.iter_mut().skip(mark) {
            // What the log could not keep is not accepted.
            if kept.is_err() && report.outcome.verdict == Verdict::Accept {
                report.outcome = Outcome::ignore(Reason::Fault);
            }
            self.tally.settle(&report.topic, report.outcome);
        }
        kept
    }

    fn tail(&mut self, accepted: Box<Batch>, now: Instant) -> Result<(), RoadError> {
        let mut batch = accepted;
        if !batch.live.is_empty() {
            let Pass::Inward(passed, _) = self.tail.call(Pass::Inward(batch, now)).into_inner()? else {
                return Err(Fault::Swapped.into());
            };
            batch = passed;
            for envelope in batch.live.drain(..) {
                self.outlet.deliver(&envelope);
            }
            // A stage behind the queue may keep an accepted message from our consumers; its outcome stands.
            batch.settled.clear();
        }
        self.pool.give(batch);
        Ok(self.outlet.commit()?)
    }

    /// A message that our own parent has published: it enters at the tail, without a verifier.
    ///
    /// # Errors
    /// [`RoadError`] when the road cannot go on.
    pub fn own(&mut self, arrival: Arrival, now: Instant) -> Result<(), RoadError> {
        let mut batch = self.pool.take();
        batch.live.push(Envelope { arrival, header: None });
        self.tail(batch, now)
    }

    /// Time: deadlines, and the stages' own upkeep. What has expired takes effect at the next [`Road::settle`].
    ///
    /// # Errors
    /// [`RoadError`] when the road cannot go on.
    pub fn tick(&mut self, now: Instant) -> Result<(), RoadError> {
        self.front.call(Pass::Tick(now)).into_inner()?;
        self.tail.call(Pass::Tick(now)).into_inner()?;
        self.store.expire(now, &mut self.out);
        Ok(())
    }

    /// An order to whichever stage it concerns.
    ///
    /// # Errors
    /// The outer error when the road cannot go on, the inner one when the order was refused.
    pub fn command(&mut self, order: Order, now: Instant) -> Result<Result<(), CommandError>, RoadError> {
        let mut command = Box::new(Command::new(order));
        for stack in [&mut self.front, &mut self.tail] {
            let Pass::Command(passed, _) = stack.call(Pass::Command(command, now)).into_inner()? else {
                return Err(Fault::Swapped.into());
            };
            command = passed;
        }
        Ok(command.answer.unwrap_or(Err(CommandError::NoStage)))
    }

    /// Settles everything that is pending for one reason of our own.
    ///
    /// # Errors
    /// [`RoadError`] when the road cannot go on.
    pub fn flush(&mut self, reason: Reason, now: Instant) -> Result<(), RoadError> {
        self.store.flush(reason, &mut self.out);
        self.settle(now)
    }

    /// Takes over the book of a road that failed, and settles what it still held: without its stages, which are broken.
    pub(super) fn inherit(&mut self, old: Self, mut rest: Batch) {
        self.tally = old.tally;
        self.reports = old.reports;
        rest.settled.extend(old.out.settled.into_iter().map(|settled| faulted(settled.envelope)));
        for Settled { envelope: Envelope { arrival, .. }, outcome } in rest.settled {
            self.tally.settle(&arrival.topic, outcome);
            self.outlet.unverified(&arrival.topic, outcome.reason, 1);
            self.reports.push(Report::of(&arrival, outcome));
        }
    }

    /// What the router is to be told; drain it before the shipments are sent.
    pub fn reports(&mut self) -> &mut Vec<Report> {
        &mut self.reports
    }

    /// Messages for the verifiers, as their credit allows.
    pub fn hand_out(&mut self, now: Instant, out: &mut Vec<(LinkId, Offer)>) {
        self.store.hand_out(now, out);
    }

    /// Records for the consumers, as their credit allows.
    pub fn pump(&mut self, out: &mut Vec<Shipment>, cut: &mut Vec<LinkId>) {
        self.outlet.pump(out, cut);
    }

    /// The book of outcomes.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Messages that have come in and have no outcome yet.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        (self.store.len() + self.out.settled.len()) as u64
    }
}

#[cfg(test)]
mod tests;
