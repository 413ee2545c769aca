//! Ten thousand messages, every one of which is accounted for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use pmq_client::{ConsumeOptions, Consumer, Delivery, Incoming, Verdict, VerifyOptions, Window};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::rig::{Bench, NETWORK, Setting, text};

cases! {
    soak: "Of 10,000 messages with random delays on both sides every one has one outcome, and all counters of agent and parents add up.",
}

const MESSAGES: usize = 10_000;
/// At most so many are with the parent without a verdict.
const WINDOW: u32 = 512;
/// Set to run with the seed of an earlier run.
const SEED: &str = "PMQ_CONFORMANCE_SEED";
/// Ends the stream.
const LAST: &str = "the last";

/// Verdicts that were given, by message.
type Book = Arc<Mutex<HashMap<String, Verdict>>>;

async fn soak(bench: &Bench) {
    let seed = std::env::var(SEED).map_or_else(|_| rand::random(), |seed| seed.parse::<u64>().unwrap());
    eprintln!("{}: {SEED}={seed}", bench.topic);
    let agent = bench.agent(Setting::deadline("60s")).await;
    let verify = VerifyOptions { window: Window { messages: WINDOW, bytes: 1 << 20 }, ..VerifyOptions::default() };
    let builder = agent.builder().verify(NETWORK, verify).consume(NETWORK, ConsumeOptions::named("book"));
    let client = builder.connect().await.unwrap();
    let given = Book::default();
    let judging = judge(client.verifier(NETWORK).unwrap(), SmallRng::seed_from_u64(seed), given.clone());
    let consuming = consume(client.consumer(NETWORK).unwrap(), SmallRng::seed_from_u64(seed.rotate_left(7)));
    let ending = async {
        publish(bench, SmallRng::seed_from_u64(!seed)).await;
        let ended = |counts: &serde_json::Value| counts["came_in"] == MESSAGES && counts["pending"]["messages"] == 0;
        agent.counts_when("every outcome", ended).await;
        bench.publish(LAST).await;
    };
    let delivered = tokio::select! {
        () = judging => panic!("the offers have ended"),
        (delivered, ()) = futures::future::join(consuming, ending) => delivered,
    };

    // The parent's book.
    let given = given.lock().unwrap().clone();
    let [accepted, ignored, rejected] = Verdict::ALL.map(|verdict| given.values().filter(|given| **given == verdict).count());
    assert_eq!((given.len(), accepted + ignored + rejected), (MESSAGES + 1, MESSAGES + 1), "one offer, one verdict");
    let mut expected: Vec<&String> = given.iter().filter(|(_, verdict)| **verdict == Verdict::Accept).map(|(text, _)| text).collect();
    expected.sort();
    // The consumer's, and that of the agent behind.
    for (who, mut got) in [("delivered", delivered), ("forwarded", bench.forwarded(accepted).await)] {
        got.sort();
        assert!(got.iter().eq(expected.iter().copied()), "{who}: {} of {accepted}", got.len());
    }
    // The agent's own.
    let total = MESSAGES + 1;
    let counts = agent.counts_when("all of it", |counts| counts["came_in"] == total && counts["delivered"] == accepted).await;
    let by_verdict = serde_json::json!({ "accept": accepted, "ignore": ignored, "reject": rejected });
    assert_eq!((&counts["verdicts"], &counts["verified"]), (&by_verdict, &by_verdict));
    assert_eq!((&counts["lost_by_us"], &counts["restarts"]), (&0.into(), &0.into()));
    for (result, count) in [("accept", accepted), ("ignore", ignored), ("reject", rejected)] {
        agent.metric_when("pmq_verdicts_total", &[("result", result)], count as u64).await;
        agent.metric_when("pmq_verdicts_total", &[("result", result), ("reason", "verified")], count as u64).await;
    }
    agent.metric_when("pmq_verdicts_refused_total", &[], 0).await;
    agent.metric_when("pmq_delivery_dropped_total", &[], 0).await;
    client.close().await;
    agent.counts_when("the parent's end", |counts| counts["verifiers"] == 0 && counts["consumers"] == 0).await;
    agent.metric_when("pmq_attach_refused_total", &[], 0).await;
}

/// Verdicts by chance: most at once, some after a while, so that they come in any order.
async fn judge(verifier: pmq_client::Verifier, mut random: SmallRng, given: Book) {
    let judge = |mut message: Incoming| {
        let text = String::from_utf8(message.payload.to_vec()).unwrap();
        let verdict = if text == LAST { Verdict::Accept } else { Verdict::ALL[[0, 0, 0, 1, 2][random.random_range(0..5)]] };
        let delay = if random.random_bool(0.1) { random.random_range(0..200) } else { 0 };
        assert_eq!(given.lock().unwrap().insert(text, verdict), None, "offered twice");
        async move {
            if delay > 0 {
                tokio::time::sleep(Duration::from_millis(delay)).await;
            }
            message.answer(verdict);
        }
    };
    verifier.map(judge).buffer_unordered(WINDOW as usize).for_each(|()| std::future::ready(())).await;
}

/// Bursts of any size, with pauses.
async fn publish(bench: &Bench, mut random: SmallRng) {
    let mut number = 0;
    while number < MESSAGES {
        let burst = random.random_range(1..400).min(MESSAGES - number);
        let sends = futures::stream::iter(number..number + burst).map(|number| bench.publish(text(number)));
        sends.buffer_unordered(64).for_each(|()| std::future::ready(())).await;
        number += burst;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..20))).await;
    }
}

/// All messages up to the last, at a changing pace.
async fn consume(mut consumer: Consumer, mut random: SmallRng) -> Vec<String> {
    let mut seen = Vec::new();
    let mut at = None;
    loop {
        let delivery = consumer.next().await.expect("the stream has ended");
        let Delivery::Message { payload, cursor, .. } = &delivery else { panic!("{delivery:?}") };
        assert!(at.is_none_or(|at| cursor.counter == at + 1), "{} behind {at:?}", cursor.counter);
        at = Some(cursor.counter);
        seen.push(String::from_utf8(payload.to_vec()).unwrap());
        if random.random_bool(0.01) {
            tokio::time::sleep(Duration::from_millis(random.random_range(0..50))).await;
        }
        consumer.ack(&delivery);
        if **payload == *LAST.as_bytes() {
            return seen;
        }
    }
}
