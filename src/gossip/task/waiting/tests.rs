#![allow(clippy::unwrap_used)]

use super::*;
use pmq_pipeline::Topics;

type Answer = oneshot::Receiver<Result<Published, PublishError>>;

fn park(waiting: &mut Waiting, name: &str, now: Instant) -> Answer {
    let (answer, answered) = oneshot::channel();
    waiting.park(Topics::new(1).intern(name).unwrap(), Bytes::new(), answer, now);
    answered
}

#[test]
fn those_of_a_topic_are_taken_and_put_back_in_order() {
    let (start, second) = (Instant::now(), Duration::from_secs(1));
    let mut waiting = Waiting::new(second * 5, 8);
    let _kept = [park(&mut waiting, "a", start), park(&mut waiting, "b", start + second), park(&mut waiting, "a", start + second * 2)];
    let taken = waiting.take(Some("a"));
    assert_eq!((taken.len(), waiting.len()), (2, 1));
    assert_eq!(waiting.next(), Some(start + second * 6));
    for parked in taken {
        waiting.put_back(parked);
    }
    let mut order = Vec::new();
    while let Some(parked) = waiting.expired(start + second * 60) {
        order.push(parked.until - start);
    }
    assert_eq!(order, [second * 5, second * 6, second * 7]);
}

#[test]
fn it_is_bounded_and_forgets_who_went_away() {
    let now = Instant::now();
    let mut waiting = Waiting::new(Duration::from_secs(1), 2);
    let (first, _second) = (park(&mut waiting, "t", now), park(&mut waiting, "t", now));
    assert_eq!(park(&mut waiting, "t", now).try_recv(), Ok(Err(PublishError::TooManyWaiting(2))));
    drop(first);
    let mut third = park(&mut waiting, "t", now);
    assert!(third.try_recv().is_err(), "parked");
    drop(third);
    assert_eq!(waiting.take(None).len(), 1);
}

#[test]
fn without_a_wait_the_answer_comes_at_once() {
    let mut waiting = Waiting::new(Duration::ZERO, 2);
    assert_eq!(park(&mut waiting, "t", Instant::now()).try_recv(), Ok(Err(PublishError::NoPeers(Duration::ZERO))));
}
