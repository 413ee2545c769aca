//! What is carried: offers to verifiers, records to consumers, and the terms of both.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{Cursor, MessageId, Reason, Ticket, Window};

/// A message offered to a verifier.
#[derive(Debug, Clone)]
pub struct Offer {
    /// To be named in the verdict.
    pub ticket: Ticket,
    /// Its topic.
    pub topic: Arc<str>,
    /// Its id in the overlay.
    pub id: MessageId,
    /// Its bytes.
    pub payload: Bytes,
    /// When the fallback takes the verdict's place.
    pub deadline: Instant,
}

/// One entry of a consumer's stream. Counters rise by one from record to record, except that a gap covers a range of them.
#[derive(Debug, Clone)]
pub enum Record {
    /// An accepted message.
    Message {
        /// Its place in the consumer's stream.
        counter: u64,
        /// Its topic.
        topic: Arc<str>,
        /// Its id in the overlay.
        id: MessageId,
        /// Its bytes.
        payload: Bytes,
    },
    /// Records that were dropped.
    Gap {
        /// First counter that is missing.
        from: u64,
        /// Last counter that is missing.
        to: u64,
        /// How many records are missing; 0 = not known.
        count: u64,
        /// Why.
        reason: GapReason,
    },
    /// Messages that never had a verdict for a cause of our own.
    Unverified {
        /// Its place in the consumer's stream.
        counter: u64,
        /// Their topic.
        topic: Arc<str>,
        /// The cause.
        cause: Reason,
        /// How many in a row.
        count: u64,
    },
}

impl Record {
    /// First counter that it stands for.
    #[must_use]
    pub fn first(&self) -> u64 {
        match *self {
            Self::Message { counter, .. } | Self::Unverified { counter, .. } => counter,
            Self::Gap { from, .. } => from,
        }
    }

    /// Last counter that it stands for; an ack of it gives the record's credit back.
    #[must_use]
    pub fn last(&self) -> u64 {
        match *self {
            Self::Message { counter, .. } | Self::Unverified { counter, .. } => counter,
            Self::Gap { to, .. } => to,
        }
    }

    /// Payload bytes that it takes of a consumer's window, beside one message. Gaps and unverified records take none.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Message { payload, .. } => payload.len(),
            Self::Gap { .. } | Self::Unverified { .. } => 0,
        }
    }
}

/// Why records are missing from a consumer's stream. The numbers are part of the wire format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum GapReason {
    /// The consumer was slow; its oldest records made room.
    DropOldest = 1,
    /// The consumer was slow; its newest records were not kept.
    DropNewest = 2,
    /// The cursor is older than what the ring holds.
    Retention = 3,
    /// The stream that the cursor names is gone: the agent or the pipeline was restarted. The count is not known.
    Restart = 4,
}

impl GapReason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::DropOldest, Self::DropNewest, Self::Retention, Self::Restart];

    /// Reads the number used on the wire.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|v| *v as u8 == code)
    }
}

/// What a consumer asks for when it attaches.
#[derive(Debug, Clone)]
pub struct ConsumerTerms {
    /// A name under which the agent remembers its place while it is away; empty = only a cursor brings it back.
    pub name: Arc<str>,
    /// Where it stands.
    pub cursor: Cursor,
    /// Its credit.
    pub window: Window,
    /// What happens when it is slow; `None` = as the network's file says.
    pub policy: Option<Overflow>,
}

/// What happens when a consumer's queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Overflow {
    /// The oldest records make room, a gap takes their place.
    DropOldest = 1,
    /// The newest records are not kept, a gap takes their place.
    DropNewest = 2,
    /// The consumer is disconnected; its stream is kept as far as the ring reaches.
    Disconnect = 3,
}

impl Overflow {
    /// Reads the number used on the wire.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::DropOldest, Self::DropNewest, Self::Disconnect].into_iter().find(|v| *v as u8 == code)
    }

    /// Name in files and texts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DropOldest => "drop-oldest",
            Self::DropNewest => "drop-newest",
            Self::Disconnect => "disconnect",
        }
    }
}

/// Why a verdict changed nothing (promises 1.4). The numbers are part of the wire format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[repr(u8)]
pub enum VerdictRefused {
    /// The ticket was never handed out, or not on this network.
    #[error("unknown ticket")]
    Unknown = 1,
    /// The ticket has its verdict already.
    #[error("duplicate verdict")]
    Duplicate = 2,
    /// The deadline was over, the fallback has been applied.
    #[error("late verdict")]
    Late = 3,
    /// The ticket belongs to another session.
    #[error("ticket of another session")]
    StaleSession = 4,
}

impl GapReason {
    /// Name in metrics, logs and files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DropOldest => "drop-oldest",
            Self::DropNewest => "drop-newest",
            Self::Retention => "retention",
            Self::Restart => "restart",
        }
    }
}
