//! Deliveries.

use std::time::Duration;

use futures::{FutureExt, StreamExt};

use super::super::{ClientError, ConsumeOptions, Cursor, Delivery, GapReason, Overflow, Reason, Window};
use super::{Agent, Place, id, message, on_all, payload, soon, wait_for};
use pmq_protocol::session::{AgentEvent, Timing};
use pmq_protocol::wire::{Outstanding, Record};

on_all! {
    everything_comes_in_order_and_acks_give_credit_back,
    an_ack_does_not_wait_for_something_to_leave_with,
    resumes_behind_the_last_ack_and_shows_nothing_twice,
    a_gap_begins_behind_what_was_read,
    a_restarted_agent_is_told_by_its_stream,
    options_reach_the_agent,
    one_consumer_and_it_ends_with_the_client,
}

fn at(counter: u64) -> Cursor {
    Cursor { stream: 7, counter }
}

async fn acked(agent: &mut Agent) -> u64 {
    match agent.event().await {
        AgentEvent::Ack { network: 0, counter, .. } => counter,
        other => panic!("{other:?}"),
    }
}

async fn everything_comes_in_order_and_acks_give_credit_back(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let mut consumer = client.consumer("weather").unwrap();
    let gap = Record::Gap { from: 3, to: 6, count: 4, reason: GapReason::DropOldest };
    let unverified = Record::Unverified { counter: 7, topic: "weather/reports".into(), cause: Reason::Timeout, count: 2 };
    agent.send(&[message(1), message(2), gap, unverified, message(8)]).await;
    let mut got = Vec::new();
    for _ in 0..5 {
        got.push(soon("a delivery", consumer.next()).await.unwrap());
    }
    let topic: std::sync::Arc<str> = "weather/reports".into();
    let delivered = |n| Delivery::Message { cursor: at(n), topic: topic.clone(), id: id(n), payload: payload(n) };
    let expected = [
        delivered(1),
        delivered(2),
        Delivery::Gap { cursor: at(6), from: 3, count: 4, reason: GapReason::DropOldest },
        Delivery::Unverified { cursor: at(7), topic: topic.clone(), cause: Reason::Timeout, count: 2 },
        delivered(8),
    ];
    assert_eq!(got, expected);
    assert_eq!(consumer.cursor(), at(0));
    consumer.ack(&got[1]);
    assert_eq!(acked(&mut agent).await, 2);
    consumer.ack(&got[0]);
    assert_eq!(consumer.cursor(), at(2), "an older ack changes nothing");
    consumer.ack(&got[4]);
    assert_eq!(acked(&mut agent).await, 8);
    assert_eq!(agent.end.unacked(0), Outstanding::default());
}

/// Nothing else leaves for a minute.
async fn an_ack_does_not_wait_for_something_to_leave_with(place: Place) {
    let mut listener = place.listen().await;
    let timing = Timing { ping: Duration::from_secs(60), dead: Duration::from_secs(180) };
    let builder = place.builder().timing(timing).consume("weather", ConsumeOptions::named("archive"));
    let (client, mut agent) = tokio::join!(builder.connect(), async {
        let mut agent = Agent::accept_with(&mut listener, timing).await;
        agent.welcome(at(0)).await;
        agent
    });
    let client = client.unwrap();
    let mut consumer = client.consumer("weather").unwrap();
    for counter in 1..=2 {
        agent.send(&[message(counter)]).await;
        let delivery = soon("a delivery", consumer.next()).await.unwrap();
        consumer.ack(&delivery);
        if counter == 1 {
            assert_eq!(acked(&mut agent).await, 1);
        }
    }
    // Held back, too, but not behind the goodbye.
    tokio::join!(client.close(), async { assert_eq!(acked(&mut agent).await, 2) });
}

