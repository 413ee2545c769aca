//! Parents that die or hang with messages in their hands.

use std::time::{Duration, Instant};

use futures::{SinkExt as _, StreamExt as _};
use pmq_client::{ConsumeOptions, Delivery, Reason, VerifyOptions};
use pmq_protocol::session::{ParentEnd, ParentEvent, ParentTerms, Request, Want};
use pmq_protocol::wire::message::Judged;
use pmq_protocol::wire::{Cursor, Limits, Roles, Ticket, Verdict, Window};
use pmq_transports::{Link, connect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use pmq_testing::{Agent, Setup, message, next, pair, soon};

/// A parent that speaks the protocol by hand, and only when it is told to.
pub struct Raw {
    pub link: Link,
    pub end: ParentEnd,
    /// Offers that it has taken, with their networks.
    pub tickets: Vec<(Ticket, u16)>,
}

impl Raw {
    pub async fn attach(agent: &Agent, roles: Roles) -> Self {
        Self::attach_at(&agent.url(), roles).await
    }

    async fn attach_at(url: &str, roles: Roles) -> Self {
        let window = Window { messages: 100, bytes: 1 << 20 };
        let want = Want {
            network: "weather".into(),
            roles,
            verify: window,
            consume: window,
            consumer: "".into(),
            group: "".into(),
            cursor: Cursor::default(),
            policy: None,
        };
        let link = connect(&url.parse().unwrap(), Limits::default()).await.unwrap();
        let end = ParentEnd::new(vec![want], "by hand", ParentTerms::default(), Instant::now()).unwrap();
        let mut raw = Self { link, end, tickets: Vec::new() };
        let hello = raw.end.poll_frame().unwrap();
        raw.link.outgoing.send(hello).await.unwrap();
        let ParentEvent::Welcomed(_) = raw.event().await else { panic!("no welcome") };
        raw
    }

    /// The next event. Nothing is written meanwhile.
    pub async fn event(&mut self) -> ParentEvent {
        loop {
            if let Some(event) = self.end.poll_event() {
                return event;
            }
            let frame = soon("a frame", self.link.incoming.next()).await.expect("the link has ended").unwrap();
            self.end.receive(frame, Instant::now()).unwrap();
        }
    }

    /// Takes offers until it holds `count` messages.
    pub async fn hold(&mut self, count: u32) {
        while self.end.unverified(0).messages < count {
            let event = self.event().await;
            self.note(&event);
        }
    }
}

async fn publish(parent: &pmq_client::Client, count: usize) {
    for number in 0..count {
        parent.publish("weather", "weather", format!("good {number}")).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_dead_parent_held_goes_to_another_of_its_group() {
    let (_a, parent, b) = pair(Setup::new("8s"), Setup::new("8s")).await;
    let (_client, mut consumer) = b.consumer("weather", ConsumeOptions::default()).await;
    let mut dying = Raw::attach(&b, Roles::VERIFY).await;
    publish(&parent, 5).await;
    dying.hold(5).await;
    drop(dying);
    b.network_when("weather", "the loss", |network| network["verifiers"] == 0 && network["pending"]["messages"] == 5).await;
    let _other = b.verifier("weather").await;
    for number in 0..5 {
        assert_eq!(message(&mut consumer).await, format!("good {number}"));
    }
}

/// The agent is in the middle of a write when its parent's system takes no more; the verdict comes a moment later.
#[tokio::test]
async fn the_last_verdict_of_a_parent_that_no_longer_reads_counts() {
    for _ in 0..5 {
        if a_last_verdict_in_time().await {
            return;
        }
    }
    panic!("in five tries the verdict never came within the agent's patience: the machine stalls");
}

/// False if the machine stalled for so long that the agent had a right to wait no longer (half a second).
async fn a_last_verdict_in_time() -> bool {
    let (_a, parent, b) = pair(Setup::new("8s"), Setup::new("8s")).await;
    let (_client, mut consumer) = b.consumer("weather", ConsumeOptions::default()).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let agent = std::os::unix::net::UnixStream::connect(&b.setup.socket).unwrap();
    let agents_end = agent.try_clone().unwrap();
    agent.set_nonblocking(true).unwrap();
    let (mut from_agent, mut to_agent) = UnixStream::from_std(agent).unwrap().into_split();
    let (passed, mut has_passed) = watch::channel(0);
    tokio::spawn(async move {
        let (mut from_parent, mut to_parent) = listener.accept().await.unwrap().0.into_split();
        let to_agent = async {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = from_parent.read(&mut buffer).await {
                if to_agent.write_all(&buffer[..length]).await.is_err() {
                    break;
                }
                passed.send_modify(|passed| *passed += length);
            }
        };
        tokio::join!(to_agent, tokio::io::copy(&mut from_agent, &mut to_parent))
    });
    let mut raw = Raw::attach_at(&format!("unix://{}", path.display()), Roles::VERIFY).await;
    publish(&parent, 1).await;
    raw.hold(1).await;
    rustix::net::shutdown(&agents_end, rustix::net::Shutdown::Read).unwrap();
    let begun = Instant::now();
    parent.publish("weather", "weather", "good 1").await.unwrap();
    // The second is handed out as soon as it is there, which fails.
    b.metric_when("pmq_gossip_messages_received_total", &[], |messages| messages >= 2.0).await;
    let (ticket, network) = raw.tickets[0];
    raw.end.verdicts([Judged { network, ticket, verdict: Verdict::Accept, reason: 0, text: "" }]).unwrap();
    let before = *has_passed.borrow_and_update();
    raw.link.outgoing.send(raw.end.poll_frame().unwrap()).await.unwrap();
    // An error: the agent has closed its end.
    let has_passed = has_passed.wait_for(|passed| *passed > before).await.is_ok();
    if begun.elapsed() > Duration::from_millis(450) {
        return false;
    }
    assert!(has_passed, "the agent did not wait for the verdict");
    assert_eq!(message(&mut consumer).await, "good 0");
    true
}

#[tokio::test]
async fn what_nobody_took_over_in_time_is_told_with_its_cause_and_count() {
    let (_a, parent, b) = pair(Setup::new("2s"), Setup::new("2s")).await;
    let (_client, mut consumer) = b.consumer("weather", ConsumeOptions::default()).await;
    let mut dying = Raw::attach(&b, Roles::VERIFY).await;
    publish(&parent, 3).await;
    dying.hold(3).await;
    drop(dying);
    let mut told = 0;
    while told < 3 {
        match next(&mut consumer).await {
            Delivery::Unverified { topic, cause: Reason::VerifierLost, count, .. } if *topic == *"weather" => told += count,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told, 3);
    let _back = b.verifier("weather").await;
    parent.publish("weather", "weather", "good again").await.unwrap();
    assert_eq!(message(&mut consumer).await, "good again");
}

#[tokio::test]
async fn a_parent_that_hangs_is_cut_after_three_seconds_and_others_go_on() {
    let (_a, parent, b) = pair(Setup::new("8s"), Setup::new("8s")).await;
    let mut hanging = Raw::attach(&b, Roles::VERIFY).await;
    let (client, mut consumer) = b.consumer("weather", ConsumeOptions::default()).await;
    publish(&parent, 2).await;
    hanging.hold(2).await;
    let silent = Instant::now();
    let helper = b.builder().verify("weather", VerifyOptions::default()).connect().await.unwrap();
    pmq_testing::judge(&helper, "weather");
    // It reads no more and answers no ping; its link stays open.
    assert_eq!(message(&mut consumer).await, "good 0");
    let took = silent.elapsed();
    assert!(took > Duration::from_millis(1_500), "it was given its time: {took:?}");
    assert!(took < Duration::from_secs(7), "it was found by its silence, not by the deadline: {took:?}");
    assert_eq!(message(&mut consumer).await, "good 1");
    assert!(client.status().borrow().is_connected() && helper.status().borrow().is_connected());
    let text = loop {
        if let ParentEvent::Refused { code: pmq_client::RefuseCode::Heartbeat, fatal: true, text, .. } = hanging.event().await {
            break text;
        }
    };
    assert!(text.contains("taken for dead"), "{text}");
}

/// Answers that are held back for further ones leave by themselves: here nothing follows, and the agent's ping, which would take them along, comes after a second of silence.
#[tokio::test]
async fn answers_do_not_wait_for_something_to_leave_with() {
    let (_a, _parent, b) = pair(Setup::new("8s"), Setup::new("8s")).await;
    let mut raw = Raw::attach(&b, Roles::PRODUCE).await;
    let mut judged = 0;
    for round in 0..20 {
        let begun = Instant::now();
        for number in 0..3 {
            raw.end.publish(0, "weather", format!("good {round}.{number}").into()).unwrap();
        }
        // Together, so that the agent takes this parent for one that asks on without waiting.
        while let Some(frame) = raw.end.poll_frame() {
            raw.link.outgoing.feed(frame).await.unwrap();
        }
        raw.link.outgoing.flush().await.unwrap();
        for _ in 0..3 {
            let ParentEvent::Published { .. } = raw.event().await else { panic!("no answer") };
        }
        // A machine that stalls may bring a ping by itself.
        if begun.elapsed() < Duration::from_millis(500) {
            judged += 1;
            assert_eq!(raw.end.queued(), 0, "a ping has come with the answers, and wants its pong");
        }
    }
    assert!(judged > 0);
}

/// What it had asked for is under way, and holds what its end waits for.
#[tokio::test]
async fn a_parent_that_leaves_in_the_middle_of_subscribing_keeps_nobody_else_from_it() {
    let agent = Setup::new("8s").start().await;
    for round in 0..5 {
        let mut raw = Raw::attach(&agent, Roles::PRODUCE).await;
        for number in 0..20 {
            raw.end.request(0, &Request::Subscribe(format!("weather/{round}.{number}").into())).unwrap();
        }
        while let Some(frame) = raw.end.poll_frame() {
            raw.link.outgoing.feed(frame).await.unwrap();
        }
        raw.link.outgoing.flush().await.unwrap();
        drop(raw);
        let other = agent.producer("weather").await;
        soon("the other one's topic", other.subscribe("weather", "weather/other")).await.unwrap();
    }
}
