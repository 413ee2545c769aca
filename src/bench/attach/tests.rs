#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::process::{Child, Command};

use clap::Parser;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde_json::{Value, json};

use super::cell::{Figures, WINDOW_BYTES};
use super::load::Load;
use super::*;
use crate::cpu_time;
use crate::{Latency, now};
use pmq_protocol::wire::{Ticket, Window};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn cells(arguments: &[&str]) -> Vec<Cell> {
    Cli::parse_from([&["attach"], arguments].concat()).args.cells()
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_full_run_measures_every_transport_with_every_size() {
    let all = cells(&[]);
    for transport in [Transport::Unix, Transport::Zeromq, Transport::Quic, Transport::Grpc, Transport::Memory] {
        for size in [64, 256, 1_024, 4_096, 65_536, 1_048_576] {
            for in_flight in [1, 64, 1_024] {
                let is = |cell: &&Cell| (cell.contender, cell.size, cell.in_flight) == (Contender::Attach(transport), size, in_flight);
                assert_eq!(all.iter().filter(is).filter(|cell| cell.drive == Drive::Closed).count(), 1);
            }
        }
    }
    assert_eq!(all.iter().filter(|cell| cell.drive == Drive::Idle).count(), 6 * 8);
    let largest = all.iter().find(|cell| (cell.size, cell.in_flight) == (1_048_576, 1_024)).unwrap();
    assert_eq!(largest.window(), Window { messages: 1_024, bytes: WINDOW_BYTES });
}

#[test]
fn a_part_can_be_chosen() {
    let links = cells(&["--link", "--size", "256", "--in-flight", "1024"]);
    let contenders = [Contender::Link(Transport::Unix), Contender::Link(Transport::Zeromq), Contender::Raw];
    assert_eq!(links.iter().map(|cell| cell.contender).collect::<Vec<_>>(), contenders);
    assert!(links.iter().all(|cell| (cell.size, cell.in_flight, cell.drive) == (256, 1_024, Drive::Closed)));
    let zeromq = cells(&["--attach", "zeromq", "--size", "64,128", "--in-flight", "1"]);
    assert_eq!(zeromq.len(), 2 * 2 * 2, "session and link, two sizes, idle and warm");
    let time = |arguments: &[&str]| cells(arguments).iter().map(|cell| cell.warm + cell.measured).sum::<Duration>();
    assert!(time(&["--quick"]) < Duration::from_secs(20) && time(&[]) > Duration::from_secs(100));
    for wrong in [["--attach", "tcp"], ["--size", "0"], ["--in-flight", "0"], ["--size", "3000000"]] {
        assert!(Cli::try_parse_from([&["attach"], &wrong[..]].concat()).is_err(), "{wrong:?}");
    }
}

fn cell(contender: Contender, in_flight: u32, drive: Drive) -> Cell {
    Cell { contender, size: 100, in_flight, drive, warm: Duration::from_millis(1), measured: Duration::from_millis(20) }
}

fn rounds(contender: Contender, in_flight: u32, drive: Drive, rates: &[f64]) -> Rounds {
    let figures = |rate: &f64| {
        let mut latency = Latency::default();
        (1..=1_000).for_each(|micros| latency.record(Duration::from_micros(micros)));
        let cpu_us = if contender == Contender::Attach(Transport::Memory) { vec![3.0] } else { vec![3.0, 2.0] };
        Figures { verdicts_per_s: *rate, cpu_us, latency }
    };
    Rounds { cell: cell(contender, in_flight, drive), figures: rates.iter().map(figures).collect() }
}

fn report() -> Report {
    let all = [
        rounds(Contender::Attach(Transport::Unix), 1, Drive::Idle, &[200.0]),
        rounds(Contender::Attach(Transport::Unix), 1, Drive::Closed, &[10.0, 30.0, 20.0]),
        rounds(Contender::Attach(Transport::Memory), 64, Drive::Closed, &[40.0, 40.0, 40.0]),
        rounds(Contender::Link(Transport::Unix), 64, Drive::Closed, &[100.0, 200.0, 300.0]),
        rounds(Contender::Link(Transport::Zeromq), 64, Drive::Closed, &[90.0, 100.0, 300.0]),
        rounds(Contender::Raw, 64, Drive::Closed, &[200.0, 200.0, 200.0]),
    ];
    Report::new(Machine::here(), serde_json::json!({}), &all)
}

#[test]
fn the_result_has_the_keys_that_programs_read() {
    let report = serde_json::to_value(report()).unwrap();
    assert_eq!(keys(&report), ["link_ratios", "links", "machine", "rows", "settings"]);
    let row = &report["rows"][0];
    let all = ["attach", "count", "cpu_us", "idle_rtt_us", "in_flight", "rtt_us", "size", "spread", "verdicts_per_s", "window_bytes"];
    assert_eq!(keys(row), all);
    assert_eq!((&row["attach"], &row["size"], &row["in_flight"]), (&json!("unix"), &json!(100), &json!(1)));
    assert_eq!(keys(&row["rtt_us"]), ["p50", "p99", "p999"]);
    assert_eq!(keys(&row["idle_rtt_us"]), ["p50", "p99", "p999"]);
    assert_eq!((&row["verdicts_per_s"], &row["spread"]), (&json!(20.0), &json!({"median": 20.0, "low": 10.0, "high": 30.0})));
    assert_eq!(row["cpu_us"], json!({"agent": 3.0, "parent": 2.0}));
    let memory = &report["rows"][1];
    assert_eq!((&memory["attach"], &memory["cpu_us"]), (&json!("memory"), &json!({"agent": 3.0})));
    assert!(memory.get("idle_rtt_us").is_none());
    assert_eq!(report["links"].as_array().unwrap().iter().map(|row| &row["link"]).collect::<Vec<_>>(), ["unix", "zeromq", "raw"]);
}

#[test]
fn links_are_compared_round_by_round() {
    let report = serde_json::to_value(report()).unwrap();
    assert_eq!(report["link_ratios"].as_array().unwrap().len(), 1, "{report}");
    let ratio = &report["link_ratios"][0];
    assert_eq!(ratio["zeromq_to_unix"], json!({"median": 0.9, "low": 0.5, "high": 1.0}));
    assert_eq!(ratio["zeromq_to_raw"], json!({"median": 0.5, "low": 0.45, "high": 1.5}));
    assert_eq!(ratio["unix_to_raw"], json!({"median": 1.0, "low": 0.5, "high": 1.5}));
}

#[test]
fn people_see_the_same() {
    let words = report().words();
    for part in ["verdicts", "zeromq / unix", "0.900 (0.500-1.00)", "1/s", "10-30"] {
        assert!(words.contains(part), "{part:?} in\n{words}");
    }
    let charts: Vec<(String, usize)> = report().charts().iter().map(|chart| (chart.title.clone(), chart.series.len())).collect();
    let titles = [
        "Verdicts, 64 in flight",
        "Verdicts, 1 in flight",
        "Round trip of 100 B, cores asleep in between",
        "Round trip of 100 B, one after the other",
    ];
    assert_eq!(charts, titles.map(str::to_owned).into_iter().zip([4, 1, 1, 1]).collect::<Vec<_>>());
}

#[test]
fn no_more_is_offered_than_there_is_credit_for() {
    let mut load = Load::begin(cell(Contender::Raw, 2, Drive::Closed), Window { messages: 2, bytes: 1_000 }, Vec::new()).unwrap();
    let tickets: Vec<Ticket> = std::iter::from_fn(|| load.offer(now())).collect();
    assert_eq!(tickets.len(), 2);
    load.verdict(tickets[1], now()).unwrap();
    assert!(load.verdict(tickets[1], now()).is_err(), "a second verdict counts");
    assert!(load.offer(now()).is_some() && load.offer(now()).is_none());
}

#[test]
fn what_comes_back_in_the_warm_up_is_not_counted() {
    let start = now();
    let mut busy = Busy(Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap());
    let pid = busy.0.id();
    let mut load = Load::begin(cell(Contender::Raw, 1, Drive::Closed), Window { messages: 1, bytes: 1_000 }, vec![pid]).unwrap();
    let ticket = load.offer(start).unwrap();
    load.verdict(ticket, start).unwrap();
    // What the process does before the span is not the span's, and in the span it does nothing.
    let spent = cpu_time(pid).unwrap() + Duration::from_millis(30);
    while cpu_time(pid).unwrap() < spent {}
    busy.stop();
    let (early, late) = (start + 50_000_000, start + 151_000_000);
    let ticket = load.offer(early).unwrap();
    // The first look at the span is a verdict's.
    load.verdict(ticket, early + 7_000).unwrap();
    assert!(!load.over(early + 8_000).unwrap());
    let slow = load.offer(early + 9_000).unwrap();
    assert!(!load.over(late).unwrap(), "one is on its way");
    assert_eq!(load.offer(late), None, "the time is up");
    load.verdict(slow, late + 500_000_000).unwrap();
    assert!(load.over(late + 500_000_000).unwrap());
    let figures = load.figures();
    assert_eq!(figures.cpu_us, [0.0], "the warm-up's 30 ms are counted");
    assert_eq!(figures.latency.count(), 2);
    assert!(figures.latency.at(1.0) > 599_000.0, "the slow one is recorded");
    assert!((6.9..7.1).contains(&figures.latency.at(0.5)), "{:?}", figures.latency.percentiles());
    assert!((9.8..10.1).contains(&figures.verdicts_per_s), "one within the span, {}", figures.verdicts_per_s);
}

#[test]
fn idle_offers_keep_no_beat() {
    let mut load = Load::begin(cell(Contender::Raw, 64, Drive::Idle), Window { messages: 64, bytes: 1_000_000 }, Vec::new()).unwrap();
    let mut at = now();
    let mut pauses = Vec::new();
    for _ in 0..20 {
        assert!(load.offer(at).is_some() && load.offer(at).is_none());
        pauses.push(load.due().unwrap() - at);
        at = load.due().unwrap();
    }
    assert!(pauses.iter().all(|pause| (2_500_000..7_500_000).contains(pause)), "{pauses:?}");
    pauses.dedup();
    assert!(pauses.len() > 1);
}

#[tokio::test]
async fn sessions_in_this_process_are_measured() {
    let dir = tempfile::tempdir().unwrap();
    for (number, drive) in [(0, Drive::Closed), (1, Drive::Idle)] {
        let cell = cell(Contender::Attach(Transport::Memory), 8, drive);
        let figures = measure(cell, dir.path(), number).await.unwrap();
        assert!(figures.latency.count() > 0 && figures.verdicts_per_s > 0.0, "{figures:?}");
        assert_eq!(figures.cpu_us.len(), 1);
    }
}

/// A process that computes until it is stopped. Ends with the test.
struct Busy(Child);

impl Busy {
    /// Returns when it has come to rest.
    fn stop(&mut self) {
        let pid = Pid::from_child(&self.0);
        kill_process(pid, Signal::STOP).unwrap();
        let (_, state) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(state.stopped());
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
