//! Messages as the router has them, and as gossip's edge hands them over.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::WINDOW;
use pmq_gossip::Payloads;
use pmq_pipeline::{Arrival, Peer, Topic};
use pmq_protocol::wire::{HeaderOrigin, MessageId, PmqHeader};

/// Who makes messages, in turn.
const ORIGINS: u64 = 4;
/// Neighbours that send them, in turn.
const PEERS: u64 = 8;
/// Bytes of content in which a message says when it was due.
const STAMP: usize = size_of::<u64>();

/// The topic of every message.
#[must_use]
pub fn topic() -> Topic {
    Topic { index: 0, name: "prices".into() }
}

/// A message as the router has it.
#[derive(Debug)]
pub struct Received {
    number: u64,
    topic: Topic,
    /// As long as its memory, as the router's decoder makes it.
    pub payload: Vec<u8>,
}

/// Makes messages, and hands them over as gossip's edge does.
#[derive(Debug)]
pub struct Messages {
    topic: Topic,
    size: usize,
    next: u64,
    edge: Payloads,
}

impl Messages {
    /// Messages of `size` bytes, header included ([`SMALLEST`] at least), numbered from 1 on.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { topic: topic(), size, next: 1, edge: Payloads::default() }
    }

    /// The next message, which was due at `due` nanoseconds on the machine's monotonic clock; 0 where that is not to be recorded.
    pub fn make(&mut self, due: u64) -> Received {
        let message = made(&self.topic, self.next, self.size, due);
        self.next += 1;
        message
    }

    /// What gossip makes of it. Its id is its number.
    ///
    /// # Panics
    /// Never.
    pub fn hand_over(&mut self, message: Received) -> Arrival {
        arrival(message, &mut self.edge)
    }

    /// The number of the next message.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }
}

/// Bytes of the smallest message: header, and the time at which it is due.
pub const SMALLEST: u64 = 56;

fn made(topic: &Topic, number: u64, size: usize, due: u64) -> Received {
    #[allow(clippy::cast_possible_truncation, reason = "below 4")]
    let origin = HeaderOrigin::Short([(number % ORIGINS) as u8; 20]);
    let mut header = PmqHeader { origin, epoch: 0, seq: number / ORIGINS, content: 0 };
    let size = size.max(header.len() + STAMP);
    header.content = u32::try_from(size - header.len()).unwrap_or(u32::MAX);
    let mut payload = Vec::with_capacity(size);
    header.write(&mut payload);
    payload.extend_from_slice(&due.to_le_bytes());
    payload.resize(size, 7);
    Received { number, topic: topic.clone(), payload }
}

fn arrival(Received { number, topic, payload }: Received, edge: &mut Payloads) -> Arrival {
    #[allow(clippy::expect_used, reason = "an id may have 8 bytes")]
    let id = MessageId::new(&number.to_be_bytes()).expect("8 bytes");
    #[allow(clippy::cast_possible_truncation, reason = "below 8")]
    let peer = Peer((number % PEERS) as u32);
    Arrival { peer, topic, id, payload: edge.share(payload), arrived: Instant::now() }
}

/// When a message was due, as it says itself; `None` where it is not to be recorded, or says nothing.
#[must_use]
pub fn due(payload: &[u8]) -> Option<u64> {
    let (_, content, _) = PmqHeader::split(payload).ok()?;
    let due = u64::from_le_bytes(*content.first_chunk()?);
    (due > 0).then_some(due)
}

/// `count` messages from `first` on, of `size` bytes.
#[must_use]
pub fn received(topic: &Topic, first: u64, count: u64, size: usize) -> Vec<Received> {
    (first..first + count).map(|number| made(topic, number, size, 0)).collect()
}

/// The same, handed over.
#[must_use]
pub fn messages(topic: &Topic, first: u64, count: u64, size: usize) -> Vec<Arrival> {
    let mut edge = Payloads::default();
    (first..first + count).map(|number| arrival(made(topic, number, size, 0), &mut edge)).collect()
}

/// Makes payloads as the edge does and clones each, as a queue and a verifier hold them, one window at a time.
pub fn share_and_clone(messages: Vec<Received>) {
    let mut edge = Payloads::default();
    let mut held = VecDeque::with_capacity(WINDOW.messages as usize + 1);
    for message in messages {
        let payload = edge.share(message.payload);
        let clone: Bytes = payload.clone();
        held.push_back((payload, clone));
        if held.len() > WINDOW.messages as usize {
            held.pop_front();
        }
    }
}
