#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::future::poll_fn;
use std::time::Duration;

use futures::FutureExt;

use super::*;

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[tokio::test]
async fn it_rings_at_its_time_again_and_again() {
    let mut alarm = Alarm::default();
    for _ in 0..3 {
        let at = Instant::now() + ms(10);
        poll_fn(|cx| alarm.poll(Some(at), cx)).await;
        assert!(Instant::now() >= at);
    }
}

#[tokio::test]
async fn a_deadline_that_moves_is_followed_both_ways() {
    let mut alarm = Alarm::default();
    let start = Instant::now();
    let rung = |alarm: &mut Alarm, at| poll_fn(|cx| alarm.poll(Some(at), cx)).now_or_never();
    assert_eq!(rung(&mut alarm, start + ms(10)), None);
    // Away: the timer rings at 10 ms all the same, and nobody hears of it.
    let later = start + ms(30);
    poll_fn(|cx| alarm.poll(Some(later), cx)).await;
    assert!(Instant::now() >= later);
    assert_eq!(rung(&mut alarm, later + ms(60_000)), None);
    // Nearer.
    let sooner = later + ms(5);
    poll_fn(|cx| alarm.poll(Some(sooner), cx)).await;
    assert!((sooner..later + ms(60_000)).contains(&Instant::now()), "the timer stayed at the deadline before");
}

#[tokio::test]
async fn without_a_time_it_never_rings_and_one_that_has_passed_rings() {
    let mut alarm = Alarm::default();
    assert_eq!(poll_fn(|cx| alarm.poll(None, cx)).now_or_never(), None);
    let now = Instant::now();
    poll_fn(|cx| alarm.poll(Some(now), cx)).await;
}
