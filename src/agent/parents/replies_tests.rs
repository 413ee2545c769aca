#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

fn now() -> Instant {
    Instant::now()
}

#[test]
fn who_waits_for_each_answer_has_it_at_once() {
    let mut answers = ReplyBatcher::default();
    for _ in 0..1_000 {
        answers.asked(false);
        assert!(answers.answered(1, now));
        answers.written(now);
        assert_eq!(answers.due(), None);
    }
}

#[test]
fn who_asks_on_has_them_in_bursts() {
    let start = now();
    let mut answers = ReplyBatcher::default();
    answers.asked(false);
    answers.asked(true);
    let mut written = 0;
    for _ in 0..2 * BURST {
        answers.asked(true);
        if answers.answered(1, || start) {
            written += 1;
            answers.written(|| start);
        }
        assert!(answers.due().is_none_or(|due| due == start + HOLD));
    }
    assert_eq!(written, 2);
}

#[test]
fn who_no_longer_asks_on_waits_once() {
    let start = now();
    let late = || start + HOLD;
    let mut answers = ReplyBatcher::default();
    answers.asked(true);
    assert!(!answers.answered(1, || start));
    // Nothing was asked meanwhile: it waits for this one.
    answers.written(late);
    answers.asked(false);
    assert!(answers.answered(1, || start));
}

#[test]
fn tasks_that_each_wait_pay_for_ever_fewer_holds() {
    let mut time = now();
    let (mut answers, mut holds) = (ReplyBatcher::default(), 0);
    // Two at a time, each of which waits for its answer before it asks again.
    for _ in 0..10_000 {
        answers.asked(false);
        answers.asked(true);
        let start = time;
        if !answers.answered(2, || start) {
            holds += 1;
            time += HOLD;
            let end = time;
            answers.written(|| end);
        }
    }
    assert!((1..=16).contains(&holds), "{holds} holds");
}

#[test]
fn what_other_frames_take_along_says_nothing_about_the_parent() {
    let start = now();
    let mut answers = ReplyBatcher::default();
    answers.asked(true);
    assert!(!answers.answered(1, || start));
    answers.written(|| start + HOLD / 2);
    assert!(!answers.answered(1, || start));
    // Asked meanwhile: it asks on.
    answers.asked(false);
    answers.written(|| start + HOLD);
    assert!(!answers.answered(1, || start));
}
