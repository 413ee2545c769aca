//! Requests and their answers.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::RequestError;
use pmq_protocol::session::Request;
use pmq_protocol::wire::{MessageId, PublishStatus};

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

/// Whether it is sent again after a lost link without asking: a publish is told by its content (promises 3.5).
pub(super) fn repeats(what: &Request) -> bool {
    matches!(what, Request::Publish { .. })
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
    pub(super) what: Request,
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
