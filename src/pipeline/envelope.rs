//! One message on its way through a network's pipeline.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::VerdictRecord;
use pmq_protocol::wire::{MessageId, Reason, Verdict};

/// A topic's name with the agent-wide index that tables use as their key.
///
/// Made by [`Topics`](super::Topics) only; a clone costs a reference count.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Dense index, unique within the agent.
    pub index: u32,
    /// The name on the wire.
    pub name: Arc<str>,
}

/// A neighbour in the overlay, by the small handle that the router gave it. Never reused while the agent runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Peer(pub u32);

/// Longest origin that a codec may name, in bytes.
pub const MAX_ORIGIN: usize = 32;

/// Who made a message, as its codec reads it: up to [`MAX_ORIGIN`] bytes, zero-padded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Origin(pub [u8; MAX_ORIGIN]);

/// What the codec read out of the payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// Who made the message.
    pub origin: Origin,
    /// The numbering's epoch; 0 where the format has none.
    pub epoch: u64,
    /// The sequence number within (topic, origin, epoch).
    pub seq: u64,
    /// Digest of the content without its signatures; tells an equivocation from a duplicate.
    pub tag: u64,
}

/// A message as the router hands it over.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The neighbour that sent it first.
    pub peer: Peer,
    /// Its topic.
    pub topic: Topic,
    /// Its id in the overlay.
    pub id: MessageId,
    /// Its bytes. No stage copies them.
    pub payload: Bytes,
    /// When it came; the verdict's deadline counts from here.
    pub arrived: Instant,
}

/// A message inside the pipeline.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// What came from the overlay.
    pub arrival: Arrival,
    /// What the codec found; `None` before decode or with a codec that reads nothing.
    pub header: Option<Header>,
}

/// How a message ends. Exactly one per message (promises 1.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Outcome {
    /// What happens to it.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
}

impl Outcome {
    /// Dropped without a penalty.
    #[must_use]
    pub fn ignore(reason: Reason) -> Self {
        Self { verdict: Verdict::Ignore, reason }
    }

    /// Dropped and penalised; softened to Ignore where the sender cannot answer for the reason.
    #[must_use]
    pub fn reject(reason: Reason) -> Self {
        let verdict = if reason.sender_at_fault() { Verdict::Reject } else { Verdict::Ignore };
        Self { verdict, reason }
    }

    /// Forwarded and delivered.
    #[must_use]
    pub fn accept(reason: Reason) -> Self {
        Self { verdict: Verdict::Accept, reason }
    }
}

/// A message with its outcome, on its way out.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The message.
    pub envelope: Envelope,
    /// Its end, which a stage on the way out may still soften (never harden).
    pub outcome: Outcome,
    /// The verdict that ended it, if one did.
    pub said: Option<VerdictRecord>,
}

impl Settled {
    /// An end without a parent's verdict.
    #[must_use]
    pub fn new(envelope: Envelope, outcome: Outcome) -> Self {
        Self { envelope, outcome, said: None }
    }
}
