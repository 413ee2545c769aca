//! Frames: what it costs to write and to read them, one message or 64 at a time, without any IO.
//!
//! `cargo bench --bench wire`; all figures are per message. Reading is what a session does with a frame that came: every head of the archive is checked by
//! rkyv, every entry is read once to see that lengths add up, and then handed out.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pmq_protocol::wire::message::{Delivered, Item, Judged, Offered};
use pmq_protocol::wire::{Encoder, Frame, FrameBuffer, Limits, MessageId, Offer, PREFIX, Prefix, Record, SessionId, Ticket, Verdict};
use support::{BATCHES, MESSAGE, SIZE, SIZES, message, turns};

const SESSION: SessionId = SessionId(7);

/// As large as a gossipsub id of the default function: the sender's peer id and a number.
const ID: [u8; 20] = *b"an id of twenty byte";

fn offers(count: usize, size: usize) -> Vec<Offer> {
    let topic: Arc<str> = "prices".into();
    let deadline = Instant::now() + Duration::from_secs(4);
    let offer = |slot| Offer {
        ticket: Ticket::new(slot, 1),
        topic: topic.clone(),
        id: MessageId::new(&ID).unwrap(),
        payload: Bytes::from(vec![7; size]),
        deadline,
    };
    (0..count as u32).map(offer).collect()
}

fn records(count: usize, size: usize) -> Vec<Record> {
    let record = |(counter, offer): (u64, Offer)| Record::Message { counter, topic: offer.topic, id: offer.id, payload: offer.payload };
    (1..).zip(offers(count, size)).map(record).collect()
}

