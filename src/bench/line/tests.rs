#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Parser;
use serde_json::Value;

use super::args::{Args, Attach, Overlay};
use super::chain::{Outcome, Step};
use super::charts::charts;
use super::measure::{Figures, Group, SHARES, steps};
use super::message::{HEADER, Mark, SMALLEST};
use super::orders::{Got, Order, Said, Sent, Watch};
use super::result::Report;
use super::sink::Sink;
use super::words::words;
use crate::{Latency, Machine, Pattern};
use pmq_client::PmqHeader;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn args(arguments: &[&str]) -> Args {
    Cli::parse_from([&["line"], arguments].concat()).args
}

#[test]
fn a_message_has_a_header_that_stages_read_and_content_of_the_size_asked_for() {
    let mark = Mark { run: 7, index: u64::from(u32::MAX) + 3, due: 1 << 60 };
    for size in [SMALLEST, 256, 65_536] {
        let payload = mark.write(42, size);
        let (header, content, signatures) = PmqHeader::split(&payload).unwrap();
        assert_eq!((header.len(), header.seq, content.len(), signatures.len()), (HEADER, 42, size, 0));
        assert_eq!(Mark::read(&payload), Some(mark));
        assert_eq!(Mark::read(&payload[..HEADER + SMALLEST - 1]), None);
    }
}

#[test]
fn orders_and_answers_survive_the_pipe() {
    let order = Order::Watch(Watch { run: 1, count: 2, warm: 1 });
    assert_eq!(serde_json::from_str::<Order>(&serde_json::to_string(&order).unwrap()).unwrap(), order);
    let line = serde_json::to_string(&Said::Got(Box::new(Got { run: 3, count: 9, late: 5, ..Got::default() }))).unwrap();
    assert!(!line.contains('\n'));
    assert!(matches!(serde_json::from_str(&line).unwrap(), Said::Got(got) if (got.run, got.count, got.late) == (3, 9, 5)));
}

#[test]
fn the_end_of_the_line_counts_each_message_of_its_step_once() {
    let mut sink = Sink::default();
    let payload = |run, index| Mark { run, index, due: 1_000 * index }.write(index, SMALLEST);
    assert!(!sink.arrived(&payload(1, 0), 0), "nothing is watched");
    sink.begin(Watch { run: 1, count: 3, warm: 1 });
    sink.asked(&payload(1, 1), 1_500);
    assert!(!sink.arrived(&payload(1, 0), 10), "two are missing");
    assert!(!sink.arrived(&payload(1, 0), 20), "known");
    assert!(!sink.arrived(&payload(2, 1), 20), "another step's");
    assert!(!sink.arrived(&payload(1, 3), 20), "beyond the step");
    assert!(!sink.arrived(&payload(1, 2), 2_007), "one is missing");
    assert!(sink.arrived(&payload(1, 1), 9_000), "all are there");
    let got = sink.got();
    // The first is the warm-up's; the highest number tells how late the line is.
    assert_eq!((got.count, got.latency.count(), got.asked.count(), got.late), (3, 2, 1, 7));
    sink.begin(Watch { run: 2, count: 1, warm: 0 });
    assert_eq!((sink.got().run, sink.got().count, sink.got().latency.count()), (2, 0, 0));
}

fn outcome(count: u64, got: u64, failed: u64, behind: bool) -> Outcome {
    let got = Got { count: got, ..Got::default() };
    let none = Duration::ZERO;
    Outcome { count, sent: Sent { failed, ..Sent::default() }, got, behind, node: none, parent: none }
}

#[test]
fn a_rate_holds_only_if_nothing_is_lost_refused_or_late() {
    assert!(outcome(10, 10, 0, false).holds());
    assert!(!outcome(10, 9, 0, false).holds() && outcome(10, 9, 0, false).lost() == 1);
    assert!(!outcome(10, 10, 1, false).holds());
    assert!(!outcome(10, 10, 0, true).holds());
}

#[test]
fn a_step_begins_with_a_warm_up() {
    let step = Step { rate: 1_000.0, lasts: Duration::from_secs(2), pattern: Pattern::Even };
    assert_eq!((step.counts(), step.bound()), ((400, 2_400), Duration::from_millis(150)));
    assert_eq!(Step { rate: 10.0, lasts: Duration::from_millis(1), pattern: Pattern::Even }.counts(), (1, 2));
}

#[test]
fn what_is_asked_for_is_measured() {
    let of = |args: &Args| (args.sizes(), args.transports().len(), args.attach().len(), args.step().as_secs_f64());
    assert_eq!(of(&args(&[])), (vec![256, 1_024, 4_096, 65_536], 2, 2, 1.0));
    assert_eq!(of(&args(&["--quick"])), (vec![1_024], 2, 2, 0.3));
    let few = args(&["--quick", "--size", "300,20", "--transport", "quic", "--attach", "zeromq", "--seconds", "2"]);
    assert_eq!(of(&few), (vec![300, 20], 1, 1, 2.0));
    assert_eq!(steps(&few), 2 * (3 + SHARES.len()));
    assert_eq!(steps(&args(&["--quick", "--attach", "unix", "--at", "20000"])), 2 * (4 + SHARES.len()));
    for wrong in [["--at", "0"], ["--size", "19"], ["--seconds", "0"], ["--from", "x"], ["--transport", "udp"]] {
        assert!(Cli::try_parse_from([&["line"][..], &wrong].concat()).is_err(), "{wrong:?}");
    }
}

