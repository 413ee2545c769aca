//! Every stage by itself, going in and coming out, in batches of one and of 64; and every codec. The sequence window has more in `benches/window.rs`.
//!
//! `cargo bench --bench stages`; all figures are per message. `cargo bench --bench stages -- codec/pmq` runs a part.
//!
//! A stage is warm: its tables have the entries, its buffers the size that they have under load. What is measured is the stage's own call; that messages are
//! settled and made anew stands outside.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/pipeline.rs"]
mod pipeline;
mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pipeline::{accept, batches, envelopes, outlet, payload, renew, stage, store};
use pmq_pipeline::{Batch, Delivery, Envelope, LinkId, PendingQueue, Shipment, VerdictRecord};
use pmq_protocol::wire::{ConsumerTerms, Cursor, Offer, Ticket, Verdict, Window};
use pmq_stages::decode::{Codec, CodecSettings, Endian, FixedSettings, Integer, PmqSettings, Range, RawSettings, TagRange};
use support::{BATCHES, MESSAGE, SIZE, SIZES, TURN, message, spans, timed, turns};

const LINK: LinkId = LinkId(1);
const WIDE: Window = Window { messages: 4_096, bytes: 64 << 20 };

/// One stage in front of the queue, both ways. `again` makes a batch as new, outside the time.
fn front(c: &mut Criterion, name: &str, table: &str, mut again: impl FnMut(&mut Batch)) {
    let mut group = c.benchmark_group(format!("stages/{name}"));
    group.throughput(MESSAGE);
    for size in BATCHES {
        let mut stage = stage(table);
        let mut batches = batches(envelopes(TURN, SIZE), size);
        // Both ways in every turn, since what goes in takes what coming out gives back; one of them is timed.
        for inward in [true, false] {
            group.bench_function(BenchmarkId::new(if inward { "inward" } else { "outward" }, size), |b| {
                spans(b, TURN, || {
                    let now = Instant::now();
                    let going_in = timed(|| batches.iter_mut().for_each(|batch| stage.inward(batch, now)));
                    batches.iter_mut().for_each(|batch| {
                        assert_eq!(batch.live.len(), size, "all of them pass");
                        accept(batch);
                    });
                    let coming_out = timed(|| batches.iter_mut().for_each(|batch| stage.outward(&mut batch.settled, now)));
                    batches.iter_mut().for_each(|batch| {
                        assert!(batch.settled.iter().all(|settled| settled.outcome.verdict == Verdict::Accept));
                        renew(batch);
                        again(batch);
                    });
                    if inward { going_in } else { coming_out }
                });
            });
        }
    }
    group.finish();
}

fn admission(c: &mut Criterion) {
    let wide = "rate = 4000000000\nburst = 4000000000\nbyte_rate = '1TiB'\nbyte_burst = '1TiB'";
    front(c, "admission", &format!("use = 'admission'\n{wide}"), |_| {});
}

fn decode(c: &mut Criterion) {
    let unread = |batch: &mut Batch| batch.live.iter_mut().for_each(|envelope| envelope.header = None);
    front(c, "decode", "use = 'decode'\ncodec = 'pmq'", unread);
}

/// Each origin's next number every time, in order.
fn window(c: &mut Criterion) {
    let mut reader = stage("use = 'decode'\ncodec = 'pmq'");
    let mut number = 0;
    let count = move |batch: &mut Batch| {
        reader.inward(batch, Instant::now());
        for envelope in &mut batch.live {
            if let Some(header) = &mut envelope.header {
                header.seq = 1_000 + number / 4;
                number += 1;
            }
        }
    };
    front(c, "sequence-window", "use = 'sequence-window'", count);
}

/// A queue with one verifier that has credit for everything.
struct Queue {
    queue: Box<dyn PendingQueue>,
    offers: Vec<(LinkId, Offer)>,
    tickets: Vec<Ticket>,
    out: Batch,
}

