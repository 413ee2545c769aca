#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use futures::FutureExt;

use super::*;

#[test]
fn a_median_lies_between_its_neighbours() {
    assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, low: 1.0, high: 3.0 });
    assert_eq!(Spread::of([4.0, 1.0]), Spread { median: 2.5, low: 1.0, high: 4.0 });
    assert_eq!(Spread::of([]), Spread::default());
}

#[test]
fn ratios_are_of_pairs() {
    assert_eq!(Spread::of_ratios(&[1.0, 20.0, 9.0], &[2.0, 10.0, 9.0]), Spread { median: 1.0, low: 0.5, high: 2.0 });
}

#[test]
fn latencies_survive_the_way_between_processes() {
    let mut latency = Latency::default();
    (1..=1_000).for_each(|micros| latency.record(Duration::from_micros(micros)));
    let text = serde_json::to_string(&latency).unwrap();
    let read: Latency = serde_json::from_str(&text).unwrap();
    assert_eq!(read.count(), 1_000);
    assert_eq!(read.percentiles(), latency.percentiles());
    assert!((499.0..=501.0).contains(&read.percentiles().p50), "{:?}", read.percentiles());
    assert!((988.0..=992.0).contains(&read.percentiles().p99), "{:?}", read.percentiles());
    let mut both = read;
    both.add(&latency);
    assert_eq!((both.count(), both.percentiles()), (2_000, latency.percentiles()));
    let curve = latency.curve();
    assert!(curve.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1), "{curve:?}");
}

#[test]
fn a_latency_beyond_the_scale_counts_as_the_longest() {
    let mut latency = Latency::default();
    latency.record(Duration::from_secs(3_600));
    assert!(latency.at(0.5) > 59_000_000.0);
}

#[tokio::test]
async fn a_pace_waits_until_a_message_is_due_and_not_for_one_that_was() {
    let start = now();
    let pace = Pace::new(start, 1_000.0).unwrap();
    assert_eq!(pace.due(5) - start, 5_000_000);
    pace.wait(5).await.unwrap();
    assert!(now() >= pace.due(5));
    assert!(pace.wait(2).now_or_never().is_some(), "one that was due waits");
}

#[tokio::test]
async fn a_wait_that_was_given_up_is_begun_again() {
    let pace = Pace::new(now(), 4.0).unwrap();
    assert!(pace.wait(2).now_or_never().is_none(), "half a second is to come");
    assert!(pace.wait(1).now_or_never().is_none(), "a quarter is to come");
    pace.wait(1).await.unwrap();
    assert!((pace.due(1)..pace.due(2)).contains(&now()), "it waited for another one");
    pace.wait(2).await.unwrap();
    assert!(now() >= pace.due(2));
}

#[tokio::test]
async fn a_jittered_pace_keeps_the_order_and_the_rate() {
    let pace = Pace::new(0, 1_000.0).unwrap().with(Pattern::Jittered);
    let due: Vec<Nanos> = (0..1_000).map(|index| pace.due(index)).collect();
    assert!(due.iter().zip(0..).all(|(due, index)| (index * 1_000_000..(index + 1) * 1_000_000).contains(due)));
    let within: Vec<u64> = due.iter().map(|due| due % 1_000_000 / 100_000).collect();
    assert!((0..10).all(|tenth| within.iter().filter(|at| **at == tenth).count() > 50), "{within:?}");
}

#[test]
fn a_process_uses_time() {
    let before = cpu_time(std::process::id()).unwrap();
    let mut sum = 0_u64;
    while cpu_time(std::process::id()).unwrap() == before {
        sum = std::hint::black_box(sum.wrapping_add(1));
    }
    assert!(cpu_time(u32::MAX).is_err());
}

#[test]
fn the_machine_names_the_crates_of_the_lock_file() {
    let machine = Machine::here();
    assert!(machine.cores > 0 && machine.memory > 0 && !machine.kernel.is_empty(), "{machine:?}");
    assert!(machine.crates.contains(&"libp2p 0.57.1".to_owned()), "{:?}", machine.crates);
    assert!(machine.words(&serde_json::json!({"rounds": 5})).contains("rounds: 5"));
}

#[test]
fn a_full_run_has_at_least_five_rounds() {
    use clap::Parser;
    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        common: Common,
    }
    let rounds = |arguments: &[&str]| Cli::parse_from([&["bench"], arguments].concat()).common.rounds();
    assert_eq!([rounds(&[]), rounds(&["--rounds", "2"]), rounds(&["--rounds", "9"]), rounds(&["--quick"])], [5, 5, 9, 1]);
}

#[test]
fn progress_counts() {
    let progress = Progress::new(2);
    progress.at("something");
    progress.step();
    assert_eq!((progress.0.position(), progress.0.length(), progress.0.message().as_str()), (1, Some(2), "something"));
    progress.done();
    assert!(progress.0.is_finished());
}

#[test]
fn a_directory_goes_with_its_run() {
    let dir = WorkDir::new("test").unwrap();
    let path = dir.path().to_owned();
    private(&path.join("a")).unwrap();
    assert!(private(&path.join("a")).is_err(), "there already");
    drop(dir);
    assert!(!path.exists());
}
