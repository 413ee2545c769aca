//! The rows of the contract's table, one by one.

use std::time::Duration;

use super::*;
use crate::window::WindowCounters;
use pmq_pipeline::Blueprint;

fn small() -> WindowSettings {
    WindowSettings { skip: 10, validity: 100, window: 64, origins: 4, floors: 4, warm_after: 2, ..WindowSettings::default() }
}

/// A message that is accepted at once; the outcome in the end.
fn send(stage: &mut WindowStage, seq: u64, tag: u64) -> Outcome {
    let now = Instant::now();
    match check(stage, topic(0), header(1, 0, seq, tag), now) {
        Ok(envelope) => commit(stage, envelope, now),
        Err(outcome) => outcome,
    }
}

const ACCEPTED: Outcome = Outcome { verdict: Verdict::Accept, reason: Reason::Verified };

#[test]
fn the_rows_of_the_table() {
    let mut stage = stage(small());
    for seq in [500, 1_000] {
        assert_eq!(send(&mut stage, seq, 1), ACCEPTED, "above the mark, with any gap");
    }
    assert_eq!(send(&mut stage, 990, 1), ACCEPTED, "late by skip");
    assert_eq!(send(&mut stage, 990, 1), ignored(Reason::Duplicate));
    assert_eq!(send(&mut stage, 990, 2), ignored(Reason::Conflict));
    assert_eq!(send(&mut stage, 989, 1), ignored(Reason::Stale), "beyond skip");
    assert_eq!(send(&mut stage, 900, 1), ignored(Reason::Stale), "late by validity");
    assert_eq!(send(&mut stage, 899, 1), Outcome { verdict: Verdict::Reject, reason: Reason::Expired });
    assert_eq!(stage.counters(), WindowCounters { windows: 1, committed: 3, conflicts: 1, ..WindowCounters::default() });
}

#[test]
fn both_ends_of_the_numbers_are_legal() {
    let mut stage = stage(small());
    assert_eq!(send(&mut stage, 0, 1), ACCEPTED);
    assert_eq!(send(&mut stage, 0, 1), ignored(Reason::Duplicate));
    assert_eq!(send(&mut stage, u64::MAX, 1), ACCEPTED);
    assert_eq!(send(&mut stage, u64::MAX, 2), ignored(Reason::Conflict));
    assert_eq!(send(&mut stage, u64::MAX - 10, 1), ACCEPTED);
    assert_eq!(send(&mut stage, 0, 1).reason, Reason::Expired);
}

#[test]
fn nothing_moves_before_an_accept() {
    let (mut stage, now) = (stage(small()), Instant::now());
    let forged = check(&mut stage, topic(0), header(1, 0, u64::MAX, 1), now).unwrap();
    assert!(stage.topics.is_empty(), "an unknown origin allocates nothing");
    let rejected = Outcome { verdict: Verdict::Reject, reason: Reason::Verified };
    assert_eq!(settle(&mut stage, forged, rejected, now), rejected);
    assert!(stage.topics.is_empty());
    assert_eq!(send(&mut stage, 5, 1), ACCEPTED);
}

#[test]
fn a_pending_number_suppresses_no_other_and_the_second_accept_is_softened() {
    let (mut stage, now) = (stage(small()), Instant::now());
    let pending: Vec<_> =
        [(5, 1), (5, 1), (5, 2), (3, 1)].map(|(seq, tag)| check(&mut stage, topic(0), header(1, 0, seq, tag), now).unwrap()).into();
    let outcomes: Vec<_> = pending.into_iter().map(|envelope| commit(&mut stage, envelope, now)).collect();
    assert_eq!(outcomes, [ACCEPTED, ignored(Reason::Duplicate), ignored(Reason::Conflict), ACCEPTED]);
    assert_eq!(stage.counters().softened, 2);
}

#[test]
fn a_mark_that_moved_meanwhile_is_no_reject() {
    let (mut stage, now) = (stage(small()), Instant::now());
    let slow = check(&mut stage, topic(0), header(1, 0, 5, 1), now).unwrap();
    for seq in [1_000, 2_000, 3_000] {
        assert_eq!(send(&mut stage, seq, 1), ACCEPTED);
    }
    assert_eq!(commit(&mut stage, slow, now), ignored(Reason::Late));
}

#[test]
fn a_cold_window_rejects_nobody() {
    let mut stage = stage(small());
    send(&mut stage, 1_000, 1);
    assert_eq!(send(&mut stage, 1, 1), ignored(Reason::Stale), "one accept is no proof");
    send(&mut stage, 1_001, 1);
    assert_eq!(send(&mut stage, 1, 1).verdict, Verdict::Reject, "two are, here");
}

#[test]
fn a_seeded_window_is_sure_at_once() {
    let mut stage = stage(small());
    mark(&mut stage, 1, MarkAction::Seed(1_000)).unwrap();
    assert_eq!(send(&mut stage, 1, 1).verdict, Verdict::Reject);
    for seq in [1_000, 999, 990] {
        assert_eq!(send(&mut stage, seq, 1), ignored(Reason::Stale), "nobody knows whether {seq} was seen before the seed");
    }
    assert_eq!(send(&mut stage, 1_001, 1), ACCEPTED);
    assert_eq!(send(&mut stage, 1_020, 1), ACCEPTED);
    assert_eq!(send(&mut stage, 1_011, 1), ACCEPTED, "above the seed it is known");
}

