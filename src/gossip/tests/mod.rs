//! Agents over real TCP on loopback. Whatever is waited for is an event or a polled state, with a bound on time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod connections;
mod frames;
mod interop;
mod lifecycle;
mod plain;
mod publish;
mod quic;
mod score;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use pmq_pipeline::{Arrival, Claims, Inlet, Outcome, Overflowed, Report, Topic, Topics};
use pmq_protocol::wire::{Reason, Verdict};

/// Nothing in these tests takes longer.
pub(super) const BOUND: Duration = Duration::from_secs(20);
/// Long enough for a message to have come, on a path that a later message has meanwhile taken; see [`Node::silent`].
pub(super) const DEADLINE: Duration = Duration::from_secs(4);

/// Settings for many agents on one address.
pub(super) fn settings() -> Settings {
    let mut settings = Settings { listen: vec!["/ip4/127.0.0.1/tcp/0".into()], ..Settings::default() };
    settings.score.address.exempt = vec![Ipv4Addr::LOCALHOST.into()];
    settings.redial = Redial { min: Duration::from_millis(50), max: Duration::from_millis(400) };
    settings
}

pub(super) fn network() -> NetworkOverlay {
    NetworkOverlay::new("test", Claims(vec!["test/*".into()]), DEADLINE, &NetworkSettings::default())
}

pub(super) fn topic(name: &str) -> Topic {
    Topics::new(1).intern(name).unwrap()
}

/// An agent with its one pipeline.
pub(super) struct Node {
    pub(super) gossip: Gossip,
    pub(super) running: Running,
    pub(super) sink: mpsc::Sender<Arrival>,
    pub(super) arrivals: mpsc::Receiver<Arrival>,
}

impl Node {
    pub(super) async fn new(settings: Settings) -> Self {
        Self::with(settings, Identity::ephemeral(), network()).await
    }

    /// Dials `others`.
    pub(super) async fn dialling(others: &[&Self]) -> Self {
        Self::new(Settings { peers: others.iter().map(|node| node.address()).collect(), ..settings() }).await
    }

    pub(super) async fn with(settings: Settings, identity: Identity, network: NetworkOverlay) -> Self {
        let (gossip, running) = start(&settings, &identity, vec![network]).await.unwrap();
        let (sink, arrivals) = mpsc::channel(1024);
        Self { gossip, running, sink, arrivals }
    }

    /// The way into its one pipeline.
    pub(super) fn inlet(&self) -> Inlet {
        Inlet::new(self.sink.clone(), Overflowed::default())
    }

    pub(super) fn address(&self) -> String {
        self.running.listen.first().unwrap().clone()
    }

    pub(super) async fn join(&self, name: &str) {
        self.gossip.subscribe(topic(name), self.inlet()).await.unwrap();
    }

    pub(super) async fn publish(&self, name: &str, payload: &'static str) -> Published {
        self.gossip.publish(topic(name), Bytes::from_static(payload.as_bytes())).await.unwrap()
    }

    /// The next arrival.
    pub(super) async fn next(&mut self) -> Arrival {
        timeout(BOUND, self.arrivals.recv()).await.expect("an arrival in time").expect("gossip runs")
    }

    /// The next arrival, which must carry `payload`.
    pub(super) async fn expect(&mut self, payload: &str) -> Arrival {
        let arrival = self.next().await;
        assert_eq!(arrival.payload, payload.as_bytes());
        arrival
    }

    pub(super) async fn report(&self, arrival: &Arrival, verdict: Verdict) {
        self.gossip.reports().send(Report::of(arrival, Outcome { verdict, reason: Reason::Verified })).await.unwrap();
    }

    pub(super) async fn view(&self, of: &Self) -> Option<PeerView> {
        self.gossip.peers().await.unwrap().into_iter().find(|view| view.peer_id == of.gossip.peer_id())
    }

    /// Waits until the view of `of` satisfies `holds`.
    pub(super) async fn until(&self, of: &Self, what: &str, holds: impl Fn(&PeerView) -> bool) -> PeerView {
        let start = Instant::now();
        loop {
            let view = self.view(of).await;
            if let Some(view) = view.clone().filter(|view| holds(view)) {
                return view;
            }
            assert!(start.elapsed() < BOUND, "{what}: not so after {BOUND:?}: {view:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until each has the other in the topic's mesh.
    pub(super) async fn meshed(&self, other: &Self, name: &str) {
        let in_mesh = |view: &PeerView| view.mesh.iter().any(|topic| **topic == *name);
        self.until(other, "in the mesh", in_mesh).await;
        other.until(self, "in the mesh", in_mesh).await;
    }
}

/// The metrics of all agents that this test starts: it runs on one thread.
pub(super) struct Meter(PrometheusRecorder);

impl Meter {
    pub(super) fn new() -> Self {
        Self(PrometheusBuilder::new().build_recorder())
    }

    pub(super) fn install(&self) -> ::metrics::LocalRecorderGuard<'_> {
        ::metrics::set_default_local_recorder(&self.0)
    }

    /// A counter's value, by its name and labels as the text format has them.
    pub(super) fn value(&self, name: &str) -> u64 {
        let text = self.0.handle().render();
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// Waits until a counter has reached `value`.
    pub(super) async fn reaches(&self, name: &str, value: u64) {
        let start = Instant::now();
        while self.value(name) < value {
            assert!(start.elapsed() < BOUND, "{name} is {} after {BOUND:?}, not {value}", self.value(name));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A line A - B - C whose meshes on `test/t` stand.
pub(super) async fn line(settings_of_b: impl FnOnce(&mut Settings)) -> (Node, Node, Node) {
    line_with(settings_of_b, network()).await
}

pub(super) async fn line_with(settings_of_b: impl FnOnce(&mut Settings), network: NetworkOverlay) -> (Node, Node, Node) {
    let mut of_b = settings();
    settings_of_b(&mut of_b);
    let b = Node::with(of_b, Identity::ephemeral(), network.clone()).await;
    let dial_b = || Settings { peers: vec![b.address()], ..settings() };
    let a = Node::with(dial_b(), Identity::ephemeral(), network.clone()).await;
    let c = Node::with(dial_b(), Identity::ephemeral(), network).await;
    for node in [&a, &b, &c] {
        node.join("test/t").await;
    }
    a.meshed(&b, "test/t").await;
    c.meshed(&b, "test/t").await;
    (a, b, c)
}