/// A contender whose every figure is a multiple of the same.
fn figures(of: f64, agent: bool) -> Figures {
    let mut latency = Latency::default();
    (1..=1_000).for_each(|micros| latency.record(Duration::from_micros(micros).mul_f64(of)));
    let asked = if agent { latency.clone() } else { Latency::default() };
    let outcome = Outcome { got: Got { count: 9, latency, asked, ..Got::default() }, ..outcome(10, 9, 0, false) };
    let mut figures = Figures { sent: 10, lost: 1, ..Figures::default() };
    for round in [1.0, 1.1, 0.9] {
        figures.throughput.push(1_000.0 * round / of);
        figures.cpu.push(10.0 * of);
        figures.cpu_parent.push(3.0);
        figures.idle.add(200.0, &outcome);
        figures.fixed.add(20_000.0, &outcome);
        figures.loaded.iter_mut().zip(SHARES).for_each(|(rounds, share)| rounds.add(1_000.0 * share / of, &outcome));
    }
    figures
}

fn groups() -> Vec<Group> {
    let group = |overlay, size| {
        let agents = vec![(Attach::Unix, figures(2.0, true)), (Attach::Zeromq, figures(4.0, true))];
        Group { overlay, size, raw: figures(1.0, false), agents }
    };
    vec![group(Overlay::Tcp, 256), group(Overlay::Tcp, 4_096), group(Overlay::Quic, 256)]
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// That all of these are there; others may be.
fn has(value: &Value, names: &[&str]) {
    let keys = keys(value);
    names.iter().for_each(|name| assert!(keys.contains(name), "{name} in {keys:?}"));
}

#[test]
fn the_object_has_its_fixed_shape() {
    let report = Report::new(Machine::here(), &args(&[]), &groups());
    let object: Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    has(&object, &["machine", "rows", "settings"]);
    let rows = object["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 6);
    for row in rows {
        has(row, &["transport", "attach", "size", "throughput", "cpu_us", "idle_us", "loaded_us"]);
        has(&row["throughput"], &["raw", "agent", "ratio", "spread"]);
        has(&row["cpu_us"], &["raw", "agent", "parent", "ratio"]);
        has(&row["idle_us"], &["raw", "agent", "ratio"]);
        let loaded = row["loaded_us"].as_array().unwrap();
        assert_eq!(loaded.iter().map(|at| at["share"].as_f64().unwrap()).collect::<Vec<_>>(), SHARES);
        for at in loaded.iter().chain([&row["idle_us"]]) {
            for latency in [&at["raw"], &at["agent"]] {
                assert_eq!(keys(latency), BTreeSet::from(["p50", "p99", "p999"]));
            }
        }
    }
    let first = &rows[0];
    assert_eq!((&first["transport"], &first["attach"], &first["size"]), (&Value::from("tcp"), &Value::from("unix"), &Value::from(256)));
    let near = |path: &str, expected: f64| {
        let value = first.pointer(path).and_then(Value::as_f64).unwrap();
        assert!((value - expected).abs() < expected * 0.01, "{path} is {value}");
    };
    near("/throughput/raw", 1_000.0);
    near("/throughput/ratio", 0.5);
    near("/cpu_us/ratio", 2.0);
    near("/cpu_us/parent", 3.0);
    near("/idle_us/ratio", 2.0);
    near("/idle_us/agent/p50", 1_000.0);
    near("/loaded_us/1/agent_rate", 250.0);
    near("/fixed_us/rate", 20_000.0);
    near("/fixed_us/ratio", 2.0);
    near("/fixed_us/agent/p99", 1_980.0);
    near("/loaded_us/1/agent_first_sight/p50", 1_000.0);
}

#[test]
fn people_get_tables() {
    let text = words(&Report::new(Machine::here(), &args(&[]), &groups()));
    for part in ["cores", "CPU us", "first sight", "4 KiB", "0.500 (0.500-0.500)", "80 %", "20,000", "fixed", "raw 1 of 10, agents 1 of 10"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert_eq!(text.lines().filter(|line| line.trim_start().starts_with("quic ")).count(), 2 + 2 * 5, "{text}");
}

#[test]
fn pictures_show_throughput_against_size_and_latency_by_percentile() {
    let charts = charts(&groups());
    assert_eq!(charts.len(), 2 + 2 * 3);
    assert_eq!(charts[0].series.iter().map(|series| series.name.as_str()).collect::<Vec<_>>(), ["raw", "agents, unix", "agents, zeromq"]);
    assert_eq!(charts[0].series[1].points.iter().map(|(x, _)| *x).collect::<Vec<_>>(), [256.0, 4_096.0]);
    assert!((charts[0].series[1].points[0].1 - 500.0).abs() < 1.0, "{:?}", charts[0].series[1]);
    let latency = &charts[2].series[2].points;
    assert!(latency.len() > 10 && latency.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{latency:?}");
}
