//! What parents change while the agent runs.

use pmq_client::{Client, ConsumeOptions, MarkOp, PublishError, PublishStatus, RequestError, VerifyOptions};
use pmq_protocol::wire::{HeaderOrigin, PmqHeader};

use pmq_testing::{Setup, judge, message, network, pair, soon, until};

const ORIGIN: [u8; 32] = [7; 32];
const NUMBERED: &str = "[[stage]]\nuse = \"decode\"\ncodec = \"pmq\"\n[[stage]]\nuse = \"sequence-window\"\nwarm_after = 1\n";

fn numbered(seq: u64) -> Vec<u8> {
    let content = format!("good {seq}");
    let mut payload = Vec::new();
    PmqHeader { origin: HeaderOrigin::Long(ORIGIN), epoch: 0, seq, content: content.len() as u32 }.write(&mut payload);
    payload.extend_from_slice(content.as_bytes());
    payload
}

async fn publish(parent: &Client, seq: u64) {
    parent.publish("weather", "weather", numbered(seq)).await.unwrap();
}

#[tokio::test]
async fn thresholds_and_marks_change_what_the_window_lets_pass() {
    let weather = network("weather", NUMBERED, "5s");
    let (_a, parent, b) = pair(Setup::with(&[&weather]), Setup::with(&[&weather])).await;
    let builder = b.builder().verify("weather", VerifyOptions::default()).produce("weather");
    let client = builder.consume("weather", ConsumeOptions::default()).connect().await.unwrap();
    judge(&client, "weather");
    let mut consumer = client.consumer("weather").unwrap();
    let ended = |good: u64| message_ends(good);
    publish(&parent, 1_000).await;
    assert!(ended(1_000)(&message(&mut consumer).await));
    // Ten behind is late and welcome, until the parent thinks otherwise.
    publish(&parent, 990).await;
    assert!(ended(990)(&message(&mut consumer).await));
    client.thresholds("weather", "weather", 4, 100).await.unwrap();
    publish(&parent, 989).await;
    publish(&parent, 1_001).await;
    assert!(ended(1_001)(&message(&mut consumer).await));
    client.mark("weather", "weather", ORIGIN, 0, 2_000, MarkOp::Raise).await.unwrap();
    publish(&parent, 1_002).await;
    publish(&parent, 2_001).await;
    assert!(ended(2_001)(&message(&mut consumer).await));
    let health = b.network_when("weather", "the end", |network| network["came_in"] == 6 && network["pending"]["messages"] == 0).await;
    assert_eq!(health["verified"]["accept"], 4);

    let text = |result: Result<(), RequestError>| match result {
        Err(RequestError::Refused { text, .. }) => text,
        other => panic!("{other:?}"),
    };
    let upside_down = text(client.thresholds("weather", "weather", 100, 4).await);
    assert!(upside_down.contains("skip 100 and validity 4"), "{upside_down}");
}

fn message_ends(seq: u64) -> impl Fn(&str) -> bool {
    move |payload| payload.ends_with(&format!("good {seq}"))
}

#[tokio::test]
async fn topics_are_joined_and_left_at_run_time() {
    let (_a, parent, b) = pair(Setup::new("5s"), Setup::new("5s")).await;
    let builder = b.builder().verify("weather", VerifyOptions::default()).produce("weather");
    let client = builder.consume("weather", ConsumeOptions::default()).connect().await.unwrap();
    judge(&client, "weather");
    let mut consumer = client.consumer("weather").unwrap();

    let none = parent.publish("weather", "weather/storms", "good, to nobody").await;
    assert!(matches!(none, Err(PublishError::NotSent { status: PublishStatus::NoPeers, .. })), "{none:?}");
    client.subscribe("weather", "weather/storms").await.unwrap();
    // Waits for its first peer.
    parent.publish("weather", "weather/storms", "good storm").await.unwrap();
    assert_eq!(message(&mut consumer).await, "good storm");
    client.unsubscribe("weather", "weather/storms").await.unwrap();
    nobody_on(&parent, "weather/storms").await;
    let again = client.unsubscribe("weather", "weather/storms").await;
    assert!(again.unwrap_err().to_string().contains("weather/storms"));
}

