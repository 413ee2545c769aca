//! Verdicts.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};

use super::super::{ClientError, Verdict, VerifyOptions, Window};
use super::{Agent, Place, offer, on_all, payload, soon, wait_for};
use pmq_protocol::session::{AgentEvent, SendError, Timing};
use pmq_protocol::wire::{Cursor, Outstanding, Roles};

on_all! {
    a_closure_answers_a_burst_in_one_frame,
    a_stream_and_a_sink,
    a_dropped_message_has_its_verdict,
    what_is_left_unanswered_gives_its_credit_back_after_the_deadline,
    a_panic_is_left_to_the_deadline,
    heartbeats_flow_while_a_verifier_computes,
    a_verifier_is_attached_again,
    verdicts_of_a_lost_link_are_not_sent,
    pauses_hold_over_links,
    a_dropped_verifier_pauses,
    one_verifier_for_a_declared_network,
    the_window_is_what_was_asked_for,
}

const LONG: Duration = Duration::from_secs(4);

async fn a_closure_answers_a_burst_in_one_frame(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    client
        .verify("weather", |batch| {
            for message in batch {
                assert_eq!(&*message.topic, "weather/reports");
                match message.payload.last().unwrap() % 3 {
                    0 => message.accept(),
                    1 => message.ignore(),
                    _ => message.reject(),
                }
            }
        })
        .unwrap();
    agent.offer(0..10, LONG).await;
    let expected = |n: u32| [Verdict::Accept, Verdict::Ignore, Verdict::Reject][(b'0' + n as u8) as usize % 3];
    assert_eq!(agent.verdicts().await, (0..10).map(|n| (n, expected(n))).collect::<Vec<_>>());
    assert_eq!(agent.end.unverified(0), Outstanding::default());
}

async fn a_stream_and_a_sink(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let (offers, mut verdicts) = client.verifier("weather").unwrap().split();
    let mut bursts = offers.ready_chunks(64);
    agent.offer(0..20, LONG).await;
    let mut seen = 0;
    while seen < 20 {
        for message in soon("offers", bursts.next()).await.unwrap() {
            assert_eq!(message.payload, payload(seen));
            seen += 1;
            verdicts.feed((message, Verdict::Accept)).await.unwrap();
        }
        verdicts.flush().await.unwrap();
    }
    let mut got = Vec::new();
    while got.len() < 20 {
        got.extend(agent.verdicts().await);
    }
    assert_eq!(got, (0..20).map(|n| (n, Verdict::Accept)).collect::<Vec<_>>());
}

async fn a_dropped_message_has_its_verdict(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let mut verifier = client.verifier("weather").unwrap();
    agent.offer(3..4, LONG).await;
    let mut message = soon("an offer", verifier.next()).await.unwrap();
    message.accept();
    message.reject();
    drop(message);
    assert_eq!(agent.verdicts().await, [(3, Verdict::Reject)], "the last one before the drop counts");
}

async fn what_is_left_unanswered_gives_its_credit_back_after_the_deadline(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let mut verifier = client.verifier("weather").unwrap();
    let deadline = Instant::now() + Duration::from_millis(300);
    agent.offer(0..2, Duration::from_millis(300)).await;
    drop(soon("an offer", verifier.next()).await.unwrap());
    drop(soon("an offer", verifier.next()).await.unwrap());
    assert_eq!(agent.verdicts().await, [(0, Verdict::Ignore), (1, Verdict::Ignore)]);
    assert!(Instant::now() > deadline, "the fallback comes first");
    assert_eq!(agent.end.unverified(0), Outstanding::default());
}

async fn a_panic_is_left_to_the_deadline(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    client
        .verify("weather", |batch| {
            for message in batch {
                assert_ne!(message.payload, payload(1), "a verifier's mistake");
                message.accept();
            }
        })
        .unwrap();
    // Long enough for a panic's backtrace to be written on a busy machine.
    let wait = Duration::from_secs(3);
    let deadline = Instant::now() + wait;
    agent.offer(0..3, wait).await;
    assert_eq!(agent.verdicts().await, [(0, Verdict::Accept)], "answered before the panic");
    assert_eq!(agent.verdicts().await, [(1, Verdict::Ignore), (2, Verdict::Ignore)]);
    assert!(Instant::now() > deadline);
    agent.offer(5..6, LONG).await;
    assert_eq!(agent.verdicts().await, [(5, Verdict::Accept)], "the verifier lives on");
}

