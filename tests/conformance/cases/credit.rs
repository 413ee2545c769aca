//! Windows: what may be on its way without an answer.

use pmq_client::RefuseCode;
use pmq_protocol::wire::{Record, Roles, Verdict, Window};

use crate::rig::hand::{Hand, judged};
use crate::rig::{Agent, Asks, Bench, Setting, texts};

cases! {
    credit_by_count: "A verifier is offered as many messages as its window says, and one more for each verdict.",
    credit_by_bytes: "A verifier is offered as many payload bytes as its window says, and more when verdicts have freed enough.",
    credit_oversized: "A message larger than the window passes when nothing else is outstanding, and alone.",
    credit_replaced: "A new window takes the place of the one before, wider or narrower, without calling back what is on its way.",
    credit_of_consumers: "A consumer gets as many records and bytes as its window says, and more only for acks.",
    credit_overrun: "An ack for a record that was never sent ends that session, and says why.",
}

fn window(messages: u32, bytes: u64) -> Window {
    Window { messages, bytes }
}

/// All messages that were published are with the agent, and whatever it has to offer has been heard. Answers how many offers there were.
async fn all_heard(agent: &Agent, parent: &mut Hand, came_in: u64) -> usize {
    agent.counts_when(&format!("message {came_in}"), |counts| counts["came_in"] == came_in).await;
    // The pong comes behind every offer that was made before.
    parent.settled().await;
    parent.offers.len()
}

async fn credit_by_count(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut parent = agent.hand(Asks::verify_window(window(3, 1 << 20))).await;
    bench.publish_numbers(0..10).await;
    assert_eq!(all_heard(&agent, &mut parent, 10).await, 3);
    let mut seen = Vec::new();
    for left in (0..10).rev() {
        let offer = parent.offered(1).await.remove(0);
        seen.push(offer.text());
        parent.verdict(offer.ticket, Verdict::ALL[left % 3]);
        parent.settled().await;
        // Its place is taken by one more, if there is one.
        if left >= 3 {
            parent.when("the next offer", |parent| (parent.offers.len() == 3).then_some(())).await;
        }
        parent.settled().await;
        assert_eq!(parent.offers.len(), left.min(3));
    }
    assert_eq!(seen, texts(0..10));
    agent.outcomes(10).await;
}

async fn credit_by_bytes(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut parent = agent.hand(Asks::verify_window(window(100, 10_000))).await;
    for number in 0..6_u8 {
        bench.publish(vec![number; 4_000]).await;
    }
    assert_eq!(all_heard(&agent, &mut parent, 6).await, 2);
    for left in (0..6_usize).rev() {
        let offer = parent.offered(1).await.remove(0);
        assert_eq!(offer.payload[0] as usize, 5 - left);
        parent.verdict(offer.ticket, Verdict::Accept);
        parent.when("the next offer", |parent| (parent.offers.len() == left.min(2)).then_some(())).await;
        parent.settled().await;
        assert_eq!(parent.offers.len(), left.min(2));
    }
    agent.outcomes(6).await;
}

async fn credit_oversized(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut parent = agent.hand(Asks::verify_window(window(100, 10_000))).await;
    for size in [100, 50_000, 200, 300] {
        bench.publish(vec![7; size]).await;
    }
    assert_eq!(all_heard(&agent, &mut parent, 4).await, 1, "the large one waits for the small one before it");
    let small = parent.offered(1).await.remove(0);
    parent.verdict(small.ticket, Verdict::Accept);
    let large = parent.offered(1).await.remove(0);
    assert_eq!(large.payload.len(), 50_000);
    parent.settled().await;
    assert!(parent.offers.is_empty(), "nothing goes with it");
    parent.verdict(large.ticket, Verdict::Accept);
    let rest = parent.offered(2).await;
    assert_eq!(rest.iter().map(|offer| offer.payload.len()).collect::<Vec<_>>(), [200, 300]);
    parent.send(rest.iter().map(|offer| judged(offer.ticket, Verdict::Accept)));
    assert_eq!(agent.outcomes(4).await, (4, 0, 0));
}

async fn credit_replaced(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut parent = agent.hand(Asks::verify_window(window(0, 0))).await;
    bench.publish_numbers(0..8).await;
    assert_eq!(all_heard(&agent, &mut parent, 8).await, 0);
    parent.window(Roles::VERIFY, window(4, 1 << 20));
    let first = parent.offered(4).await;
    parent.window(Roles::VERIFY, window(2, 1 << 20));
    parent.settled().await;
    parent.send(first[..2].iter().map(|offer| judged(offer.ticket, Verdict::Accept)));
    parent.settled().await;
    parent.settled().await;
    assert!(parent.offers.is_empty(), "two are still on their way, which is all that the window allows");
    parent.send(first[2..].iter().map(|offer| judged(offer.ticket, Verdict::Accept)));
    let second = parent.offered(2).await;
    parent.settled().await;
    assert!(parent.offers.is_empty());
    parent.window(Roles::VERIFY, window(100, 1 << 20));
    let rest = parent.offered(2).await;
    parent.send(second.iter().chain(&rest).map(|offer| judged(offer.ticket, Verdict::Accept)));
    assert_eq!(agent.outcomes(8).await, (8, 0, 0));
}

async fn credit_of_consumers(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let _verifier = agent.accepting().await;
    let mut counted = agent.hand(Asks::consume_window(window(2, 1 << 20))).await;
    let mut weighed = agent.hand(Asks::consume_window(window(100, 10_000))).await;
    for number in 0..6_u8 {
        bench.publish(vec![number; 4_000]).await;
    }
    agent.counts_when("six accepted", |counts| counts["verdicts"]["accept"] == 6).await;
    for consumer in [&mut counted, &mut weighed] {
        for left in (0..6_usize).rev() {
            consumer.when("the records", |consumer| (consumer.records.len() == left.min(1) + 1).then_some(())).await;
            consumer.settled().await;
            assert_eq!(consumer.records.len(), left.min(1) + 1, "the window has room for two");
            let Record::Message { counter, payload, .. } = consumer.record().await else { panic!("no message") };
            assert_eq!(payload[0] as usize, 5 - left);
            consumer.ack(counter);
        }
    }
}

async fn credit_overrun(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let _verifier = agent.accepting().await;
    let mut other = agent.hand(Asks::consume()).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    bench.publish_numbers(0..1).await;
    let (counter, _) = consumer.message().await;
    consumer.ack(counter + 1);
    let end = consumer.end().await;
    assert_eq!(end.code, RefuseCode::CreditOverrun, "{end:?}");
    assert!(end.text.contains("never sent"), "{end:?}");
    bench.publish_numbers(1..2).await;
    assert_eq!(other.messages(2).await, texts(0..2), "another session goes on");
}
