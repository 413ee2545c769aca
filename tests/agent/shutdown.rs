//! SIGTERM, and the end of standard input.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use pmq_client::{ConsumeOptions, RefuseCode, Status, VerifyOptions};
use rustix::process::Signal;

use pmq_testing::{Setup, message, network, pair, soon, until};

#[tokio::test]
async fn a_verdict_that_is_pending_at_sigterm_takes_effect_and_is_delivered() {
    let (_a, parent, mut b) = pair(Setup::new("8s"), Setup::new("8s")).await;
    let client = b.builder().verify("weather", VerifyOptions::default()).consume("weather", ConsumeOptions::default());
    let client = client.connect().await.unwrap();
    let (mut verifier, mut consumer) = (client.verifier("weather").unwrap(), client.consumer("weather").unwrap());
    parent.publish("weather", "weather", "good").await.unwrap();
    let mut pending = soon("an offer", verifier.next()).await.unwrap();
    b.signal(Signal::TERM);
    b.health_when("the drain", |health| health["subsystems"]["attach"]["detail"] == "shutting down").await;
    pending.accept();
    drop(pending);
    assert_eq!(message(&mut consumer).await, "good");
    assert_eq!(b.exited().await.code(), Some(0));
    let mut status = client.status();
    let lost = soon("the goodbye", status.wait_for(|status| !status.is_connected())).await.unwrap().clone();
    drop((lost, client));
    assert!(!b.setup.socket.exists(), "the socket goes with the agent");
}

#[tokio::test]
async fn one_networks_drain_does_not_cut_anothers_verdicts_short() {
    let networks = [network("weather", "", "8s"), network("quakes", "", "8s")];
    let (_a, parent, mut b) = pair(Setup::with(&[&networks[0], &networks[1]]), Setup::with(&[&networks[0], &networks[1]])).await;
    // One session on both networks; quakes has nothing to wait for.
    let builder = b.builder().verify("weather", VerifyOptions::default()).verify("quakes", VerifyOptions::default());
    let client = builder.consume("weather", ConsumeOptions::default()).connect().await.unwrap();
    let (mut verifier, mut consumer) = (client.verifier("weather").unwrap(), client.consumer("weather").unwrap());
    parent.publish("weather", "weather", "good").await.unwrap();
    let mut pending = soon("an offer", verifier.next()).await.unwrap();
    b.signal(Signal::TERM);
    b.health_when("the drain", |health| health["subsystems"]["attach"]["detail"] == "shutting down").await;
    pending.accept();
    drop(pending);
    assert_eq!(message(&mut consumer).await, "good");
    assert_eq!(b.exited().await.code(), Some(0));
}

#[tokio::test]
async fn a_parent_that_never_answers_does_not_hold_the_agent_beyond_its_bound() {
    let b = Setup::new("20s").agent("shutdown_within = \"3s\"");
    let (_a, parent, mut b) = pair(Setup::new("20s"), b).await;
    let client = b.builder().verify("weather", VerifyOptions::default()).connect().await.unwrap();
    let mut verifier = client.verifier("weather").unwrap();
    parent.publish("weather", "weather", "good").await.unwrap();
    let _never = soon("an offer", verifier.next()).await.unwrap();
    let started = Instant::now();
    b.signal(Signal::TERM);
    assert_eq!(b.exited().await.code(), Some(0));
    let took = started.elapsed();
    assert!(took < Duration::from_millis(3_500), "{took:?}");
    let mut status = client.status();
    let said = |status: &Status| match status {
        Status::Disconnected { reason: pmq_client::ClientError::Refused { code, .. } } => *code == RefuseCode::ShuttingDown,
        // The next attempt found nobody, before this looked.
        Status::Disconnected { .. } => true,
        _ => false,
    };
    soon("the goodbye", status.wait_for(said)).await.unwrap();
}

#[tokio::test]
async fn an_idle_agent_leaves_at_once_when_its_input_ends() {
    let mut agent = Setup::new("4s").start().await;
    let parent = agent.producer("weather").await;
    let started = Instant::now();
    drop(agent.child.stdin.take());
    assert_eq!(agent.exited().await.code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(agent.log().contains("standard input closed"));
    drop(parent);
}

/// What a closed terminal, `systemctl reload` and logrotate send, and signals that end whoever does not expect them.
#[tokio::test]
async fn signals_that_mean_nothing_end_nothing_and_sigquit_drains() {
    let mut agent = Setup::new("4s").start().await;
    for number in [Signal::HUP, Signal::USR1, Signal::USR2, Signal::ALARM, Signal::VTALARM, Signal::PROF, Signal::IO, Signal::POWER] {
        agent.signal(number);
    }
    until("the line", async || agent.log().contains("SIGHUP ignored").then_some(())).await;
    let client = agent.verifier("weather").await;
    agent.signal(Signal::QUIT);
    assert_eq!(agent.exited().await.code(), Some(0));
    let mut status = client.status();
    let status = soon("the goodbye", status.wait_for(|status| !status.is_connected())).await.unwrap().clone();
    drop((status, client));
    assert!(agent.log().contains("shutdown complete"), "it drains");
}
