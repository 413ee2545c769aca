//! Messages and parts of a network's pipeline.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "every bench uses a part of it, and ends where its set-up is wrong"
)]

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use pmq_pipeline::{
    Arrival, Batch, Blueprint, Claims, Delivery, Envelope, Outcome, Part, Peer, PendingQueue, Settled, Stage, Topic, Topics,
};
use pmq_protocol::wire::{HeaderOrigin, MessageId, PmqHeader, Reason, Verdict};
use pmq_stages::{NetworkContext, Registry};

/// The network that the stages belong to.
pub fn network() -> NetworkContext {
    NetworkContext { name: "bench".into(), claims: Claims(vec!["*".into()]), max_message: 1 << 20, max_topics: 16 }
}

pub fn topic() -> Topic {
    Topics::new(1).intern("prices").unwrap()
}

/// The one part of a `[[stage]]` table.
pub fn part(table: &str) -> Part {
    let parts = Registry::standard().parse_list(&format!("[[stage]]\n{table}"), &network());
    parts.unwrap_or_else(|error| panic!("{error}")).remove(0)
}

pub fn blueprint(table: &str) -> Box<dyn Blueprint> {
    let Part::Stage(stage) = part(table) else { panic!("{table:?} is no stage in front of the queue") };
    stage
}

pub fn stage(table: &str) -> Box<dyn Stage> {
    blueprint(table).build()
}

pub fn store(table: &str) -> Box<dyn PendingQueue> {
    let Part::PendingQueue(store) = part(table) else { panic!("{table:?} is no queue") };
    store.build()
}

pub fn outlet(table: &str) -> Box<dyn Delivery> {
    let Part::Delivery(outlet) = part(table) else { panic!("{table:?} is no delivery") };
    outlet.build(1)
}

/// A payload that the codec `pmq` reads, with `size` bytes of content.
pub fn payload(origin: u8, seq: u64, size: usize) -> Vec<u8> {
    let mut payload = Vec::with_capacity(48 + size);
    PmqHeader { origin: HeaderOrigin::Short([origin; 20]), epoch: 0, seq, content: size as u32 }.write(&mut payload);
    payload.resize(payload.len() + size, 7);
    payload
}

/// From eight peers by turns. Clones of the payload share it without an allocation, as gossip's edge makes small ones.
pub fn envelope(topic: &Topic, number: u64, payload: &[u8]) -> Envelope {
    let id = MessageId::new(&number.to_be_bytes()).unwrap();
    let payload: Bytes = BytesMut::from(payload).split().freeze();
    let arrival = Arrival { peer: Peer((number % 8) as u32), topic: topic.clone(), id, payload, arrived: Instant::now() };
    Envelope { arrival, header: None }
}

/// `count` messages from four origins.
pub fn envelopes(count: usize, size: usize) -> Vec<Envelope> {
    let topic = topic();
    (0..count as u64).map(|number| envelope(&topic, number, &payload((number % 4) as u8, 1 + number / 4, size))).collect()
}

/// Messages in batches of `size`.
pub fn batches(envelopes: Vec<Envelope>, size: usize) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut envelopes = envelopes.into_iter().peekable();
    while envelopes.peek().is_some() {
        let mut live = Vec::with_capacity(size);
        live.extend(envelopes.by_ref().take(size));
        batches.push(Batch { live, settled: Vec::with_capacity(size) });
    }
    batches
}

/// What is live was accepted by the parent.
pub fn accept(batch: &mut Batch) {
    let outcome = Outcome { verdict: Verdict::Accept, reason: Reason::Verified };
    batch
        .settled
        .extend(batch.live.drain(..).map(|envelope| Settled { said: Some(Verdict::Accept.into()), ..Settled::new(envelope, outcome) }));
}

/// What was settled begins anew.
pub fn renew(batch: &mut Batch) {
    batch.live.extend(batch.settled.drain(..).map(|settled| settled.envelope));
}
