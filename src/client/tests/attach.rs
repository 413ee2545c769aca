//! Links: made, refused, lost and made again.

use std::time::{Duration, Instant};

use futures::{FutureExt, SinkExt, StreamExt};

use super::super::{Client, ClientError, ConsumeOptions, PublishError, RefuseCode, RequestError, VerifyOptions};
use super::{Agent, Place, Status, on_all, soon, wait_for};
use pmq_protocol::session::{AgentEvent, Timing};
use pmq_protocol::wire::message::Refuse;
use pmq_protocol::wire::{Cursor, Encoder, SessionId};
use pmq_transports::Credential;

on_all! {
    a_role_that_is_not_granted_ends_the_client,
    another_version_is_refused_by_name,
    an_agents_other_version_is_refused_by_name,
    an_agent_that_comes_later_is_found,
    a_welcome_that_does_not_come_is_a_timeout,
    a_hanging_agent_is_noticed,
    a_replaced_consumer_does_not_fight,
    a_shutdown_is_waited_out,
    the_status_names_the_agent,
    close_sends_what_was_given,
    garbage_costs_one_link,
    streams_end_with_their_runtime,
}

async fn a_role_that_is_not_granted_ends_the_client(place: Place) {
    let mut listener = place.listen().await;
    for (network, code) in [("quakes", RefuseCode::RoleNotGranted), ("tides", RefuseCode::NetworkUnknown)] {
        let builder = place.builder().verify(network, VerifyOptions::default());
        let began = Instant::now();
        let (connected, ()) = tokio::join!(builder.connect(), async {
            let mut agent = Agent::accepted(soon("a link", listener.accept()).await.unwrap(), Timing::default());
            soon("the end", agent.next()).await.unwrap_err();
        });
        match connected.unwrap_err() {
            ClientError::Refused { code: why, text } => {
                assert_eq!(why, code);
                assert!(text.contains(network), "{text}");
            }
            other => panic!("{other}"),
        }
        assert!(began.elapsed() < Duration::from_secs(2), "at once, not when the time is up");
    }
    assert!(listener.accept().now_or_never().is_none(), "it does not come back");
}

async fn another_version_is_refused_by_name(place: Place) {
    let mut listener = place.listen().await;
    let (connected, ()) = tokio::join!(place.builder().produce("weather").connect(), async {
        let mut link = soon("a link", listener.accept()).await.unwrap();
        soon("the hello", link.incoming.next()).await.unwrap().unwrap();
        let text = "protocol version 1, this agent speaks version 2";
        let refuse = Refuse { network: 0, code: RefuseCode::Version, fatal: true, about: 0, text };
        link.outgoing.send(Encoder::default().frame(SessionId(1), [refuse]).unwrap()).await.unwrap();
        assert!(soon("the end", link.incoming.next()).await.is_none());
    });
    match connected.unwrap_err() {
        ClientError::Refused { code: RefuseCode::Version, text } => assert!(text.contains("version 2"), "{text}"),
        other => panic!("{other}"),
    }
}

async fn an_agents_other_version_is_refused_by_name(place: Place) {
    let mut listener = place.listen().await;
    let (connected, ()) = tokio::join!(place.builder().produce("weather").connect(), async {
        let mut agent = Agent::accept(&mut listener).await;
        agent.end.welcome(&[Cursor::default()], Instant::now()).unwrap();
        let mut welcome = agent.end.poll_frame().unwrap();
        let mut head = welcome.head.to_vec();
        head[..2].copy_from_slice(&77u16.to_le_bytes());
        welcome.head = head.into();
        agent.link.outgoing.send(welcome).await.unwrap();
        // Its refusal, then its end.
        while soon("the end", agent.link.incoming.next()).await.is_some() {}
    });
    match connected.unwrap_err() {
        ClientError::Refused { code: RefuseCode::Version, text } => assert!(text.contains("77"), "{text}"),
        other => panic!("{other}"),
    }
}

async fn an_agent_that_comes_later_is_found(place: Place) {
    let connecting = tokio::spawn(place.builder().produce("weather").connect());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut listener = place.listen().await;
    let mut agent = Agent::accept(&mut listener).await;
    agent.welcome(Cursor::default()).await;
    soon("the client", connecting).await.unwrap().unwrap();
}

async fn a_welcome_that_does_not_come_is_a_timeout(place: Place) {
    let _listener = place.listen().await;
    let patience = Duration::from_millis(200);
    let connected = place.builder().produce("weather").connect_timeout(patience).connect().await;
    assert!(matches!(connected, Err(ClientError::Timeout { after, .. }) if after == patience));
    assert!(matches!(Client::builder("tcp://127.0.0.1:1").connect().await, Err(ClientError::Link(_))));
    // What no further attempt mends is told at once.
    #[cfg(feature = "grpc")]
    assert!(
        matches!(Client::builder("grpcs://127.0.0.1:1").connect().await, Err(ClientError::Link(error)) if matches!(*error, pmq_transports::LinkError::Certificate { .. }))
    );
}

/// With the real times: asked after 1 s, dead at 3 s.
async fn a_hanging_agent_is_noticed(place: Place) {
    let mut listener = place.listen().await;
    let (client, agent) = place.attached(&mut listener).await;
    // Its link stays open and says nothing.
    let began = Instant::now();
    let status = wait_for(&client, "the loss", |status| !status.is_connected()).await;
    let took = began.elapsed();
    assert!(matches!(status, Status::Disconnected { reason: ClientError::Dead(_) }), "{status:?}");
    assert!((Duration::from_millis(2900)..Duration::from_millis(4500)).contains(&took), "{took:?}");
    let mut second = Agent::accept(&mut listener).await;
    second.welcome(Cursor { stream: 7, counter: 0 }).await;
    wait_for(&client, "the second link", Status::is_connected).await;
    drop(agent);
}

