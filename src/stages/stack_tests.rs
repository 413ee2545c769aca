//! The stages together, through the glue that puts them on a pipeline.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use proptest::prelude::*;
use tower::{Layer, Service};

use super::admission::{Admission, AdmissionCounters, AdmissionSettings, AdmissionStage, By};
use super::decode::{CodecSettings, Decode, PmqSettings};
use super::fixture::{envelope, network, topic};
use super::window::{SequenceWindow, WindowSettings};
use pmq_pipeline::{Batch, Blueprint, Core, Envelope, Outcome, Pass, Settled, Stack, Stage, StageLayer};
use pmq_protocol::wire::{HeaderOrigin, PmqHeader, Reason, Verdict};

/// An admission that shows its counters to the test.
#[derive(Debug)]
struct Watched(Admission, Arc<Mutex<AdmissionCounters>>);

struct WatchedStage(AdmissionStage, Arc<Mutex<AdmissionCounters>>);

impl Blueprint for Watched {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn build(&self) -> Box<dyn Stage> {
        Box::new(WatchedStage(self.0.stage(), self.1.clone()))
    }
}

impl Stage for WatchedStage {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn inward(&mut self, batch: &mut Batch, now: Instant) {
        self.0.inward(batch, now);
        *self.1.lock().unwrap() = self.0.counters();
    }

    fn outward(&mut self, settled: &mut [Settled], now: Instant) {
        self.0.outward(settled, now);
        *self.1.lock().unwrap() = self.0.counters();
    }

    fn tick(&mut self, now: Instant) {
        self.0.tick(now);
        *self.1.lock().unwrap() = self.0.counters();
    }
}

fn stack(outermost_first: &[&dyn Blueprint]) -> Stack {
    outermost_first.iter().rev().fold(Box::new(Core) as Stack, |inner, blueprint| StageLayer(*blueprint).layer(inner))
}

fn call(stack: &mut Stack, pass: Pass) -> Box<Batch> {
    match stack.call(pass).into_inner().unwrap() {
        Pass::Inward(batch, _) | Pass::Outward(batch, _) => batch,
        other => panic!("{other:?}"),
    }
}

fn pmq(origin: u8, seq: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    PmqHeader { origin: HeaderOrigin::Short([origin; 20]), epoch: 0, seq, content: 0 }.write(&mut bytes);
    bytes
}

fn decode() -> Decode {
    Decode::new(PmqSettings::default().into_codec().unwrap())
}

#[test]
fn the_order_of_two_stages_decides() {
    let admission = Admission::new(AdmissionSettings { burst: 1, rate: 1, ..AdmissionSettings::default() }, network());
    let decode = decode();
    let outcomes = |order: &[&dyn Blueprint]| {
        let live = vec![envelope(1, topic(0), b"no header at all"), envelope(1, topic(0), &pmq(1, 1))];
        let batch = Box::new(Batch { live, settled: Vec::new() });
        let batch = call(&mut stack(order), Pass::Inward(batch, Instant::now()));
        let reasons: Vec<_> = batch.settled.iter().map(|settled| settled.outcome.reason).collect();
        (reasons, batch.live.len())
    };
    // Admission first: the garbage costs the peer's only token. Decode first: it never gets that far.
    assert_eq!(outcomes(&[&admission, &decode]), (vec![Reason::RatePeer, Reason::Malformed], 0));
    assert_eq!(outcomes(&[&decode, &admission]), (vec![Reason::Malformed], 1));
}

#[derive(Debug, Clone)]
enum Step {
    Arrive(Vec<(u32, u8, u64, bool)>),
    Settle(Vec<(prop::sample::Index, u8)>),
    Tick(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let message = (0..4_u32, 0..3_u8, prop_oneof![0..40_u64, Just(u64::MAX)], prop::bool::weighted(0.1));
    prop_oneof![
        4 => prop::collection::vec(message, 1..8).prop_map(Step::Arrive),
        3 => prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8), 1..8).prop_map(Step::Settle),
        1 => (0..2_000_u64).prop_map(Step::Tick),
    ]
}

