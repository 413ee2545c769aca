//! Groups, shadows and reasons in a session.

use super::*;
use crate::wire::message::{Judged, MAX_REASON, Offered};
use crate::wire::{RefuseCode, Verdict};

fn chained() -> Arc<AgentTerms> {
    let mut terms = (*terms()).clone();
    terms.networks[0].groups = vec!["format".into(), "content".into()];
    Arc::new(terms)
}

/// What the agent says of a hello that wants `group` as `roles` of the first network, "quakes"; `None` if it takes it.
fn refused(grant: Roles, roles: Roles, group: &str, terms: Arc<AgentTerms>) -> Option<(RefuseCode, String)> {
    let now = Instant::now();
    let mut agent = AgentEnd::new(vec![super::grant("*", grant)], terms, SessionId(1), now);
    let want = Want { group: group.into(), ..want("quakes", roles) };
    let mut parent = ParentEnd::new(vec![want], "", ParentTerms::default(), now).unwrap();
    let taken = agent.receive(parent.poll_frame().unwrap(), now);
    if taken.is_ok() {
        let Some(AgentEvent::Hello { networks, .. }) = agent.poll_event() else { panic!("no hello") };
        assert_eq!((networks[0].roles, &*networks[0].group), (roles, group));
        return None;
    }
    parent.receive(agent.poll_frame().unwrap(), now).unwrap();
    match parent.poll_event() {
        Some(ParentEvent::Refused { code, fatal: true, text, .. }) => Some((code, text)),
        other => panic!("a refusal was due, not {other:?}"),
    }
}

#[test]
fn a_session_is_a_verifier_or_a_shadow() {
    let (code, text) = refused(Roles::ALL, Roles::VERIFY | Roles::SHADOW, "", terms()).unwrap();
    assert_eq!(code, RefuseCode::RoleNotGranted);
    assert!(text.contains("verify and shadow") && text.contains("quakes"), "{text}");
    assert_eq!(refused(Roles::ALL, Roles::SHADOW | Roles::CONSUME, "", terms()), None);
}

#[test]
fn a_grant_for_shadows_lets_in_no_verifier_and_the_other_way_round() {
    let (code, text) = refused(Roles::SHADOW, Roles::VERIFY, "", terms()).unwrap();
    assert!(code == RefuseCode::RoleNotGranted && text.starts_with("verify on network"), "{text}");
    let (code, text) = refused(Roles::VERIFY, Roles::SHADOW, "", terms()).unwrap();
    assert!(code == RefuseCode::RoleNotGranted && text.starts_with("shadow on network"), "{text}");
    assert_eq!(refused(Roles::SHADOW, Roles::SHADOW, "", terms()), None);
}

#[test]
fn an_unknown_group_is_refused_with_those_that_there_are() {
    let (code, text) = refused(Roles::ALL, Roles::VERIFY, "forms", chained()).unwrap();
    assert_eq!(code, RefuseCode::GroupUnknown);
    assert!(text.contains("\"forms\"") && text.contains("format, content"), "{text}");
    for group in ["", "format", "content"] {
        assert_eq!(refused(Roles::ALL, Roles::VERIFY, group, chained()), None);
    }
    let (code, text) = refused(Roles::ALL, Roles::VERIFY, "format", terms()).unwrap();
    assert!(code == RefuseCode::GroupUnknown && text.contains("without a name"), "{text}");
}

#[test]
fn a_shadow_is_served_as_a_verifier() {
    let mut pair = Pair::attached(vec![want("quakes", Roles::SHADOW)]);
    pair.agent.validate(0, &[offer(1, 10, pair.now)], pair.now).unwrap();
    pair.settle();
    let Some(ParentEvent::Offers(frame)) = pair.parent.poll_event() else { panic!("no offer") };
    assert_eq!(frame.items::<Offered<'_>>().unwrap().next().unwrap().ticket, Ticket(1));
    pair.parent.credit(0, Roles::VERIFY, WINDOW).unwrap();
    pair.parent.pause(0, true).unwrap();
    let verdict = Judged { network: 0, ticket: Ticket(1), verdict: Verdict::Reject, reason: 0, text: "" };
    assert_eq!(pair.parent.verdicts([verdict]), Ok(1));
    pair.settle();
    let events = pair.agent_events();
    assert!(
        matches!(
            &events[..],
            [AgentEvent::Window { role: Roles::VERIFY, .. }, AgentEvent::Paused { paused: true, .. }, AgentEvent::Verdicts { .. }]
        ),
        "{events:?}"
    );
    assert_eq!(pair.agent.counts().not_granted, 0);
}

#[test]
fn reasons_come_through_also_when_a_frame_is_taken_apart() {
    let mut pair = Pair::attached(vec![want("quakes", Roles::VERIFY), want("weather", Roles::VERIFY)]);
    pair.agent.validate(0, &[offer(1, 10, pair.now), offer(2, 10, pair.now)], pair.now).unwrap();
    pair.agent.validate(1, &[offer(3, 10, pair.now)], pair.now).unwrap();
    pair.settle();
    let long = "é".repeat(200);
    let judged = |network, ticket, reason, text| Judged { network, ticket: Ticket(ticket), verdict: Verdict::Ignore, reason, text };
    assert_eq!(pair.parent.verdicts([judged(1, 3, 9, "late"), judged(0, 1, 7, &long), judged(0, 2, 8, "old")]), Ok(3));
    // Answered already as far as the agent is concerned.
    pair.agent.receive(verdict_of(pair.agent.session(), judged(0, 2, 1, "first")), pair.now).unwrap();
    pair.settle();
    let mut heard = Vec::new();
    for event in pair.agent_events() {
        if let AgentEvent::Verdicts { network, frame, released } = event {
            let said: Vec<_> = frame.items::<Judged<'_>>().unwrap().map(|verdict| (verdict.reason, verdict.text.to_owned())).collect();
            assert_eq!(released.messages as usize, said.len());
            heard.push((network, said));
        }
    }
    let cut = "é".repeat(MAX_REASON / 2);
    assert_eq!(heard, [(0, vec![(1, "first".into())]), (0, vec![(7, cut)]), (1, vec![(9, "late".into())])]);
    assert_eq!(pair.agent.counts().unknown_tickets, 1);
}

fn verdict_of(session: SessionId, verdict: Judged<'_>) -> Frame {
    crate::wire::Encoder::default().frame(session, [verdict]).unwrap()
}
