//! Groups in a chain.

use super::*;
use pmq_pipeline::QueueEvent;

const C: LinkId = LinkId(3);

fn chain(names: &[&str]) -> Bench {
    Bench::new(|settings| settings.groups = names.iter().map(|&name| name.to_owned()).collect())
}

/// A in the first group of two, B in the second.
fn two() -> Bench {
    let mut bench = chain(&["format", "content"]);
    bench.join(A, "format");
    bench.join(B, "content");
    bench
}

impl Bench {
    fn join(&mut self, link: LinkId, group: &str) {
        let terms = VerifierTerms { window: Window { messages: 10, bytes: 1_000 }, seat: VerifierRole::Group(group.into()) };
        assert!(self.queue.attach(link, terms, self.now));
    }

    /// The one offer that is due, which must be of message `number` for `link`.
    fn one(&mut self, link: LinkId, number: u64) -> Ticket {
        match self.offers()[..] {
            [(to, ticket, message)] if (to, message) == (link, number) => ticket,
            ref other => panic!("not one offer of {number} to {link:?}: {other:?}"),
        }
    }
}

#[test]
fn an_accept_of_every_group_in_order_is_an_accept() {
    let mut bench = chain(&["one", "two", "three"]);
    // Attached the other way round: the order is the file's.
    bench.join(C, "three");
    bench.join(B, "two");
    bench.join(A, "one");
    bench.admit([1], 10);
    for link in [A, B, C] {
        assert_eq!(bench.settled(), []);
        let ticket = bench.one(link, 1);
        bench.pass(Duration::from_millis(100));
        assert_eq!(bench.verdict(link, ticket, Verdict::Accept), Ok(Duration::from_millis(100)), "since its own offer");
        assert_eq!(bench.queue.len(), usize::from(link != C));
    }
    assert_eq!(bench.settled(), [(1, Verdict::Accept, Reason::Verified)]);
    assert!(bench.queue.news().is_empty() && bench.offers().is_empty());
}

#[test]
fn the_first_groups_ignore_and_reject_stand_and_nobody_else_is_asked() {
    for verdict in [Verdict::Ignore, Verdict::Reject] {
        let mut bench = two();
        bench.admit([1], 10);
        let ticket = bench.one(A, 1);
        bench.verdict(A, ticket, verdict).unwrap();
        assert_eq!(bench.settled(), [(1, verdict, Reason::Verified)]);
        assert!(bench.queue.news().is_empty() && bench.offers().is_empty());
    }
}

#[test]
fn a_later_groups_ignore_stands_and_its_reject_is_a_conflict() {
    let mut bench = two();
    bench.admit(1..=2, 10);
    let tickets: Vec<Ticket> = bench.offers().into_iter().map(|(_, ticket, _)| ticket).collect();
    let said = |verdict, code, text: &str| VerdictRecord { code, text: Some(text.into()), ..VerdictRecord::from(verdict) };
    for &ticket in &tickets {
        bench.queue.verdict(A, ticket, said(Verdict::Accept, 1, "well formed"), bench.now, &mut bench.out).unwrap();
    }
    assert_eq!(bench.offered(), [(B, 1), (B, 2)]);
    bench.queue.verdict(B, tickets[0], said(Verdict::Ignore, 2, "old"), bench.now, &mut bench.out).unwrap();
    bench.queue.verdict(B, tickets[1], said(Verdict::Reject, 3, "forged"), bench.now, &mut bench.out).unwrap();
    let said: Vec<_> = bench.out.settled.iter().map(|settled| settled.said.as_ref().unwrap().to_string()).collect();
    assert_eq!(said, ["ignore (2: \"old\")", "reject (3: \"forged\")"], "the reports carry what was said");
    assert_eq!(bench.settled(), [(1, Verdict::Ignore, Reason::Verified), (2, Verdict::Ignore, Reason::VerifierConflict)]);
    let [QueueEvent::Conflict(conflict)] = &bench.queue.news()[..] else { panic!("one conflict was due") };
    assert_eq!((conflict.ticket, number(&conflict.id)), (tickets[1], 2));
    assert_eq!((&*conflict.accepted.0, conflict.accepted.1.to_string()), ("format", "accept (1: \"well formed\")".to_owned()));
    assert_eq!((&*conflict.rejected.0, conflict.rejected.1.to_string()), ("content", "reject (3: \"forged\")".to_owned()));
}

#[test]
fn the_load_is_shared_within_a_group() {
    let mut bench = chain(&["format", "content"]);
    bench.join(A, "content");
    bench.join(B, "content");
    bench.join(C, "format");
    bench.admit(1..=4, 10);
    for (_, ticket, _) in bench.offers() {
        bench.verdict(C, ticket, Verdict::Accept).unwrap();
    }
    assert_eq!(bench.offered(), [(A, 1), (B, 2), (A, 3), (B, 4)]);
}

