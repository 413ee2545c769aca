use std::pin::pin;

use futures::{FutureExt as _, future};

use super::*;

#[tokio::test]
async fn whoever_is_polled_first_has_to_wait_for_those_in_front() {
    let mut turns = PublishOrder::default();
    let (mut first, mut second, mut third) = (turns.take(), turns.take(), turns.take());
    assert_eq!(third.come().now_or_never(), None);
    assert_eq!(second.come().now_or_never(), None);
    assert_eq!(first.come().now_or_never(), Some(()));
    assert_eq!(first.come().now_or_never(), Some(()), "asked again");
}

#[tokio::test]
async fn the_next_one_is_woken_when_a_turn_ends() {
    let mut turns = PublishOrder::default();
    let (first, mut second) = (turns.take(), turns.take());
    let mut come = pin!(second.come());
    assert!(future::poll_immediate(&mut come).await.is_none());
    drop(first);
    come.await;
}

#[tokio::test]
async fn one_that_is_given_up_leaves_those_behind_it_waiting_for_those_in_front() {
    let mut turns = PublishOrder::default();
    let (first, mut second, third, mut fourth) = (turns.take(), turns.take(), turns.take(), turns.take());
    assert_eq!(second.come().now_or_never(), None);
    drop(third);
    // Its wait was cut short above: it waits for the first all the same, and so do those behind it.
    drop(second);
    assert_eq!(fourth.come().now_or_never(), None, "the first one's turn is not over");
    drop(first);
    fourth.come().await;
    assert_eq!(turns.take().come().now_or_never(), None, "the fourth one's is not over");
}
