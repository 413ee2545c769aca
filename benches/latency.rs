//! Open loop at a constant rate through driver, session, memory link and a parent that accepts at once: from the moment at which a message
//! was due to its report. A stall delays every message behind it, and is counted for each of them. Then the throughput with a full window.
//!
//! `cargo bench --bench latency -- [--quick] [--rate MESSAGES_PER_SECOND]`

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use pmq::bench::rig::{self, Messages, Parent, Rig, Work};
use pmq::transports::{Address, Listener};
use pmq::wire::{Limits, Verdict};

const SIZE: usize = 256;

/// Sends `count` messages at `rate` a second and records how long after it was due each was reported.
async fn open_loop(rig: &mut Rig, first: u64, count: u64, rate: f64) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
    let messages = rig::messages(&rig::topic(), first, count, SIZE);
    let arrivals = rig.arrivals.clone();
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
        let report = rig.reports.recv().await.unwrap();
        assert_eq!(report.outcome.verdict, Verdict::Accept, "{:?}", report.outcome);
        histogram.saturating_record(report.arrived.elapsed().as_nanos() as u64);
    }
    sender.await.unwrap();
    histogram
}

struct Figures {
    p50: f64,
    p99: f64,
    p999: f64,
    throughput: f64,
}

/// Latency under a constant rate, then throughput with a full window, of one stack of stages.
async fn measure(stages: &'static str, name: &str, rate: f64, seconds: f64, burst: u64) -> Figures {
    let listener = Listener::bind(&Address::Memory(name.into()), 1_000, Limits::default()).await.unwrap();
    let mut rig = Rig::start(stages, vec![listener]).await.unwrap();
    let parent = Parent::attach(&format!("memory:{name}"), Work::Consume).await.unwrap();
    let count = (rate * seconds) as u64;
    let warm_up = (count / 10).max(1_000);
    open_loop(&mut rig, 1, warm_up, rate).await;
    let histogram = open_loop(&mut rig, 1 + warm_up, count, rate).await;
    let messages = rig::received(&rig::topic(), 1 + warm_up + count, burst, SIZE);
    let start = Instant::now();
    rig.pass(&parent, &mut Messages::new(SIZE), messages).await.unwrap();
    let throughput = burst as f64 / start.elapsed().as_secs_f64();
    let us = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
    let figures = Figures { p50: us(0.5), p99: us(0.99), p999: us(0.999), throughput };
    let Figures { p50, p99, p999, throughput } = figures;
    println!("{name:12} p50 {p50:7.0} us   p99 {p99:7.0} us   p99.9 {p999:7.0} us   {throughput:9.0} msg/s in a closed loop");
    figures
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let quick = args.iter().any(|arg| arg == "--quick" || arg == "--test") || std::env::var_os("PMQ_BENCH_QUICK").is_some();
    let asked = args.iter().position(|arg| arg == "--rate").and_then(|at| args.get(at + 1)?.parse().ok());
    let rate: f64 = asked.unwrap_or(20_000.0);
    let (seconds, burst) = if quick { (1.0, 20_000) } else { (10.0, 500_000) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        println!("due to report, {SIZE} B, {rate:.0} msg/s for {seconds} s, one thread, memory link");
        let empty = measure(rig::EMPTY, "empty stack", rate, seconds, burst).await;
        let full = measure(rig::FULL, "full stack", rate, seconds, burst).await;
        println!(
            "full / empty p50 {:7.2}      p99 {:7.2}      p99.9 {:7.2}      {:9.2}",
            full.p50 / empty.p50,
            full.p99 / empty.p99,
            full.p999 / empty.p999,
            full.throughput / empty.throughput
        );
    });
}