async fn a_replaced_consumer_does_not_fight(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let mut consumer = client.consumer("weather").unwrap();
    agent.end.close(0, RefuseCode::Replaced, "another session attached as archive");
    agent.flush().await;
    let status = wait_for(&client, "the end", |status| status.end().is_some()).await;
    assert!(matches!(status, Status::Refused(ClientError::Refused { code: RefuseCode::Replaced, .. })), "{status:?}");
    assert!(soon("the stream's end", consumer.next()).await.is_none());
    let error = client.publish("weather", "weather/reports", "report").await.unwrap_err();
    let PublishError::Request(RequestError::Client(ClientError::Refused { code, .. })) = error else { panic!("{error}") };
    assert_eq!(code, RefuseCode::Replaced);
    assert!(listener.accept().now_or_never().is_none(), "it does not come back");
}

async fn a_shutdown_is_waited_out(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    agent.end.close(0, RefuseCode::ShuttingDown, "bye");
    agent.flush().await;
    drop((agent, listener));
    wait_for(&client, "the loss", |status| !status.is_connected()).await;
    let mut listener = place.listen().await;
    let mut agent = Agent::accept(&mut listener).await;
    agent.welcome(Cursor { stream: 7, counter: 0 }).await;
    let status = wait_for(&client, "the second link", Status::is_connected).await;
    assert!(matches!(status, Status::Connected { times: 2, .. }));
}

async fn the_status_names_the_agent(place: Place) {
    let mut listener = place.listen().await;
    let (client, _agent) = place.attached(&mut listener).await;
    let Status::Connected { agent, networks, times: 1 } = client.status().borrow().clone() else { panic!("not connected") };
    match agent {
        Credential::Uid { uid, pid, .. } => assert_eq!((uid, pid), (rustix::process::geteuid().as_raw(), Some(std::process::id() as i32))),
        Credential::Memory(name) => assert!(place.address.to_string().ends_with(&*name)),
        other => panic!("{other}"),
    }
    assert_eq!((&*networks[0].network, networks[0].deadline), ("weather", Duration::from_secs(4)));
}

async fn close_sends_what_was_given(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let mut verifier = client.verifier("weather").unwrap();
    agent.offer(0..3, Duration::from_secs(4)).await;
    for _ in 0..3 {
        soon("an offer", verifier.next()).await.unwrap().accept();
    }
    soon("the end", client.close()).await;
    let mut got = 0;
    while got < 3 {
        got += agent.verdicts().await.len();
    }
    assert!(matches!(agent.event().await, AgentEvent::Refused { code: RefuseCode::ShuttingDown, fatal: true, .. }));
    assert!(soon("the stream's end", verifier.next()).await.is_none());
    assert!(matches!(client.subscribe("weather", "t").await, Err(RequestError::Client(ClientError::Closed))));
    soon("a second close", client.close()).await;
}

/// A frame that the protocol has no place for ends the session with a refusal, and the client comes back.
async fn garbage_costs_one_link(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let hello =
        pmq_protocol::session::ParentEnd::new(agent.wants.clone(), "", pmq_protocol::session::ParentTerms::default(), Instant::now());
    let mut foreign = hello.unwrap().poll_frame().unwrap();
    foreign.prefix.session = agent.end.session();
    agent.link.outgoing.send(foreign).await.unwrap();
    assert!(matches!(agent.event().await, AgentEvent::Refused { code: RefuseCode::OutOfOrder, fatal: true, .. }));
    let mut agent = Agent::accept(&mut listener).await;
    agent.welcome(Cursor { stream: 7, counter: 0 }).await;
    wait_for(&client, "the second link", |status| matches!(status, Status::Connected { times: 2, .. })).await;
}

/// A verifier's thread must not outlive the task that feeds it.
async fn streams_end_with_their_runtime(place: Place) {
    let mut listener = place.listen().await;
    let builder = place.builder().verify("weather", VerifyOptions::default()).produce("weather");
    let parent = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(builder.connect()).unwrap();
        let (alive, ended) = std::sync::mpsc::channel::<()>();
        client.verify("weather", move |_| alive.send(()).unwrap()).unwrap();
        drop(runtime);
        // The closure is dropped with its thread, and the channel with the closure.
        let ended = ended.recv_timeout(super::PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Disconnected);
        (client, ended)
    });
    let mut agent = Agent::accept(&mut listener).await;
    agent.welcome(Cursor::default()).await;
    let (client, ended) = tokio::task::spawn_blocking(|| parent.join().unwrap()).await.unwrap();
    assert!(ended, "the verifier's thread goes on");
    assert!(matches!(client.subscribe("weather", "t").await, Err(RequestError::Client(ClientError::Closed))));
}

#[test]
fn texts_name_the_mend() {
    let error = ClientError::NotDeclared { network: "weather".into(), role: "consume" };
    assert_eq!(error.to_string(), "consume on network \"weather\" was not declared: add .consume(\"weather\", ..) before .connect()");
    assert!(ConsumeOptions::named("x").name == "x");
}