async fn resumes_behind_the_last_ack_and_shows_nothing_twice(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let mut consumer = client.consumer("weather").unwrap();
    agent.send(&[message(1), message(2), message(3), message(4)]).await;
    let first = soon("a delivery", consumer.next()).await.unwrap();
    let second = soon("a delivery", consumer.next()).await.unwrap();
    consumer.ack(&first);
    assert_eq!(acked(&mut agent).await, 1);
    drop(agent);
    // 2 was read and not acked, 3 and 4 were never read.
    let mut agent = Agent::accept(&mut listener).await;
    assert_eq!(agent.wants[0].cursor, at(1));
    assert_eq!(&*agent.wants[0].consumer, "archive");
    // Acked on the new link before that one has brought it again.
    consumer.ack(&second);
    agent.welcome(at(1)).await;
    agent.send(&[message(2), message(3), message(4), message(5)]).await;
    for counter in 3..=5 {
        let delivery = soon("a delivery", consumer.next()).await.unwrap();
        assert_eq!(delivery.cursor(), at(counter));
        consumer.ack(&delivery);
    }
    let mut last = 0;
    while last < 5 {
        last = acked(&mut agent).await;
    }
    assert!(consumer.next().now_or_never().is_none());
}

async fn a_gap_begins_behind_what_was_read(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let mut consumer = client.consumer("weather").unwrap();
    agent.send(&[message(1), message(2)]).await;
    soon("a delivery", consumer.next()).await.unwrap();
    soon("a delivery", consumer.next()).await.unwrap();
    drop(agent);
    let mut agent = Agent::accept(&mut listener).await;
    agent.welcome(at(0)).await;
    agent.send(&[Record::Gap { from: 1, to: 5, count: 5, reason: GapReason::Retention }, message(6)]).await;
    let gap = soon("a gap", consumer.next()).await.unwrap();
    assert_eq!(gap, Delivery::Gap { cursor: at(5), from: 3, count: 3, reason: GapReason::Retention });
}

async fn a_restarted_agent_is_told_by_its_stream(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let mut consumer = client.consumer("weather").unwrap();
    agent.send(&[message(1), message(2), message(3)]).await;
    let old = soon("a delivery", consumer.next()).await.unwrap();
    // The whole agent goes, and another one takes its place.
    drop((agent, listener));
    wait_for(&client, "the loss", |status| !status.is_connected()).await;
    let mut listener = place.listen().await;
    let mut agent = Agent::accept(&mut listener).await;
    let new = Cursor { stream: 8, counter: 0 };
    agent.welcome(new).await;
    agent.send(&[Record::Gap { from: 1, to: 1, count: 0, reason: GapReason::Restart }, message(2)]).await;
    for counter in 2..=3 {
        let left = soon("what was unread", consumer.next()).await.unwrap();
        assert_eq!(left.cursor(), at(counter), "nobody will send it again");
    }
    let gap = soon("the gap", consumer.next()).await.unwrap();
    assert_eq!(gap, Delivery::Gap { cursor: Cursor { counter: 1, ..new }, from: 1, count: 0, reason: GapReason::Restart });
    consumer.ack(&old);
    assert_eq!(consumer.cursor(), new, "an ack of the former stream changes nothing");
    let delivery = soon("a delivery", consumer.next()).await.unwrap();
    assert_eq!(delivery.cursor(), Cursor { counter: 2, ..new });
    consumer.ack(&delivery);
    assert_eq!(acked(&mut agent).await, 2);
}

async fn options_reach_the_agent(place: Place) {
    let mut listener = place.listen().await;
    let window = Window { messages: 5, bytes: 500 };
    let options = ConsumeOptions { cursor: at(41), window, policy: Some(Overflow::Disconnect), ..ConsumeOptions::named("db") };
    let (client, agent) = tokio::join!(place.builder().consume("weather", options).connect(), async {
        let mut agent = Agent::accept(&mut listener).await;
        agent.welcome(at(41)).await;
        agent
    });
    let want = &agent.wants[0];
    assert_eq!((want.cursor, want.consume, want.policy, &*want.consumer), (at(41), window, Some(Overflow::Disconnect), "db"));
    assert_eq!(client.unwrap().consumer("weather").unwrap().cursor(), at(41));
}

async fn one_consumer_and_it_ends_with_the_client(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let mut consumer = client.consumer("weather").unwrap();
    assert!(matches!(client.consumer("weather"), Err(ClientError::Taken { .. })));
    agent.send(&[message(1)]).await;
    let last = soon("a delivery", consumer.next()).await.unwrap();
    consumer.ack(&last);
    drop(client);
    assert!(soon("the end", consumer.next()).await.is_none());
    assert_eq!(acked(&mut agent).await, 1, "what was acked before the end is sent");
    assert!(matches!(agent.event().await, AgentEvent::Refused { fatal: true, .. }));
}
