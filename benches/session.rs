//! The attach protocol's two ends without IO: credit, tickets, frames written and read. What a link adds to it is the transport's.
//!
//! `cargo bench --bench session`; all figures are per message, in frames of one and of 64. Both ends are warm: their tables and lists have the size that
//! they have under load.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pmq_protocol::session::{AgentEnd, AgentEvent, AgentTerms, Grant, NetworkTerms, ParentEnd, ParentEvent, ParentTerms, Want};
use pmq_protocol::wire::message::{Delivered, Judged, Offered};
use pmq_protocol::wire::{Cursor, Frame, MessageId, Offer, Record, Roles, SessionId, Ticket, Verdict, Window};
use support::{BATCHES, MESSAGE, SIZE, TURN, spans, timed};

const WINDOW: Window = Window { messages: 4_096, bytes: 64 << 20 };

/// As a stream hands it over: all payloads in one piece.
fn streamed(frame: &Frame) -> Frame {
    Frame { payloads: vec![Bytes::from(frame.payloads.concat())], ..frame.clone() }
}

/// Both ends of one session on one network.
struct Ends {
    agent: AgentEnd,
    parent: ParentEnd,
    now: Instant,
    frames: Vec<Frame>,
}

impl Ends {
    fn attached() -> Self {
        let now = Instant::now();
        let network = NetworkTerms { name: "bench".into(), deadline: Duration::from_secs(4), max_payload: 1 << 20, groups: Vec::new() };
        let terms = Arc::new(AgentTerms { networks: vec![network], ..AgentTerms::default() });
        let roles = Roles::VERIFY | Roles::CONSUME;
        let want = Want {
            network: "bench".into(),
            roles,
            verify: WINDOW,
            consume: WINDOW,
            consumer: "".into(),
            group: "".into(),
            cursor: Cursor::default(),
            policy: None,
        };
        let mut agent = AgentEnd::new(vec![Grant { network: "*".into(), roles: Roles::ALL }], terms, SessionId(7), now);
        let mut parent = ParentEnd::new(vec![want], "bench", ParentTerms::default(), now).unwrap();
        agent.receive(parent.poll_frame().unwrap(), now).unwrap();
        assert!(matches!(agent.poll_event(), Some(AgentEvent::Hello { .. })));
        agent.welcome(&[Cursor { stream: 1, counter: 1 }], now).unwrap();
        parent.receive(agent.poll_frame().unwrap(), now).unwrap();
        assert!(matches!(parent.poll_event(), Some(ParentEvent::Welcomed(_))));
        Self { agent, parent, now, frames: Vec::with_capacity(TURN) }
    }

    /// What the agent has written, as the parent's link reads it.
    fn cross(&mut self) -> Vec<Frame> {
        let read = self.frames.iter().map(streamed).collect();
        self.frames.drain(..).for_each(|frame| self.agent.recycle(frame));
        read
    }

    fn agent_writes(&mut self) {
        self.frames.extend(std::iter::from_fn(|| self.agent.poll_frame()));
    }

    fn parent_writes(&mut self) {
        self.frames.extend(std::iter::from_fn(|| self.parent.poll_frame()));
    }

    /// The parent's end takes frames, and its client reads what they say.
    fn parent_takes(&mut self, frames: Vec<Frame>) {
        for frame in frames {
            self.parent.receive(frame, self.now).unwrap();
            match self.parent.poll_event().unwrap() {
                ParentEvent::Offers(frame) => frame.items::<Offered<'_>>().unwrap().for_each(|offer| drop(black_box(offer))),
                ParentEvent::Records(frame) => frame.items::<Delivered<'_>>().unwrap().for_each(|record| drop(black_box(record))),
                other => unreachable!("{other:?}"),
            }
        }
    }

    /// The agent's end takes frames, and the driver reads the verdicts in them.
    fn agent_takes(&mut self, frames: Vec<Frame>) {
        for frame in frames {
            self.agent.receive(frame, self.now).unwrap();
            match self.agent.poll_event().unwrap() {
                AgentEvent::Verdicts { frame, .. } => frame.items::<Judged<'_>>().unwrap().for_each(|judged| _ = black_box(judged)),
                AgentEvent::Ack { counter, .. } => _ = black_box(counter),
                other => unreachable!("{other:?}"),
            }
        }
    }

