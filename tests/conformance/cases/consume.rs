//! What consumers are told, and what they are told instead.

use futures::StreamExt as _;
use pmq_client::{ConsumeOptions, Cursor, GapReason, Overflow, Reason, RefuseCode};
use pmq_protocol::wire::{Record, Verdict, Window};

use crate::rig::hand::judged;
use crate::rig::{Agent, Asks, Bench, Hand, NETWORK, Setting, WIDE, soon, text, texts};

cases! {
    slow_beside_fast: "A consumer that does not keep up harms no other one; its gaps and messages add up to everything there was.",
    slow_drop_newest: "A slow consumer may choose to lose the newest instead: what it has keeps its order, and its gaps add up, too.",
    slow_disconnect: "A slow consumer may choose to be disconnected: it is told that it was too slow, and resumes from its cursor.",
    resume_from_cursor: "A consumer that comes back goes on behind its cursor: nothing is lost, nothing comes twice.",
    resume_by_name: "A consumer that comes back under its name goes on behind its last ack.",
    resume_behind_retention: "A consumer that comes back for what is not kept any more gets a gap that counts it, then all that is kept.",
    resume_foreign_cursor: "A cursor of another life of the agent is answered by a gap of unknown length, then by all that is kept.",
    replaced: "A second session under the same consumer name takes the first one's place, which is told so.",
    unverified_in_order: "What was never verified is told where it would have been, with its cause and count, in the order of the counters.",
}

/// Two hundred messages, of which the agent keeps the last fifty.
const ALL: usize = 200;
const KEPT: &str = "ring_messages = 50\nmax_lag = 20\n";

async fn accepted(agent: &Agent, count: usize) {
    agent.counts_when("all accepted", |counts| counts["verdicts"]["accept"] == count).await;
}