/// Publishes until nobody is on the topic any more: word of it has to get round first.
async fn nobody_on(parent: &Client, topic: &str) {
    let mut number = 0;
    until("nobody on the topic", || {
        number += 1;
        let publish = parent.publish("weather", topic, format!("good, but late {number}"));
        async move { matches!(publish.await, Err(PublishError::NotSent { status: PublishStatus::NoPeers, .. })).then_some(()) }
    })
    .await;
}

#[tokio::test]
async fn a_topic_is_left_when_the_last_who_joined_it_has_left_it() {
    let (_a, parent, b) = pair(Setup::new("2s"), Setup::new("2s")).await;
    let (one, two) = (b.producer("weather").await, b.producer("weather").await);
    let _verifier = b.verifier("weather").await;
    let (_client, mut consumer) = b.consumer("weather", ConsumeOptions::default()).await;
    // The network's file has joined it: none of the parents can leave it for all.
    assert!(one.unsubscribe("weather", "weather").await.unwrap_err().to_string().contains("not joined by this session"));
    one.subscribe("weather", "weather").await.unwrap();
    one.unsubscribe("weather", "weather").await.unwrap();
    parent.publish("weather", "weather", "good for the file").await.unwrap();
    assert_eq!(message(&mut consumer).await, "good for the file");

    for client in [&one, &two] {
        client.subscribe("weather", "weather/storms").await.unwrap();
    }
    one.unsubscribe("weather", "weather/storms").await.unwrap();
    parent.publish("weather", "weather/storms", "good for the other").await.unwrap();
    assert_eq!(message(&mut consumer).await, "good for the other");
    two.unsubscribe("weather", "weather/storms").await.unwrap();
    nobody_on(&parent, "weather/storms").await;

    // A session that ends gives back what it has joined, and nothing else.
    for topic in ["weather/snow", "weather/hail"] {
        one.subscribe("weather", topic).await.unwrap();
    }
    two.subscribe("weather", "weather/hail").await.unwrap();
    one.close().await;
    nobody_on(&parent, "weather/snow").await;
    parent.publish("weather", "weather/hail", "good hail").await.unwrap();
    // What was published while the word was getting round has come, too.
    while message(&mut consumer).await != "good hail" {}
}

