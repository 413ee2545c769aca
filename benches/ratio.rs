//! What the stages cost: the full stack against an empty one on one core, by turns in one run. Each figure is a ratio of two passes that followed each other; its
//! median stands first, then the least and the largest of all rounds.
//!
//! - *pipeline*: messages a second, both roads, without links.
//! - *memory link*: messages a second through edge, driver, session, memory link and a parent that accepts at once, with a full window.
//! - *latency*: the same path in an open loop at a constant rate, from the moment at which a message was due to its report. A stall delays every message behind
//!   it, and is counted for each of them.
//!
//! `cargo bench --bench ratio -- [--quick] [--rate MESSAGES_PER_SECOND]`. criterion measures one thing after the other, which is why this bench is not its.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "support/lane.rs"]
mod lane;
#[path = "support/link.rs"]
mod link;

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use lane::Lane;
use link::Link;
use pmq_bench::rig::{self, EMPTY, FULL};
use pmq_pipeline::BATCH_MESSAGES;
use pmq_protocol::wire::Verdict;

const SIZE: usize = 256;

/// How long, how often, how fast.
struct Plan {
    rounds: usize,
    /// Messages of one pass in a closed loop.
    burst: u64,
    /// Of an open loop, in messages a second.
    rate: f64,
    seconds: f64,
}

/// One figure of both stacks, a value a round.
struct Pair {
    name: &'static str,
    unit: &'static str,
    full: Vec<f64>,
    empty: Vec<f64>,
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Pair {
    fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, full: Vec::new(), empty: Vec::new() }
    }

    fn print(&self) {
        let Self { name, unit, full, empty } = self;
        let ratios = || full.iter().zip(empty).map(|(full, empty)| full / empty);
        let (least, largest) = (ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max));
        println!(
            "{name:12} full {:>11.0} {unit:5} empty {:>11.0} {unit:5} full / empty {:.3} ({least:.3} to {largest:.3})",
            median(full.iter().copied()),
            median(empty.iter().copied()),
            median(ratios()),
        );
    }
}

/// Passes `count` messages from `first` on through the pipeline alone; messages a second, without making them.
fn pipeline(lane: &mut Lane, first: u64, count: u64) -> f64 {
    let mut messages = rig::messages(&rig::topic(), first, count, SIZE).into_iter();
    let mut batch = Vec::with_capacity(BATCH_MESSAGES);
    let (before, start) = (lane.delivered, Instant::now());
    loop {
        batch.extend(messages.by_ref().take(BATCH_MESSAGES));
        if batch.is_empty() {
            break;
        }
        lane.turn(&mut batch);
        lane.tick();
    }
    let time = start.elapsed();
    assert_eq!(lane.delivered - before, count, "every message is delivered");
    count as f64 / time.as_secs_f64()
}

async fn closed_loop(link: &mut Link, first: u64, count: u64) -> f64 {
    let messages = rig::received(&rig::topic(), first, count, SIZE);
    let start = Instant::now();
    link.pass(messages).await;
    count as f64 / start.elapsed().as_secs_f64()
}

/// Sends `count` messages at `rate` a second and records how long after it was due each was reported, in nanoseconds.
async fn open_loop(link: &mut Link, first: u64, count: u64, rate: f64) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
    let messages = rig::messages(&rig::topic(), first, count, SIZE);
    let arrivals = link.rig.arrivals.clone();
    let done = link.parent.done() + link.parent.lost() + count;
    let start = Instant::now() + Duration::from_millis(5);
    let due = move |index: u64| start + Duration::from_secs_f64(index as f64 / rate);
    let sender = tokio::spawn(async move {
        for (index, mut message) in (0..).zip(messages) {
            // A timer's granularity of a millisecond would be the figure; the one thread is shared with all others at every turn.
            while Instant::now() < due(index) {
                tokio::task::yield_now().await;
            }
            // Reports carry the arrival back, so it says when the message was due.
            message.arrived = due(index);
            arrivals.send(message).await.unwrap();
        }
    });
    for _ in 0..count {
        let report = link.rig.reports.recv().await.unwrap();
        assert_eq!(report.outcome.verdict, Verdict::Accept, "{:?}", report.outcome);
        histogram.saturating_record(report.arrived.elapsed().as_nanos() as u64);
    }
    sender.await.unwrap();
    // The next loop counts from here.
    link.parent.until(done).await.unwrap();
    histogram
}

/// Who goes first goes second in the next round.
fn turned<T>([full, empty]: &mut [T; 2], round: u64) -> [&mut T; 2] {
    if round.is_multiple_of(2) { [full, empty] } else { [empty, full] }
}

/// All rounds of the pipeline alone; the first one warms up.
fn roads(plan: &Plan) -> Pair {
    let mut pair = Pair::new("pipeline", "msg/s");
    let mut lanes = [FULL, EMPTY].map(Lane::new);
    for round in 0..=plan.rounds as u64 {
        let first = 1 + round * plan.burst;
        let [a, b] = turned(&mut lanes, round).map(|lane| pipeline(lane, first, plan.burst));
        let [full, empty] = if round % 2 == 0 { [a, b] } else { [b, a] };
        if round > 0 {
            pair.full.push(full);
            pair.empty.push(empty);
        }
    }
    pair
}

/// All rounds over the memory link; the first one warms up.
async fn links(plan: &Plan) -> Vec<Pair> {
    let paced = ((plan.rate * plan.seconds) as u64).max(1);
    let mut links = [Link::start(FULL, "full").await, Link::start(EMPTY, "empty").await];
    let latency = ["latency p50", "latency p99", "latency p99.9"].map(|name| Pair::new(name, "ns"));
    let mut pairs: Vec<Pair> = [Pair::new("memory link", "msg/s")].into_iter().chain(latency).collect();
    let mut next = 1;
    for round in 0..=plan.rounds {
        let mut values = Vec::new();
        for link in turned(&mut links, round as u64) {
            let rate = closed_loop(link, next, plan.burst).await;
            let histogram = open_loop(link, next + plan.burst, paced, plan.rate).await;
            let quantiles = [0.5, 0.99, 0.999].map(|quantile| histogram.value_at_quantile(quantile) as f64);
            values.push([rate].into_iter().chain(quantiles).collect::<Vec<f64>>());
        }
        next += plan.burst + paced;
        if round % 2 == 1 {
            values.reverse();
        }
        if round > 0 {
            for (index, pair) in pairs.iter_mut().enumerate() {
                pair.full.push(values[0][index]);
                pair.empty.push(values[1][index]);
            }
        }
    }
    pairs
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let quick = args.iter().any(|arg| arg == "--quick" || arg == "--test");
    let asked = args.iter().position(|arg| arg == "--rate").and_then(|at| args.get(at + 1)?.parse().ok());
    let rate = asked.unwrap_or(20_000.0);
    let plan =
        if quick { Plan { rounds: 3, burst: 10_000, rate, seconds: 0.3 } } else { Plan { rounds: 9, burst: 200_000, rate, seconds: 3.0 } };
    println!("full stack / empty stack, {SIZE} B, one thread, median of {} rounds by turns; latency at {rate:.0} msg/s", plan.rounds);
    roads(&plan).print();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(links(&plan)).iter().for_each(Pair::print);
}
