//! Requests and their answers.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::RequestError;
use crate::wire::{AllowOp, MarkOp, MessageId, PublishStatus};

/// What became of a publish that went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The message's id in the overlay.
    pub id: MessageId,
    /// The overlay had it already, from whomever, or from an earlier attempt of ours.
    pub duplicate: bool,
    /// Peers that were eligible at that moment (an estimate).
    pub peers: u32,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(super) enum What {
    Publish { topic: Arc<str>, payload: Bytes },
    Subscribe(Arc<str>),
    Unsubscribe(Arc<str>),
    Thresholds { topic: Arc<str>, skip: u64, validity: u64 },
    Mark { topic: Arc<str>, origin: [u8; 32], epoch: u64, seq: u64, action: MarkOp },
    AllowList { action: AllowOp, peers: Vec<String> },
}

impl What {
    /// Whether it is sent again after a lost link without asking: a publish is told by its content (CONTRACTS 3).
    pub(super) fn repeats(&self) -> bool {
        matches!(self, Self::Publish { .. })
    }
}

/// A good answer.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Published { status: PublishStatus, id: MessageId, peers: u32, text: String },
    Done,
}

/// A request between the call and its answer.
#[derive(Debug)]
pub(super) struct Pending {
    /// The network's place in the client.
    pub(super) slot: usize,
    pub(super) what: What,
    /// Its caller; gone when it has given up. `None` for what the client repeats by itself.
    pub(super) caller: Option<Caller>,
}

/// Who waits for an answer.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) answer: oneshot::Sender<Result<Answer, RequestError>>,
    /// Bounds how many there are.
    pub(super) _permit: OwnedSemaphorePermit,
}

impl Pending {
    /// Whether the caller has given up.
    pub(super) fn is_given_up(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.answer.is_closed())
    }

    pub(super) fn finish(self, answer: Result<Answer, RequestError>) {
        match (self.caller, answer) {
            // Nobody listens if the caller has given up: it knows already.
            (Some(caller), answer) => drop(caller.answer.send(answer)),
            (None, Err(error)) => tracing::warn!(request = ?self.what, %error, "could not be set up again on the new link"),
            (None, Ok(_)) => {}
        }
    }
}