#[tokio::test]
async fn a_topic_that_the_network_does_not_claim_is_refused_by_name() {
    let agent = Setup::with(&[&network("weather", "", "4s"), &network("quakes", "", "4s")]).start().await;
    let parent = agent.builder().produce("weather").produce("quakes").connect().await.unwrap();
    for topic in ["quakes", "elsewhere"] {
        let text = parent.subscribe("weather", topic).await.unwrap_err().to_string();
        assert!(text.contains("network weather does not claim") && text.contains(topic) && text.contains("weather/*"), "{text}");
        match parent.publish("weather", topic, "good").await {
            Err(PublishError::NotSent { status: PublishStatus::TopicUnknown, text, .. }) => assert!(text.contains(topic), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_neighbours_would_reject_is_not_sent() {
    let weather = network("weather", "[[stage]]\nuse = \"decode\"\ncodec = \"pmq\"\n", "5s");
    let (_a, parent, b) = pair(Setup::with(&[&weather]), Setup::with(&[&weather])).await;
    let _verifier = b.verifier("weather").await;
    let (_client, mut consumer) = b.consumer("weather", ConsumeOptions::default()).await;
    match parent.publish("weather", "weather", "good, without a header").await {
        Err(PublishError::NotSent { status: PublishStatus::Invalid, text, .. }) => {
            assert!(text.contains("would reject") && text.contains("\"weather\""), "{text}");
        }
        other => panic!("{other:?}"),
    }
    publish(&parent, 1).await;
    assert!(message_ends(1)(&message(&mut consumer).await));
    // On one connection the later message does not overtake the earlier one.
    assert_eq!(b.network_when("weather", "the message", |network| network["came_in"].as_u64() >= Some(1)).await["came_in"], 1);
}

#[tokio::test]
async fn the_default_network_takes_every_topic_that_is_left() {
    let networks = [network("quakes", "[[stage]]\nuse = \"admission\"\n", "5s"), network("weather", "", "5s")];
    let setup = || Setup::with(&[&networks[0], &networks[1]]).more("[network.default]\ntake = \"quakes\"\n");
    let (a, _, b) = pair(setup(), setup()).await;
    let parent = a.builder().produce("weather").produce("quakes").connect().await.unwrap();
    let builder = b.builder().verify("quakes", VerifyOptions::default()).produce("quakes");
    let client = builder.consume("quakes", ConsumeOptions::default()).connect().await.unwrap();
    judge(&client, "quakes");
    let mut consumer = client.consumer("quakes").unwrap();
    client.subscribe("quakes", "elsewhere").await.unwrap();
    parent.publish("quakes", "elsewhere", "good from elsewhere").await.unwrap();
    assert_eq!(message(&mut consumer).await, "good from elsewhere");
    // What another network claims by name stays with it, although the default network stands first in the file.
    assert!(client.subscribe("quakes", "weather/storms").await.unwrap_err().to_string().contains("does not claim"));
    parent.subscribe("weather", "weather/storms").await.unwrap();
    assert!(parent.subscribe("weather", "elsewhere").await.is_err());
}

fn judged(network: &serde_json::Value, count: u64) -> bool {
    network["came_in"] == count
        && network["verdicts"].as_object().is_some_and(|by| by.values().filter_map(serde_json::Value::as_u64).sum::<u64>() == count)
}

/// B checks numbers for their age; A is its one peer.
#[tokio::test]
async fn after_a_partition_what_is_too_old_is_ignored_for_the_grace_period_and_not_rejected() {
    let front = "[[stage]]\nuse = \"decode\"\ncodec = \"pmq\"\n[[stage]]\nuse = \"sequence-window\"\nwarm_after = 1\nskip = 4\nvalidity = 10\ngrace = \"3s\"\n";
    let weather = network("weather", front, "5s");
    let b = Setup::with(&[&weather]).gossip("partition_after = \"500ms\"").start().await;
    let a = Setup::with(&[&weather]).peer(&b).start().await;
    b.meshed("weather", 1).await;
    let _verifier = b.verifier("weather").await;
    let parent = a.producer("weather").await;
    publish(&parent, 1_000).await;
    b.network_when("weather", "the mark", |network| network["verified"]["accept"] == 1).await;
    // The start has its grace period, too. Behind it an old number is rejected.
    let mut old = 0;
    let rejected = soon("the end of the grace period", async {
        loop {
            old += 1;
            publish(&parent, old).await;
            let health = b.network_when("weather", "it", |network| judged(network, old + 1)).await;
            if let Some(count @ 1..) = health["verdicts"]["reject"].as_u64() {
                break count;
            }
        }
    })
    .await;
    assert!(old > 1, "nothing was ignored at the start");

    drop(parent);
    let setup = a.killed().await;
    let alone = |health: &serde_json::Value| {
        health["subsystems"]["gossip"]["detail"]["peers"]
            .as_array()
            .is_some_and(|peers| peers.iter().all(|peer| peer["connected"] == false))
    };
    b.health_when("solitude", alone).await;
    // Longer than `partition_after`: there is no event for it.
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    let a = setup.start().await;
    for agent in [&a, &b] {
        agent.meshed("weather", 1).await;
    }
    let parent = a.producer("weather").await;
    publish(&parent, old + 1).await;
    let health = b.network_when("weather", "the late one", |network| judged(network, old + 2)).await;
    assert_eq!(health["verdicts"]["reject"], rejected);
    assert_eq!(health["verdicts"]["ignore"], old + 1 - rejected);
}
