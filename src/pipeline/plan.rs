//! A network's stages in the order of its file, checked before anything is built.

use super::{Blueprint, Delivery, PendingQueue};
use pmq_protocol::InvalidSetting;

/// Settings from which the validation queue is built.
pub trait PendingQueueBlueprint: Send + Sync + std::fmt::Debug {
    /// Its name in the network's file.
    fn name(&self) -> &'static str;
    /// Builds an empty queue.
    fn build(&self) -> Box<dyn PendingQueue>;
    /// Time from arrival to fallback.
    fn deadline(&self) -> std::time::Duration;
    /// Its groups of verifiers, in the order of the chain; none = one group without a name.
    fn groups(&self) -> Vec<std::sync::Arc<str>>;
    /// Causes for which a message that nobody verified is accepted; the agent warns of them at every start.
    fn accepts_unverified(&self) -> Vec<pmq_protocol::wire::Reason>;
    /// Settings that work, but probably not as they are meant.
    fn warnings(&self) -> Vec<InvalidSetting> {
        Vec::new()
    }
    /// Bytes of memory that it takes at most, at `rate` messages of `size` bytes a second.
    fn memory(&self, rate: f64, size: u64) -> u64;
}

/// Settings from which delivery is built.
pub trait DeliveryBlueprint: Send + Sync + std::fmt::Debug {
    /// Its name in the network's file.
    fn name(&self) -> &'static str;
    /// Builds delivery without consumers. `stream` names the delivery stream that starts here.
    fn build(&self, stream: u64) -> Box<dyn Delivery>;
    /// Bytes of memory that it takes at most.
    fn memory(&self) -> u64;
}

/// One entry of a network's list of stages.
#[derive(Debug)]
pub enum Part {
    /// A stage before or after the queue.
    Stage(Box<dyn Blueprint>),
    /// The validation queue.
    PendingQueue(Box<dyn PendingQueueBlueprint>),
    /// Delivery.
    Delivery(Box<dyn DeliveryBlueprint>),
}

impl Part {
    /// Its name in the network's file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stage(part) => part.name(),
            Self::PendingQueue(part) => part.name(),
            Self::Delivery(part) => part.name(),
        }
    }
}

/// An order of stages that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {help}")]
pub struct OrderError {
    /// Index into the list of stages, or its length where something is missing at the end.
    pub index: usize,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub help: String,
}

/// A checked list of stages: those in front of the queue, the queue, those behind it, delivery.
#[derive(Debug)]
pub struct Plan {
    /// Before the queue, outermost first.
    pub front: Vec<Box<dyn Blueprint>>,
    /// The queue.
    pub queue: Box<dyn PendingQueueBlueprint>,
    /// Between the queue and delivery, in order.
    pub tail: Vec<Box<dyn Blueprint>>,
    /// Delivery.
    pub delivery: Box<dyn DeliveryBlueprint>,
}

impl Plan {
    /// Sorts the parts and checks their order.
    ///
    /// # Errors
    /// [`OrderError`] when a part is missing, doubled, or stands where it cannot work.
    pub fn new(parts: Vec<Part>) -> Result<Self, OrderError> {
        let count = parts.len();
        let wrong = |index, what: String, help: &str| OrderError { index, what, help: help.to_owned() };
        let (mut front, mut tail, mut store, mut outlet) = (Vec::new(), Vec::new(), None, None);
        let mut header = false;
        for (index, part) in parts.into_iter().enumerate() {
            let name = part.name();
            if outlet.is_some() {
                return Err(wrong(index, format!("stage {name:?} stands behind delivery"), "delivery is the last stage: move it up"));
            }
            match part {
                Part::Stage(stage) => {
                    if stage.needs_header() && !header {
                        return Err(wrong(
                            index,
                            format!("stage {name:?} needs an origin and a sequence number, and no stage before it reads them"),
                            "put a decode stage before it, with codec \"fixed\" or \"pmq\" (codec \"raw\" reads neither)",
                        ));
                    }
                    if stage.needs_outcome() && store.is_some() {
                        return Err(wrong(
                            index,
                            format!("stage {name:?} stands behind the validation queue"),
                            "it acts on outcomes, which pass the stages before the queue alone: put it before validation-queue",
                        ));
                    }
                    header |= stage.reads_header();
                    if store.is_none() { front.push(stage) } else { tail.push(stage) }
                }
                Part::PendingQueue(_) if store.is_some() => {
                    return Err(wrong(index, format!("a second {name:?}"), "a network has one validation queue: delete one"));
                }
                Part::PendingQueue(part) => store = Some(part),
                Part::Delivery(_) if store.is_none() => {
                    return Err(wrong(
                        index,
                        format!("stage {name:?} stands before the validation queue"),
                        "only verified messages are delivered: put validation-queue before it",
                    ));
                }
                Part::Delivery(part) => outlet = Some(part),
            }
        }
        let store = store.ok_or_else(|| wrong(count, "there is no validation-queue".into(), "add [[stage]] use = \"validation-queue\""))?;
        let outlet = outlet.ok_or_else(|| wrong(count, "there is no delivery".into(), "add [[stage]] use = \"delivery\" at the end"))?;
        Ok(Self { front, queue: store, tail, delivery: outlet })
    }

    /// Settings that work, but probably not as they are meant, at `rate` messages a second. Their keys are relative to the list of stages: `1.skip`.
    #[must_use]
    pub fn warnings(&self, rate: f64) -> Vec<InvalidSetting> {
        let deadline = self.queue.deadline();
        let around = |stages: &[Box<dyn Blueprint>]| stages.iter().map(|stage| stage.warnings(rate, deadline)).collect::<Vec<_>>();
        let all = around(&self.front).into_iter().chain([self.queue.warnings()]).chain(around(&self.tail)).enumerate();
        all.flat_map(|(index, warnings)| warnings.into_iter().map(move |warning| warning.below(index))).collect()
    }

    /// Checks a message of our own before it is sent, by the stages in front of the queue.
    ///
    /// # Errors
    /// Why neighbours with the same file would reject it.
    pub fn own(&self, topic: &str, payload: &[u8]) -> Result<(), String> {
        self.front.iter().try_fold(None, |header, stage| stage.own(topic, payload, header)).map(drop)
    }
}