impl Queue {
    fn new() -> Self {
        let mut store = store("use = 'validation-queue'\ndeadline = '30s'");
        assert!(store.attach(LINK, WIDE.into(), Instant::now()));
        Self { queue: store, offers: Vec::with_capacity(TURN), tickets: Vec::with_capacity(TURN), out: Batch::default() }
    }

    fn hand_out(&mut self, now: Instant) {
        self.queue.hand_out(now, &mut self.offers);
    }

    /// The parent has the offers: its credit comes back, and its verdicts are ready.
    fn take_offers(&mut self) {
        let bytes = self.offers.iter().map(|(_, offer)| offer.payload.len() as u64).sum();
        self.queue.released(LINK, self.offers.len() as u32, bytes);
        self.tickets.extend(self.offers.drain(..).map(|(_, offer)| offer.ticket));
    }

    fn verdicts(&mut self, now: Instant) {
        for ticket in self.tickets.drain(..) {
            self.queue.verdict(LINK, ticket, VerdictRecord::from(Verdict::Accept), now, &mut self.out).unwrap();
        }
    }

    /// What has come out goes in again, as if it had just arrived.
    fn renew(&mut self, batches: &mut [Batch], size: usize) {
        assert_eq!(self.out.settled.len(), batches.len() * size, "all of them are settled");
        let arrived = Instant::now();
        for (batch, settled) in batches.iter_mut().zip(self.out.settled.chunks(size)) {
            batch.live.extend(settled.iter().map(|settled| settled.envelope.clone()));
            batch.live.iter_mut().for_each(|envelope| envelope.arrival.arrived = arrived);
        }
        self.out.settled.clear();
        self.queue.expire(arrived, &mut self.out);
    }
}

/// In: admission, and the offer to a verifier. Out: its verdict, which comes one at a time.
fn validation_queue(c: &mut Criterion) {
    let mut group = c.benchmark_group("stages/validation-queue");
    group.throughput(MESSAGE);
    for size in BATCHES {
        let mut queue = Queue::new();
        let mut batches = batches(envelopes(TURN, SIZE), size);
        for (part, name) in ["inward: admit", "inward: hand out", "outward: verdict"].into_iter().enumerate() {
            if part > 0 && size == 1 {
                continue;
            }
            group.bench_function(BenchmarkId::new(name, size), |b| {
                spans(b, TURN, || {
                    let now = Instant::now();
                    let admit = timed(|| batches.iter_mut().for_each(|batch| queue.queue.admit(batch, now)));
                    let hand_out = timed(|| queue.hand_out(now));
                    queue.take_offers();
                    let verdict = timed(|| queue.verdicts(now));
                    queue.renew(&mut batches, size);
                    [admit, hand_out, verdict][part]
                });
            });
        }
        // One batch at a time all the way, as when the agent is idle, or busy.
        group.bench_function(BenchmarkId::new("both", size), |b| {
            spans(b, TURN, || {
                let now = Instant::now();
                let time = timed(|| {
                    for batch in &mut batches {
                        queue.queue.admit(batch, now);
                        queue.hand_out(now);
                        queue.take_offers();
                        queue.verdicts(now);
                    }
                });
                queue.renew(&mut batches, size);
                time
            });
        });
    }
    group.finish();
}

/// A delivery with consumers that have credit for everything, and a ring that is full.
struct Consumers {
    delivery: Box<dyn Delivery>,
    count: u32,
    shipments: Vec<Shipment>,
    cut: Vec<LinkId>,
}

impl Consumers {
    fn new(count: u32, message: &Envelope) -> Self {
        let mut outlet = outlet("use = 'delivery'\nring_messages = 4096\nmax_lag = 4096");
        (0..4_096).for_each(|_| outlet.deliver(message));
        for link in 0..count {
            outlet.open(LinkId(link), &ConsumerTerms { name: "".into(), cursor: Cursor::default(), window: WIDE, policy: None });
        }
        Self { delivery: outlet, count, shipments: Vec::with_capacity(TURN * count as usize), cut: Vec::new() }
    }

    fn deliver(&mut self, batch: &Batch) {
        batch.live.iter().for_each(|envelope| self.delivery.deliver(envelope));
        self.delivery.commit().unwrap();
    }