async fn heartbeats_flow_while_a_verifier_computes(place: Place) {
    let timing = Timing { ping: Duration::from_millis(50), dead: Duration::from_millis(400) };
    let mut listener = place.listen().await;
    let builder = place.builder().verify("weather", VerifyOptions::default()).timing(timing);
    let (client, mut agent) = tokio::join!(builder.connect(), async {
        let mut agent = Agent::accept_with(&mut listener, timing).await;
        agent.welcome(Cursor::default()).await;
        agent
    });
    let client = client.unwrap();
    let (go, gate) = mpsc::channel::<()>();
    client
        .verify("weather", move |batch| {
            gate.recv().unwrap();
            batch.iter_mut().for_each(super::super::Incoming::accept);
        })
        .unwrap();
    agent.offer(0..1, LONG).await;
    // Four times what a silent parent is given. `idle_until` fails if the agent's end takes the parent for dead.
    agent.idle_until(tokio::time::sleep(4 * timing.dead)).await;
    assert!(client.status().borrow().is_connected());
    go.send(()).unwrap();
    assert_eq!(agent.verdicts().await, [(0, Verdict::Accept)]);
}

async fn a_verifier_is_attached_again(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    client.verify("weather", |batch| batch.iter_mut().for_each(super::super::Incoming::accept)).unwrap();
    agent.offer(0..1, LONG).await;
    assert_eq!(agent.verdicts().await, [(0, Verdict::Accept)]);
    for round in 1..4 {
        drop(agent);
        agent = Agent::accept(&mut listener).await;
        agent.welcome(Cursor { stream: 7, counter: 0 }).await;
        agent.offer(round..round + 1, LONG).await;
        assert_eq!(agent.verdicts().await, [(round, Verdict::Accept)]);
    }
}

async fn verdicts_of_a_lost_link_are_not_sent(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let mut verifier = client.verifier("weather").unwrap();
    agent.offer(0..2, LONG).await;
    let mut held = soon("an offer", verifier.next()).await.unwrap();
    drop(agent);
    let mut agent = Agent::accept(&mut listener).await;
    agent.welcome(Cursor { stream: 7, counter: 0 }).await;
    wait_for(&client, "the second link", |status| matches!(status, super::Status::Connected { times: 2, .. })).await;
    held.accept();
    drop(held);
    agent.offer(8..9, LONG).await;
    // What the first link left in the queue does not come: its tickets are no more.
    let mut message = soon("an offer", verifier.next()).await.unwrap();
    assert_eq!(message.payload, payload(8));
    message.accept();
    drop(message);
    assert_eq!(agent.verdicts().await, [(8, Verdict::Accept)]);
    assert_eq!(agent.end.counts().unknown_tickets, 0);
}

async fn pauses_hold_over_links(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    client.pause("weather").unwrap();
    assert!(matches!(agent.event().await, AgentEvent::Paused { network: 0, paused: true }));
    drop(agent);
    let mut agent = Agent::accept(&mut listener).await;
    agent.welcome(Cursor { stream: 7, counter: 0 }).await;
    assert!(matches!(agent.event().await, AgentEvent::Paused { network: 0, paused: true }));
    let offer = agent.end.validate(0, &[offer(0, LONG)], Instant::now());
    assert!(matches!(offer, Err(SendError::Overrun { .. })), "a paused verifier gives no credit to a new link: {offer:?}");
    client.resume("weather").unwrap();
    assert!(matches!(agent.event().await, AgentEvent::Paused { network: 0, paused: false }));
    assert!(matches!(agent.event().await, AgentEvent::Window { network: 0, role: Roles::VERIFY, window } if window.messages > 0));
    assert!(matches!(client.pause("quakes"), Err(ClientError::NotDeclared { .. })));
}

async fn a_dropped_verifier_pauses(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    drop(client.verifier("weather").unwrap());
    assert!(matches!(agent.event().await, AgentEvent::Paused { network: 0, paused: true }));
}

async fn one_verifier_for_a_declared_network(place: Place) {
    let mut listener = place.listen().await;
    let (client, _agent) = place.attached(&mut listener).await;
    let _verifier = client.verifier("weather").unwrap();
    assert!(matches!(client.verifier("weather"), Err(ClientError::Taken { .. })));
    assert!(matches!(client.verify("weather", |_| ()), Err(ClientError::Taken { .. })));
    let error = client.verifier("quakes").unwrap_err();
    assert!(error.to_string().contains(".verify(\"quakes\", ..) before .connect()"), "{error}");
}

async fn the_window_is_what_was_asked_for(place: Place) {
    let mut listener = place.listen().await;
    let window = Window { messages: 3, bytes: 1000 };
    let builder = place.builder().verify("weather", VerifyOptions { window, ..VerifyOptions::default() });
    let (client, agent) = tokio::join!(builder.connect(), async {
        let mut agent = Agent::accept(&mut listener).await;
        agent.welcome(Cursor::default()).await;
        agent
    });
    let _client = client.unwrap();
    assert_eq!(agent.wants[0].verify, window);
}
