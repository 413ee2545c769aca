#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod chain;
mod model;
mod shadow;

use std::collections::BTreeSet;
use std::time::Duration;

use bytesize::ByteSize;

use super::*;
use crate::{StageSettings, testing::network};
use pmq_pipeline::testing::{batch, number};

const A: LinkId = LinkId(1);
const B: LinkId = LinkId(2);
const WIDE: Window = Window { messages: 1_000, bytes: 1 << 30 };
const DEADLINE: Duration = Duration::from_secs(4);

/// A queue and its clock; what it answers is collected as message numbers.
struct Bench {
    queue: ValidationQueue,
    now: Instant,
    out: Batch,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        Self { queue: ValidationQueue::new(settings), now: Instant::now(), out: Batch::default() }
    }

    fn admit(&mut self, numbers: impl IntoIterator<Item = u64>, size: usize) {
        let mut batch = batch(numbers, size, self.now);
        self.queue.admit(&mut batch, self.now);
        self.out.settled.append(&mut batch.settled);
    }

    fn attach(&mut self, link: LinkId, messages: u32, bytes: u64) {
        self.queue.attach(link, Window { messages, bytes }.into(), self.now);
    }

    fn offers(&mut self) -> Vec<(LinkId, Ticket, u64)> {
        let mut out = Vec::new();
        self.queue.hand_out(self.now, &mut out);
        out.into_iter().map(|(link, offer)| (link, offer.ticket, number(&offer.id))).collect()
    }

    fn offered(&mut self) -> Vec<(LinkId, u64)> {
        self.offers().into_iter().map(|(link, _, number)| (link, number)).collect()
    }

    fn verdict(&mut self, link: LinkId, ticket: Ticket, verdict: Verdict) -> Result<Duration, VerdictRefused> {
        match self.verdict_of(link, ticket, verdict)? {
            VerdictEffect::Counted(took) => Ok(took),
            VerdictEffect::Shadow => panic!("a verdict of a shadow"),
        }
    }

    /// Also of a shadow.
    fn verdict_of(&mut self, link: LinkId, ticket: Ticket, verdict: Verdict) -> Result<VerdictEffect, VerdictRefused> {
        self.queue.verdict(link, ticket, verdict.into(), self.now, &mut self.out)
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.queue.expire(self.now, &mut self.out);
    }

    fn settled(&mut self) -> Vec<(u64, Verdict, Reason)> {
        let settled = self.out.settled.drain(..);
        settled.map(|settled| (number(&settled.envelope.arrival.id), settled.outcome.verdict, settled.outcome.reason)).collect()
    }
}

fn quiet(_: &mut Settings) {}

#[test]
fn the_verifier_with_the_least_outstanding_is_next() {
    let mut bench = Bench::new(quiet);
    bench.attach(A, 10, 1_000);
    bench.attach(B, 10, 1_000);
    bench.admit(1..=1, 10);
    let first = bench.offered()[0].0;
    let other = if first == A { B } else { A };
    bench.admit(2..=3, 10);
    assert_eq!(bench.offered()[0], (other, 2), "the one that has nothing comes first");
    // Two for the first, one for the other: whoever has answered more gets more.
    bench.queue.released(first, 2, 20);
    bench.admit(4..=4, 10);
    assert_eq!(bench.offered(), [(first, 4)]);
}

#[test]
fn credit_counts_messages_and_bytes() {
    let mut bench = Bench::new(quiet);
    bench.attach(A, 2, 1_000);
    bench.admit(1..=5, 10);
    assert_eq!(bench.offered(), [(A, 1), (A, 2)], "two messages");
    bench.queue.released(A, 1, 10);
    assert_eq!(bench.offered(), [(A, 3)]);

    let mut bench = Bench::new(quiet);
    bench.attach(A, 100, 100);
    bench.admit(1..=3, 40);
    assert_eq!(bench.offered(), [(A, 1), (A, 2)], "a hundred bytes");
    bench.queue.window(A, Window { messages: 100, bytes: 120 });
    assert_eq!(bench.offered(), [(A, 3)], "a new window counts at once");
}

