//! Sessions that come and go.

use pmq_client::{RefuseCode, VerifyOptions};
use pmq_protocol::wire::Verdict;

use crate::rig::{Asks, Bench, NETWORK, Setting, text};
use crate::transports::Host;

cases! {
    hundred_connects: "A hundred parents that come and go, politely or not, leave no session and no descriptor behind.",
    sessions_bounded: "Sessions beyond the bound are refused by name, and there is room again when one ends.",
}

/// Open descriptors of a process.
fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

async fn hundred_connects(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    let alone = |counts: &serde_json::Value| counts["verifiers"] == 0 && counts["consumers"] == 1;
    agent.counts_when("nobody else", alone).await;
    let before = descriptors(agent.pid());
    for number in 0..100 {
        match number % 4 {
            // Drops its link without a word.
            0 => drop(agent.hand(Asks::verify()).await),
            // Leaves before it has said anything.
            1 => drop(crate::rig::Hand::dial(&agent).await),
            2 => {
                let client = agent.builder().verify(NETWORK, VerifyOptions::default()).connect().await.unwrap();
                client.close().await;
            }
            // Is refused.
            _ => {
                let mut stranger = crate::rig::Hand::dial(&agent).await;
                stranger.send_frame(Asks { network: "elsewhere".to_owned(), ..Asks::verify() }.hello());
                assert_eq!(stranger.end().await.code, RefuseCode::NetworkUnknown);
            }
        }
    }
    agent.counts_when("nobody else again", alone).await;
    agent.metric_when("pmq_attach_sessions", &[], 1).await;
    // Descriptors of a thread are those of the whole suite, whose other cases come and go meanwhile.
    if bench.transport.host == Host::Process {
        let same = async || (descriptors(agent.pid()) <= before + 1).then_some(());
        pmq_testing::until("the descriptors of before", same).await;
    }
    // Every place is free again: as many as there may be of one user, less the consumer's.
    let mut all = Vec::new();
    for _ in 0..15 {
        all.push(agent.hand(Asks::verify()).await);
    }
    bench.publish_numbers(0..1).await;
    agent.counts_when("all of them", |counts| counts["verifiers"] == 15 && counts["pending"]["messages"] == 1).await;
    for parent in &mut all {
        parent.settled().await;
        for offer in parent.offers.drain(..).collect::<Vec<_>>() {
            parent.verdict(offer.ticket, Verdict::Accept);
        }
    }
    assert_eq!(consumer.messages(1).await, [text(0)]);
}

async fn sessions_bounded(bench: &Bench) {
    let agent = bench.agent(Setting { attach: "max_sessions = 3\n", ..Setting::default() }).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(agent.hand(Asks::consume()).await);
    }
    let mut fourth = crate::rig::Hand::dial(&agent).await;
    fourth.send_frame(Asks::consume().hello());
    let end = fourth.end().await;
    assert_eq!(end.code, RefuseCode::TooManySessions, "{end:?}");
    assert!(end.text.contains("3 sessions") && end.text.contains("max_sessions"), "{end:?}");
    for parent in &mut all {
        parent.settled().await;
    }
    drop(all.pop());
    // The library goes on trying, and there is a place now.
    let client = agent.builder().verify(NETWORK, VerifyOptions::default()).connect().await.unwrap();
    assert!(client.status().borrow().is_connected());
}
