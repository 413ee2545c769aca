//! Orders that reach a stage inside a running stack.

use super::{Origin, Topic};

/// An order from the parent or the operator. The stage that it concerns answers it; a command that nobody answered is an error to its sender.
#[derive(Debug)]
pub struct Command {
    /// What is asked.
    pub order: Order,
    /// `None` until a stage has answered.
    pub answer: Option<Result<(), CommandError>>,
}

impl Command {
    /// An order that nobody has answered yet.
    #[must_use]
    pub fn new(order: Order) -> Self {
        Self { order, answer: None }
    }
}

/// What may be asked of a stage.
#[derive(Debug, Clone)]
pub enum Order {
    /// Set the sequence window's thresholds at run time (promises 2.3).
    Thresholds {
        /// One topic, or all of the network's.
        topic: Option<Topic>,
        /// Older than this many numbers: Ignore. Below `validity`.
        skip: u64,
        /// Older than this many numbers: Reject.
        validity: u64,
    },
    /// Move one origin's high mark.
    Mark {
        /// The topic.
        topic: Topic,
        /// The origin.
        origin: Origin,
        /// The numbering's epoch.
        epoch: u64,
        /// What to do with the mark.
        action: MarkAction,
    },
    /// A long partition has healed: age-Rejects are Ignores for the configured grace period.
    Grace,
}

/// What to do with a high mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkAction {
    /// Set it if there is none yet, and call the window seeded. What is at or below a mark that it sets is not known to be fresh, and is ignored.
    Seed(u64),
    /// Raise it if it is lower. What is at or below a mark that it raises is not known to be fresh, and is ignored.
    Raise(u64),
    /// Set it, lower or higher, and forget what was seen; also brings a retired epoch back. The consequence: numbers within skip below the mark
    /// are welcome once more, so what was accepted among them may be accepted a second time.
    Reset(u64),
    /// The epoch is over: every number of it is ignored from now on, until a reset. Holds as long as the floors' table remembers it.
    Retire,
}

/// Why an order was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Thresholds must be ordered and fit the window.
    #[error(
        "thresholds skip {skip} and validity {validity}: skip must be below validity and at most {max_skip}, the window that the network's file sets"
    )]
    Thresholds {
        /// As asked.
        skip: u64,
        /// As asked.
        validity: u64,
        /// The largest skip that the window's bitmap holds.
        max_skip: u64,
    },
    /// No stage of this network takes such an order.
    #[error("no stage of this network answers that order; is there a sequence-window in its file?")]
    NoStage,
}
