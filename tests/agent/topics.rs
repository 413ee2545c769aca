//! Topics that are none: an empty name, and one of 1,025 bytes, where a network claims all topics.

use pmq_client::{ConsumeOptions, MarkOp, PublishError, PublishStatus, RefuseCode, RequestError};

use pmq_testing::{Setup, message, pair, soon};

/// Claims every topic: no pattern refuses a name.
const ALL: &str = "version = 1\nname = \"weather\"\ntopics = [\"*\"]\nsubscribe = [\"weather\"]\n\
    [[stage]]\nuse = \"validation-queue\"\ndeadline = \"5s\"\n[[stage]]\nuse = \"delivery\"\n";

fn names() -> [(String, &'static str); 2] {
    [(String::new(), "this one has 0"), ("t".repeat(1025), "this one has 1025")]
}

/// Nothing of what is refused ends the session, and a verifier never meets such a topic.
#[tokio::test]
async fn what_a_parent_asks_for_on_a_topic_that_is_none_is_refused() {
    let (_a, parent, b) = pair(Setup::with(&[ALL]), Setup::with(&[ALL])).await;
    let verifier = b.verifier("weather").await;
    let (_client, mut consumer) = b.consumer("weather", ConsumeOptions::default()).await;
    let there = b.producer("weather").await;
    for (name, length) in names() {
        let refused = |result: Result<(), RequestError>| match result {
            Err(RequestError::Refused { code: RefuseCode::RequestFailed, text }) => {
                assert!(text.contains(length) && text.contains("1 to 1024 bytes"), "{text}");
            }
            other => panic!("{} bytes: {other:?}", name.len()),
        };
        refused(there.subscribe("weather", &name).await);
        refused(there.unsubscribe("weather", &name).await);
        refused(there.mark("weather", &name, [7; 32], 0, 1, MarkOp::Seed).await);
        if !name.is_empty() {
            // An empty one stands for all topics of the network.
            refused(there.thresholds("weather", &name, 1, 2).await);
        }
        match parent.publish("weather", &name, "good on no topic").await {
            Err(PublishError::NotSent { status: PublishStatus::TopicUnknown, text, .. }) => assert!(text.contains(length), "{text}"),
            other => panic!("{} bytes: {other:?}", name.len()),
        }
    }
    // The same sessions go on, and the longest name is one.
    let longest = "t".repeat(1024);
    there.subscribe("weather", &longest).await.unwrap();
    parent.publish("weather", &longest, "good on the longest").await.unwrap();
    assert_eq!(message(&mut consumer).await, "good on the longest");
    assert!(verifier.status().borrow().is_connected());
}

/// At the operator's socket, too.
#[tokio::test]
async fn what_an_operator_asks_for_on_a_topic_that_is_none_is_refused() {
    let agent = Setup::with(&[ALL]).start().await;
    for (name, length) in names() {
        for (request, code) in [
            (serde_json::json!({ "v": 1, "publish": { "topic": name } }), "unknown-topic"),
            (serde_json::json!({ "v": 1, "publish": { "topic": name, "network": "weather" } }), "unknown-topic"),
            (serde_json::json!({ "v": 1, "tap": { "topics": [name] } }), "bad-request"),
        ] {
            let answer = soon("the answer", agent.ask(&request.to_string()).await.next()).await;
            let text = answer["error"]["text"].as_str().unwrap_or_default();
            assert!(answer["error"]["code"] == code && text.contains(length), "{request}: {answer}");
        }
    }
}