#[test]
fn grace_softens_age_for_its_time() {
    let mut stage = stage(WindowSettings { grace: Duration::from_secs(9), ..small() });
    let now = Instant::now();
    mark(&mut stage, 1, MarkAction::Seed(1_000)).unwrap();
    order(&mut stage, Order::Grace, now).unwrap();
    let old = |stage: &mut WindowStage, after| check(stage, topic(0), header(1, 0, 1, 1), now + Duration::from_secs(after)).unwrap_err();
    assert_eq!(old(&mut stage, 8), ignored(Reason::Stale));
    assert_eq!(old(&mut stage, 9).verdict, Verdict::Reject);
}

#[test]
fn marks_move_as_ordered() {
    let mut stage = stage(small());
    send(&mut stage, 50, 1);
    mark(&mut stage, 1, MarkAction::Seed(10)).unwrap();
    assert_eq!(send(&mut stage, 45, 1), ACCEPTED, "a seed does not move a mark that is there");
    mark(&mut stage, 1, MarkAction::Raise(20)).unwrap();
    assert_eq!(send(&mut stage, 46, 1), ACCEPTED, "raise never lowers");
    mark(&mut stage, 1, MarkAction::Raise(200)).unwrap();
    assert_eq!(send(&mut stage, 100, 1), ignored(Reason::Stale));
    assert_eq!(send(&mut stage, 195, 1), ignored(Reason::Stale), "not known to be fresh");
    assert_eq!(send(&mut stage, 201, 1), ACCEPTED);
    mark(&mut stage, 1, MarkAction::Reset(40)).unwrap();
    assert_eq!(send(&mut stage, 40, 1), ACCEPTED);
    assert_eq!(send(&mut stage, 45, 2), ACCEPTED, "forgotten by the reset");
}

#[test]
fn nothing_of_a_retired_epoch_is_welcome_until_a_reset() {
    let mut stage = stage(small());
    send(&mut stage, 50, 1);
    for before in [MarkAction::Retire, MarkAction::Retire, MarkAction::Seed(7), MarkAction::Raise(u64::MAX)] {
        mark(&mut stage, 1, before).unwrap();
        assert_eq!(stage.counters().windows, 0);
        for seq in [0, 50, 51, 1_000, u64::MAX] {
            assert_eq!(send(&mut stage, seq, 1), ignored(Reason::Stale), "{seq} after {before:?}");
        }
    }
    let other = check(&mut stage, topic(0), header(1, 1, 3, 1), Instant::now());
    assert!(other.is_ok(), "the next epoch is another numbering");
    mark(&mut stage, 1, MarkAction::Reset(40)).unwrap();
    assert_eq!(send(&mut stage, 41, 1), ACCEPTED);
}

#[test]
fn thresholds_are_bounded_by_the_window() {
    let mut stage = stage(small());
    let mut set = |skip, validity| order(&mut stage, Order::Thresholds { topic: None, skip, validity }, Instant::now());
    set(64, 65).unwrap();
    assert_eq!(set(65, 100), Err(CommandError::Thresholds { skip: 65, validity: 100, max_skip: 64 }));
    assert_eq!(set(5, 5), Err(CommandError::Thresholds { skip: 5, validity: 5, max_skip: 64 }));
    let only = Order::Thresholds { topic: Some(topic(1)), skip: 0, validity: 1 };
    order(&mut stage, only, Instant::now()).unwrap();
    send(&mut stage, 100, 1);
    assert_eq!(send(&mut stage, 36, 1), ACCEPTED, "topic 0 keeps skip 64");
}

#[test]
fn the_evicted_leave_a_floor_and_what_falls_out_is_counted() {
    let mut stage = stage(WindowSettings { origins: 1, floors: 1, ..small() });
    let now = Instant::now();
    let mut from = |name: u8, seq: u64| match check(&mut stage, topic(0), header(name, 0, seq, 1), now) {
        Ok(envelope) => (commit(&mut stage, envelope, now), stage.counters()),
        Err(outcome) => (outcome, stage.counters()),
    };
    from(1, 100);
    from(2, 100);
    assert_eq!(from(1, 100).0, ignored(Reason::Stale), "at its floor nobody knows what was seen");
    let (outcome, counters) = from(1, 101);
    assert_eq!((outcome, counters.evicted, counters.floors_lost), (ACCEPTED, 2, 0));
    assert_eq!(from(1, 99).0, ignored(Reason::Stale), "the floor stays below the new window");
    assert_eq!(from(3, 1).1.floors_lost, 1, "the floor of origin 2 made room");
    assert_eq!(from(2, 100).0, ACCEPTED, "and its past with it");
}

#[test]
fn messages_without_a_header_pass() {
    let (mut stage, now) = (stage(small()), Instant::now());
    let bare = Envelope { header: None, ..numbered(topic(0), Header::default()) };
    let passed = inward(&mut stage, bare, now).unwrap();
    assert_eq!(commit(&mut stage, passed, now), ACCEPTED);
    assert_eq!(stage.counters(), WindowCounters::default());
}

#[test]
fn settings_are_checked() {
    WindowSettings::default().check().unwrap();
    let key = |settings: WindowSettings| settings.check().unwrap_err().key;
    assert_eq!(key(WindowSettings { skip: 100, ..small() }), "skip");
    assert_eq!(key(WindowSettings { skip: 65, ..small() }), "skip");
    assert_eq!(key(WindowSettings { window: 1 << 21, ..small() }), "window");
    assert_eq!(key(WindowSettings { floors: 0, ..small() }), "floors");
}

#[test]
fn memory_covers_the_rings() {
    // 4 topics, each with 4 rings of 2 blocks: 65 words a block.
    assert!(SequenceWindow::new(small(), network()).memory(1.0) > 4 * 4 * 2 * 65 * 8);
}