fn verdicts(count: usize, text: &'static str) -> Vec<Judged<'static>> {
    let judged = |slot| Judged { network: 0, ticket: Ticket::new(slot, 1), verdict: Verdict::Accept, reason: 0, text };
    (0..count as u32).map(judged).collect()
}

/// The one frame that `write` makes.
fn one(write: impl FnOnce(&mut Encoder, &mut Vec<Frame>)) -> Frame {
    let mut frames = Vec::new();
    write(&mut Encoder::default(), &mut frames);
    assert_eq!(frames.len(), 1, "a batch fits a frame");
    frames.remove(0)
}

fn validate_frame(count: usize, size: usize) -> Frame {
    one(|encoder, out| encoder.validate(SESSION, 0, &offers(count, size), Instant::now(), out).unwrap())
}

fn verdict_frame(count: usize, text: &'static str) -> Frame {
    one(|encoder, out| out.push(encoder.frame(SESSION, verdicts(count, text)).unwrap()))
}

/// As it comes from a stream: all payloads in one piece.
fn bytes(frame: &Frame) -> Vec<u8> {
    let mut bytes = frame.prefix.write().to_vec();
    bytes.extend_from_slice(&frame.head);
    frame.payloads.iter().for_each(|payload| bytes.extend_from_slice(payload));
    bytes
}

fn came(frame: &Frame) -> Frame {
    let mut buffer = FrameBuffer::new(Limits::default());
    buffer.room().extend_from_slice(&bytes(frame));
    buffer.next_frame().unwrap().unwrap()
}

/// Reads every entry.
fn read<'a, I: Item<'a>>(frame: &'a Frame) {
    frame.items::<I>().unwrap().for_each(|item| drop(black_box(item)));
}

/// Offers to verifiers: payloads are shared, so their size must not matter.
fn validate(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire/validate");
    group.throughput(MESSAGE);
    let one_each = SIZES.map(|size| (1, size));
    for (count, size) in one_each.into_iter().chain([(64, SIZE)]) {
        let name = format!("{count} x {size} B");
        let offers = offers(count, size);
        let (mut encoder, mut frames, now) = (Encoder::default(), Vec::new(), Instant::now());
        group.bench_function(BenchmarkId::new("write", &name), |b| {
            turns(b, count, || {
                encoder.validate(SESSION, 0, &offers, now, &mut frames).unwrap();
                frames.drain(..).for_each(|frame| encoder.recycle(black_box(frame).payloads));
            });
        });
        let frame = came(&validate_frame(count, size));
        group.bench_function(BenchmarkId::new("read", &name), |b| turns(b, count, || read::<Offered<'_>>(black_box(&frame))));
    }
    group.finish();
}

/// Records to consumers.
fn deliver(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire/deliver");
    group.throughput(MESSAGE);
    for count in BATCHES {
        let records = records(count, SIZE);
        let (mut encoder, mut frames) = (Encoder::default(), Vec::new());
        group.bench_function(BenchmarkId::new("write", count), |b| {
            turns(b, count, || {
                encoder.records(SESSION, 0, &records, &mut frames).unwrap();
                frames.drain(..).for_each(|frame| encoder.recycle(black_box(frame).payloads));
            });
        });
        let frame = came(&one(|encoder, out| encoder.records(SESSION, 0, &records, out).unwrap()));
        group.bench_function(BenchmarkId::new("read", count), |b| turns(b, count, || read::<Delivered<'_>>(black_box(&frame))));
    }
    group.finish();
}

/// Verdicts from parents, without a reason and with one in words.
fn verdict(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire/verdict");
    group.throughput(MESSAGE);
    for (with, text) in [("", ""), (" with a text", "signed by 3 of 7, 5 are needed")] {
        for count in BATCHES {
            let verdicts = verdicts(count, text);
            let mut encoder = Encoder::default();
            group.bench_function(BenchmarkId::new(format!("write{with}"), count), |b| {
                turns(b, count, || {
                    let frame = encoder.frame(SESSION, black_box(&verdicts).iter().copied()).unwrap();
                    encoder.recycle(black_box(frame).payloads);
                });
            });
            let frame = came(&verdict_frame(count, text));
            group.bench_function(BenchmarkId::new(format!("read{with}"), count), |b| {
                turns(b, count, || read::<Judged<'_>>(black_box(&frame)));
            });
        }
    }
    group.finish();
}

/// The prefix alone, and frames cut out of a stream. Feeding holds one copy of the bytes, as a read from a socket does.
fn stream(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire/stream");
    let limits = Limits::default();
    let prefix = verdict_frame(1, "").prefix.write();
    assert_eq!(prefix.len(), PREFIX);
    group.throughput(MESSAGE);
    group.bench_function("prefix", |b| turns(b, 1, || Prefix::read(black_box(&prefix), limits).unwrap()));
    // Name, frames that one read brings, messages in each, one such frame.
    let cases = [
        ("verdicts, 1 a frame", 64, 1, verdict_frame(1, "")),
        ("verdicts, 64 a frame", 1, 64, verdict_frame(64, "")),
        ("offers of 256 B, 1 a frame", 64, 1, validate_frame(1, 256)),
        ("offers of 256 B, 64 a frame", 1, 64, validate_frame(64, 256)),
        ("offers of 64 KiB, 1 a frame", 1, 1, validate_frame(1, 65_536)),
    ];
    for (name, frames, messages, frame) in cases {
        let read = bytes(&frame).repeat(frames);
        group.throughput(message(read.len() / (frames * messages)));
        let mut buffer = FrameBuffer::new(limits);
        group.bench_function(BenchmarkId::new("cut", name), |b| {
            turns(b, frames * messages, || {
                // A socket's read brings at most what there is room for.
                let mut rest = &read[..];
                let mut cut = 0;
                while !rest.is_empty() {
                    let room = buffer.room();
                    let (now, later) = rest.split_at(rest.len().min(room.capacity() - room.len()));
                    room.extend_from_slice(now);
                    rest = later;
                    while let Some(frame) = buffer.next_frame().unwrap() {
                        black_box(frame);
                        cut += 1;
                    }
                }
                assert_eq!(cut, frames);
            });
        });
    }
    group.finish();
}

criterion_group! { name = benches; config = support::criterion(); targets = validate, deliver, verdict, stream }
criterion_main!(benches);
