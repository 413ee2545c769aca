//! What the stages' tests share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Instant;

use bytes::Bytes;

use super::NetworkContext;
use pmq_pipeline::{Arrival, Batch, Claims, Envelope, Header, Origin, Outcome, Peer, Stage, Topic};
use pmq_protocol::wire::MessageId;

pub(super) fn network() -> NetworkContext {
    NetworkContext { name: "test".into(), claims: Claims(vec!["test/*".into()]), max_message: 1_000, max_topics: 4 }
}

pub(super) fn topic(index: u32) -> Topic {
    Topic { index, name: format!("test/{index}").into() }
}

pub(super) fn envelope(peer: u32, topic: Topic, payload: &[u8]) -> Envelope {
    let id = MessageId::new(b"id").unwrap();
    let arrival = Arrival { peer: Peer(peer), topic, id, payload: Bytes::copy_from_slice(payload), arrived: Instant::now() };
    Envelope { arrival, header: None }
}

pub(super) fn origin(name: u8) -> Origin {
    Origin([name; 32])
}

pub(super) fn numbered(topic: Topic, header: Header) -> Envelope {
    Envelope { header: Some(header), ..envelope(0, topic, b"payload") }
}

/// One message through one stage: its outcome, or the message when it passed.
pub(super) fn inward(stage: &mut dyn Stage, envelope: Envelope, now: Instant) -> Result<Envelope, Outcome> {
    let mut batch = Batch { live: vec![envelope], settled: Vec::new() };
    stage.inward(&mut batch, now);
    batch.live.pop().ok_or_else(|| batch.settled.pop().unwrap().outcome)
}