#[test]
fn a_message_larger_than_the_byte_window_passes_alone() {
    let mut bench = Bench::new(quiet);
    bench.attach(A, 100, 50);
    bench.admit(1..=1, 10);
    bench.admit(2..=2, 500);
    bench.admit(3..=3, 10);
    assert_eq!(bench.offered(), [(A, 1)], "not beside another one");
    bench.queue.released(A, 1, 10);
    assert_eq!(bench.offered(), [(A, 2)], "alone, and nothing overtakes it");
    bench.queue.released(A, 1, 500);
    assert_eq!(bench.offered(), [(A, 3)]);
}

#[test]
fn what_a_lost_verifier_had_waits_for_another_oldest_first() {
    let mut bench = Bench::new(quiet);
    bench.attach(A, 3, 1_000);
    for number in 1..=5 {
        bench.admit([number], 10);
        bench.pass(Duration::from_millis(20));
    }
    assert_eq!(bench.offered(), [(A, 1), (A, 2), (A, 3)]);
    bench.queue.detach(A, bench.now);
    assert_eq!(bench.queue.verifiers(), 0);
    assert_eq!(bench.queue.len(), 5, "nothing is given up");
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.settled(), []);
    bench.queue.attach(B, WIDE.into(), bench.now);
    assert_eq!(bench.offered(), [(B, 1), (B, 2), (B, 3), (B, 4), (B, 5)]);
}

/// A burst has one time of arrival, and slots that were used before come back in any order.
#[test]
fn what_a_lost_verifier_had_of_one_burst_keeps_its_order() {
    let mut bench = Bench::new(quiet);
    bench.attach(A, 10, 1_000);
    bench.admit(1..=4, 10);
    let former = bench.offers();
    for index in [2, 0, 3, 1] {
        bench.verdict(A, former[index].1, Verdict::Accept).unwrap();
    }
    bench.admit(5..=8, 10);
    assert_eq!(bench.offered(), [(A, 5), (A, 6), (A, 7), (A, 8)]);
    bench.queue.detach(A, bench.now);
    bench.attach(B, 10, 1_000);
    assert_eq!(bench.offered(), [(B, 5), (B, 6), (B, 7), (B, 8)]);
}

#[test]
fn a_deadline_counts_from_arrival_through_every_verifier() {
    let mut bench = Bench::new(quiet);
    bench.attach(A, 10, 1_000);
    bench.admit([1], 10);
    assert_eq!(bench.offered(), [(A, 1)]);
    bench.pass(DEADLINE - Duration::from_millis(50));
    bench.queue.detach(A, bench.now);
    bench.attach(B, 10, 1_000);
    assert_eq!(bench.offered(), [(B, 1)]);
    bench.pass(Duration::from_millis(60));
    assert_eq!(bench.settled(), [(1, Verdict::Ignore, Reason::Timeout)]);
}

/// Brings a queue of room for four messages and 1,000 bytes into the state in which message 1 ends for `cause`.
fn end_for(cause: Reason, bench: &mut Bench) {
    match cause {
        Reason::NoVerifier => {
            bench.admit([1], 10);
            bench.pass(DEADLINE + Duration::from_millis(10));
        }
        Reason::Timeout => {
            bench.attach(A, 10, 1_000);
            bench.admit([1], 10);
            assert_eq!(bench.offered(), [(A, 1)]);
            bench.pass(DEADLINE + Duration::from_millis(10));
        }
        Reason::Paused => {
            bench.attach(A, 10, 1_000);
            bench.attach(B, 10, 1_000);
            bench.queue.pause(A, true);
            bench.queue.pause(B, true);
            bench.admit([1], 10);
            assert_eq!(bench.offered(), []);
            bench.pass(DEADLINE + Duration::from_millis(10));
        }
        Reason::VerifierLost => {
            bench.attach(A, 10, 1_000);
            bench.admit([1], 10);
            assert_eq!(bench.offered(), [(A, 1)]);
            bench.queue.detach(A, bench.now);
            bench.pass(DEADLINE + Duration::from_millis(10));
        }
        Reason::QueueFull => {
            bench.admit(10..14, 10);
            bench.admit([1], 10);
        }
        other => panic!("{other:?} is no cause"),
    }
}

