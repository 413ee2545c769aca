//! From one agent to the next, by the verdict of the parent between them.

use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use pmq_client::{ConsumeOptions, VerifyOptions};
use tokio::task::unconstrained;

use pmq_testing::{Agent, Setup, judge, message, network, pair};

#[tokio::test]
async fn what_a_parent_accepts_is_delivered_and_what_it_rejects_is_not() {
    accepted_is_delivered("").await;
}

#[tokio::test]
async fn the_same_with_the_swarm_on_a_thread_of_its_own() {
    accepted_is_delivered("placement = \"apart\"").await;
    accepted_is_delivered("placement = \"apart\"\nthreads = 2").await;
}

/// With these settings of `[agent]`.
async fn accepted_is_delivered(placement: &str) {
    let (_a, parent, b) = pair(Setup::new("5s").agent(placement), Setup::new("5s").agent(placement)).await;
    let client = b.builder().verify("weather", VerifyOptions::default()).consume("weather", ConsumeOptions::default());
    let client = client.connect().await.unwrap();
    judge(&client, "weather");
    let mut consumer = client.consumer("weather").unwrap();
    assert_eq!(parent.publish("weather", "weather", "good 1").await.unwrap().peers, 1);
    assert!(parent.publish("weather", "weather", "good 1").await.unwrap().duplicate);
    parent.publish("weather", "weather", "bad 2").await.unwrap();
    parent.publish("weather", "weather", "unclear 3").await.unwrap();
    parent.publish("weather", "weather", "good 4").await.unwrap();
    assert_eq!(message(&mut consumer).await, "good 1");
    assert_eq!(message(&mut consumer).await, "good 4");
    let health = b.network_when("weather", "the verdicts", |network| network["came_in"] == 4 && network["pending"]["messages"] == 0).await;
    assert_eq!(health["verified"], serde_json::json!({ "accept": 2, "ignore": 1, "reject": 1 }));
    let ready = b.health_when("readiness", |health| health["ready"] == true).await;
    assert_eq!(ready["subsystems"]["networks"]["detail"][0]["verifiers"], 1);
}

/// A -> B -> C: C hears of A only through B.
async fn line(deadline: &str) -> (Agent, pmq_client::Client, Agent, Agent) {
    let (a, parent, b) = pair(Setup::new(deadline), Setup::new(deadline)).await;
    let c = Setup::new(deadline).peer(&b).start().await;
    c.meshed("weather", 1).await;
    b.meshed("weather", 2).await;
    (a, parent, b, c)
}

#[tokio::test]
async fn only_what_the_parent_in_the_middle_accepts_goes_on() {
    let (_a, parent, b, c) = line("5s").await;
    let _middle = b.verifier("weather").await;
    let _last = c.verifier("weather").await;
    let (_client, mut consumer) = c.consumer("weather", ConsumeOptions::default()).await;
    for payload in ["good 1", "unclear 2", "bad 3", "good 4"] {
        parent.publish("weather", "weather", payload).await.unwrap();
    }
    assert_eq!(message(&mut consumer).await, "good 1");
    assert_eq!(message(&mut consumer).await, "good 4");
    b.network_when("weather", "all verdicts", |network| network["verified"]["ignore"] == 1 && network["verified"]["reject"] == 1).await;
    c.network_when("weather", "what came in", |network| network["came_in"] == 2).await;
}

#[tokio::test]
async fn without_a_verifier_nothing_goes_on_and_one_that_is_back_in_time_has_missed_nothing() {
    let (_a, parent, b, c) = line("3s").await;
    let _last = c.verifier("weather").await;
    let (_client, mut consumer) = c.consumer("weather", ConsumeOptions::default()).await;
    parent.publish("weather", "weather", "good, but nobody says so").await.unwrap();
    b.network_when("weather", "the fallback", |network| network["verdicts"]["ignore"] == 1).await;
    parent.publish("weather", "weather", "good in time").await.unwrap();
    b.network_when("weather", "the second message", |network| network["pending"]["messages"] == 1).await;
    let _middle = b.verifier("weather").await;
    assert_eq!(message(&mut consumer).await, "good in time");
    let health = b.network_when("weather", "the verdict", |network| network["verified"]["accept"] == 1).await;
    assert_eq!(health["lost_by_us"], 1);
}

/// More at once than a turn of anything between parent and overlay takes.
#[tokio::test]
async fn what_a_parent_publishes_without_waiting_leaves_in_its_order() {
    const COUNT: usize = 1_000;
    // Small messages: all of them have room in the neighbour's queue.
    let small = || Setup::with(&[&network("weather", "max_message = \"1KiB\"", "8s")]);
    let (_a, parent, b) = pair(small(), small()).await;
    let _verifier = b.verifier("weather").await;
    let (_client, mut consumer) = b.consumer("weather", ConsumeOptions::default()).await;
    for round in 0..3 {
        let mut answers = FuturesUnordered::new();
        for number in 0..COUNT {
            let mut publish = Box::pin(unconstrained(parent.publish("weather", "weather", format!("good {round}.{number}"))));
            // Asked for here, in this order.
            assert!(publish.as_mut().now_or_never().is_none());
            answers.push(publish);
            if number == COUNT / 2 {
                // Refused before its turn has come.
                let mut elsewhere = Box::pin(unconstrained(parent.publish("weather", "elsewhere", format!("good {round}"))));
                assert!(elsewhere.as_mut().now_or_never().is_none());
                answers.push(elsewhere);
            }
        }
        let mut refused = 0;
        while let Some(published) = answers.next().await {
            refused += usize::from(published.is_err());
        }
        assert_eq!(refused, 1);
        for number in 0..COUNT {
            assert_eq!(message(&mut consumer).await, format!("good {round}.{number}"));
        }
    }
}
