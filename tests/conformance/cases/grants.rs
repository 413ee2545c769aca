//! Who may attach as what.

use pmq_client::{ClientError, RefuseCode, VerifyOptions};
use pmq_protocol::wire::{PREFIX, PublishStatus, Roles, Ticket, Verdict};

use crate::rig::raw::{Raw, bytes_of};
use crate::rig::{Asks, Bench, Hand, NETWORK, Setting, text};

cases! {
    role_not_granted: "A parent that claims a role which it has not been granted is refused, and told which on which network; those that claim what they may go on.",
    network_not_granted: "A parent that claims a network which it has not been granted is refused, and told which; on the network that it may have it is served.",
    network_unknown: "A parent that claims a network which there is not is refused, and told which there are.",
    role_not_claimed: "What a session has not claimed the role for is refused by name and has no effect; the session goes on.",
    wrong_version: "A parent that speaks another version of the protocol is refused, and told both.",
}

async fn role_not_granted(bench: &Bench) {
    let agent = bench.agent(Setting { roles: Some(Roles::CONSUME | Roles::PRODUCE), ..Setting::default() }).await;
    let mut consumer = agent.hand(Asks::roles(Roles::CONSUME | Roles::PRODUCE)).await;
    let mut greedy = Hand::dial(&agent).await;
    greedy.send_frame(Asks::roles(Roles::CONSUME | Roles::VERIFY).hello());
    let end = greedy.end().await;
    assert_eq!(end.code, RefuseCode::RoleNotGranted, "{end:?}");
    assert!(end.text.contains("verify on network \"net\"") && !end.text.contains("consume"), "{end:?}");
    match agent.builder().verify(NETWORK, VerifyOptions::default()).connect().await {
        Err(ClientError::Refused { code: RefuseCode::RoleNotGranted, text }) => assert!(text.contains("verify"), "{text}"),
        other => panic!("{other:?}"),
    }
    consumer.publish(1, &bench.topic, "own".into());
    assert_eq!(consumer.messages(1).await, ["own"]);
}

async fn network_not_granted(bench: &Bench) {
    let agent = bench.agent(Setting { only: Some("other"), ..Setting::default() }).await;
    let mut stranger = Hand::dial(&agent).await;
    stranger.send_frame(Asks::verify().hello());
    let end = stranger.end().await;
    assert_eq!((end.code, end.fatal), (RefuseCode::RoleNotGranted, true), "{end:?}");
    assert!(end.text.contains("\"net\""), "{end:?}");
    agent.hand(Asks { network: "other".to_owned(), ..Asks::consume() }).await.settled().await;
}

async fn network_unknown(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut stranger = Hand::dial(&agent).await;
    stranger.send_frame(Asks { network: "elsewhere".to_owned(), ..Asks::verify() }.hello());
    let end = stranger.end().await;
    assert_eq!(end.code, RefuseCode::NetworkUnknown, "{end:?}");
    assert!(end.text.contains("\"elsewhere\"") && end.text.contains("it has net"), "{end:?}");
}

async fn role_not_claimed(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut verifier = agent.hand(Asks::verify()).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    bench.publish_numbers(0..1).await;
    let offer = verifier.offered(1).await.remove(0);
    consumer.verdict(offer.ticket, Verdict::Reject);
    consumer.publish(3, &bench.topic, "not sent".into());
    for about in [offer.ticket.0, 3] {
        let refusal = consumer.refusal().await;
        assert_eq!((refusal.code, refusal.about, refusal.fatal), (RefuseCode::RoleNotGranted, about, false), "{refusal:?}");
        assert!(refusal.text.contains("\"net\""), "{refusal:?}");
    }
    // A network that is not in the welcome is none of this session's either.
    consumer.send([pmq_protocol::wire::message::Judged { network: 5, ..crate::rig::hand::judged(Ticket(1), Verdict::Accept) }]);
    assert_eq!(consumer.refusal().await.code, RefuseCode::NetworkUnknown);
    verifier.verdict(offer.ticket, Verdict::Accept);
    assert_eq!(consumer.messages(1).await, [text(0)]);
    assert_eq!(bench.forwarded(1).await, [text(0)]);
    let mut producer = agent.hand(Asks::roles(Roles::PRODUCE)).await;
    producer.publish(1, &bench.topic, "sent".into());
    let answer = producer.when("the answer", |producer| producer.published.pop_front()).await;
    assert_eq!(answer, (1, PublishStatus::Ok));
    assert_eq!(bench.forwarded(2).await, [&text(0), "sent"]);
    drop(consumer);
    agent.metric_when("pmq_attach_refused_total", &[("why", "not-granted")], 3).await;
}

async fn wrong_version(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut other = agent.hand(Asks::consume()).await;
    let mut hello = bytes_of(&Asks::consume().hello());
    hello[PREFIX..PREFIX + 2].copy_from_slice(&77_u16.to_le_bytes());
    let mut raw = Raw::dial(&agent).await;
    raw.say(&hello).await;
    let (code, text) = raw.refused().await;
    assert_eq!(code, RefuseCode::Version, "{text}");
    assert!(text.contains("77") && text.contains("version 1"), "{text}");
    other.settled().await;
}
