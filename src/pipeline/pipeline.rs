//! One network's pipeline, put together in the order of its file. Synchronous: the driver brings messages, verdicts and time.
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
//! - Every arrival gets exactly one report (what finds no room on the way here has it from the router already), and the tally adds up after every call, also after one that failed.
//! - Only an Accept reaches the tail, and the log has it before the report leaves.
//! - Between two [`Pipeline::poll_ready`] the front stack is called once at most, as tower demands: [`Pipeline::arrive`], [`Pipeline::settle`],
//!   [`Pipeline::own`], [`Pipeline::tick`] and [`Pipeline::command`] make one pass each.
//! - A stack that is not ready holds up nobody's deadline: [`Pipeline::overdue`] reports what has expired, [`Pipeline::close`] all that is left.

mod teardown;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};
use std::time::Instant;

use tower::{BoxError, Layer, Service};

use self::teardown::Lost;
use super::{
    Arrival, Batch, Command, CommandError, Core, Delivery, Envelope, Fault, LinkId, LogError, Order, Outcome, Pass, Peer, PendingQueue,
    Plan, Pool, Settled, Shipment, Stack, StageLayer, Tally, Topic, VerdictEffect, VerdictRecord, Wrapped,
};
use pmq_protocol::wire::{MessageId, Offer, Reason, Ticket, Verdict, VerdictRefused};

/// What the router is told of a message, once.
#[derive(Debug, Clone)]
pub struct Report {
    /// The neighbour that sent it.
    pub peer: Peer,
    /// Its id in the overlay.
    pub id: MessageId,
    /// Its topic.
    pub topic: Topic,
    /// Payload bytes.
    pub size: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// When it came.
    pub arrived: Instant,
    /// The verdict that ended it, with the parent's reason and the time it took; `None` where no verdict did.
    pub said: Option<VerdictRecord>,
}

impl Report {
    /// The end of one arrival.
    #[must_use]
    pub fn of(arrival: &Arrival, outcome: Outcome) -> Self {
        // A payload fits a frame, whose prefix counts in 32 bits.
        let size = arrival.payload.len() as u32;
        Self { peer: arrival.peer, id: arrival.id, topic: arrival.topic.clone(), size, outcome, arrived: arrival.arrived, said: None }
    }
}

/// A pipeline that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A stage or layer failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The delivery log failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// One network's stages, queue, delivery and book.
pub struct Pipeline {
    front: Stack,
    /// The ends of the messages that the front has been given, should it keep them: by a panic, a failure or a mistake. Bounded by a batch.
    lent: Vec<Report>,
    /// Expired and reported while the stack was not ready: these have yet to leave through the stages, which give back what they took. Bounded by the
    /// queue, since nothing enters meanwhile.
    late: Box<Batch>,
    tail: Stack,
    /// The messages whose verdict is pending.
    pub queue: Box<dyn PendingQueue>,
    /// Delivery to consumers.
    pub delivery: Box<dyn Delivery>,
    pool: Pool,
    /// What verdicts, deadlines and the queue's bounds have settled since the last [`Pipeline::settle`].
    out: Box<Batch>,
    reports: Vec<Report>,
    tally: Tally,
    lost: Lost,
}

/// The end of a message that was on the pipeline when it failed.
fn faulted(envelope: Envelope) -> Settled {
    Settled::new(envelope, Outcome::ignore(Reason::Fault))
}

/// One pass through a stack. What it panics with is a fault: the stack is not called again, and what it was given is known to the pipeline.
fn through(stack: &mut Stack, pass: Pass) -> Result<Pass, Fault> {
    let passed = catch_unwind(AssertUnwindSafe(|| stack.call(pass).into_inner()));
    passed.unwrap_or_else(|payload| Err(Fault::panicked(payload.as_ref())))
}

/// The end of a message that a stage, the queue or delivery has been given, should it never come back.
fn lent(envelope: &Envelope) -> Report {
    Report::of(&envelope.arrival, Outcome::ignore(Reason::Fault))
}

fn onion(stages: &[Box<dyn super::Blueprint>]) -> Stack {
    stages.iter().rev().fold(Box::new(Core) as Stack, |inner, stage| StageLayer(stage.as_ref()).layer(inner))
}

impl Pipeline {
    /// Builds the pipeline of a plan with empty tables. `stream` names its delivery stream: a new one at every start.
    #[must_use]
    pub fn new(plan: &Plan, stream: u64) -> Self {
        let mut pool = Pool::new(4);
        let (out, late) = (pool.take(), pool.take());
        Self {
            front: onion(&plan.front),
            lent: Vec::new(),
            late,
            tail: onion(&plan.tail),
            queue: plan.queue.build(),
            delivery: plan.delivery.build(stream),
            pool,
            out,
            reports: Vec::new(),
            tally: Tally::default(),
            lost: Lost::default(),
        }
    }

