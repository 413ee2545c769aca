//! What the agent's end grants, refuses and forgives.

use super::*;
use crate::wire::message::{Ack, Judged, Publish, Refuse};
use crate::wire::{Encoder, Kind, Outstanding, PublishStatus, Record, RefuseCode, Verdict};

fn refusal(event: Option<ParentEvent>) -> (RefuseCode, bool, String) {
    match event {
        Some(ParentEvent::Refused { code, fatal, text, .. }) => (code, fatal, text),
        other => panic!("a refusal was due, not {other:?}"),
    }
}

fn accept(network: u16, ticket: u64) -> Judged<'static> {
    Judged { network, ticket: Ticket(ticket), verdict: Verdict::Accept, reason: 0, text: "" }
}

#[test]
fn roles_that_are_not_granted_are_refused_by_name() {
    let mut pair = Pair::open(vec![grant("quakes", Roles::CONSUME)], vec![want("quakes", Roles::CONSUME | Roles::VERIFY)]);
    let (code, fatal, text) = refusal(pair.parent.poll_event());
    assert_eq!((code, fatal), (RefuseCode::RoleNotGranted, true));
    assert!(text.contains("verify on network \"quakes\"") && !text.contains("consume"), "{text}");
    assert!(pair.agent.is_closed() && pair.parent.is_closed() && pair.agent.poll_event().is_none());
}

#[test]
fn unknown_networks_are_refused_and_only_granted_ones_are_named() {
    let mut pair = Pair::open(vec![grant("quakes", Roles::CONSUME)], vec![want("quake", Roles::CONSUME)]);
    let (code, fatal, text) = refusal(pair.parent.poll_event());
    assert_eq!((code, fatal), (RefuseCode::NetworkUnknown, true));
    assert!(text.contains("quakes") && !text.contains("weather"), "{text}");
}

#[test]
fn a_hello_that_asks_for_nothing_learns_of_nothing() {
    for network in ["weather", "tides"] {
        let mut pair = Pair::open(vec![grant("quakes", Roles::CONSUME)], vec![want(network, Roles::NONE)]);
        let (code, fatal, text) = refusal(pair.parent.poll_event());
        assert_eq!((code, fatal), (RefuseCode::NetworkUnknown, true), "{text}");
    }
}

#[test]
fn nothing_follows_the_last_counter() {
    let mut pair = Pair::attached(vec![want("quakes", Roles::CONSUME)]);
    let gap = |from| Record::Gap { from, to: u64::MAX, count: 0, reason: crate::wire::GapReason::Restart };
    pair.agent.records(0, &[gap(1)]).unwrap();
    let full = SendError::Counter { network: 0, expected: u64::MAX, got: u64::MAX };
    assert_eq!(pair.agent.records(0, &[gap(u64::MAX)]), Err(full));
    pair.settle();
    let again = crate::wire::message::Lost { network: 0, from: u64::MAX, to: u64::MAX, count: 0, reason: crate::wire::GapReason::Restart };
    let frame = Encoder::default().frame(SessionId(77), [again]).unwrap();
    assert!(matches!(pair.parent.receive(frame, pair.now), Err(Violation::Counter { network: 0, .. })));
}

#[test]
fn a_grant_for_all_networks_counts_together_with_one_for_one() {
    let grants = vec![grant("*", Roles::CONSUME), grant("weather", Roles::VERIFY)];
    let mut pair = Pair::open(grants.clone(), vec![want("weather", Roles::CONSUME | Roles::VERIFY), want("quakes", Roles::CONSUME)]);
    assert_eq!(pair.agent.networks_of_hello(), 2);
    let mut pair = Pair::open(grants, vec![want("quakes", Roles::VERIFY)]);
    assert_eq!(refusal(pair.parent.poll_event()).0, RefuseCode::RoleNotGranted);
}

#[test]
fn another_version_is_refused_by_name_even_if_the_rest_cannot_be_read() {
    let now = Instant::now();
    let mut agent = AgentEnd::new(vec![], terms(), SessionId(1), now);
    let prefix = crate::wire::Prefix { kind: Kind::Hello, count: 1, archive: 3, names: 0, payloads: 0, session: SessionId(0) };
    let hello = Frame { prefix, head: Bytes::from_static(&[9, 0, 255]), payloads: vec![] };
    agent.receive(hello, now).unwrap_err();
    let frame = agent.poll_frame().unwrap();
    let said: Vec<Refuse<'_>> = frame.items().unwrap().collect();
    assert_eq!((said[0].code, said[0].fatal), (RefuseCode::Version, true));
    assert!(said[0].text.contains("version 9") && said[0].text.contains("version 1"), "{}", said[0].text);
}

