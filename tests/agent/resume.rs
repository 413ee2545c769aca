//! Consumers that come back: nothing is lost in silence, nothing comes twice.

use pmq_client::{Client, ConsumeOptions, Consumer, Cursor, Delivery, GapReason, Status, VerifyOptions};

use pmq_testing::{Agent, Setup, judge, message, next, pair, soon};

async fn publish(parent: &Client, numbers: std::ops::Range<usize>) {
    for number in numbers {
        parent.publish("weather", "weather", format!("good {number}")).await.unwrap();
    }
}

async fn expect(consumer: &mut Consumer, numbers: std::ops::Range<usize>) {
    for number in numbers {
        assert_eq!(message(consumer).await, format!("good {number}"));
    }
}

async fn come_back(agent: &Agent, cursor: Cursor) -> (Client, Consumer) {
    agent.consumer("weather", ConsumeOptions { cursor, ..ConsumeOptions::named("archive") }).await
}

#[tokio::test]
async fn a_consumer_goes_on_behind_its_last_ack_by_cursor_or_by_name() {
    let (_a, parent, b) = pair(Setup::new("5s"), Setup::new("5s")).await;
    let _verifier = b.verifier("weather").await;
    let (client, mut consumer) = come_back(&b, Cursor::default()).await;
    publish(&parent, 0..6).await;
    expect(&mut consumer, 0..4).await;
    let cursor = consumer.cursor();
    client.close().await;
    publish(&parent, 6..8).await;

    let (client, mut consumer) = come_back(&b, cursor).await;
    expect(&mut consumer, 4..6).await;
    client.close().await;
    publish(&parent, 8..10).await;

    let (_client, mut consumer) = come_back(&b, Cursor::default()).await;
    expect(&mut consumer, 6..10).await;
}

#[tokio::test]
async fn a_client_survives_its_agents_death_and_is_told_of_the_gap() {
    let (a, parent, b) = pair(Setup::new("5s"), Setup::new("5s")).await;
    let builder = b.builder().verify("weather", VerifyOptions::default()).consume("weather", ConsumeOptions::named("archive"));
    let client = builder.connect().await.unwrap();
    judge(&client, "weather");
    let mut consumer = client.consumer("weather").unwrap();
    publish(&parent, 0..2).await;
    expect(&mut consumer, 0..2).await;

    let mut status = client.status();
    let setup = b.killed().await;
    soon("the loss", status.wait_for(|status| !status.is_connected())).await.unwrap();
    assert!(setup.socket.exists(), "a killed agent leaves its socket");
    let b = setup.start().await;
    soon("the second link", status.wait_for(Status::is_connected)).await.unwrap();
    for agent in [&a, &b] {
        agent.meshed("weather", 1).await;
    }
    publish(&parent, 2..4).await;
    assert!(matches!(next(&mut consumer).await, Delivery::Gap { reason: GapReason::Restart, count: 0, .. }));
    expect(&mut consumer, 2..4).await;
}