const CAUSES: [Reason; 5] = [Reason::NoVerifier, Reason::QueueFull, Reason::Timeout, Reason::Paused, Reason::VerifierLost];

fn set(fallbacks: &mut Fallbacks, cause: Reason, fallback: Fallback) {
    *match cause {
        Reason::NoVerifier => &mut fallbacks.no_verifier,
        Reason::QueueFull => &mut fallbacks.queue_full,
        Reason::Timeout => &mut fallbacks.timeout,
        Reason::Paused => &mut fallbacks.paused,
        _ => &mut fallbacks.verifier_lost,
    } = fallback;
}

#[test]
fn every_cause_has_its_own_fallback() {
    for cause in CAUSES {
        for configured in CAUSES {
            let mut bench = Bench::new(|settings| {
                settings.max_messages = 4;
                settings.max_bytes = ByteSize(1_000);
                set(&mut settings.fallback, configured, Fallback::AcceptUnverified);
            });
            end_for(cause, &mut bench);
            let verdict = if cause == configured { Verdict::Accept } else { Verdict::Ignore };
            assert_eq!(bench.settled(), [(1, verdict, cause)], "with accept-unverified for {configured:?}");
        }
    }
}

#[test]
fn no_fallback_rejects() {
    for cause in CAUSES {
        let mut bench = Bench::new(|settings| settings.max_messages = 4);
        end_for(cause, &mut bench);
        assert_eq!(bench.settled(), [(1, Verdict::Ignore, cause)]);
    }
}

#[test]
fn the_bound_by_bytes_refuses_what_does_not_fit_and_takes_what_does() {
    let mut bench = Bench::new(|settings| settings.max_bytes = ByteSize(100));
    bench.admit([1], 60);
    bench.admit([2], 60);
    bench.admit([3], 40);
    assert_eq!(bench.settled(), [(2, Verdict::Ignore, Reason::QueueFull)]);
    assert_eq!((bench.queue.len(), bench.queue.bytes()), (2, 100));
    bench.attach(A, 10, 1_000);
    let ticket = bench.offers()[0].1;
    bench.verdict(A, ticket, Verdict::Accept).unwrap();
    assert_eq!((bench.queue.len(), bench.queue.bytes()), (1, 40), "a verdict frees the room");
    bench.admit([4], 60);
    assert_eq!(bench.settled(), [(1, Verdict::Accept, Reason::Verified)]);
}

#[test]
fn a_pause_ends_and_the_queue_goes_on() {
    let mut bench = Bench::new(quiet);
    bench.attach(A, 10, 1_000);
    bench.queue.pause(A, true);
    bench.admit([1], 10);
    assert_eq!(bench.offered(), []);
    bench.queue.pause(A, false);
    assert_eq!(bench.offered(), [(A, 1)]);
}

#[test]
fn verifiers_without_credit_end_in_a_timeout() {
    let mut bench = Bench::new(quiet);
    bench.attach(A, 1, 1_000);
    bench.admit(1..=2, 10);
    assert_eq!(bench.offered(), [(A, 1)]);
    bench.pass(DEADLINE + Duration::from_millis(10));
    let mut settled = bench.settled();
    settled.sort_by_key(|settled| settled.0);
    assert_eq!(settled, [(1, Verdict::Ignore, Reason::Timeout), (2, Verdict::Ignore, Reason::Timeout)]);
}

