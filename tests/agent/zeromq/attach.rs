//! Attaching over ZeroMQ by our own client.

use futures::StreamExt as _;
use pmq_client::{Client, ClientError, ConsumeOptions, Delivery, GapReason, RefuseCode, Status, Token, VerifyOptions};

use super::{TOKEN, addresses, setup};
use pmq_testing::{SOON, judge, message, pair, soon, until, write};

#[tokio::test]
async fn a_parent_of_a_killed_agent_is_back_when_the_agent_is() {
    let agent = setup("4s").start().await;
    let [ipc, _] = addresses(&agent).await;
    let client = Client::builder(&ipc).produce("weather").connect().await.unwrap();
    // The socket's file stays behind, and is replaced.
    let agent = agent.killed().await;
    let mut status = client.status();
    soon("the loss", status.wait_for(|status| !status.is_connected())).await.unwrap();
    let agent = agent.start().await;
    soon("the second link", status.wait_for(|status| matches!(status, Status::Connected { times: 2, .. }))).await.unwrap();
    client.subscribe("weather", "weather/other").await.unwrap();
    drop(agent);
}

#[tokio::test]
async fn over_tcp_the_token_says_who_may() {
    let agent = setup("4s").start().await;
    let [_, tcp] = addresses(&agent).await;
    let builder = || Client::builder(&tcp).connect_timeout(SOON).consume("weather", ConsumeOptions::default());
    for token in [None, Some(Token::new(b"0123456789abcdef0124").unwrap())] {
        let builder = token.map_or_else(builder, |token| builder().token(token));
        match builder.connect().await {
            Err(ClientError::Refused { code: RefuseCode::RoleNotGranted, text }) => assert!(text.contains("token"), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    let client = builder().token(Token::new(TOKEN).unwrap()).connect().await.unwrap();
    assert!(client.status().borrow().is_connected());
}

#[tokio::test]
async fn a_token_that_others_can_read_ends_the_start_by_line_and_key() {
    let setup = setup("4s");
    write(&setup.dir.path().join("parent.token"), "0123456789abcdef0123", 0o640);
    let (code, last, _) = setup.run_to_end();
    assert_ne!(code, Some(0));
    assert!(last.contains("attach.zeromq.token") && last.contains("chmod 0600"), "{last}");
}

#[tokio::test]
async fn the_restart_after_an_enormous_frame_loses_nothing_that_was_acknowledged() {
    let (a, producer, mut b) = pair(setup("4s"), setup("4s")).await;
    let [ipc, _] = addresses(&b).await;
    let client = Client::builder(&ipc).verify("weather", VerifyOptions::default()).consume("weather", ConsumeOptions::default());
    let client = client.produce("weather").connect_timeout(SOON).request_timeout(SOON).connect().await.unwrap();
    judge(&client, "weather");
    let mut consumer = client.consumer("weather").unwrap();
    let (_at_a, mut heard) = a.consumer("weather", ConsumeOptions::default()).await;
    let _verifier = a.verifier("weather").await;
    producer.publish("weather", "weather", "good before").await.unwrap();
    assert_eq!(message(&mut consumer).await, "good before");
    assert_eq!(message(&mut heard).await, "good before");
    client.publish("weather", "weather", "good and answered").await.unwrap();
    super::enormous::abort(&mut b).await;
    let b = b.killed().await;
    // Answered Ok: it is with the neighbours.
    assert_eq!(message(&mut heard).await, "good and answered");
    let b = b.start().await;
    let mut status = client.status();
    soon("the second link", status.wait_for(|status| matches!(status, Status::Connected { times: 2, .. }))).await.unwrap();
    b.meshed("weather", 1).await;
    producer.publish("weather", "weather", "good after").await.unwrap();
    // The restart is told, what was acked does not come again, and what is new comes.
    let mut told = false;
    loop {
        match soon("the new message", consumer.next()).await.unwrap() {
            Delivery::Message { payload, .. } if payload == "good after" => break,
            // It may have come before the end; it was not acked.
            Delivery::Message { payload, .. } => assert_eq!(payload, "good and answered"),
            Delivery::Gap { reason, .. } => told |= reason == GapReason::Restart,
            Delivery::Unverified { .. } => {}
        }
    }
    assert!(told, "no gap told of the restart");
}

#[tokio::test]
async fn a_hundred_links_leave_no_descriptor_behind() {
    let agent = setup("4s").start().await;
    let [ipc, _] = addresses(&agent).await;
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", agent.child.id())).unwrap().count();
    drop(Client::builder(&ipc).connect_timeout(SOON).produce("weather").connect().await.unwrap());
    let before = descriptors();
    for _ in 0..100 {
        Client::builder(&ipc).connect_timeout(SOON).produce("weather").connect().await.unwrap().close().await;
    }
    until("as few descriptors as before", || std::future::ready((descriptors() <= before).then_some(()))).await;
}
