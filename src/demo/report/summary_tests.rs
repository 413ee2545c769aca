#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use serde_json::{Value, json};

use super::*;

fn summary() -> Summary {
    let tally = Tally { published: 3, expected: 9, delivered: 9, end_to_end: vec![1000, 2000, 3000], ..Tally::default() };
    Summary {
        ok: false,
        seconds: 35.0,
        attach: "unix",
        go_parents: 0,
        neighbours: [60, 6],
        processes: 30,
        networks: vec![NetworkSummary::new(Network::Weather, &tally, Verdicts { accept: 9, ignore: 1, reject: 2 }, Percentiles::default())],
        dishonest: DishonestSummary { score: -100.0, graylisted_after_s: Some(1.5) },
        parent_restart: vec![RestartSummary { missed: 2, unverified_reported: 2, resumed_after_s: Some(0.1), ..RestartSummary::default() }],
        late_lies: 0,
        rounds: (4, 1),
        reasons: Vec::new(),
        deaths: Vec::new(),
    }
}

#[test]
fn the_object_has_these_keys_and_no_others() {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let sorted = |text: &str| {
        let mut keys: Vec<_> = text.split(' ').map(str::to_owned).collect();
        keys.sort();
        keys
    };
    let object = serde_json::to_value(summary()).unwrap();
    assert_eq!(keys(&object), sorted("ok seconds attach go_parents processes networks dishonest parent_restart"));
    let network = "name topic published expected_deliveries delivered lost unverified_reported gap_reported invalid_sent invalid_delivered \
                   invalid_forwarded verdicts hop_us end_to_end_us";
    assert_eq!(keys(&object["networks"][0]), sorted(network));
    assert_eq!(object["networks"][0]["verdicts"], json!({ "accept": 9, "ignore": 1, "reject": 2 }));
    assert_eq!(keys(&object["networks"][0]["end_to_end_us"]), sorted("p50 p99 p999"));
    assert_eq!(object["dishonest"], json!({ "score": -100.0, "graylisted_after_s": 1.5 }));
    let restart = "killed_at_s down_s forwarded_while_down missed unverified_reported resumed_after_s";
    assert_eq!(keys(&object["parent_restart"][0]), sorted(restart));
}

#[test]
fn only_a_run_that_keeps_every_promise_is_ok() {
    assert!(summary().judge().ok);
    let broken = |change: fn(&mut Summary)| {
        let mut summary = summary();
        change(&mut summary);
        let summary = summary.judge();
        assert_eq!(summary.ok, summary.reasons.is_empty());
        summary.reasons.len()
    };
    assert_eq!(broken(|s| s.networks[0].lost = 1), 1);
    assert_eq!(broken(|s| s.networks[0].invalid_delivered = 1), 1);
    assert_eq!(broken(|s| s.networks[0].invalid_forwarded = 1), 1);
    assert_eq!(broken(|s| s.networks[0].published = 0), 2);
    assert_eq!(broken(|s| s.networks[0].expected_deliveries = 0), 1);
    assert_eq!(broken(|s| s.parent_restart[0].forwarded_while_down = 1), 1);
    assert_eq!(broken(|s| s.parent_restart[0].lost = 1), 1);
    assert_eq!(broken(|s| s.rounds = (5, 1)), 1, "two rounds came to nothing, one may");
    let unobserved =
        |lost| RestartSummary { lost, unobserved: Some("it ended".to_owned()), resumed_after_s: Some(0.1), ..Default::default() };
    let mut dead = summary();
    dead.parent_restart[0] = unobserved(3);
    assert_eq!(dead.judge().reasons, ["outage 1 was not observed: it ended"]);
    let mut dead = summary();
    dead.parent_restart[0] = unobserved(0);
    assert!(dead.judge().ok, "it died after all had been seen");
    assert_eq!(broken(|s| s.reasons.push("the witness was killed".to_owned())), 1);
}

#[test]
fn percentiles() {
    assert_eq!(Percentiles::of(&[]), Percentiles::default());
    let of = Percentiles::of(&(1..=1000).collect::<Vec<_>>());
    assert_eq!((of.p50, of.p99, of.p999), (500, 990, 999));
    assert_eq!(Percentiles::merged(&[[1, 9, 90], [3, 8, 80], [2, 7, 99]]), Percentiles { p50: 2, p99: 9, p999: 99 });
    assert_eq!(Percentiles::merged(&[]), Percentiles::default());
}

#[test]
fn the_words_name_what_happened() {
    let mut summary = summary().judge();
    summary.deaths.push("weather-2's agent ended at 7.0 s: signal: 9 (SIGKILL)".to_owned());
    let words = summary.words();
    for part in ["30 processes", "9 of 9 deliveries", "graylisted by all its neighbours 1.5 s", "weather-2's agent", "All went as promised"]
    {
        assert!(words.contains(part), "{part}: {words}");
    }
}
