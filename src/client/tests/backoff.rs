//! The pauses between attempts.

use std::time::Duration;

use super::super::backoff::Backoff;

#[test]
fn pauses_double_to_a_bound_and_jitter_halves_at_most() {
    let mut whole = Backoff::new();
    let pauses: Vec<u128> = (0..8).map(|_| whole.pause(0.0).as_millis()).collect();
    assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    let mut half = Backoff::new();
    assert_eq!(half.pause(1.0), Duration::from_millis(25));
    half.reset();
    assert_eq!(half.pause(0.5), Duration::from_micros(37_500));
}
