#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::convert::Infallible;

use futures::FutureExt;

use super::*;

const RAMP: Ramp = Ramp { from: 1_000.0, factor: 1.5, up_to: 1_000_000.0, down_to: 10.0, exact: 1.03, again: 1 };

/// Runs a ramp against a contender whose every try is a function of the rate and the try's number. Answers what it found, and the rates tried.
fn run(ramp: Ramp, mut holds: impl FnMut(f64, usize) -> bool) -> (f64, Vec<f64>) {
    let mut tried = Vec::new();
    let search = highest(ramp, async |rate: f64| {
        tried.push(rate);
        Ok::<_, Infallible>(holds(rate, tried.len()))
    });
    let found = search.now_or_never().unwrap().unwrap();
    (found, tried)
}

#[test]
fn a_limit_is_found_from_below_and_from_above() {
    for limit in [30.0, 999.0, 1_001.0, 33_333.0, 700_000.0] {
        for from in [10.0, 1_000.0, 40_000.0, 900_000.0] {
            let (found, tried) = run(Ramp { from, ..RAMP }, |rate, _| rate <= limit);
            assert!(found <= limit && found * 1.03 >= limit, "{found} of {limit} from {from}");
            assert!(tried.len() <= 40, "{} tries for {limit} from {from}", tried.len());
        }
    }
}

#[test]
fn a_known_limit_takes_few_tries() {
    let (found, tried) = run(Ramp { from: 30_000.0, factor: 1.06, ..RAMP }, |rate, _| rate <= 31_000.0);
    assert!((30_000.0..=31_000.0).contains(&found), "{found}");
    assert!(tried.len() <= 6, "{tried:?}");
}

#[test]
fn one_hiccup_is_no_limit_but_two_are() {
    let (found, _) = run(RAMP, |rate, number| rate <= 20_000.0 && number != 3);
    assert!(found * 1.03 >= 20_000.0, "{found}");
    let (found, _) = run(RAMP, |rate, number| rate <= 20_000.0 && number != 3 && number != 4);
    assert!(found < 3_000.0, "{found}");
    let (found, _) = run(Ramp { again: 0, ..RAMP }, |rate, number| rate <= 20_000.0 && number != 3);
    assert!(found < 3_000.0, "{found}");
}

#[test]
fn noise_around_the_limit_does_not_carry_the_answer_far() {
    // Every third try fails from 80 % of the limit on; none holds above it.
    let limit = 50_000.0;
    for phase in 0..3 {
        let (found, _) = run(RAMP, |rate, number| rate <= limit && (rate < limit * 0.8 || number % 3 != phase));
        assert!(found <= limit && found >= limit * 0.75, "{found} in phase {phase}");
    }
}

#[test]
fn the_ends_of_the_scale_end_the_search() {
    let (found, tried) = run(Ramp { up_to: 5_000.0, ..RAMP }, |_, _| true);
    assert!((found - 5_000.0).abs() < f64::EPSILON && tried.iter().all(|rate| *rate <= 5_000.0), "{found} {tried:?}");
    let (found, tried) = run(RAMP, |_, _| false);
    assert!(found == 0.0 && tried.iter().all(|rate| *rate >= 10.0), "{found} {tried:?}");
}

#[test]
fn a_failure_ends_it() {
    let search = highest(RAMP, async |_| Err::<bool, _>("gone"));
    assert_eq!(search.now_or_never().unwrap(), Err("gone"));
}
