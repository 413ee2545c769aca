#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

fn round(measured: u64, bytes: u64) -> load::Round {
    load::Round { rate: 100.0, pending: (3, 300), items: vec![("a".to_owned(), bytes), ("b".to_owned(), 100)], measured }
}

#[test]
fn what_was_measured_is_compared_with_the_prediction_for_the_same_round() {
    let row = Row::of(256, &[round(1_000, 900), round(2_200, 1_900), round(300, 200)]).unwrap();
    assert_eq!(row.ratio, Spread { median: 1.0, low: 1.0, high: 1.1 });
    assert_eq!((row.predicted.median, row.measured.median), (1_000.0, 1_000.0));
    assert!(Row::of(256, &[]).is_err());
    let outcome = Outcome { machine: Machine::here(), settings: serde_json::json!({}), idle: Spread::of([1.0]), rows: vec![row] };
    let json = serde_json::to_value(&outcome).unwrap();
    assert_eq!(json["rows"][0]["items"][1]["what"], "b");
    assert_eq!(json["rows"][0]["ratio"]["median"], 1.0);
}