    fn pump(&mut self) {
        self.delivery.pump(&mut self.shipments, &mut self.cut);
    }

    fn ack(&mut self, last: u64) {
        (0..self.count).for_each(|link| self.delivery.ack(LinkId(link), last));
    }
}

/// In: into the log, and out of it to consumers. Out: what they acknowledge. A batch is what is delivered, shipped and acknowledged at once.
fn delivery(c: &mut Criterion) {
    let mut group = c.benchmark_group("stages/delivery");
    group.throughput(MESSAGE);
    for (count, size) in [(1, 1), (1, 64), (8, 64)] {
        let batches = batches(envelopes(TURN, SIZE), size);
        let mut consumers = Consumers::new(count, &batches[0].live[0]);
        for (part, name) in ["inward: deliver", "inward: pump", "outward: ack"].into_iter().enumerate() {
            let parameter = if count == 1 { size.to_string() } else { format!("{size}, {count} consumers") };
            if part == 1 && size == 1 {
                // Every message with a pump and an ack of its own; the parts are too short to be timed one by one.
                group.bench_function(BenchmarkId::new("both", size), |b| {
                    spans(b, TURN, || {
                        timed(|| {
                            for batch in &batches {
                                consumers.deliver(batch);
                                consumers.pump();
                                let last = consumers.shipments.drain(..).last().map_or(0, |shipment| shipment.record.last());
                                consumers.ack(last);
                            }
                        })
                    });
                });
            }
            if part > 0 && size == 1 {
                continue;
            }
            group.bench_function(BenchmarkId::new(name, parameter), |b| {
                spans(b, TURN, || {
                    let deliver = timed(|| batches.iter().for_each(|batch| consumers.deliver(batch)));
                    let pump = timed(|| consumers.pump());
                    assert_eq!(consumers.shipments.len(), TURN * count as usize, "all of them are shipped");
                    let last = consumers.shipments.drain(..).last().map_or(0, |shipment| shipment.record.last());
                    let ack = timed(|| consumers.ack(last));
                    [deliver, pump, ack][part]
                });
            });
        }
    }
    group.finish();
}

/// One codec: a message that it reads, at every size, and one that it refuses.
fn codec(c: &mut Criterion, name: &str, codec: &Arc<dyn Codec>, refused: Option<&[u8]>) {
    let mut group = c.benchmark_group(format!("codec/{name}"));
    for size in SIZES {
        let payload = payload(1, 7, size);
        assert!(codec.read("prices", &payload).is_ok());
        group.throughput(message(payload.len()));
        group.bench_function(BenchmarkId::new("valid", size), |b| turns(b, 1, || codec.read(black_box("prices"), black_box(&payload))));
    }
    if let Some(payload) = refused {
        assert!(codec.read("prices", payload).is_err());
        group.throughput(MESSAGE);
        group.bench_function("refused", |b| turns(b, 1, || codec.read(black_box("prices"), black_box(payload))));
    }
    group.finish();
}

fn codecs(c: &mut Criterion) {
    codec(c, "raw", &RawSettings::default().into_codec().unwrap(), None);
    // Its content is longer than the message.
    let mut cut = payload(1, 7, SIZE);
    cut.pop();
    codec(c, "pmq", &PmqSettings::default().into_codec().unwrap(), Some(&cut));
    // The same header, read as a foreign format whose last 32 bytes are no content.
    let integer = |offset| Integer { offset, length: 8, endian: Endian::Little };
    let fixed = FixedSettings {
        origin: Range { offset: 28, length: 20 },
        epoch: Some(integer(8)),
        sequence: integer(16),
        tag: TagRange { offset: 48, length: None, trim: 32 },
    };
    let fixed = fixed.into_codec();
    codec(c, "fixed", &fixed.unwrap(), Some(&payload(1, 7, 16)));
}

criterion_group! { name = benches; config = support::criterion(); targets = admission, decode, window, validation_queue, delivery, codecs }
criterion_main!(benches);
