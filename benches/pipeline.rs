//! The whole pipeline: the pipeline alone, and all of it from gossip's edge to a parent and back over the memory link, in batches of 1, 8 and 64; the edge and the
//! ticket table by themselves.
//!
//! `cargo bench --bench pipeline`; all figures are per message, on one thread. `benches/ratio.rs` compares the full stack of stages with an empty one in one run.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/lane.rs"]
mod lane;
#[path = "support/link.rs"]
mod link;
mod support;

use std::collections::VecDeque;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use lane::Lane;
use link::Link;
use pmq_bench::rig::{self, EMPTY, FULL};
use pmq_gossip::Payloads;
use pmq_pipeline::{End, Known, Tickets};
use support::{MESSAGE, SIZE, TURN, message, spans, timed, turns};
use tokio::runtime::Builder;

/// Messages on their way at a time.
const BATCHES: [usize; 3] = [1, 8, 64];

/// The pipeline alone, both ways: arrival, stages, queue, offer, verdict, stages, report, log, record, ack.
fn pipeline(c: &mut Criterion) {
    let mut group = c.benchmark_group("pipeline/pipeline");
    group.throughput(MESSAGE);
    let topic = rig::topic();
    for (name, stages) in [("full stack", FULL), ("empty stack", EMPTY)] {
        for size in BATCHES {
            let (mut lane, mut next) = (Lane::new(stages), 1);
            group.bench_function(BenchmarkId::new(name, size), |b| {
                spans(b, TURN, || {
                    let before = lane.delivered;
                    let mut messages = rig::messages(&topic, next, TURN as u64, SIZE).into_iter();
                    next += TURN as u64;
                    let mut batch = Vec::with_capacity(size);
                    let time = timed(|| {
                        loop {
                            batch.extend(messages.by_ref().take(size));
                            if batch.is_empty() {
                                break;
                            }
                            lane.turn(&mut batch);
                        }
                    });
                    assert_eq!(lane.delivered - before, TURN as u64, "every message is delivered");
                    lane.tick();
                    time
                });
            });
        }
    }
    group.finish();
}

/// Edge, driver, session, memory link, client, and all the way back. A batch of 4,096 is the parent's whole window.
fn link(c: &mut Criterion) {
    let mut group = c.benchmark_group("pipeline/memory link");
    group.throughput(MESSAGE);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let topic = rig::topic();
    for (name, stages) in [("full stack", FULL), ("empty stack", EMPTY)] {
        let mut link = runtime.block_on(Link::start(stages, name));
        let mut next = 1;
        for size in BATCHES.into_iter().chain([rig::WINDOW.messages as usize]) {
            group.bench_function(BenchmarkId::new(name, size), |b| {
                spans(b, size, || {
                    let messages = rig::received(&topic, next, size as u64, SIZE);
                    next += size as u64;
                    timed(|| runtime.block_on(link.pass(messages)))
                });
            });
        }
    }
    group.finish();
}

/// Where the router's vectors become payloads, each held and cloned as a queue and a verifier do it.
fn edge(c: &mut Criterion) {
    let mut group = c.benchmark_group("edge/share and clone");
    for size in [64, 256, 1_024, 1_025, 4_096, 65_536] {
        group.throughput(message(size));
        let (mut edge, mut held) = (Payloads::default(), VecDeque::with_capacity(2 * TURN));
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            spans(b, TURN, || {
                let vectors: Vec<Vec<u8>> = (0..TURN).map(|_| vec![7; size]).collect();
                let time = timed(|| {
                    for vector in vectors {
                        let payload = edge.share(vector);
                        held.push_back((payload.clone(), payload));
                    }
                });
                held.drain(..held.len().saturating_sub(TURN)).for_each(|pair| drop(black_box(pair)));
                time
            });
        });
    }
    group.finish();
}

/// A ticket's life, with so many others pending.
fn tickets(c: &mut Criterion) {
    let mut group = c.benchmark_group("tickets/insert, find, remove");
    group.throughput(MESSAGE);
    for pending in [0_u64, 1_024, 65_535] {
        let mut table = Tickets::new(65_536);
        (0..pending).for_each(|value| _ = table.insert(value).unwrap());
        group.bench_function(BenchmarkId::new("pending", pending), |b| {
            turns(b, 1, || {
                let ticket = table.insert(black_box(7)).unwrap();
                assert!(matches!(table.find(black_box(ticket)), Known::Pending(_)));
                table.remove(ticket, End::Verdict)
            });
        });
    }
    group.finish();
}

criterion_group! { name = benches; config = support::criterion(); targets = pipeline, link, edge, tickets }
criterion_main!(benches);
