#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod agreement;
mod vectors;

use std::time::Instant;

use super::{SequenceWindow, WindowSettings, WindowStage};
use crate::fixture::{inward, network, numbered, origin, topic};
use pmq_pipeline::{Command, CommandError, Envelope, Header, MarkAction, Order, Outcome, Settled, Stage, Topic};
use pmq_protocol::wire::{Reason, Verdict};

fn stage(settings: WindowSettings) -> WindowStage {
    settings.check().unwrap();
    SequenceWindow::new(settings, network()).stage()
}

fn header(name: u8, epoch: u64, seq: u64, tag: u64) -> Header {
    Header { origin: origin(name), epoch, seq, tag }
}

/// The outcome going in, or the message.
fn check(stage: &mut WindowStage, topic: Topic, header: Header, now: Instant) -> Result<Envelope, Outcome> {
    inward(stage, numbered(topic, header), now)
}

/// The outcome coming out of a message that the parent has accepted.
fn commit(stage: &mut WindowStage, envelope: Envelope, now: Instant) -> Outcome {
    settle(stage, envelope, Outcome::accept(Reason::Verified), now)
}

fn settle(stage: &mut WindowStage, envelope: Envelope, outcome: Outcome, now: Instant) -> Outcome {
    let mut settled = [Settled::new(envelope, outcome)];
    stage.outward(&mut settled, now);
    settled[0].outcome
}

fn order(stage: &mut WindowStage, order: Order, now: Instant) -> Result<(), CommandError> {
    let mut command = Command::new(order);
    stage.command(&mut command, now);
    command.answer.expect("the window answers all orders that there are")
}

fn mark(stage: &mut WindowStage, name: u8, action: MarkAction) -> Result<(), CommandError> {
    order(stage, Order::Mark { topic: topic(0), origin: origin(name), epoch: 0, action }, Instant::now())
}

fn ignored(reason: Reason) -> Outcome {
    Outcome { verdict: Verdict::Ignore, reason }
}