#[test]
fn a_second_or_foreign_verdict_releases_nothing_and_is_answered() {
    let mut pair = Pair::attached(vec![want("quakes", Roles::VERIFY), want("weather", Roles::VERIFY)]);
    pair.agent.validate(0, &[offer(1, 10, pair.now), offer(2, 20, pair.now)], pair.now).unwrap();
    pair.agent.validate(1, &[offer(3, 30, pair.now)], pair.now).unwrap();
    pair.settle();
    // Ticket 3 is open, but on the other network; 9 was never out; the second 1 comes too late.
    let verdicts = [accept(1, 3), accept(0, 1), accept(0, 3), accept(0, 9), accept(0, 1)];
    let frame = Encoder::default().frame(SessionId(77), verdicts).unwrap();
    pair.agent.receive(frame, pair.now).unwrap();
    let events = pair.agent_events();
    let got: Vec<(u16, Vec<u64>, Outstanding)> = events
        .iter()
        .map(|event| match event {
            AgentEvent::Verdicts { network, frame, released } => {
                (*network, frame.items::<Judged<'_>>().unwrap().map(|judged| judged.ticket.0).collect(), *released)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(got, [(0, vec![1], Outstanding { messages: 1, bytes: 10 }), (1, vec![3], Outstanding { messages: 1, bytes: 30 })]);
    assert_eq!(pair.agent.unverified(0), Outstanding { messages: 1, bytes: 20 });
    assert_eq!(pair.agent.counts().unknown_tickets, 3);
    pair.parent_events();
    pair.settle();
    let refused: Vec<u64> = pair
        .parent_events()
        .into_iter()
        .map(|event| match event {
            ParentEvent::Refused { code: RefuseCode::UnknownTicket, fatal: false, about, .. } => about,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(refused, [3, 9, 1]);
}

#[test]
fn verdicts_of_one_network_are_handed_on_as_they_came() {
    let mut pair = Pair::attached(vec![want("quakes", Roles::VERIFY)]);
    pair.agent.validate(0, &[offer(1, 1, pair.now), offer(2, 1, pair.now)], pair.now).unwrap();
    let frame = Encoder::default().frame(SessionId(77), [accept(0, 2), accept(0, 1)]).unwrap();
    let at = frame.head.as_ptr();
    pair.agent.receive(frame, pair.now).unwrap();
    let Some(AgentEvent::Verdicts { frame, .. }) = pair.agent.poll_event() else { panic!("verdicts were due") };
    assert_eq!(frame.head.as_ptr(), at);
}

#[test]
fn a_frame_of_another_session_changes_nothing() {
    let mut pair = Pair::attached(vec![want("quakes", Roles::PARENT)]);
    pair.agent.validate(0, &[offer(1, 10, pair.now)], pair.now).unwrap();
    pair.settle();
    pair.parent_events();
    pair.agent.receive(Encoder::default().frame(SessionId(76), [accept(0, 1)]).unwrap(), pair.now).unwrap();
    assert_eq!((pair.agent.unverified(0).messages, pair.agent.counts().stale_frames), (1, 1));
    assert!(pair.agent.poll_event().is_none());
    pair.settle();
    let (code, fatal, _) = refusal(pair.parent.poll_event());
    assert_eq!((code, fatal), (RefuseCode::StaleSession, false));
}

#[test]
fn overruns_change_nothing() {
    let mut pair = Pair::attached(vec![want("quakes", Roles::PARENT)]);
    let offers: Vec<Offer> = (0..5).map(|ticket| offer(ticket, 10, pair.now)).collect();
    assert_eq!(pair.agent.validate(0, &offers, pair.now), Err(SendError::Overrun { network: 0, at: 4 }));
    assert_eq!((pair.agent.unverified(0), pair.agent.poll_frame().is_none()), (Outstanding::default(), true));
    pair.agent.validate(0, &[offer(1, 60, pair.now)], pair.now).unwrap();
    assert_eq!(pair.agent.validate(0, &[offer(2, 60, pair.now)], pair.now), Err(SendError::Overrun { network: 0, at: 0 }));
    assert_eq!(pair.agent.validate(0, &[offer(1, 1, pair.now)], pair.now), Err(SendError::Overrun { network: 0, at: 0 }));
    let message = |counter| Record::Message { counter, topic: "t".into(), id: MessageId::EMPTY, payload: Bytes::from_static(b"x") };
    assert_eq!(pair.agent.records(0, &[message(2)]), Err(SendError::Counter { network: 0, expected: 1, got: 2 }));
    let five: Vec<Record> = (1..=5).map(message).collect();
    assert_eq!(pair.agent.records(0, &five), Err(SendError::Overrun { network: 0, at: 4 }));
    pair.agent.records(0, &five[..4]).unwrap();
    // A message that no window holds passes alone.
    let mut pair = Pair::attached(vec![want("quakes", Roles::PARENT)]);
    pair.agent.validate(0, &[offer(1, 5000, pair.now)], pair.now).unwrap();
    pair.settle();
    assert!(pair.parent.is_attached());
}

#[test]
fn an_ack_for_what_was_never_sent_ends_the_session() {
    let mut pair = Pair::attached(vec![want("quakes", Roles::CONSUME)]);
    let frame = Encoder::default().frame(SessionId(77), [Ack { network: 0, counter: 1 }]).unwrap();
    assert_eq!(pair.agent.receive(frame, pair.now).unwrap_err().code(), RefuseCode::CreditOverrun);
    assert!(pair.agent.is_closed());
}

#[test]
fn requests_need_their_role_are_bounded_and_answered() {
    let mut pair = Pair::attached(vec![want("quakes", Roles::PRODUCE), want("weather", Roles::CONSUME)]);
    for _ in 0..5 {
        pair.parent.request(0, &Request::Subscribe("in".into())).unwrap();
    }
    let too_large = pair.parent.publish(0, "out", vec![0; 1001].into()).unwrap();
    pair.settle();
    let handed: Vec<u64> = pair
        .agent_events()
        .iter()
        .map(|event| if let AgentEvent::Request { request, .. } = event { *request } else { panic!("{event:?}") })
        .collect();
    assert_eq!(handed, [1, 2, 3, 4]);
    let events = pair.parent_events();
    assert!(matches!(events[0], ParentEvent::Refused { code: RefuseCode::Rate, about: 5, fatal: false, .. }), "{events:?}");
    assert!(matches!(&events[1], ParentEvent::Published { request, status: PublishStatus::TooLarge, .. } if *request == too_large));
    pair.agent.done(0, 1).unwrap();
    pair.agent.failed(0, 2, "no such topic").unwrap();
    pair.agent.published(0, 3, PublishStatus::Ok, MessageId::EMPTY, 6, "").unwrap();
    pair.settle();
    let events = pair.parent_events();
    assert!(
        matches!(
            &events[..],
            [
                ParentEvent::Done { request: 1 },
                ParentEvent::Refused { code: RefuseCode::RequestFailed, about: 2, .. },
                ParentEvent::Published { request: 3, peers: 6, .. }
            ]
        ),
        "{events:?}"
    );
    // Past the parent's own check: the agent looks for itself.
    let foreign = Publish { network: 1, request: 9, topic: "t", payload: Bytes::new() };
    pair.agent.receive(Encoder::default().frame(SessionId(77), [foreign]).unwrap(), pair.now).unwrap();
    pair.settle();
    let (code, fatal, text) = refusal(pair.parent.poll_event());
    assert_eq!((code, fatal), (RefuseCode::RoleNotGranted, false));
    assert!(text.contains("produce") && text.contains("weather"), "{text}");
}

#[test]
fn every_request_arrives_as_it_was_made() {
    let mut pair = Pair::attached(vec![want("quakes", Roles::PRODUCE)]);
    let topic: Arc<str> = "in".into();
    let all = [
        Request::Publish { topic: topic.clone(), payload: Bytes::from_static(b"p") },
        Request::Subscribe(topic.clone()),
        Request::Unsubscribe(topic.clone()),
        Request::Thresholds { topic: "".into(), skip: 1, validity: 2 },
        Request::Mark { topic, origin: [3; 32], epoch: 4, seq: 5, action: crate::wire::MarkOp::Reset },
        Request::AllowList { action: crate::wire::AllowOp::Add, peers: vec!["a".into(), "b".into()] },
        Request::AllowList { action: crate::wire::AllowOp::Replace, peers: vec![] },
    ];
    for asked in all {
        let number = pair.parent.request(0, &asked).unwrap();
        pair.settle();
        let Some(AgentEvent::Request { network: 0, request, what }) = pair.agent.poll_event() else { panic!("{asked:?} was due") };
        assert_eq!((request, what), (number, asked));
        pair.agent.done(0, number).unwrap();
    }
}

#[test]
fn a_peer_that_sends_and_does_not_read_is_cut() {
    let mut pair = Pair::attached(vec![want("quakes", Roles::VERIFY)]);
    let mut results = (0..40).map(|n| pair.agent.receive(Encoder::default().frame(SessionId(77), [accept(0, n)]).unwrap(), pair.now));
    assert_eq!(results.by_ref().take(32).filter(Result::is_ok).count(), 32);
    assert_eq!(results.next(), Some(Err(Violation::Unread(32))));
    assert_eq!(results.next(), Some(Err(Violation::Closed)));
    drop(results);
    let left: Vec<Kind> = std::iter::from_fn(|| pair.agent.poll_frame()).map(|frame| frame.prefix.kind).collect();
    assert_eq!(left, [Kind::Refuse]);
}

#[test]
fn windows_are_capped() {
    let mut wide = want("quakes", Roles::VERIFY);
    wide.verify = Window { messages: u32::MAX, bytes: u64::MAX };
    let mut pair = Pair::open(vec![grant("*", Roles::ALL)], vec![wide]);
    let Some(AgentEvent::Hello { networks, software }) = pair.agent.poll_event() else { panic!("a hello was due") };
    assert_eq!((networks[0].verify, software.as_str()), (Window { messages: 64, bytes: 4096 }, "test/1"));
    pair.agent.welcome(&[Cursor::default()], pair.now).unwrap();
    let offers: Vec<Offer> = (0..65).map(|ticket| offer(ticket, 1, pair.now)).collect();
    assert_eq!(pair.agent.validate(0, &offers, pair.now), Err(SendError::Overrun { network: 0, at: 64 }));
}
