//! Networks and consumers side by side.

use futures::StreamExt as _;
use pmq_client::{ConsumeOptions, VerifyOptions, Window};

use pmq_testing::{Setup, judge, message, network, pair, soon};

#[tokio::test]
async fn two_networks_of_one_agent_do_not_see_each_others_messages() {
    let networks = [network("weather", "", "5s"), network("quakes", "", "5s")];
    let (a, _, b) = pair(Setup::with(&[&networks[0], &networks[1]]), Setup::with(&[&networks[0], &networks[1]])).await;
    for agent in [&a, &b] {
        agent.meshed("quakes", 1).await;
    }
    let parent = a.builder().produce("weather").produce("quakes").connect().await.unwrap();
    let mut builder = b.builder();
    for name in ["weather", "quakes"] {
        builder = builder.verify(name, VerifyOptions::default()).consume(name, ConsumeOptions::default());
    }
    let client = builder.connect().await.unwrap();
    judge(&client, "weather");
    judge(&client, "quakes");
    let (mut weather, mut quakes) = (client.consumer("weather").unwrap(), client.consumer("quakes").unwrap());
    for number in 0..20 {
        parent.publish("weather", "weather", format!("good weather {number}")).await.unwrap();
        parent.publish("quakes", "quakes", format!("good quake {number}")).await.unwrap();
    }
    for number in 0..20 {
        assert_eq!(message(&mut weather).await, format!("good weather {number}"));
        assert_eq!(message(&mut quakes).await, format!("good quake {number}"));
    }
    for name in ["weather", "quakes"] {
        let health = b.network_when(name, "all of it", |network| network["verified"]["accept"] == 20).await;
        assert_eq!(health["came_in"], 20);
    }
}

#[tokio::test]
async fn a_slow_consumer_does_not_slow_a_fast_one() {
    let (_a, parent, b) = pair(Setup::new("5s"), Setup::new("5s")).await;
    let _verifier = b.verifier("weather").await;
    let narrow = ConsumeOptions { window: Window { messages: 1, bytes: 1 << 20 }, ..ConsumeOptions::named("slow") };
    let (_slow, mut slow) = b.consumer("weather", narrow).await;
    let (_fast, mut fast) = b.consumer("weather", ConsumeOptions::named("fast")).await;
    for number in 0..200 {
        parent.publish("weather", "weather", format!("good {number}")).await.unwrap();
    }
    // The slow one takes its first message, and acknowledges it only when the fast one has everything.
    let first = soon("the first message", slow.next()).await.unwrap();
    for number in 0..200 {
        assert_eq!(message(&mut fast).await, format!("good {number}"));
    }
    slow.ack(&first);
    for number in 1..200 {
        assert_eq!(message(&mut slow).await, format!("good {number}"));
    }
}
