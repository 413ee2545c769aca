//! What the parent's end insists on.

use super::*;
use crate::wire::message::{Delivered, Granted, Judged, Lost, Offered};
use crate::wire::{Encoder, GapReason, RefuseCode, Verdict};

fn attached() -> Pair {
    Pair::attached(vec![want("quakes", Roles::PARENT)])
}

fn delivered(counter: u64) -> Delivered<'static> {
    Delivered { network: 0, counter, topic: "t", id: MessageId::EMPTY, payload: Bytes::from_static(b"x") }
}

#[test]
fn records_out_of_order_end_the_session_and_are_not_handed_on() {
    for counters in [vec![2], vec![1, 3], vec![1, 1]] {
        let mut pair = attached();
        let frame = Encoder::default().frame(SessionId(77), counters.into_iter().map(delivered)).unwrap();
        let violation = pair.parent.receive(frame, pair.now).unwrap_err();
        assert!(matches!(violation, Violation::Counter { network: 0, .. }), "{violation}");
        assert!(pair.parent.poll_event().is_none());
    }
}

#[test]
fn a_gap_covers_its_range() {
    let mut pair = attached();
    let mut encoder = Encoder::default();
    let gap = Lost { network: 0, from: 1, to: 9, count: 9, reason: GapReason::Retention };
    pair.parent.receive(encoder.frame(SessionId(77), [gap]).unwrap(), pair.now).unwrap();
    pair.parent.receive(encoder.frame(SessionId(77), [delivered(10)]).unwrap(), pair.now).unwrap();
    assert_eq!(pair.parent_events().len(), 2);
    assert_eq!(pair.parent.ack(0, 11), Err(SendError::NotReceived(11)));
    pair.parent.ack(0, 9).unwrap();
    assert_eq!(pair.parent.wants()[0].cursor, Cursor { stream: 5, counter: 9 });
    assert_eq!(pair.parent.unacked(0).messages, 1);
}

#[test]
fn an_agent_beyond_the_window_is_cut() {
    let mut encoder = Encoder::default();
    let offered = |ticket| Offered {
        network: 0,
        ticket: Ticket(ticket),
        remaining: Duration::ZERO,
        topic: "t",
        id: MessageId::EMPTY,
        payload: Bytes::new(),
    };
    let mut pair = attached();
    pair.parent.receive(encoder.frame(SessionId(77), (0..4).map(offered)).unwrap(), pair.now).unwrap();
    let violation = pair.parent.receive(encoder.frame(SessionId(77), [offered(4)]).unwrap(), pair.now).unwrap_err();
    assert_eq!(violation.code(), RefuseCode::CreditOverrun);
    let mut pair = attached();
    let violation = pair.parent.receive(encoder.frame(SessionId(77), (1..6).map(delivered)).unwrap(), pair.now).unwrap_err();
    assert_eq!(violation.code(), RefuseCode::CreditOverrun);
}

#[test]
fn verdicts_for_tickets_that_are_not_open_stay_here() {
    let mut pair = attached();
    pair.agent.validate(0, &[offer(1, 5, pair.now)], pair.now).unwrap();
    pair.settle();
    let verdict = |ticket| Judged { network: 0, ticket: Ticket(ticket), verdict: Verdict::Ignore, reason: 0, text: "" };
    assert_eq!(pair.parent.verdicts([verdict(1), verdict(1), verdict(2)]), Ok(1));
    pair.settle();
    assert_eq!((pair.agent.counts(), pair.agent.unverified(0).messages), (Counts::default(), 0));
}

#[test]
fn a_welcome_that_skips_records_of_the_same_stream_is_refused() {
    let mut resumed = want("quakes", Roles::CONSUME);
    resumed.cursor = Cursor { stream: 5, counter: 10 };
    let mut pair = Pair::open(vec![grant("*", Roles::ALL)], vec![resumed]);
    pair.agent.networks_of_hello();
    pair.agent.welcome(&[Cursor { stream: 5, counter: 11 }], pair.now).unwrap();
    let violation = pair.parent.receive(pair.agent.poll_frame().unwrap(), pair.now).unwrap_err();
    assert!(matches!(violation, Violation::Counter { expected: 10, got: 11, .. }), "{violation}");
}

#[test]
fn of_a_welcome_that_is_refused_nothing_counts() {
    let wants = vec![want("quakes", Roles::CONSUME), want("weather", Roles::CONSUME)];
    let now = Instant::now();
    let mut parent = ParentEnd::new(wants.clone(), "", ParentTerms::default(), now).unwrap();
    let granted = |index, network| Granted {
        network,
        index,
        roles: Roles::CONSUME,
        cursor: Cursor { stream: 5, counter: 900 },
        deadline: Duration::ZERO,
        max_payload: 0,
        max_window: WINDOW,
    };
    let frame = Encoder::default().frame(SessionId(77), [granted(0, "quakes"), granted(1, "tides")]).unwrap();
    assert!(matches!(parent.receive(frame, now), Err(Violation::Welcome(_))));
    assert_eq!(parent.wants(), wants, "the next session resumes where this one stood");
}

#[test]
fn calls_before_the_welcome_and_without_the_role_change_nothing() {
    let mut parent = ParentEnd::new(vec![want("quakes", Roles::VERIFY)], "", ParentTerms::default(), Instant::now()).unwrap();
    assert_eq!(parent.publish(0, "t", Bytes::new()), Err(SendError::NotAttached));
    let mut pair = Pair::attached(vec![want("quakes", Roles::VERIFY)]);
    assert_eq!(pair.parent.publish(0, "t", Bytes::new()), Err(SendError::Role { network: 0, role: Roles::PRODUCE }));
    assert_eq!(pair.parent.ack(1, 1), Err(SendError::Network(1)));
    assert!(pair.parent.poll_frame().is_none());
}

#[test]
fn a_fatal_refusal_from_the_agent_comes_behind_what_was_queued() {
    let mut pair = attached();
    pair.agent.validate(0, &[offer(1, 5, pair.now)], pair.now).unwrap();
    pair.agent.close(0, RefuseCode::ShuttingDown, "bye");
    pair.settle();
    let events = pair.parent_events();
    assert!(matches!(&events[..], [ParentEvent::Offers(_), ParentEvent::Refused { code: RefuseCode::ShuttingDown, fatal: true, .. }]));
    assert!(pair.parent.is_closed());
}
