#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! Every kind of frame through protobuf and back.

use std::collections::HashSet;

use prost::Message as _;

use super::from_proto::from_proto;
use super::into_proto::into_proto;
use super::proto::{self, frame::Body};
use pmq_protocol::wire::{Encoder, Frame, FrameBuffer, FrameError, Kind, Limits};

fn encoder() -> Encoder {
    Encoder::new(Limits { head: usize::MAX, payloads: usize::MAX })
}

fn same(a: &Frame, b: &Frame) {
    assert_eq!(a.prefix, b.prefix);
    assert_eq!(a.head, b.head);
    assert_eq!(a.payloads.concat(), b.payloads.concat());
}

/// The golden vectors of the wire's own tests, from the file that they write.
fn vectors() -> Vec<Frame> {
    let lines = include_str!("../../../docs/vectors.txt").lines().filter(|line| !line.starts_with('#'));
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    lines
        .map(|line| {
            let (_, hex) = line.split_once(' ').unwrap();
            let mut buffer = FrameBuffer::new(Limits::default());
            buffer.room().extend(hex.as_bytes().chunks(2).map(byte));
            buffer.next_frame().unwrap().unwrap()
        })
        .collect()
}

#[test]
fn every_kind_comes_back_as_it_was() {
    let mut seen = HashSet::new();
    for frame in vectors() {
        let bytes = into_proto(&frame).unwrap().encode_to_vec();
        let back = from_proto(&mut encoder(), &proto::Frame::decode(&bytes[..]).unwrap()).unwrap();
        seen.insert(frame.prefix.kind);
        same(&back, &frame);
    }
    assert_eq!(seen.len(), Kind::ALL.len());
}

#[test]
fn what_a_frame_cannot_say_is_refused_by_name() {
    let frame = |body| proto::Frame { session: 1, body: Some(body) };
    let verdict = |verdict| frame(Body::Verdicts(proto::Verdicts { verdicts: vec![verdict] }));
    let credit = |role| frame(Body::Credits(proto::Credits { credits: vec![proto::Credit { network: 0, role, window: None }] }));
    let mark = proto::Mark { topic: "t".into(), origin: vec![1; 31].into(), action: 1, ..proto::Mark::default() };
    let cases = [
        (verdict(proto::Verdict { network: 65_536, result: 1, ..proto::Verdict::default() }), "entry 0: a network's index has 16 bits"),
        (verdict(proto::Verdict { result: 0, ..proto::Verdict::default() }), "unknown verdict"),
        (verdict(proto::Verdict { result: -1, ..proto::Verdict::default() }), "unknown verdict"),
        (verdict(proto::Verdict { result: 257, ..proto::Verdict::default() }), "unknown verdict"),
        (verdict(proto::Verdict { result: 1, reason: 65_536, ..proto::Verdict::default() }), "16 bits"),
        (credit(512), "unknown roles"),
        (frame(Body::Marks(proto::Marks { requests: vec![mark] })), "32 bytes"),
        (frame(Body::Acks(proto::Acks::default())), "at least one"),
        (frame(Body::Pause(proto::Networks { networks: vec![0, 70_000] })), "entry 1"),
    ];
    for (sent, told) in cases {
        let error = from_proto(&mut encoder(), &sent).unwrap_err();
        assert!(matches!(error, FrameError::Content { .. }) && error.to_string().contains(told), "{error} for {sent:?}");
    }
    let later = frame(Body::Hello(proto::Hello { version: 9, ..proto::Hello::default() }));
    assert_eq!(from_proto(&mut encoder(), &later).unwrap_err(), FrameError::Version { theirs: 9 });
    assert!(from_proto(&mut encoder(), &proto::Frame::default()).is_err(), "a frame of nothing");
}
