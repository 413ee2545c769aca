//! Parents and agents that die, or do worse.

use std::time::{Duration, Instant};

use pmq_client::{ConsumeOptions, Delivery, GapReason, Reason, RefuseCode, Status, VerifyOptions};
use pmq_protocol::wire::{Record, Verdict};

use crate::rig::hand::{Offer, judged};
use crate::rig::parent::Doomed;
use crate::rig::{Agent, Asks, Bench, Hand, NETWORK, Setting, soon, text, texts};
use pmq_testing::{message, next};

cases! {
    parent_killed_and_back: "A parent that is killed with messages in its hands and is back within the deadline misses none of them.",
    parent_killed_for_good: "Of a parent that is killed and not back by the deadline, the messages end in the fallback, and consumers are told how many, and why.",
    parent_seen_dead: "A parent that is killed is seen within a second, over QUIC within the heartbeat's three: the agent counts it no more and is not ready.",
    parent_hangs: "A parent that hangs is dead at 3 s; deadlines hold regardless, and other parents go on.",
    parent_silent: "A link on which no hello comes is ended after 3 s.",
    agent_killed: "An agent that is killed and started again is found by its parents, who go on; consumers are told of the restart as a gap.",
    agent_killed_in_flight: "What an agent that is killed had in flight has no effect on its next life: a verdict of before is refused there.",
}

/// A parent that holds `count` messages and has been killed.
async fn killed_with(bench: &Bench, agent: &Agent, count: usize) {
    let mut doomed = Doomed::attach(agent).await;
    bench.publish_numbers(0..count).await;
    doomed.holds(count).await;
    doomed.kill().await;
}

async fn parent_killed_and_back(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    killed_with(bench, &agent, 5).await;
    bench.publish_numbers(5..7).await;
    let waits = |counts: &serde_json::Value| counts["verifiers"] == 0 && counts["pending"]["messages"] == 7;
    agent.counts_when("seven that wait", waits).await;
    let mut back = agent.hand(Asks::verify()).await;
    let offers = back.offered(7).await;
    assert_eq!(offers.iter().map(Offer::text).collect::<Vec<_>>(), texts(0..7), "the oldest first");
    back.send(offers.iter().map(|offer| judged(offer.ticket, Verdict::Accept)));
    assert_eq!(consumer.messages(7).await, texts(0..7));
    assert_eq!(bench.forwarded(7).await, texts(0..7));
    assert_eq!(agent.outcomes(7).await, (7, 0, 0));
}

/// The next record, which must say that messages were never verified: how many, and why.
async fn unverified(consumer: &mut Hand) -> (Reason, u64) {
    match consumer.record().await {
        Record::Unverified { counter, cause, count, .. } => {
            consumer.ack(counter);
            (cause, count)
        }
        other => panic!("no unverified record: {other:?}"),
    }
}

async fn parent_killed_for_good(bench: &Bench) {
    // Behind the time at which the loss is known: the messages have waited, and not in vain.
    let deadline = if bench.transport.end_seen.as_secs() < 2 { "2s" } else { "4s" };
    let agent = bench.agent(Setting::deadline(deadline)).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    killed_with(bench, &agent, 5).await;
    let mut told = 0;
    while told < 5 {
        let (cause, count) = unverified(&mut consumer).await;
        assert_eq!(cause, Reason::VerifierLost);
        told += count;
    }
    assert_eq!(told, 5);
    assert_eq!(agent.outcomes(5).await, (0, 5, 0));
    agent.metric_when("pmq_verdicts_total", &[("result", "ignore"), ("reason", "verifier-lost")], 5).await;
    let _back = agent.accepting().await;
    bench.publish("again").await;
    assert_eq!(consumer.messages(1).await, ["again"]);
    assert_eq!(bench.forwarded(1).await, ["again"], "what was not verified was not forwarded");
}

async fn parent_seen_dead(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let doomed = Doomed::attach(&agent).await;
    agent.health_when("ready", |health| health["ready"] == true).await;
    let killed = Instant::now();
    doomed.kill().await;
    let health = agent.health_when("not ready", |health| health["ready"] == false).await;
    // What health shows is half a second old at most.
    assert!(killed.elapsed() < bench.transport.end_seen + Duration::from_millis(900), "{:?}", killed.elapsed());
    assert_eq!(health["subsystems"]["networks"]["detail"][0]["verifiers"], 0);
}

