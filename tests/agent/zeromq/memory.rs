//! A parent that takes credit and stops reading costs its window, and not what is sent: measured at the agent's process.

use std::time::Instant;

use futures::{SinkExt as _, StreamExt as _};
use pmq_protocol::session::{ParentEnd, ParentTerms, Want};
use pmq_protocol::wire::message::Ping;
use pmq_protocol::wire::{Cursor, Encoder, Frame, Limits, Overflow, Roles, Window};
use pmq_transports::{Link, connect};

use super::{addresses, with_zeromq};
use pmq_testing::{Agent, Setup, pair, soon};

const MIB: u64 = 1 << 20;
const SIZE: usize = 60 * 1024;
/// 35 MiB.
const COUNT: usize = 600;
/// What else may differ: the sink, the crate's buffer, and how much of the overlay's cache had gone again at the peak.
const SLACK: u64 = 8 * MIB;

fn rss(agent: &Agent) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Attaches with that credit, reads the welcome, and nothing any more.
async fn stall(agent: &Agent, window: Window) -> (Link, Frame) {
    let [ipc, _] = addresses(agent).await;
    let mut link = connect(&ipc.parse().unwrap(), Limits::default()).await.unwrap();
    let want = Want {
        network: "weather".into(),
        roles: Roles::CONSUME,
        verify: Window { messages: 0, bytes: 0 },
        consume: window,
        consumer: "".into(),
        cursor: Cursor::default(),
        policy: Some(Overflow::DropOldest),
        group: "".into(),
    };
    let mut end = ParentEnd::new(vec![want], "stalled", ParentTerms::default(), Instant::now()).unwrap();
    link.outgoing.send(end.poll_frame().unwrap()).await.unwrap();
    while !end.is_attached() {
        end.receive(soon("the welcome", link.incoming.next()).await.unwrap().unwrap(), Instant::now()).unwrap();
    }
    let ping = Encoder::new(Limits::default()).frame(end.session(), [Ping { nonce: 1 }]).unwrap();
    (link, ping)
}

/// How much the agent has grown when 35 MiB have been accepted for a parent that reads nothing of them.
async fn growth(window: Window) -> u64 {
    let ring = "use = \"delivery\"\nring_bytes = \"1MiB\"\n";
    let network = pmq_testing::network("weather", "", "300ms").replace("use = \"delivery\"\n", ring);
    let (_a, producer, b) = pair(Setup::new("300ms"), with_zeromq(Setup::with(&[&network]))).await;
    let _verifier = b.verifier("weather").await;
    let before = rss(&b);
    let (mut stalled, ping) = stall(&b, window).await;
    let mut most = 0;
    for number in 0..COUNT {
        let payload = [&b"good"[..], &number.to_le_bytes(), &[7; SIZE]].concat();
        producer.publish("weather", "weather", payload).await.unwrap();
        if number % 8 == 0 {
            // It does not read, but it is not silent: a silent one is dead after 3 s.
            stalled.outgoing.send(ping.clone()).await.unwrap();
            most = most.max(rss(&b).saturating_sub(before));
        }
    }
    b.network_when("weather", "everything", |network| network["came_in"] == COUNT).await;
    assert_eq!(b.network_when("weather", "the consumer", |_| true).await["consumers"], 1, "the stalled parent is still attached");
    most.max(rss(&b).saturating_sub(before))
}

#[tokio::test]
async fn a_parent_that_stops_reading_costs_its_window_and_not_the_traffic() {
    let window = |bytes| Window { messages: 60_000, bytes };
    // What the overlay's own caches take, whoever attaches.
    let none = growth(window(1)).await;
    let bounded = growth(window(4 * MIB)).await.saturating_sub(none);
    // Without the mitigation: credit for everything.
    let unbounded = growth(window(64 * MIB)).await.saturating_sub(none);
    let mib = |bytes| bytes / MIB;
    eprintln!(
        "grown by {} MiB without credit; by {} MiB more with a window of 4 MiB, {} MiB more with one of 64 MiB",
        mib(none),
        mib(bounded),
        mib(unbounded)
    );
    assert!(bounded < 4 * MIB + SLACK, "{} MiB more with a window of 4 MiB", mib(bounded));
    assert!(unbounded > 25 * MIB, "{} MiB more with a window of 64 MiB: the test measures nothing", mib(unbounded));
}
