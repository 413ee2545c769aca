//! The sequence window: numbers that jump, come in another order, or of many origins; and what it refuses.
//!
//! `cargo bench --bench window`; all figures are per message, in batches of 64. `inward` is the check before the parent sees a message, `outward` the commit
//! of one that it accepted, which moves the window.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/pipeline.rs"]
mod pipeline;
mod support;

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use pipeline::{accept, batches, envelopes, renew, stage};
use pmq_pipeline::{Batch, Header, Origin, Outcome, Stage};
use pmq_protocol::wire::{Reason, Verdict};
use support::{MESSAGE, SIZE, TURN, spans, timed};

/// Far enough from 0 that every number has a window below it.
const START: u64 = 1 << 32;

/// The `number`th origin. Origins of real networks are hashes or keys: all bytes differ.
fn origin(number: u64) -> Origin {
    let mut origin = Origin::default();
    let words = origin.0.chunks_exact_mut(8).zip(1..);
    words.for_each(|(word, factor): (_, u64)| {
        word.copy_from_slice(&(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17 * factor as u32).to_le_bytes());
    });
    origin
}

fn header(origin_number: u64, seq: u64) -> Header {
    Header { origin: origin(origin_number), epoch: 0, seq, tag: 7 }
}

/// A warm stage, and one batch of messages that is used again and again.
struct Bench {
    stage: Box<dyn Stage>,
    batch: Batch,
}

impl Bench {
    fn new(settings: &str) -> Self {
        let stage = stage(&format!("use = 'sequence-window'\n{settings}"));
        Self { stage, batch: batches(envelopes(TURN, SIZE), TURN).remove(0) }
    }

    /// One batch that is accepted: its times going in and coming out.
    fn turn(&mut self, mut next: impl FnMut() -> Header) -> [Duration; 2] {
        let now = Instant::now();
        self.batch.live.iter_mut().for_each(|envelope| envelope.header = Some(next()));
        let inward = timed(|| self.stage.inward(&mut self.batch, now));
        assert_eq!(self.batch.live.len(), TURN, "all of them are welcome: {:?}", self.batch.settled.first().map(|settled| settled.outcome));
        accept(&mut self.batch);
        let outward = timed(|| self.stage.outward(&mut self.batch.settled, now));
        assert!(self.batch.settled.iter().all(|settled| settled.outcome.verdict == Verdict::Accept));
        renew(&mut self.batch);
        [inward, outward]
    }

    /// One batch that is refused.
    fn refused(&mut self, header: Header, expected: Outcome) -> Duration {
        let now = Instant::now();
        self.batch.live.iter_mut().for_each(|envelope| envelope.header = Some(header));
        let inward = timed(|| self.stage.inward(&mut self.batch, now));
        assert!(self.batch.settled.len() == TURN && self.batch.settled.iter().all(|settled| settled.outcome == expected));
        renew(&mut self.batch);
        inward
    }
}

/// Both ways of messages that are welcome.
fn welcome(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, settings: &str, mut next: impl FnMut() -> Header) {
    let mut bench = Bench::new(settings);
    // Every origin that there will be has its window, and the ring has gone round.
    (0..256).for_each(|_| _ = bench.turn(&mut next));
    for (way, inward_or_outward) in ["inward", "outward"].into_iter().enumerate() {
        group.bench_function(BenchmarkId::new(inward_or_outward, name), |b| spans(b, TURN, || bench.turn(&mut next)[way]));
    }
}

/// Each number so far ahead of the one before; in the default window, and in one that is wider than the jumps.
fn jumps(c: &mut Criterion) {
    let mut group = c.benchmark_group("window/jump");
    group.throughput(MESSAGE);
    for (window, settings) in [("", ""), (" in a window of 65,536", "window = 65536")] {
        for (jump, name) in [(1, "1"), (64, "64"), (10_000, "10,000")] {
            let mut seq = START;
            welcome(&mut group, &format!("{name}{window}"), settings, || {
                seq += jump;
                header(0, seq)
            });
        }
    }
    group.finish();
}

/// One origin whose numbers come in another order within the window.
fn reordered(c: &mut Criterion) {
    let mut group = c.benchmark_group("window/reordered");
    group.throughput(MESSAGE);
    for span in [64_u64, 256] {
        let mut count = 0;
        welcome(&mut group, &format!("within {span}"), "", || {
            // An odd factor goes through all of a power of two.
            let (block, place) = (count / span, count % span);
            count += 1;
            header(0, START + block * span + (place * 37 + 11) % span)
        });
    }
    group.finish();
}

/// Many origins by turns, each in order. The table holds 1,024: with more of them by turns, every Accept evicts one and opens one.
fn origins(c: &mut Criterion) {
    let mut group = c.benchmark_group("window/origins");
    group.throughput(MESSAGE);
    for (name, origins) in [("1", 1), ("64", 64), ("1,024", 1_024), ("2,048 for 1,024 places", 2_048)] {
        let mut count = 0;
        welcome(&mut group, name, "", || {
            count += 1;
            header(count % origins, START + count / origins)
        });
    }
    group.finish();
}

/// What costs the parent nothing.
fn refused(c: &mut Criterion) {
    let mut group = c.benchmark_group("window/refused");
    group.throughput(MESSAGE);
    let cases = [
        ("duplicate", header(0, START), Outcome::ignore(Reason::Duplicate)),
        ("conflict", Header { tag: 8, ..header(0, START) }, Outcome::ignore(Reason::Conflict)),
        ("stale", header(0, START - 1_000), Outcome::ignore(Reason::Stale)),
        ("expired", header(0, START - 100_000), Outcome::reject(Reason::Expired)),
    ];
    for (name, header, expected) in cases {
        let mut bench = Bench::new("");
        let mut seq = START - TURN as u64;
        bench.turn(|| {
            seq += 1;
            self::header(0, seq)
        });
        group.bench_function(name, |b| spans(b, TURN, || bench.refused(header, expected)));
    }
    group.finish();
}

criterion_group! { name = benches; config = support::criterion(); targets = jumps, reordered, origins, refused }
criterion_main!(benches);