async fn parent_hangs(bench: &Bench) {
    let agent = bench.agent(Setting::deadline("2s")).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    let mut hanging = agent.hand(Asks::verify()).await;
    bench.publish_numbers(0..3).await;
    hanging.offered(3).await;
    let silent = Instant::now();
    hanging.hang();
    let mut told = 0;
    while told < 3 {
        let (cause, count) = unverified(&mut consumer).await;
        assert_eq!(cause, Reason::Timeout, "it is still attached when the deadline comes");
        told += count;
    }
    let fell_back = silent.elapsed();
    assert!(fell_back < Duration::from_millis(2_900), "the deadline of 2 s held: {fell_back:?}");
    agent.counts_when("the hanging parent's end", |counts| counts["verifiers"] == 0).await;
    let dead = silent.elapsed();
    // It may have been heard for the last time a second before, and what health shows is half a second old at most.
    assert!((Duration::from_millis(2_000)..Duration::from_millis(4_500)).contains(&dead), "{dead:?}");
    let _helper = agent.accepting().await;
    bench.publish("again").await;
    assert_eq!(consumer.messages(1).await, ["again"], "others go on");
    hanging.wake();
    let end = hanging.end().await;
    assert_eq!(end.code, RefuseCode::Heartbeat, "{end:?}");
    assert_eq!(agent.outcomes(4).await, (1, 3, 0));
}

async fn parent_silent(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut silent = Hand::dial(&agent).await;
    let since = Instant::now();
    let end = silent.end().await;
    assert_eq!(end.code, RefuseCode::Heartbeat, "{end:?}");
    assert!(end.text.contains("no hello"), "{end:?}");
    assert!(since.elapsed() > Duration::from_millis(2_500), "it had its 3 s: {:?}", since.elapsed());
}

async fn agent_killed(bench: &Bench) {
    let mut agent = bench.agent(Setting::default()).await;
    let builder = agent.builder().verify(NETWORK, VerifyOptions::default()).consume(NETWORK, ConsumeOptions::named("archive"));
    let client = builder.connect().await.unwrap();
    client.verify(NETWORK, |batch| batch.iter_mut().for_each(pmq_client::Incoming::accept)).unwrap();
    let mut consumer = client.consumer(NETWORK).unwrap();
    bench.publish_numbers(0..3).await;
    for number in 0..3 {
        assert_eq!(message(&mut consumer).await, text(number));
    }
    assert_eq!(bench.forwarded(3).await, texts(0..3), "what is on its way to the neighbours would die with the agent");
    let mut status = client.status();
    agent.kill().await;
    drop(soon("the loss", status.wait_for(|status| !status.is_connected())).await.unwrap());
    agent.start_again().await;
    drop(soon("the second link", status.wait_for(Status::is_connected)).await.unwrap());
    bench.publish_numbers(3..5).await;
    match next(&mut consumer).await {
        Delivery::Gap { reason: GapReason::Restart, count: 0, .. } => {}
        other => panic!("the restart is not told: {other:?}"),
    }
    for number in 3..5 {
        assert_eq!(message(&mut consumer).await, text(number));
    }
    assert_eq!(bench.forwarded(5).await, texts(0..5));
}

async fn agent_killed_in_flight(bench: &Bench) {
    let mut agent = bench.agent(Setting::default()).await;
    let mut parent = agent.hand(Asks::verify()).await;
    bench.publish_numbers(0..1).await;
    let before = parent.offered(1).await.remove(0);
    let session = parent.session;
    agent.kill().await;
    while parent.hear().await {}
    agent.start_again().await;
    let mut parent = agent.hand(Asks::verify()).await;
    assert_ne!(parent.session, session);
    bench.publish_numbers(1..2).await;
    let after = parent.offered(1).await.remove(0);
    assert_eq!(after.text(), text(1));
    // The new life gives the same tickets out again; the session tells them apart.
    parent.send_as(session, [judged(before.ticket, Verdict::Reject)]);
    assert_eq!(parent.refusal().await.code, RefuseCode::StaleSession);
    parent.verdict(after.ticket, Verdict::Accept);
    assert_eq!(agent.outcomes(1).await, (1, 0, 0));
    assert_eq!(bench.forwarded(1).await, texts(1..2));
}
