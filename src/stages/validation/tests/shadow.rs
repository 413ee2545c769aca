//! Shadows see everything and change nothing.

use super::*;
use pmq_pipeline::QueueEvent;

const SHADOW: LinkId = LinkId(9);

impl Bench {
    fn shadow(&mut self, link: LinkId, messages: u32) {
        let terms = VerifierTerms { window: Window { messages, bytes: 1 << 20 }, seat: VerifierRole::Shadow };
        assert!(self.queue.attach(link, terms, self.now));
    }

    fn shadow_says(&mut self, link: LinkId, ticket: Ticket, verdict: Verdict) -> Result<(), VerdictRefused> {
        let before = (self.queue.len(), self.queue.bytes(), self.out.settled.len());
        let heard = self.queue.verdict(link, ticket, verdict.into(), self.now, &mut self.out);
        assert_eq!((self.queue.len(), self.queue.bytes(), self.out.settled.len()), before, "a shadow changed the pipeline");
        heard.map(|heard| assert_eq!(heard, VerdictEffect::Shadow))
    }

    /// Message, the verdict behind the outcome (none for a fallback), the outcome, the shadow's verdict.
    fn compared(&mut self) -> Vec<(u64, Option<Verdict>, Verdict, Verdict)> {
        let compared = self.queue.news().drain(..).map(|news| match news {
            QueueEvent::Compared(compared) => {
                let said = compared.said.as_ref().map(|said| said.verdict);
                (number(&compared.id), said, compared.outcome.verdict, compared.shadow.verdict)
            }
            QueueEvent::Conflict(conflict) => panic!("a conflict: {conflict:?}"),
        });
        compared.collect()
    }

    fn counts(&self) -> (u64, u64) {
        let census = self.queue.census();
        (census.skipped, census.unanswered)
    }
}

/// The ticket of the offer to `link`.
fn to(link: LinkId, offers: &[(LinkId, Ticket, u64)]) -> Ticket {
    offers.iter().find(|offer| offer.0 == link).unwrap().1
}

#[test]
fn a_shadow_gets_what_a_verifier_gets_and_counts_for_none() {
    let mut bench = Bench::new(quiet);
    bench.shadow(SHADOW, 10);
    bench.admit([1], 10);
    assert_eq!(bench.offered(), [(SHADOW, 1)], "also where nobody verifies");
    assert_eq!((bench.queue.verifiers(), bench.queue.census().shadows), (0, 1));
    bench.attach(A, 10, 1_000);
    assert_eq!(bench.offered(), [(A, 1)], "it still waits for its verifier");
    bench.admit([2], 10);
    assert_eq!(bench.offered(), [(A, 2), (SHADOW, 2)]);
}

#[test]
fn whichever_side_is_first_waits_for_the_other() {
    for shadow_first in [true, false] {
        let mut bench = Bench::new(quiet);
        bench.shadow(SHADOW, 10);
        bench.attach(A, 10, 1_000);
        bench.admit([1], 10);
        let offers = bench.offers();
        let (real, shadow) = (to(A, &offers), to(SHADOW, &offers));
        if shadow_first {
            bench.shadow_says(SHADOW, shadow, Verdict::Reject).unwrap();
            assert_eq!(bench.compared(), []);
            assert_eq!(bench.shadow_says(SHADOW, shadow, Verdict::Accept), Err(VerdictRefused::Duplicate));
        }
        bench.verdict(A, real, Verdict::Accept).unwrap();
        assert_eq!(bench.settled(), [(1, Verdict::Accept, Reason::Verified)]);
        if !shadow_first {
            assert_eq!(bench.compared(), []);
            bench.shadow_says(SHADOW, shadow, Verdict::Reject).unwrap();
        }
        assert_eq!(bench.compared(), [(1, Some(Verdict::Accept), Verdict::Accept, Verdict::Reject)]);
        assert_eq!(bench.shadow_says(SHADOW, shadow, Verdict::Accept), Err(VerdictRefused::Duplicate));
        assert_eq!(bench.queue.shadows.open(), 0);
        bench.pass(DEADLINE * 2);
        assert_eq!((bench.compared(), bench.counts()), (vec![], (0, 0)));
    }
}

#[test]
fn without_credit_a_shadow_is_skipped_and_delays_nobody() {
    let mut bench = Bench::new(quiet);
    bench.shadow(SHADOW, 1);
    bench.attach(A, 10, 1_000);
    bench.admit(1..=3, 10);
    let offers = bench.offers();
    let of = |link| offers.iter().filter(|offer| offer.0 == link).map(|offer| offer.2).collect::<Vec<_>>();
    assert_eq!((of(A), of(SHADOW)), (vec![1, 2, 3], vec![1]));
    assert_eq!(bench.counts(), (2, 0));
    bench.queue.released(SHADOW, 1, 10);
    bench.queue.pause(SHADOW, true);
    bench.admit([4], 10);
    assert_eq!((bench.offered(), bench.counts()), (vec![(A, 4)], (3, 0)), "a pause is no different");
    bench.queue.pause(SHADOW, false);
    bench.queue.window(SHADOW, Window { messages: 5, bytes: 1 << 20 });
    bench.admit([5], 10);
    assert_eq!((bench.offered(), bench.counts()), (vec![(A, 5), (SHADOW, 5)], (3, 0)));
}

