//! Several verifiers.

use pmq_client::{Reason, RefuseCode};
use pmq_protocol::wire::message::Judged;
use pmq_protocol::wire::{Record, Roles, Verdict};

use crate::rig::hand::{Offer, judged};
use crate::rig::{Agent, Asks, Bench, Hand, Setting, text, texts};

cases! {
    verifiers_share: "Two verifiers of a group share the load: each message is offered to one of them.",
    verifier_leaves: "When one of two verifiers leaves, politely or not, the other one is offered what it held, the oldest first.",
    verifier_pauses: "A verifier that pauses is offered nothing until it resumes, and its messages go to the other one.",
    chain_in_order: "In a chain of groups a message goes from group to group as each accepts it, and is forwarded and delivered when all have.",
    chain_conflict: "A message that one group accepts and a later one rejects is ignored, and the conflict is counted.",
    shadow_disagrees: "A shadow is offered what verifiers are; its verdicts have no effect, and where they differ from the outcome they are counted by both verdicts.",
    shadow_alone: "A shadow is no verifier: with a shadow alone messages fall back, and the network is not ready.",
    reasons: "The code that a parent gives with a verdict is counted by verdict and code.",
}

/// Two groups, one behind the other.
const CHAIN: &str = "groups = [\"format\", \"content\"]\n";

async fn of_group(agent: &Agent, group: &str) -> Hand {
    agent.hand(Asks { group: group.to_owned(), ..Asks::verify() }).await
}

fn offered(parent: &Hand) -> Vec<String> {
    parent.offers.iter().map(Offer::text).collect()
}

async fn verifiers_share(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    let (mut one, mut two) = (agent.hand(Asks::verify()).await, agent.hand(Asks::verify()).await);
    bench.publish_numbers(0..20).await;
    agent.counts_when("all of them", |counts| counts["came_in"] == 20).await;
    one.settled().await;
    two.settled().await;
    let (ones, twos) = (one.offers.len(), two.offers.len());
    assert_eq!(ones + twos, 20);
    assert!(ones.abs_diff(twos) <= 1, "the one with less work gets the next: {ones} and {twos}");
    let mut offers: Vec<String> = one.offers.iter().chain(&two.offers).map(Offer::text).collect();
    for parent in [&mut one, &mut two] {
        let verdicts: Vec<_> = parent.offers.drain(..).map(|offer| judged(offer.ticket, Verdict::Accept)).collect();
        parent.send(verdicts);
    }
    let mut delivered = consumer.messages(20).await;
    let mut all = texts(0..20);
    for list in [&mut offers, &mut delivered, &mut all] {
        list.sort();
    }
    assert_eq!(offers, all);
    assert_eq!(delivered, all);
    assert_eq!(agent.outcomes(20).await, (20, 0, 0));
}

async fn verifier_leaves(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    let mut stays = agent.hand(Asks::verify()).await;
    for politely in [true, false] {
        let base = if politely { 0 } else { 10 };
        let mut leaves = agent.hand(Asks::verify()).await;
        bench.publish_numbers(base..base + 10).await;
        let own = stays.offered(5).await;
        let held: Vec<String> = leaves.offered(5).await.iter().map(Offer::text).collect();
        if politely {
            leaves.send([pmq_protocol::wire::message::Refuse {
                network: 0,
                code: RefuseCode::ShuttingDown,
                fatal: true,
                about: 0,
                text: "good bye",
            }]);
            while leaves.hear().await {}
        }
        drop(leaves);
        let taken = stays.offered(5).await;
        assert_eq!(taken.iter().map(Offer::text).collect::<Vec<_>>(), held);
        stays.send(own.iter().chain(&taken).map(|offer| judged(offer.ticket, Verdict::Accept)));
        let mut delivered = consumer.messages(10).await;
        delivered.sort();
        assert_eq!(delivered, texts(base..base + 10));
    }
    assert_eq!(agent.outcomes(20).await, (20, 0, 0));
}

async fn verifier_pauses(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut one = agent.hand(Asks::verify()).await;
    let mut two = agent.hand(Asks::verify()).await;
    one.send([pmq_protocol::wire::message::Pause { network: 0 }]);
    one.settled().await;
    // The pause has reached the road when it shows in what is offered: to the one that has not paused, although it has more work.
    bench.publish_numbers(0..6).await;
    assert_eq!(two.offered(6).await.iter().map(Offer::text).collect::<Vec<_>>(), texts(0..6));
    one.settled().await;
    assert!(one.offers.is_empty());
    one.send([pmq_protocol::wire::message::Resume { network: 0 }]);
    one.settled().await;
    bench.publish_numbers(6..9).await;
    assert_eq!(one.offered(3).await.iter().map(Offer::text).collect::<Vec<_>>(), texts(6..9), "it has less work now");
}

async fn chain_in_order(bench: &Bench) {
    let agent = bench.agent(Setting { queue: CHAIN, ..Setting::default() }).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    let (mut first, mut second) = (of_group(&agent, "format").await, of_group(&agent, "content").await);
    bench.publish_numbers(0..4).await;
    let offers = first.offered(4).await;
    agent.counts_when("all of them", |counts| counts["came_in"] == 4).await;
    second.settled().await;
    assert_eq!(offered(&second), [""; 0], "the second group sees what the first has accepted");
    first.send([
        judged(offers[0].ticket, Verdict::Accept),
        judged(offers[1].ticket, Verdict::Ignore),
        judged(offers[2].ticket, Verdict::Accept),
        judged(offers[3].ticket, Verdict::Reject),
    ]);
    let passed = second.offered(2).await;
    assert_eq!(passed.iter().map(Offer::text).collect::<Vec<_>>(), [text(0), text(2)]);
    agent.counts_when("what was not accepted", |counts| counts["pending"]["messages"] == 2).await;
    consumer.settled().await;
    assert!(consumer.records.is_empty(), "one group's accept is not enough");
    second.send([judged(passed[0].ticket, Verdict::Ignore), judged(passed[1].ticket, Verdict::Accept)]);
    assert_eq!(consumer.messages(1).await, [text(2)]);
    assert_eq!(bench.forwarded(1).await, [text(2)]);
    assert_eq!(agent.outcomes(4).await, (1, 2, 1));
    let mut unknown = Hand::dial(&agent).await;
    unknown.send_frame(Asks { group: "forms".to_owned(), ..Asks::verify() }.hello());
    let end = unknown.end().await;
    assert_eq!(end.code, RefuseCode::GroupUnknown, "{end:?}");
    assert!(end.text.contains("\"forms\"") && end.text.contains("format, content"), "{end:?}");
}

