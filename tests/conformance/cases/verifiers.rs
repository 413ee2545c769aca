//! Several verifiers.

use pmq::wire::Verdict;

use crate::rig::hand::judged;
use crate::rig::{Asks, Bench, Setting, texts};

cases! {
    verifiers_share: "Two verifiers of a group share the load: each message is offered to one of them.",
    verifier_leaves: "When one of two verifiers leaves, politely or not, the other one is offered what it held, the oldest first.",
    verifier_pauses: "A verifier that pauses is offered nothing until it resumes, and its messages go to the other one.",
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
    let mut offers: Vec<String> = one.offers.iter().chain(&two.offers).map(|offer| offer.text()).collect();
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
        let held: Vec<String> = leaves.offered(5).await.iter().map(|offer| offer.text()).collect();
        if politely {
            leaves.send([pmq::wire::message::Refuse {
                network: 0,
                code: pmq::client::RefuseCode::ShuttingDown,
                fatal: true,
                about: 0,
                text: "good bye",
            }]);
            while leaves.hear().await {}
        }
        drop(leaves);
        let taken = stays.offered(5).await;
        assert_eq!(taken.iter().map(|offer| offer.text()).collect::<Vec<_>>(), held);
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
    one.send([pmq::wire::message::Pause { network: 0 }]);
    one.settled().await;
    // The pause has reached the road when it shows in what is offered: to the one that has not paused, although it has more work.
    bench.publish_numbers(0..6).await;
    assert_eq!(two.offered(6).await.iter().map(|offer| offer.text()).collect::<Vec<_>>(), texts(0..6));
    one.settled().await;
    assert!(one.offers.is_empty());
    one.send([pmq::wire::message::Resume { network: 0 }]);
    one.settled().await;
    bench.publish_numbers(6..9).await;
    assert_eq!(one.offered(3).await.iter().map(|offer| offer.text()).collect::<Vec<_>>(), texts(6..9), "it has less work now");
}