#[test]
fn verdicts_that_change_nothing_are_told_apart() {
    let mut bench = Bench::new(quiet);
    bench.attach(A, 10, 1_000);
    bench.admit(1..=3, 10);
    let offers = bench.offers();
    let [first, second, third] = [0, 1, 2].map(|index: usize| offers[index].1);

    assert_eq!(bench.verdict(A, Ticket::new(77, 1), Verdict::Accept), Err(VerdictRefused::Unknown));
    assert_eq!(bench.verdict(A, Ticket::new(first.slot(), first.generation() + 1), Verdict::Accept), Err(VerdictRefused::Unknown));
    assert_eq!(bench.verdict(B, first, Verdict::Reject), Err(VerdictRefused::StaleSession), "another session");
    bench.verdict(A, first, Verdict::Accept).unwrap();
    assert_eq!(bench.verdict(A, first, Verdict::Reject), Err(VerdictRefused::Duplicate));

    bench.queue.detach(A, bench.now);
    assert_eq!(bench.verdict(A, second, Verdict::Reject), Err(VerdictRefused::StaleSession), "a session that is gone");
    bench.attach(B, 10, 1_000);
    assert_eq!(bench.offered(), [(B, 2), (B, 3)]);
    assert_eq!(bench.verdict(A, second, Verdict::Reject), Err(VerdictRefused::StaleSession), "offered to another one since");
    bench.verdict(B, second, Verdict::Ignore).unwrap();
    assert_eq!(bench.settled(), [(1, Verdict::Accept, Reason::Verified), (2, Verdict::Ignore, Reason::Verified)]);

    // Over, although the wheel has not come round.
    bench.now += DEADLINE;
    assert_eq!(bench.verdict(B, third, Verdict::Accept), Err(VerdictRefused::Late));
    assert_eq!(bench.queue.len(), 1);
    bench.pass(Duration::from_millis(10));
    assert_eq!(bench.verdict(B, third, Verdict::Accept), Err(VerdictRefused::Late));
    assert_eq!(bench.settled(), [(3, Verdict::Ignore, Reason::Timeout)]);
}

#[test]
fn a_round_trip_is_counted_from_the_offer() {
    let mut bench = Bench::new(quiet);
    bench.admit([1], 10);
    bench.pass(Duration::from_secs(1));
    bench.attach(A, 10, 1_000);
    let ticket = bench.offers()[0].1;
    bench.pass(Duration::from_millis(30));
    assert_eq!(bench.verdict(A, ticket, Verdict::Accept), Ok(Duration::from_millis(30)));
}

#[test]
fn a_flush_settles_everything_for_its_reason() {
    let mut bench = Bench::new(|settings| settings.fallback.timeout = Fallback::AcceptUnverified);
    bench.attach(A, 1, 1_000);
    bench.admit(1..=2, 10);
    bench.offers();
    bench.queue.flush(Reason::Shutdown, &mut bench.out);
    assert_eq!(bench.settled(), [(1, Verdict::Ignore, Reason::Shutdown), (2, Verdict::Ignore, Reason::Shutdown)]);
    assert_eq!((bench.queue.len(), bench.queue.bytes()), (0, 0));
    assert_eq!(bench.offered(), []);
}

#[test]
fn the_waiting_list_stays_bounded_when_old_messages_keep_coming() {
    let mut bench = Bench::new(|settings| settings.max_messages = 10);
    bench.admit([0], 1);
    for number in 1..1_000 {
        // Their deadline is over when they come, that of the message in front of them is not.
        let mut old = batch([number], 1, bench.now.checked_sub(DEADLINE).unwrap());
        bench.queue.admit(&mut old, bench.now);
        assert!(
            bench.queue.groups[0].waiting.len() <= 100,
            "{} entries wait, {} are pending",
            bench.queue.groups[0].waiting.len(),
            bench.queue.len()
        );
        bench.pass(Duration::from_millis(1));
        bench.settled();
    }
    bench.queue.attach(A, WIDE.into(), bench.now);
    assert!(bench.offered().contains(&(A, 0)));
}

#[test]
fn settings_that_cannot_work_are_refused_by_key() {
    let refused = |change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.into_part(&network()).err().map(|error| error.key)
    };
    assert_eq!(refused(|settings| settings.deadline = Duration::ZERO), Some("deadline".into()));
    assert_eq!(refused(|settings| settings.max_messages = 0), Some("max_messages".into()));
    assert_eq!(refused(|settings| settings.max_bytes = ByteSize(0)), Some("max_bytes".into()));
    assert_eq!(refused(|_| ()), None);
}