async fn chain_conflict(bench: &Bench) {
    let agent = bench.agent(Setting { queue: CHAIN, ..Setting::default() }).await;
    let (mut first, mut second) = (of_group(&agent, "format").await, of_group(&agent, "content").await);
    bench.publish_numbers(0..3).await;
    let offers = first.offered(3).await;
    first.send(offers.iter().map(|offer| judged(offer.ticket, Verdict::Accept)));
    let offers = second.offered(3).await;
    second.send(offers.iter().map(|offer| judged(offer.ticket, Verdict::Reject)));
    assert_eq!(agent.outcomes(3).await, (0, 3, 0), "nobody is penalised for what verifiers do not agree on");
    agent.metric_when("pmq_verifier_conflicts_total", &[("topic", &bench.topic)], 3).await;
    agent.metric_when("pmq_verdicts_total", &[("result", "ignore"), ("reason", Reason::VerifierConflict.as_str())], 3).await;
}

async fn shadow_disagrees(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    let mut verifier = agent.hand(Asks::verify()).await;
    let mut shadow = agent.hand(Asks::roles(Roles::SHADOW)).await;
    bench.publish_numbers(0..6).await;
    let (real, seen) = (verifier.offered(6).await, shadow.offered(6).await);
    assert_eq!(real.iter().map(Offer::text).collect::<Vec<_>>(), texts(0..6));
    assert_eq!(seen.iter().map(Offer::text).collect::<Vec<_>>(), texts(0..6), "the same messages in the same order");
    // The first three before the verifier, the others behind it.
    let opinion = |number: usize| if number.is_multiple_of(3) { Verdict::Accept } else { Verdict::Reject };
    shadow.send((0..3).map(|number| judged(seen[number].ticket, opinion(number))));
    shadow.settled().await;
    assert_eq!(agent.counts_when("all pending", |counts| counts["came_in"] == 6).await["pending"]["messages"], 6, "it settles nothing");
    let verdict = |number: usize| if number < 5 { Verdict::Accept } else { Verdict::Ignore };
    verifier.send((0..6).map(|number| judged(real[number].ticket, verdict(number))));
    assert_eq!(agent.outcomes(6).await, (5, 1, 0));
    shadow.send((3..6).map(|number| judged(seen[number].ticket, opinion(number))));
    for (verdict, opinion, count) in [("accept", "accept", 2), ("accept", "reject", 3), ("ignore", "reject", 1), ("accept", "ignore", 0)] {
        let labels = [("topic", &*bench.topic), ("verdict", verdict), ("shadow", opinion)];
        agent.metric_when("pmq_shadow_verdicts_total", &labels, count).await;
    }
    assert_eq!(consumer.messages(5).await, texts(0..5));
    assert_eq!(bench.forwarded(5).await, texts(0..5));
    assert_eq!(agent.outcomes(6).await, (5, 1, 0));
    for parent in [&mut verifier, &mut shadow] {
        parent.settled().await;
        assert!(parent.refusals.is_empty(), "{:?}", parent.refusals);
    }
}

async fn shadow_alone(bench: &Bench) {
    let agent = bench.agent(Setting::deadline("1s")).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    let mut shadow = agent.hand(Asks::roles(Roles::SHADOW)).await;
    let health = agent.health_when("the shadow", |health| health["subsystems"]["networks"]["detail"][0]["shadows"] == 1).await;
    assert_eq!(health["ready"], false);
    bench.publish_numbers(0..1).await;
    let seen = shadow.offered(1).await.remove(0);
    shadow.verdict(seen.ticket, Verdict::Accept);
    match consumer.record().await {
        Record::Unverified { cause: Reason::NoVerifier, count: 1, .. } => {}
        other => panic!("{other:?}"),
    }
    agent.metric_when("pmq_shadow_verdicts_total", &[("verdict", "fallback"), ("shadow", "accept")], 1).await;
    assert_eq!(agent.outcomes(1).await, (0, 1, 0));
}

async fn reasons(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut parent = agent.hand(Asks::verify()).await;
    bench.publish_numbers(0..4).await;
    let offers = parent.offered(4).await;
    let given = [
        (Verdict::Reject, 7, "no signature"),
        (Verdict::Reject, 7, ""),
        (Verdict::Ignore, 7, "a round too late"),
        (Verdict::Accept, 0, ""),
    ];
    parent.send(offers.iter().zip(given).map(|(offer, (verdict, reason, text))| Judged { reason, text, ..judged(offer.ticket, verdict) }));
    assert_eq!(agent.outcomes(4).await, (1, 1, 2));
    agent.metric_when("pmq_parent_reasons_total", &[("verdict", "reject"), ("code", "7")], 2).await;
    agent.metric_when("pmq_parent_reasons_total", &[("verdict", "ignore"), ("code", "7")], 1).await;
    agent.metric_when("pmq_parent_reasons_total", &[], 3).await;
}
