#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use futures::FutureExt as _;

use super::*;
use crate::testing::{arrival, number, topic};
use pmq_protocol::wire::Reason;

fn show(tap: &Tap, numbers: impl IntoIterator<Item = u64>) {
    let now = Instant::now();
    for number in numbers {
        if let Some(open) = tap.open() {
            open.show(TapRecord::of(&Report::of(&arrival(number, vec![0; 10], now), Outcome::ignore(Reason::Timeout)), now));
        }
    }
}

/// What waits: numbers, or how many were lost (negative).
fn waiting(look: &mut TapSubscription) -> Vec<i64> {
    let sights = std::iter::from_fn(|| look.next().now_or_never().flatten());
    sights
        .map(|sight| match sight {
            TapItem::Lost(lost) => -(lost as i64),
            TapItem::Record(TapRecord { what: TapSubject::Message { id, size: 10, .. }, .. }) => number(&id) as i64,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn nobody_looks_and_nothing_is_kept() {
    let tap = Tap::new(4);
    assert!(tap.open().is_none());
    show(&tap, 1..=3);
    let mut look = tap.look();
    assert!(tap.open().is_some());
    show(&tap, 4..=5);
    assert_eq!(waiting(&mut look), [4, 5]);
    drop(look);
    assert!(tap.open().is_none());
    assert!(tap.0.ring().is_none(), "the ring goes with the last look");
}

#[test]
fn what_does_not_fit_is_lost_and_counted_in_its_place() {
    let tap = Tap::new(4);
    let (mut slow, mut fast) = (tap.look(), tap.look());
    for number in 1..=10 {
        show(&tap, [number]);
        assert_eq!(waiting(&mut fast), [number as i64], "a slow one costs another one nothing");
    }
    assert_eq!(waiting(&mut slow), [-6, 7, 8, 9, 10]);
    show(&tap, 11..=12);
    assert_eq!(waiting(&mut slow), [11, 12]);
}

#[test]
fn without_a_bound_a_look_that_sees_nothing_grows_with_the_road() {
    const MANY: u64 = 10_000;
    let (bounded, unbounded) = (Tap::new(16), Tap::new(MANY as usize));
    let looks = [bounded.look(), unbounded.look()];
    show(&bounded, 1..=MANY);
    show(&unbounded, 1..=MANY);
    // The length of a ring counts what was lost, too; what it holds is its bound at most.
    let held = looks.map(|mut look| waiting(&mut look).into_iter().filter(|number| *number > 0).count());
    assert_eq!(held, [16, MANY as usize]);
}

#[test]
fn a_record_pins_no_payload() {
    let tap = Tap::new(4);
    let look = tap.look();
    let payload = bytes::Bytes::from(vec![1; 64]);
    let now = Instant::now();
    tap.open().unwrap().show(TapRecord::of(&Report::of(&arrival(1, payload.clone(), now), Outcome::ignore(Reason::Timeout)), now));
    assert!(payload.is_unique(), "the tap holds {look:?}");
}

#[test]
fn messages_that_never_came_in_are_counted() {
    let tap = Tap::new(4);
    let mut look = tap.look();
    let seen =
        TapRecord { topic: topic(3), outcome: Outcome::ignore(Reason::QueueFull), ended: Instant::now(), what: TapSubject::Missed(7) };
    tap.open().unwrap().show(seen);
    let sight = look.next().now_or_never().flatten();
    assert!(matches!(sight, Some(TapItem::Record(TapRecord { what: TapSubject::Missed(7), .. }))), "{sight:?}");
}