/// Reads to the message `last`: numbers of messages and of counters, checked for order; the gaps' reasons and what they count.
async fn read_to(consumer: &mut Hand, last: usize) -> (Vec<usize>, Vec<(GapReason, u64)>) {
    let (mut numbers, mut gaps) = (Vec::new(), Vec::new());
    let mut at = consumer.cursor.counter;
    while numbers.last() != Some(&last) {
        match consumer.record().await {
            Record::Message { counter, payload, .. } => {
                assert_eq!(counter, at + 1, "a hole that no gap stands for");
                at = counter;
                let text = String::from_utf8(payload.to_vec()).unwrap();
                numbers.push(text.trim_start_matches("message ").parse().unwrap());
                consumer.ack(counter);
            }
            Record::Gap { from, to, count, reason } => {
                assert_eq!(from, at + 1);
                assert!(count == to - from + 1, "{count} messages at {from} to {to}");
                at = to;
                gaps.push((reason, count));
                consumer.ack(to);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(numbers.is_sorted());
    (numbers, gaps)
}

fn lost(gaps: &[(GapReason, u64)]) -> usize {
    gaps.iter().map(|gap| gap.1 as usize).sum()
}

async fn slow_beside_fast(bench: &Bench) {
    let agent = bench.agent(Setting { delivery: KEPT, ..Setting::default() }).await;
    let _verifier = agent.accepting().await;
    let mut slow = agent.hand(Asks { consumer: "slow".to_owned(), ..Asks::consume_window(Window { messages: 5, bytes: 1 << 20 }) }).await;
    let client = agent.builder().consume(NETWORK, ConsumeOptions::named("fast")).connect().await.unwrap();
    let mut fast = client.consumer(NETWORK).unwrap();
    let reading = async {
        for number in 0..ALL {
            let delivery = soon("a delivery", fast.next()).await.unwrap();
            match &delivery {
                pmq_client::Delivery::Message { payload, .. } => assert_eq!(*payload, *text(number).as_bytes()),
                other => panic!("the fast one lost {other:?}"),
            }
            fast.ack(&delivery);
        }
    };
    // As fast as the fast one goes on: what it has not got yet is kept for it.
    let writing = async {
        for start in (0..ALL).step_by(20) {
            bench.publish_numbers(start..start + 20).await;
            accepted(&agent, start + 20).await;
        }
    };
    tokio::join!(reading, writing);
    let (numbers, gaps) = read_to(&mut slow, ALL - 1).await;
    assert_eq!(numbers[..5], [0, 1, 2, 3, 4], "its window");
    assert_eq!(numbers.len() + lost(&gaps), ALL);
    assert!(!gaps.is_empty() && gaps.iter().all(|gap| gap.0 == GapReason::DropOldest), "{gaps:?}");
    let labels = [("consumer", "0/slow"), ("reason", "drop-oldest")];
    agent.metric_when("pmq_delivery_dropped_total", &labels[1..], lost(&gaps) as u64).await;
}

async fn slow_drop_newest(bench: &Bench) {
    let agent = bench.agent(Setting { delivery: "max_lag = 20\n", ..Setting::default() }).await;
    let _verifier = agent.accepting().await;
    let asks = Asks { policy: Some(Overflow::DropNewest), ..Asks::consume_window(Window { messages: 5, bytes: 1 << 20 }) };
    let mut slow = agent.hand(asks).await;
    bench.publish_numbers(0..ALL).await;
    accepted(&agent, ALL).await;
    // What it has in hand, what was kept for it, then a gap up to now.
    let mut numbers = Vec::new();
    let gap = loop {
        match slow.record().await {
            Record::Message { counter, payload, .. } => {
                numbers.push(String::from_utf8(payload.to_vec()).unwrap());
                slow.ack(counter);
            }
            Record::Gap { to, count, reason, .. } => {
                slow.ack(to);
                break (reason, count);
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(numbers, texts(0..numbers.len()), "the oldest, without a hole");
    assert_eq!(gap, (GapReason::DropNewest, (ALL - numbers.len()) as u64));
    bench.publish("news").await;
    assert_eq!(slow.messages(1).await, ["news"]);
}

async fn slow_disconnect(bench: &Bench) {
    let agent = bench.agent(Setting { delivery: "max_lag = 20\n", ..Setting::default() }).await;
    let _verifier = agent.accepting().await;
    let asks = Asks { policy: Some(Overflow::Disconnect), ..Asks::consume_window(Window { messages: 5, bytes: 1 << 20 }) };
    let mut slow = agent.hand(asks.clone()).await;
    let stream = slow.cursor.stream;
    bench.publish_numbers(0..ALL).await;
    let end = slow.end().await;
    assert_eq!(end.code, RefuseCode::TooSlow, "{end:?}");
    let got: Vec<u64> = slow.records.iter().map(Record::last).collect();
    assert!((1..=5).contains(&got.len()), "{got:?}");
    accepted(&agent, ALL).await;
    let cursor = Cursor { stream, counter: *got.last().unwrap() };
    let mut back = agent.hand(Asks { cursor, consume: WIDE, ..asks }).await;
    let (numbers, gaps) = read_to(&mut back, ALL - 1).await;
    assert_eq!((numbers, gaps), ((got.len()..ALL).collect(), vec![]));
}

async fn resume_from_cursor(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let _verifier = agent.accepting().await;
    let mut consumer = agent.hand(Asks::consume()).await;
    let stream = consumer.cursor.stream;
    bench.publish_numbers(0..10).await;
    for _ in 0..3 {
        consumer.message().await;
    }
    let (counter, third) = consumer.message().await;
    assert_eq!(third, text(3));
    // It has seen more than it keeps.
    consumer.when("all of them", |consumer| (consumer.records.len() == 6).then_some(())).await;
    drop(consumer);
    bench.publish_numbers(10..15).await;
    accepted(&agent, 15).await;
    let mut back = agent.hand(Asks { cursor: Cursor { stream, counter }, ..Asks::consume() }).await;
    assert_eq!(back.cursor, Cursor { stream, counter });
    assert_eq!(back.messages(11).await, texts(4..15));
    back.settled().await;
    assert!(back.records.is_empty());
}

async fn resume_by_name(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let _verifier = agent.accepting().await;
    let named = Asks { consumer: "archive".to_owned(), ..Asks::consume() };
    let mut consumer = agent.hand(named.clone()).await;
    bench.publish_numbers(0..4).await;
    assert_eq!(consumer.messages(2).await, texts(0..2));
    consumer.settled().await;
    drop(consumer);
    agent.counts_when("its end", |counts| counts["consumers"] == 0).await;
    bench.publish_numbers(4..6).await;
    accepted(&agent, 6).await;
    let mut back = agent.hand(named).await;
    assert_eq!(back.messages(4).await, texts(2..6));
}

async fn resume_behind_retention(bench: &Bench) {
    let agent = bench.agent(Setting { delivery: KEPT, ..Setting::default() }).await;
    let _verifier = agent.accepting().await;
    let mut consumer = agent.hand(Asks::consume()).await;
    bench.publish_numbers(0..10).await;
    let stream = consumer.cursor.stream;
    let mut counter = 0;
    for _ in 0..10 {
        counter = consumer.message().await.0;
    }
    drop(consumer);
    bench.publish_numbers(10..ALL).await;
    accepted(&agent, ALL).await;
    let mut back = agent.hand(Asks { cursor: Cursor { stream, counter }, ..Asks::consume() }).await;
    let (numbers, gaps) = read_to(&mut back, ALL - 1).await;
    assert_eq!(gaps, [(GapReason::Retention, (ALL - 60) as u64)]);
    assert_eq!(numbers, (ALL - 50..ALL).collect::<Vec<_>>());
}

async fn resume_foreign_cursor(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let _verifier = agent.accepting().await;
    let own = agent.hand(Asks::consume()).await.cursor.stream;
    bench.publish_numbers(0..5).await;
    accepted(&agent, 5).await;
    let mut consumer = agent.hand(Asks { cursor: Cursor { stream: own ^ 1, counter: 3 }, ..Asks::consume() }).await;
    assert_eq!(consumer.cursor.stream, own);
    match consumer.record().await {
        Record::Gap { reason: GapReason::Restart, count: 0, to, .. } => consumer.ack(to),
        other => panic!("{other:?}"),
    }
    assert_eq!(consumer.messages(5).await, texts(0..5));
}

async fn replaced(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let _verifier = agent.accepting().await;
    let named = Asks { consumer: "archive".to_owned(), ..Asks::consume() };
    let mut first = agent.hand(named.clone()).await;
    bench.publish_numbers(0..2).await;
    assert_eq!(first.messages(1).await, texts(0..1));
    first.settled().await;
    let mut second = agent.hand(named).await;
    let end = first.end().await;
    assert_eq!(end.code, RefuseCode::Replaced, "{end:?}");
    assert_eq!(second.messages(1).await, texts(1..2), "behind the first one's last ack");
}

async fn unverified_in_order(bench: &Bench) {
    let agent = bench.agent(Setting { deadline: "2s", queue: "max_messages = 4\n", ..Setting::default() }).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    // Nobody verifies: four wait until their deadline, two find the queue full at once.
    bench.publish_numbers(0..6).await;
    agent.outcomes(6).await;
    let mut parent = agent.hand(Asks::verify()).await;
    // One is accepted, two are held beyond their deadline, one behind them is accepted before.
    bench.publish_numbers(6..10).await;
    let offers = parent.offered(4).await;
    parent.send([judged(offers[0].ticket, Verdict::Accept), judged(offers[3].ticket, Verdict::Accept)]);
    agent.outcomes(10).await;
    bench.publish_numbers(10..11).await;
    let last = parent.offered(1).await.remove(0);
    parent.verdict(last.ticket, Verdict::Accept);
    let mut records = Vec::new();
    let mut at = consumer.cursor.counter;
    while records.last() != Some(&(text(10), 1)) {
        let record = consumer.record().await;
        assert_eq!(record.first(), at + 1);
        at = record.last();
        let (what, count) = match record {
            Record::Message { payload, .. } => (String::from_utf8(payload.to_vec()).unwrap(), 1),
            Record::Unverified { topic, cause, count, .. } => {
                assert_eq!(*topic, *bench.topic);
                (cause.as_str().to_owned(), count)
            }
            Record::Gap { .. } => panic!("{record:?}"),
        };
        // A run that was told in parts is one.
        match records.last_mut() {
            Some((last, total)) if *last == what => *total += count,
            _ => records.push((what, count)),
        }
        consumer.ack(at);
    }
    let named = |reason: Reason| reason.as_str().to_owned();
    let expected = [
        (named(Reason::QueueFull), 2),
        (named(Reason::NoVerifier), 4),
        (text(6), 1),
        (text(9), 1),
        (named(Reason::Timeout), 2),
        (text(10), 1),
    ];
    assert_eq!(records, expected);
    assert_eq!(agent.outcomes(11).await, (3, 8, 0));
    for (reason, count) in [(Reason::QueueFull, 2), (Reason::NoVerifier, 4), (Reason::Timeout, 2)] {
        agent.metric_when("pmq_verdicts_total", &[("result", "ignore"), ("reason", reason.as_str())], count).await;
    }
}
