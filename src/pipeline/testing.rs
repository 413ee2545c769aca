//! Messages, topics and batches by number, for tests of pipelines and stages.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{Arrival, Batch, Envelope, Peer, Topic};
use pmq_protocol::wire::{MessageId, Reason};

/// A message id that carries a number.
pub fn id(number: u64) -> MessageId {
    MessageId::new(&number.to_be_bytes()).unwrap()
}

/// The number in an [`id`].
pub fn number(id: &MessageId) -> u64 {
    u64::from_be_bytes(id.as_bytes().try_into().unwrap())
}

pub fn topic(index: u32) -> Topic {
    Topic { index, name: Arc::from(format!("topic-{index}")) }
}

pub fn arrival(number: u64, payload: impl Into<Bytes>, arrived: Instant) -> Arrival {
    Arrival { peer: Peer(1), topic: topic(0), id: id(number), payload: payload.into(), arrived }
}

/// The causes of our own for which consumers are told of a message that nobody accepted: the contract's list, not the code's.
pub const OWN_CAUSES: [Reason; 15] = [
    Reason::RatePeer,
    Reason::RatePeerBytes,
    Reason::RateOrigin,
    Reason::RateOriginBytes,
    Reason::QuotaPeer,
    Reason::QuotaOrigin,
    Reason::QuotaTotal,
    Reason::Late,
    Reason::NoVerifier,
    Reason::QueueFull,
    Reason::Timeout,
    Reason::Paused,
    Reason::VerifierLost,
    Reason::Shutdown,
    Reason::Fault,
];

/// A batch of messages that carry these numbers, each of `size` bytes.
pub fn batch(numbers: impl IntoIterator<Item = u64>, size: usize, arrived: Instant) -> Batch {
    let live = numbers.into_iter().map(|number| Envelope { arrival: arrival(number, vec![0; size], arrived), header: None }).collect();
    Batch { live, settled: Vec::new() }
}