    /// Wraps the stages in front of the queue in any tower layer whose `call` does not wait (rate limits and the like wait in
    /// `poll_ready`, which is where the pipeline lets them).
    #[must_use]
    pub fn wrap<L>(mut self, layer: &L) -> Self
    where
        L: Layer<Stack>,
        L::Service: Service<Pass, Response = Pass> + Send + 'static,
        <L::Service as Service<Pass>>::Error: Into<BoxError>,
        <L::Service as Service<Pass>>::Future: Send,
    {
        self.front = Box::new(Wrapped(layer.layer(self.front)));
        self
    }

    /// Whether the stacks take a pass now. To be awaited before every other call that can fail.
    ///
    /// # Errors
    /// [`Fault`] when a layer has failed for good.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        // A layer that panics leaves nothing of the pipeline's own half done.
        let ready = catch_unwind(AssertUnwindSafe(|| match self.front.poll_ready(cx) {
            Poll::Ready(Ok(())) => self.tail.poll_ready(cx),
            other => other,
        }));
        ready.unwrap_or_else(|payload| Poll::Ready(Err(Fault::panicked(payload.as_ref()))))
    }

    /// One pass of messages through the stages in front of the queue.
    fn front(&mut self, batch: Box<Batch>, pass: fn(Box<Batch>, Instant) -> Pass, now: Instant) -> Result<Box<Batch>, Fault> {
        self.lent.clear();
        self.lent.extend(batch.settled.iter().map(|settled| &settled.envelope).chain(&batch.live).map(lent));
        let pass = pass(batch, now);
        let kind = std::mem::discriminant(&pass);
        let batch = match through(&mut self.front, pass)? {
            passed if std::mem::discriminant(&passed) != kind => return Err(Fault::Swapped),
            Pass::Inward(batch, _) | Pass::Outward(batch, _) | Pass::Own(batch, _) => batch,
            Pass::Tick(_) | Pass::Command(..) => return Err(Fault::Swapped),
        };
        if batch.live.len() + batch.settled.len() != self.lent.len() {
            return Err(Fault::Kept);
        }
        Ok(batch)
    }

    /// Messages from the overlay. Drains `arrivals`. What the queue refuses takes effect at the next [`Pipeline::settle`].
    ///
    /// # Errors
    /// [`PipelineError`] when the pipeline cannot go on.
    pub fn arrive(&mut self, arrivals: &mut Vec<Arrival>, now: Instant) -> Result<(), PipelineError> {
        self.tally.arrived(arrivals.len() as u64);
        let mut batch = self.pool.take();
        batch.live.extend(arrivals.drain(..).map(|arrival| Envelope { arrival, header: None }));
        let mut batch = self.front(batch, Pass::Inward, now)?;
        if !batch.settled.is_empty() {
            self.lent.clear();
            self.lent.extend(batch.live.iter().map(lent));
        }
        self.finish(&mut batch, now)?;
        self.queue.admit(&mut batch, now);
        self.lent.clear();
        // Refused by the queue: these have passed the stages and leave through them.
        self.out.settled.append(&mut batch.settled);
        self.pool.give(batch);
        Ok(())
    }

    /// A verdict; takes effect at the next [`Pipeline::settle`].
    ///
    /// # Errors
    /// [`VerdictRefused`] when it changes nothing.
    pub fn verdict(
        &mut self,
        link: LinkId,
        ticket: Ticket,
        said: impl Into<VerdictRecord>,
        now: Instant,
    ) -> Result<VerdictEffect, VerdictRefused> {
        self.queue.verdict(link, ticket, said.into(), now, &mut self.out)
    }

    /// Whether there is anything for [`Pipeline::settle`] to do.
    #[must_use]
    pub fn unsettled(&self) -> bool {
        !self.out.settled.is_empty() || !self.late.settled.is_empty()
    }

    /// Lets what verdicts, deadlines and the queue's bounds have settled leave through the stages. One pass; to be repeated while [`Pipeline::unsettled`].
    ///
    /// # Errors
    /// [`PipelineError`] when the pipeline cannot go on.
    pub fn settle(&mut self, now: Instant) -> Result<(), PipelineError> {
        if !self.unsettled() {
            return Ok(());
        }
        let fresh = self.pool.take();
        if !self.late.settled.is_empty() {
            let late = std::mem::replace(&mut self.late, fresh);
            let late = self.front(late, Pass::Outward, now);
            // Reported already: nothing is left to be settled, whatever becomes of the pass.
            self.lent.clear();
            let mut late = late?;
            late.settled.clear();
            late.live.clear();
            self.pool.give(late);
            return Ok(());
        }
        let batch = std::mem::replace(&mut self.out, fresh);
        let mut batch = self.front(batch, Pass::Outward, now)?;
        if !batch.live.is_empty() {
            return Err(Fault::Kept.into());
        }
        self.lent.clear();
        self.finish(&mut batch, now)?;
        self.pool.give(batch);
        Ok(())
    }

    /// Books outcomes, reports them, and sends accepted messages down the tail. Consumers get the records of a batch in this order: what was
    /// accepted, in order of release, then one record for each topic and cause of what was lost.
    fn finish(&mut self, batch: &mut Batch, now: Instant) -> Result<(), PipelineError> {
        let mut accepted = self.pool.take();
        let mark = self.reports.len();
        for Settled { envelope, outcome, said } in batch.settled.drain(..) {
            let arrival = &envelope.arrival;
            // Promises 1.2 holds whatever a stage of the library's user says.
            let outcome = if outcome.verdict == Verdict::Reject { Outcome::reject(outcome.reason) } else { outcome };
            self.reports.push(Report { said, ..Report::of(arrival, outcome) });
            if outcome.verdict == Verdict::Accept {
                accepted.live.push(envelope);
            } else if outcome.reason.lost_by_us() {
                self.lost.add(&arrival.topic, outcome.reason);
            }
        }
        let kept = self.tail(accepted, now);
        for report in self.reports.iter_mut().skip(mark) {
            // What the log could not keep is not accepted.
            if kept.is_err() && report.outcome.verdict == Verdict::Accept {
                report.outcome = Outcome::ignore(Reason::Fault);
                self.lost.add(&report.topic, Reason::Fault);
            }
            self.tally.settle(&report.topic, report.outcome);
        }
        kept
    }

    /// Accepted messages to the consumers' log. What panics here is a fault, so that [`Self::finish`] takes the outcomes back.
    fn tail(&mut self, accepted: Box<Batch>, now: Instant) -> Result<(), PipelineError> {
        let kept = catch_unwind(AssertUnwindSafe(|| self.deliver(accepted, now)));
        kept.unwrap_or_else(|payload| Err(Fault::panicked(payload.as_ref()).into()))
    }

    fn deliver(&mut self, accepted: Box<Batch>, now: Instant) -> Result<(), PipelineError> {
        let mut batch = accepted;
        if !batch.live.is_empty() {
            let Pass::Inward(passed, _) = through(&mut self.tail, Pass::Inward(batch, now))? else {
                return Err(Fault::Swapped.into());
            };
            batch = passed;
            for envelope in batch.live.drain(..) {
                self.delivery.deliver(&envelope);
            }
            // A stage behind the queue may keep an accepted message from our consumers; its outcome stands.
            batch.settled.clear();
        }
        self.pool.give(batch);
        self.lost.tell(self.delivery.as_mut());
        Ok(self.delivery.commit()?)
    }

    /// A message that our own parent has published: the stages in front of the queue mark it, nobody verifies it, and own consumers get it if `deliver`
    /// says so.
    ///
    /// # Errors
    /// [`PipelineError`] when the pipeline cannot go on.
    pub fn own(&mut self, arrival: Arrival, deliver: bool, now: Instant) -> Result<(), PipelineError> {
        let mut batch = self.pool.take();
        batch.live.push(Envelope { arrival, header: None });
        let batch = self.front(batch, Pass::Own, now);
        // It never came in, so a pass that fails has nothing to settle.
        self.lent.clear();
        let mut batch = batch?;
        batch.settled.clear();
        if !deliver {
            batch.live.clear();
        }
        self.tail(batch, now)
    }

    /// Time: deadlines, and the stages' own upkeep. What has expired takes effect at the next [`Pipeline::settle`].
    ///
    /// # Errors
    /// [`PipelineError`] when the pipeline cannot go on.
    pub fn tick(&mut self, now: Instant) -> Result<(), PipelineError> {
        through(&mut self.front, Pass::Tick(now))?;
        through(&mut self.tail, Pass::Tick(now))?;
        self.queue.expire(now, &mut self.out);
        Ok(())
    }

    /// An order to whichever stage it concerns.
    ///
    /// # Errors
    /// The outer error when the pipeline cannot go on, the inner one when the order was refused.
    pub fn command(&mut self, order: Order, now: Instant) -> Result<Result<(), CommandError>, PipelineError> {
        let mut command = Box::new(Command::new(order));
        for stack in [&mut self.front, &mut self.tail] {
            let Pass::Command(passed, _) = through(stack, Pass::Command(command, now))? else {
                return Err(Fault::Swapped.into());
            };
            command = passed;
        }
        Ok(command.answer.unwrap_or(Err(CommandError::NoStage)))
    }

    /// Settles everything that is pending for one reason of our own; takes effect at the next [`Pipeline::settle`].
    pub fn flush(&mut self, reason: Reason) {
        self.queue.flush(reason, &mut self.out);
    }

    /// What the router is to be told; drain it before the shipments are sent.
    pub fn reports(&mut self) -> &mut Vec<Report> {
        &mut self.reports
    }

    /// Messages for the verifiers, as their credit allows.
    pub fn hand_out(&mut self, now: Instant, out: &mut Vec<(LinkId, Offer)>) {
        self.queue.hand_out(now, out);
    }

    /// Records for the consumers, as their credit allows.
    pub fn pump(&mut self, out: &mut Vec<Shipment>, cut: &mut Vec<LinkId>) {
        self.delivery.pump(out, cut);
    }

    /// The book of outcomes.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Messages that have come in and have no outcome yet.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        (self.queue.len() + self.out.settled.len() + self.lent.len()) as u64
    }
}
