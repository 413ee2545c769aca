#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn args(arguments: &[&str]) -> Args {
    Cli::parse_from([&["agent"], arguments].concat()).args
}

#[test]
fn every_transport_takes_its_turn_within_a_size() {
    let cells = args(&[]).cells();
    // Three transports, four sizes; consumers with both stacks, verifiers alone with the full one.
    assert_eq!(cells.len(), 3 * 4 * 3);
    let first: Vec<Attach> = cells.iter().take(3).map(|cell| cell.attach).collect();
    assert_eq!(first, [Attach::Unix, Attach::Zeromq, Attach::Memory]);
}

#[test]
fn what_is_asked_for_alone_is_measured() {
    let cells = args(&["--attach", "unix", "--stack", "empty", "--size", "300,400", "--work", "verify"]).cells();
    let all: Vec<(Attach, Stack, usize, Work)> = cells.iter().map(|cell| (cell.attach, cell.stack, cell.size, cell.work)).collect();
    assert_eq!(all, [300, 400].map(|size| (Attach::Unix, Stack::Empty, size, Work::Verify)));
}

#[test]
fn what_is_in_flight_fits_the_queue() {
    let in_flight = |size| Cell { attach: Attach::Unix, stack: Stack::Full, size, work: Work::Consume }.in_flight();
    assert_eq!([256, 4_096, 65_536].map(in_flight), [4_096, 4_096, 512]);
}

#[tokio::test]
async fn a_message_counts_when_it_was_accepted_and_consumed() {
    let args = args(&["--quick", "--attach", "memory", "--size", "256", "--stack", "full", "--seconds", "0.05"]);
    let rows = measure(&args).await.unwrap();
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert!(row.figures.throughput.per_s > 0.0, "{row:?}");
    }
    let [consume, verify] = &rows[..] else { panic!("two rows") };
    assert_eq!((consume.work, consume.loaded_us.len()), (Work::Consume, 3));
    assert_eq!((verify.work, verify.loaded_us.len()), (Work::Verify, 0));
    let outcome = Outcome { machine: Machine::here(), settings: serde_json::json!({}), rows };
    let json = serde_json::to_value(&outcome).unwrap();
    assert_eq!(json["rows"][0]["attach"], "memory");
    assert!(json["rows"][0]["cpu_us"]["parent"].is_null());
    assert!(json["rows"][0]["loaded_us"][2]["delivery"]["p50"].as_f64().unwrap() > 0.0, "{json}");
    assert!(json["rows"][0]["throughput"]["spread"][0].is_number());
}