fn limits(by: By) -> AdmissionSettings {
    AdmissionSettings {
        by,
        rate: 20,
        burst: 12,
        byte_rate: ByteSize::kb(2),
        byte_burst: ByteSize::kb(1),
        in_flight: 4,
        in_flight_total: 9,
        entries: 3,
    }
}

fn outcome(code: u8) -> Outcome {
    match code {
        0 | 1 => Outcome::accept(Reason::Verified),
        2 => Outcome::ignore(Reason::Timeout),
        _ => Outcome { verdict: Verdict::Reject, reason: Reason::Verified },
    }
}

proptest! {
    #[test]
    fn what_is_taken_is_given_back(steps in prop::collection::vec(step(), 1..60)) {
        let (outer_seen, inner_seen) = (Arc::default(), Arc::default());
        let outer = Watched(Admission::new(limits(By::Peer), network()), Arc::clone(&outer_seen));
        let inner = Watched(Admission::new(limits(By::Origin), network()), Arc::clone(&inner_seen));
        let window_settings = WindowSettings { skip: 4, validity: 8, warm_after: 1, origins: 2, floors: 1, ..WindowSettings::default() };
        let (decode, window) = (decode(), SequenceWindow::new(window_settings, network()));
        let mut stack = stack(&[&outer, &decode, &inner, &window]);

        let mut now = Instant::now();
        let (mut came, mut gone, mut pending) = (0, 0, Vec::<Envelope>::new());
        let mut leave = |stack: &mut Stack, out: Vec<Settled>, now| {
            let given = out.len();
            let batch = call(stack, Pass::Outward(Box::new(Batch { live: Vec::new(), settled: out }), now));
            assert_eq!(batch.settled.len(), given);
            gone += given;
            gone
        };
        let mut refused = 0;
        for step in steps {
            match step {
                Step::Arrive(messages) => {
                    came += messages.len();
                    let payload = |origin, seq, garbage| if garbage { b"garbage".to_vec() } else { pmq(origin, seq) };
                    let live = messages.into_iter().map(|(peer, origin, seq, garbage)| {
                        envelope(peer, topic(0), &payload(origin, seq, garbage))
                    }).collect();
                    let batch = call(&mut stack, Pass::Inward(Box::new(Batch { live, settled: Vec::new() }), now));
                    for settled in &batch.settled {
                        let Outcome { verdict, reason } = settled.outcome;
                        prop_assert!(verdict != Verdict::Reject || reason.sender_at_fault());
                    }
                    refused += batch.settled.len();
                    pending.extend(batch.live);
                }
                Step::Settle(which) => {
                    let mut out = Vec::new();
                    for (index, code) in which {
                        if !pending.is_empty() {
                            let envelope = pending.swap_remove(index.index(pending.len()));
                            out.push(Settled::new(envelope, outcome(code)));
                        }
                    }
                    leave(&mut stack, out, now);
                }
                Step::Tick(ms) => {
                    now += Duration::from_millis(ms);
                    stack.call(Pass::Tick(now)).into_inner().unwrap();
                }
            }
            let (outer, inner): (AdmissionCounters, AdmissionCounters) = (*outer_seen.lock().unwrap(), *inner_seen.lock().unwrap());
            prop_assert_eq!(outer.in_flight as usize, pending.len());
            prop_assert_eq!(inner.in_flight as usize, pending.len());
            prop_assert!(outer.entries <= 3 && inner.entries <= 3 && pending.len() <= 9);
        }
        let rest = pending.drain(..).map(|envelope| Settled::new(envelope, outcome(0))).collect();
        let gone = leave(&mut stack, rest, now);
        prop_assert_eq!(came, gone + refused);
        prop_assert_eq!(outer_seen.lock().unwrap().in_flight, 0);
        prop_assert_eq!(inner_seen.lock().unwrap().in_flight, 0);
        // Idle long enough, nobody is remembered: no entry was left pinned.
        stack.call(Pass::Tick(now + Duration::from_secs(60))).into_inner().unwrap();
        prop_assert_eq!(outer_seen.lock().unwrap().entries, 0);
        prop_assert_eq!(inner_seen.lock().unwrap().entries, 0);
    }
}
