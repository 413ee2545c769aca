//! Messages a second on one core, both roads, without links: the full stack of stages against an empty one, interleaved in one run.
//!
//! `cargo bench --bench pipeline`; `-- --quick` takes a second.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::time::{Duration, Instant};

use pmq::bench::rig;
use pmq::pipeline::{Arrival, BATCH_MESSAGES, LinkId, Road};
use pmq::wire::{ConsumerTerms, Cursor, Record, Verdict, Window};

const LINK: LinkId = LinkId(1);
const SIZE: usize = 256;

/// One road with a verifier and a consumer that answer at once.
struct Bench {
    road: Road,
    offers: Vec<(LinkId, pmq::wire::Offer)>,
    shipments: Vec<pmq::pipeline::Shipment>,
    cut: Vec<LinkId>,
    delivered: u64,
}

impl Bench {
    fn new(stages: &str) -> Self {
        let mut road = Road::new(&rig::plan(stages).unwrap(), 1);
        let window = Window { messages: 4_096, bytes: 64 << 20 };
        road.store.attach(LINK, window.into(), Instant::now());
        road.outlet.open(LINK, &ConsumerTerms { name: "".into(), cursor: Cursor::default(), window, policy: None });
        Self { road, offers: Vec::new(), shipments: Vec::new(), cut: Vec::new(), delivered: 0 }
    }

    /// One batch in and out again, as the driver does it.
    fn turn(&mut self, batch: &mut Vec<Arrival>) {
        let now = Instant::now();
        self.road.arrive(batch, now).unwrap();
        self.road.hand_out(now, &mut self.offers);
        let bytes = self.offers.iter().map(|(_, offer)| offer.payload.len() as u64).sum();
        self.road.store.released(LINK, self.offers.len() as u32, bytes);
        for (link, offer) in self.offers.drain(..) {
            self.road.verdict(link, offer.ticket, Verdict::Accept, now).unwrap();
        }
        self.road.settle(now).unwrap();
        assert!(self.road.reports().drain(..).all(|report| report.outcome.verdict == Verdict::Accept));
        self.road.pump(&mut self.shipments, &mut self.cut);
        let mut last = 0;
        for shipment in self.shipments.drain(..) {
            if let Record::Message { counter, .. } = shipment.record {
                last = counter;
                self.delivered += 1;
            }
        }
        self.road.outlet.ack(LINK, last);
    }

    /// Passes `count` messages from `first` on; the time without making them.
    fn pass(&mut self, first: u64, count: u64) -> Duration {
        let mut messages = rig::messages(&rig::topic(), first, count, SIZE).into_iter();
        let mut batch = Vec::with_capacity(BATCH_MESSAGES);
        let (before, start) = (self.delivered, Instant::now());
        loop {
            batch.extend(messages.by_ref().take(BATCH_MESSAGES));
            if batch.is_empty() {
                break;
            }
            self.turn(&mut batch);
            self.road.tick(Instant::now()).unwrap();
        }
        let time = start.elapsed();
        assert_eq!(self.delivered - before, count, "every message is delivered");
        time
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick" || arg == "--test") || std::env::var_os("PMQ_BENCH_QUICK").is_some();
    let (rounds, count) = if quick { (3, 10_000) } else { (9, 200_000) };
    let (mut full, mut empty) = (Bench::new(rig::FULL), Bench::new(rig::EMPTY));
    let (mut full_rates, mut empty_rates) = (Vec::new(), Vec::new());
    let mut first = 1;
    for round in 0..=rounds {
        let rates = [&mut full, &mut empty].map(|bench| count as f64 / bench.pass(first, count).as_secs_f64());
        first += count;
        // The first round warms up.
        if round > 0 {
            full_rates.push(rates[0]);
            empty_rates.push(rates[1]);
        }
    }
    let (full, empty) = (median(full_rates), median(empty_rates));
    println!("pipeline alone, both roads, {SIZE} B, one core, median of {rounds} rounds of {count} messages");
    println!("full stack   {full:>12.0} msg/s  {:>6.0} ns/msg", 1e9 / full);
    println!("empty stack  {empty:>12.0} msg/s  {:>6.0} ns/msg", 1e9 / empty);
    println!("full / empty {:>12.3}", full / empty);
}