#[test]
fn a_verifier_that_leaves_at_any_step_gives_back_to_its_own_group() {
    let mut bench = two();
    bench.admit(1..=2, 10);
    let first = bench.offers();
    bench.queue.detach(A, bench.now);
    assert!(bench.offers().is_empty(), "the second group is not asked in place of the first");
    bench.join(C, "format");
    assert_eq!(bench.offered(), [(C, 1), (C, 2)]);
    let ticket = first[0].1;
    assert_eq!(bench.verdict(A, ticket, Verdict::Accept), Err(VerdictRefused::StaleSession));
    bench.verdict(C, ticket, Verdict::Accept).unwrap();
    assert_eq!(bench.verdict(C, ticket, Verdict::Reject), Err(VerdictRefused::StaleSession), "it is another's now");
    bench.one(B, 1);
    bench.queue.detach(C, bench.now);
    bench.queue.detach(B, bench.now);
    // Now both wait, each before its own group.
    bench.join(LinkId(4), "content");
    bench.one(LinkId(4), 1);
    bench.join(LinkId(5), "format");
    bench.one(LinkId(5), 2);
    bench.verdict(LinkId(4), ticket, Verdict::Accept).unwrap();
    assert_eq!(bench.settled(), [(1, Verdict::Accept, Reason::Verified)]);
}

#[test]
fn one_deadline_counts_over_the_whole_chain() {
    let mut bench = two();
    bench.admit([1], 10);
    let ticket = bench.one(A, 1);
    bench.pass(DEADLINE - Duration::from_millis(50));
    bench.verdict(A, ticket, Verdict::Accept).unwrap();
    bench.one(B, 1);
    bench.pass(Duration::from_millis(60));
    assert_eq!(bench.settled(), [(1, Verdict::Ignore, Reason::Timeout)]);
    assert_eq!(bench.verdict(B, ticket, Verdict::Accept), Err(VerdictRefused::Late));
}

/// What becomes of a message that the first group has accepted, when `change` befalls the second.
fn ends_behind_the_first(change: impl FnOnce(&mut Bench)) -> Vec<(u64, Verdict, Reason)> {
    let mut bench = two();
    bench.admit([1], 10);
    let ticket = bench.one(A, 1);
    change(&mut bench);
    bench.verdict(A, ticket, Verdict::Accept).unwrap();
    let handed_out = bench.offers();
    if bench.queue.census().groups[1].1 == 0 && !handed_out.is_empty() {
        panic!("an offer to nobody: {handed_out:?}");
    }
    bench.pass(DEADLINE + Duration::from_millis(10));
    bench.settled()
}

#[test]
fn each_group_has_its_own_causes() {
    assert_eq!(ends_behind_the_first(|bench| bench.queue.pause(B, true)), [(1, Verdict::Ignore, Reason::Paused)]);
    assert_eq!(ends_behind_the_first(|bench| bench.queue.detach(B, bench.now)), [(1, Verdict::Ignore, Reason::NoVerifier)]);
    assert_eq!(ends_behind_the_first(|_| ()), [(1, Verdict::Ignore, Reason::Timeout)]);
    // One of a group that goes on is enough.
    let one_of_two = |bench: &mut Bench| {
        bench.join(C, "content");
        bench.queue.pause(B, true);
    };
    assert_eq!(ends_behind_the_first(one_of_two), [(1, Verdict::Ignore, Reason::Timeout)]);
    // The first group went away with it; that the second is paused is not why.
    let mut bench = two();
    bench.queue.pause(B, true);
    bench.admit([1], 10);
    bench.one(A, 1);
    bench.queue.detach(A, bench.now);
    bench.pass(DEADLINE + Duration::from_millis(10));
    assert_eq!(bench.settled(), [(1, Verdict::Ignore, Reason::VerifierLost)]);
}

#[test]
fn a_group_that_there_is_not_is_not_joined() {
    let mut bench = two();
    let window = Window { messages: 1, bytes: 1 };
    assert!(!bench.queue.attach(C, VerifierTerms { window, seat: VerifierRole::Group("forms".into()) }, bench.now));
    assert!(bench.queue.attach(C, window.into(), bench.now), "without a name it is the first");
    let census = bench.queue.census();
    assert_eq!(census.groups, [("format".into(), 2), ("content".into(), 1)]);
    assert_eq!(bench.queue.verifiers(), 3);
}

#[test]
fn names_of_groups_are_checked() {
    let refused = |names: &[&str]| {
        let settings = Settings { groups: names.iter().map(|&name| name.to_owned()).collect(), ..Settings::default() };
        settings.into_part(&network()).err().map(|error| (error.key, error.value))
    };
    assert_eq!(refused(&["a", "b-2", "C_3"]), None);
    assert_eq!(refused(&["a", ""]), Some(("groups".into(), Some("\"\"".to_owned()))));
    assert_eq!(refused(&["a", "b c"]), Some(("groups".into(), Some("\"b c\"".to_owned()))));
    assert_eq!(refused(&["a", "b", "a"]), Some(("groups".into(), Some("\"a\"".to_owned()))));
    assert_eq!(refused(&["x"; 17]).map(|(key, _)| key), Some("groups".into()));
}
