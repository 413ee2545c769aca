//! Open loop at a constant rate through driver, session, memory link and a parent that accepts at once: from the moment at which a message
//! was due to its report. A stall delays every message behind it, and is counted for each of them. Then the throughput with a full window.
//!
//! `cargo bench --bench latency -- [--quick] [--rate MESSAGES_PER_SECOND]`

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/harness/mod.rs"]
mod harness;

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use pmq::wire::Verdict;

const SIZE: usize = 256;

/// Sends `count` messages at `rate` a second and records how long after it was due each was reported.
async fn open_loop(harness: &mut harness::Harness, first: u64, count: u64, rate: f64) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
    let messages = harness::messages(&harness::topic(), first, count, SIZE);
    let arrivals = harness.arrivals.clone();
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
        let report = harness.reports.recv().await.unwrap();
        assert_eq!(report.outcome.verdict, Verdict::Accept, "{:?}", report.outcome);
        histogram.saturating_record(report.arrived.elapsed().as_nanos() as u64);
    }
    sender.await.unwrap();
    histogram
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let quick = args.iter().any(|arg| arg == "--quick" || arg == "--test") || std::env::var_os("PMQ_BENCH_QUICK").is_some();
    let asked = args.iter().position(|arg| arg == "--rate").and_then(|at| args.get(at + 1)?.parse().ok());
    let rate: f64 = asked.unwrap_or(20_000.0);
    let seconds = if quick { 1.0 } else { 10.0 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut harness = harness::Harness::start(harness::FULL, "latency").await;
        let count = (rate * seconds) as u64;
        let warm_up = (count / 10).max(1_000);
        open_loop(&mut harness, 1, warm_up, rate).await;
        let histogram = open_loop(&mut harness, 1 + warm_up, count, rate).await;
        let us = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        println!("due to report, {SIZE} B, {rate:.0} msg/s for {seconds} s, one thread, memory link");
        println!(
            "p50 {:.0} us   p99 {:.0} us   p99.9 {:.0} us   max {:.0} us",
            us(0.5),
            us(0.99),
            us(0.999),
            histogram.max() as f64 / 1_000.0
        );

        let burst = if quick { 20_000 } else { 500_000 };
        let messages = harness::messages(&harness::topic(), 1 + warm_up + count, burst, SIZE);
        let start = Instant::now();
        harness.pass(messages).await;
        println!(
            "throughput, closed loop of {} messages: {:.0} msg/s",
            harness::WINDOW.messages,
            burst as f64 / start.elapsed().as_secs_f64()
        );
    });
}
