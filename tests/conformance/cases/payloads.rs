//! Messages of every size, in both directions.

use bytes::Bytes;
use pmq_protocol::wire::{PublishStatus, Record, Roles, Verdict};

use crate::rig::{Asks, Bench, Setting};

cases! {
    payload_of_nothing: "A message of 0 bytes is offered, delivered, forwarded and published like any other.",
    payload_of_a_byte: "A message of 1 byte is offered, delivered, forwarded and published like any other.",
    payload_of_64_kib: "A message of 64 KiB is offered, delivered, forwarded and published like any other, byte for byte.",
    payload_of_1_mib: "A message of 1 MiB is offered, delivered, forwarded and published like any other, byte for byte.",
}

/// Bytes that differ from place to place, and from one use to another.
fn content(size: usize, salt: u8) -> Bytes {
    (0..size).map(|at| (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0] ^ salt).collect()
}

async fn carry(bench: &Bench, size: usize) {
    let agent = bench.agent(Setting::default()).await;
    let roles = Roles::VERIFY | Roles::CONSUME | Roles::PRODUCE;
    let mut parent = agent.hand(Asks::roles(roles)).await;
    let theirs = content(size, 1);
    bench.publish(theirs.clone()).await;
    let offer = parent.offered(1).await.remove(0);
    assert!(offer.payload == theirs, "offered: {} bytes", offer.payload.len());
    parent.verdict(offer.ticket, Verdict::Accept);
    let delivered = |record| match record {
        Record::Message { payload, .. } => payload,
        other => panic!("no message: {other:?}"),
    };
    let got = delivered(parent.record().await);
    assert!(got == theirs, "delivered: {} bytes", got.len());

    // There is one message of no bytes to a topic: what the parent publishes is what it has just been offered, and told to be that.
    let ours = content(size, 2);
    let status = if ours == theirs { PublishStatus::Duplicate } else { PublishStatus::Ok };
    parent.publish(7, &bench.topic, ours.clone());
    let (request, answered) = parent.when("the answer", |parent| parent.published.pop_front()).await;
    assert_eq!((request, answered), (7, status));
    let mut expected = vec![theirs.clone()];
    if ours != theirs {
        let got = delivered(parent.record().await);
        assert!(got == ours, "own: {} bytes", got.len());
        expected.push(ours);
    }
    let forwarded = bench.around.payloads(&bench.topic, expected.len()).await;
    assert!(forwarded == expected, "{:?}", forwarded.iter().map(Bytes::len).collect::<Vec<_>>());
}

async fn payload_of_nothing(bench: &Bench) {
    carry(bench, 0).await;
}

async fn payload_of_a_byte(bench: &Bench) {
    carry(bench, 1).await;
}

async fn payload_of_64_kib(bench: &Bench) {
    carry(bench, 64 << 10).await;
}

async fn payload_of_1_mib(bench: &Bench) {
    carry(bench, 1 << 20).await;
}
