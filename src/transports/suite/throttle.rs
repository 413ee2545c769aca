//! The accept rate and the pauses, on a clock of their own.

use std::time::{Duration, Instant};

use super::super::throttle::Throttle;

/// How long `n` accepts in a row take.
fn accept(throttle: &mut Throttle, clock: &mut Instant, n: u32) -> Duration {
    let start = *clock;
    for _ in 0..n {
        *clock += throttle.wait(*clock);
        throttle.accepted(*clock);
    }
    *clock - start
}

#[test]
fn a_burst_of_one_second_then_the_rate() {
    let mut clock = Instant::now();
    let mut throttle = Throttle::new(10, clock);
    assert_eq!(accept(&mut throttle, &mut clock, 10), Duration::ZERO, "the burst is free");
    assert_eq!(accept(&mut throttle, &mut clock, 20), Duration::from_secs(2));
    clock += Duration::from_secs(100);
    assert_eq!(accept(&mut throttle, &mut clock, 11), Duration::from_millis(100), "quiet time earns one burst, not a hundred");
}

#[test]
fn a_rate_of_one_is_no_standstill() {
    let mut clock = Instant::now();
    let mut throttle = Throttle::new(1, clock);
    assert_eq!(accept(&mut throttle, &mut clock, 3), Duration::from_secs(2));
    assert_eq!(accept(&mut Throttle::new(0, clock), &mut clock, 3), Duration::from_secs(2));
}

#[test]
fn pauses_grow_and_end_with_a_success() {
    let mut clock = Instant::now();
    let start = clock;
    let mut throttle = Throttle::new(1000, clock);
    assert!(throttle.back_off(clock), "the first of a drought is told");
    for _ in 0..9 {
        clock += throttle.wait(clock);
        assert!(!throttle.back_off(clock));
    }
    clock += throttle.wait(clock);
    // 50, 100, 200, 400, 800 ms, then a second each: ten attempts, never a busy loop.
    assert_eq!(clock - start, Duration::from_millis(6550));
    throttle.accepted(clock);
    assert!(throttle.back_off(clock), "told again after a success");
    assert_eq!(throttle.wait(clock), Duration::from_millis(50));
}

#[test]
fn what_strangers_cause_is_said_once_a_second() {
    let (seldom, start) = (super::super::throttle::Seldom::default(), Instant::now());
    let times = [0, 1, 999, 1000, 1001, 1999, 2000].map(|ms| seldom.may(start + Duration::from_millis(ms)));
    assert_eq!(times, [true, false, false, true, false, false, true]);
}