#[test]
fn what_is_not_answered_by_the_deadline_is_dropped_and_late_answers_are_told() {
    let mut bench = Bench::new(quiet);
    bench.shadow(SHADOW, 10);
    bench.attach(A, 10, 1_000);
    bench.admit([1], 10);
    let offers = bench.offers();
    bench.verdict(A, to(A, &offers), Verdict::Accept).unwrap();
    assert_eq!(bench.queue.shadows.open(), 1);
    bench.now += DEADLINE;
    assert_eq!(bench.shadow_says(SHADOW, to(SHADOW, &offers), Verdict::Accept), Err(VerdictRefused::Late), "before the wheel comes round");
    bench.pass(Duration::from_millis(10));
    assert_eq!(bench.shadow_says(SHADOW, to(SHADOW, &offers), Verdict::Accept), Err(VerdictRefused::Late));
    assert_eq!((bench.queue.shadows.open(), bench.counts(), bench.compared()), (0, (0, 1), vec![]));
    assert_eq!(bench.shadow_says(SHADOW, Ticket::new(77, 1), Verdict::Accept), Err(VerdictRefused::Unknown));
}

#[test]
fn a_fallback_is_told_from_a_verdict() {
    let mut bench = Bench::new(quiet);
    bench.shadow(SHADOW, 10);
    bench.admit(1..=2, 10);
    let offers = bench.offers();
    bench.shadow_says(SHADOW, offers[0].1, Verdict::Accept).unwrap();
    bench.pass(DEADLINE + Duration::from_millis(10));
    let settled: BTreeSet<u64> = bench.settled().into_iter().map(|(number, ..)| number).collect();
    assert_eq!(settled, BTreeSet::from([1, 2]));
    assert_eq!(bench.compared(), [(1, None, Verdict::Ignore, Verdict::Accept)]);
    assert_eq!((bench.queue.shadows.open(), bench.counts()), (0, (0, 1)));
}

#[test]
fn a_shadow_that_leaves_takes_its_side_along() {
    let mut bench = Bench::new(quiet);
    let other = LinkId(8);
    bench.shadow(SHADOW, 10);
    bench.shadow(other, 10);
    bench.attach(A, 10, 1_000);
    bench.admit(1..=2, 10);
    let offers = bench.offers();
    let [first, second] = [1, 2].map(|number| offers.iter().find(|offer| offer.0 == A && offer.2 == number).unwrap().1);
    bench.verdict(A, first, Verdict::Accept).unwrap();
    bench.shadow_says(SHADOW, to(SHADOW, &offers), Verdict::Accept).unwrap();
    assert_eq!(bench.compared().len(), 1);
    bench.admit([3], 10);
    bench.queue.detach(SHADOW, bench.now);
    assert_eq!(bench.offered(), [(A, 3), (other, 3)], "nothing for who is gone");
    bench.verdict(A, second, Verdict::Ignore).unwrap();
    let of_other = offers.iter().find(|offer| offer.0 == other && offer.2 == 2).unwrap().1;
    bench.shadow_says(other, of_other, Verdict::Ignore).unwrap();
    assert_eq!(bench.compared(), [(2, Some(Verdict::Ignore), Verdict::Ignore, Verdict::Ignore)], "the other one's chain is whole");
    bench.pass(DEADLINE * 2);
    assert_eq!((bench.queue.shadows.open(), bench.counts()), (0, (0, 2)), "messages 1 and 3 of the other one");
}

#[test]
fn what_shadows_have_open_is_bounded() {
    let mut bench = Bench::new(|settings| settings.max_messages = 4);
    bench.shadow(SHADOW, 100);
    bench.attach(A, 100, 1 << 20);
    for number in 1..=10 {
        bench.admit([number], 10);
        let offers = bench.offers();
        bench.verdict(A, to(A, &offers), Verdict::Accept).unwrap();
    }
    assert_eq!((bench.queue.shadows.open(), bench.counts()), (4, (6, 0)));
    assert_eq!(bench.settled().len(), 10, "the pipeline goes on regardless");
}

#[test]
fn a_flush_ends_the_shadows_part_without_a_comparison() {
    let mut bench = Bench::new(quiet);
    bench.shadow(SHADOW, 10);
    bench.admit(1..=2, 10);
    let offers = bench.offers();
    bench.shadow_says(SHADOW, offers[0].1, Verdict::Accept).unwrap();
    bench.queue.flush(Reason::Shutdown, &mut bench.out);
    assert_eq!((bench.queue.shadows.open(), bench.compared(), bench.settled().len()), (0, vec![], 2));
}