    /// Offers to the parent and its verdicts to the agent: writing, reading, writing, reading.
    fn verify(&mut self, offers: &[Offer], size: usize) -> [Duration; 4] {
        let offer = timed(|| {
            offers.chunks(size).for_each(|batch| self.agent.validate(0, batch, self.now).unwrap());
            self.agent_writes();
        });
        let frames = self.cross();
        let take = timed(|| self.parent_takes(frames));
        let accept = |offer: &Offer| Judged { network: 0, ticket: offer.ticket, verdict: Verdict::Accept, reason: 0, text: "" };
        let judge = timed(|| {
            for batch in offers.chunks(size) {
                self.parent.verdicts(batch.iter().map(accept)).unwrap();
            }
            self.parent_writes();
        });
        let frames = std::mem::take(&mut self.frames);
        assert_eq!(frames.len(), offers.len() / size, "every batch is a frame");
        let hear = timed(|| self.agent_takes(frames));
        assert_eq!(self.agent.unverified(0).messages, 0, "the credit is back");
        [offer, take, judge, hear]
    }

    /// Records to the parent and one ack a batch to the agent.
    fn consume(&mut self, records: &[Record], size: usize) -> [Duration; 4] {
        let ship = timed(|| {
            records.chunks(size).for_each(|batch| self.agent.records(0, batch).unwrap());
            self.agent_writes();
        });
        let frames = self.cross();
        let take = timed(|| self.parent_takes(frames));
        let ack = timed(|| {
            for batch in records.chunks(size) {
                self.parent.ack(0, batch.last().map_or(0, Record::last)).unwrap();
            }
            self.parent_writes();
        });
        let frames = std::mem::take(&mut self.frames);
        let hear = timed(|| self.agent_takes(frames));
        assert_eq!(self.agent.unacked(0).messages, 0, "the credit is back");
        [ship, take, ack, hear]
    }
}

fn offers(generation: u32) -> Vec<Offer> {
    let (topic, payload): (Arc<str>, _) = ("prices".into(), Bytes::from_static(&[7; SIZE]));
    let deadline = Instant::now() + Duration::from_secs(4);
    let offer = |slot| Offer {
        ticket: Ticket::new(slot, generation),
        topic: topic.clone(),
        id: MessageId::new(b"an id of twenty byte").unwrap(),
        payload: payload.clone(),
        deadline,
    };
    (0..TURN as u32).map(offer).collect()
}

fn verify(c: &mut Criterion) {
    let mut group = c.benchmark_group("session/verify");
    group.throughput(MESSAGE);
    for size in BATCHES {
        let mut ends = Ends::attached();
        let offers = offers(1);
        for (part, name) in
            ["agent writes offers", "parent reads offers", "parent writes verdicts", "agent reads verdicts"].into_iter().enumerate()
        {
            group.bench_function(BenchmarkId::new(name, size), |b| spans(b, TURN, || ends.verify(&offers, size)[part]));
        }
    }
    group.finish();
}

fn consume(c: &mut Criterion) {
    let mut group = c.benchmark_group("session/consume");
    group.throughput(MESSAGE);
    for size in BATCHES {
        let mut ends = Ends::attached();
        let mut last = 1;
        for (part, name) in
            ["agent writes records", "parent reads records", "parent writes acks", "agent reads acks"].into_iter().enumerate()
        {
            group.bench_function(BenchmarkId::new(name, size), |b| {
                spans(b, TURN, || {
                    let record = |(counter, offer): (u64, Offer)| Record::Message {
                        counter,
                        topic: offer.topic,
                        id: offer.id,
                        payload: offer.payload,
                    };
                    let records: Vec<Record> = (last + 1..).zip(offers(1)).map(record).collect();
                    last += TURN as u64;
                    ends.consume(&records, size)[part]
                });
            });
        }
    }
    group.finish();
}

criterion_group! { name = benches; config = support::criterion(); targets = verify, consume }
criterion_main!(benches);
