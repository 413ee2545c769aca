//! The product's path of a message: payloads as gossip's edge makes them, a network's driver, the agent's own sessions, a memory link, and a parent that
//! uses the client: it accepts, consumes and acknowledges everything. All on one thread. Only the overlay is left out: arrivals are put where
//! it puts them, and reports are taken where it takes them.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use pmq::agent::control::Control;
use pmq::agent::directory::{Directory, Network};
use pmq::agent::parents::{self, Admission, Parents, serve};
use pmq::agent::settings::Attach;
use pmq::client::{Client, ConsumeOptions, Consumer, Delivery, Verifier, VerifyOptions};
use pmq::gossip::{Gossip, Identity, Payloads, Settings, start};
use pmq::pipeline::{Arrival, Channels, Claims, Driver, Inlet, Overflowed, Part, Peer, Plan, Report, Road, Snapshot, Tap, Topic, Topics};
use pmq::session::{AgentTerms, NetworkTerms};
use pmq::stages::{NetworkContext, Registry};
use pmq::transports::{Address, Listener};
use pmq::wire::{HeaderOrigin, Limits, MessageId, PmqHeader, Verdict, Window};
use tokio::sync::{mpsc, watch};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub const WINDOW: Window = Window { messages: 1_024, bytes: 16 << 20 };

/// Every stage, none of which has a reason to refuse what [`messages`] makes.
pub const FULL: &str = r#"
[[stage]]
use = "admission"
rate = 4000000000
burst = 4000000000
byte_rate = "1TiB"
byte_burst = "1TiB"
[[stage]]
use = "decode"
codec = "pmq"
[[stage]]
use = "sequence-window"
[[stage]]
use = "validation-queue"
deadline = "30s"
[[stage]]
use = "delivery"
"#;

/// Nothing in front of the queue.
pub const EMPTY: &str = "[[stage]]\nuse = 'validation-queue'\ndeadline = '30s'\n[[stage]]\nuse = 'delivery'\n";

pub fn plan(text: &str) -> Plan {
    let network = NetworkContext { name: "test".into(), claims: Claims(vec!["*".into()]), max_message: 1 << 20, max_topics: 16 };
    let registry = Registry::standard();
    let mut document = DeTable::parse(text).unwrap().into_inner();
    let DeValue::Array(stages) = document.remove("stage").unwrap().into_inner() else { panic!("[[stage]] is no array") };
    let part = |stage: Spanned<DeValue<'_>>| -> Part {
        let span = stage.span();
        let DeValue::Table(mut table) = stage.into_inner() else { panic!("a stage is a table") };
        let name = table.remove("use").unwrap();
        let name = Spanned::new(name.span(), name.get_ref().as_str().unwrap().to_owned());
        registry.parse(&Spanned::new(name.span(), name.get_ref().as_str()), Spanned::new(span, DeValue::Table(table)), &network).unwrap()
    };
    Plan::new(stages.into_iter().map(part).collect()).unwrap()
}

/// A message as the router has it.
pub struct Received {
    number: u64,
    topic: Topic,
    /// As long as its memory, as the router's decoder makes it.
    pub payload: Vec<u8>,
}

/// `count` of them from `first` on, from four origins, with `size` bytes of content.
pub fn received(topic: &Topic, first: u64, count: u64, size: usize) -> Vec<Received> {
    let message = |number: u64| {
        let mut payload = Vec::new();
        let origin = HeaderOrigin::Short([(number % 4) as u8; 20]);
        PmqHeader { origin, epoch: 0, seq: number / 4, content: size as u32 }.write(&mut payload);
        payload.resize(payload.len() + size, 7);
        Received { number, topic: topic.clone(), payload: payload.into_boxed_slice().into_vec() }
    };
    (first..first + count).map(message).collect()
}

/// What gossip makes of it.
fn arrival(Received { number, topic, payload }: Received, edge: &mut Payloads) -> Arrival {
    let id = MessageId::new(&number.to_be_bytes()).unwrap();
    Arrival { peer: Peer((number % 8) as u32), topic, id, payload: edge.share(payload), arrived: Instant::now() }
}

/// The same, handed over.
pub fn messages(topic: &Topic, first: u64, count: u64, size: usize) -> Vec<Arrival> {
    let mut edge = Payloads::default();
    received(topic, first, count, size).into_iter().map(|message| arrival(message, &mut edge)).collect()
}

pub fn topic() -> Topic {
    Topics::new(1).intern("prices").unwrap()
}

/// A running agent without an overlay, and its parent.
pub struct Harness {
    pub arrivals: mpsc::Sender<Arrival>,
    pub reports: mpsc::Receiver<Report>,
    pub snapshot: watch::Receiver<Snapshot>,
    /// Messages that the parent has consumed.
    pub consumed: Arc<AtomicU64>,
    edge: Payloads,
    _shutdown: watch::Sender<bool>,
    _gossip: Gossip,
    _client: Client,
}

impl Harness {
    /// Starts everything and returns when the parent is attached. `name` names the memory link.
    pub async fn start(stages: &'static str, name: &str) -> Self {
        let (arrivals, arrivals_in) = mpsc::channel(1_024);
        let (ups, ups_in) = mpsc::channel(256);
        let (reports_out, reports) = mpsc::channel(4_096);
        let (snapshot_out, snapshot) = watch::channel(Snapshot::default());
        let (shutdown, down) = watch::channel(false);
        let channels = Channels {
            arrivals: arrivals_in,
            overflowed: Overflowed::default(),
            ups: ups_in,
            reports: reports_out,
            snapshot: snapshot_out,
            shutdown: down.clone(),
        };
        tokio::spawn(Driver::new("test".into(), Box::new(|stream| Road::new(&plan(stages), stream)), channels).run());
        // An overlay that listens nowhere and knows nobody: sessions need it for requests.
        let alone = Settings { listen: Vec::new(), ..Settings::default() };
        let (gossip, _) = start(&alone, &Identity::ephemeral(), Vec::new()).await.unwrap();
        let network = Network {
            name: "test".into(),
            claims: Claims(vec!["*".into()]),
            deadline: Duration::from_secs(30),
            max_message: 1 << 20,
            loopback: true,
            plan: Arc::new(plan(stages)),
            ups,
            inlet: Inlet::new(arrivals.clone(), Overflowed::default()),
            snapshot: snapshot.clone(),
            tap: Tap::default(),
        };
        let directory = Arc::new(Directory::new(vec![network], gossip.clone(), 16));
        let terms = NetworkTerms { name: "test".into(), deadline: Duration::from_secs(30), max_payload: 1 << 20, groups: Vec::new() };
        let listener = Listener::bind(&Address::Memory(name.into()), 1_000, Limits::default()).await.unwrap();
        let parents = Parents {
            control: Control::new(&directory, Duration::from_secs(10)),
            directory,
            admission: Arc::new(Admission::new(&Attach::default(), rustix::process::geteuid().as_raw())),
            terms: Arc::new(AgentTerms { networks: vec![terms], ..AgentTerms::default() }),
            shutdown: down,
            registry: parents::Registry::default(),
        };
        tokio::spawn(serve(vec![listener], parents));
        let builder =
            Client::builder(format!("memory:{name}")).verify("test", VerifyOptions { window: WINDOW, ..VerifyOptions::default() });
        let client = builder.consume("test", ConsumeOptions { window: WINDOW, ..ConsumeOptions::default() }).connect().await.unwrap();
        let consumed = Arc::new(AtomicU64::new(0));
        tokio::spawn(accept(client.verifier("test").unwrap()));
        tokio::spawn(consume(client.consumer("test").unwrap(), consumed.clone()));
        Self { arrivals, reports, snapshot, consumed, edge: Payloads::default(), _shutdown: shutdown, _gossip: gossip, _client: client }
    }

    /// Hands messages over with up to a window of them in flight, and waits until all are reported and consumed.
    pub async fn pass(&mut self, messages: Vec<Received>) {
        let target = self.consumed.load(Ordering::Relaxed) + messages.len() as u64;
        let mut left = messages.len();
        let mut in_flight = 0;
        let mut messages = messages.into_iter();
        while left > 0 {
            while in_flight < WINDOW.messages {
                let Some(message) = messages.next() else { break };
                let message = arrival(message, &mut self.edge);
                self.arrivals.send(message).await.unwrap();
                in_flight += 1;
            }
            let report = self.reports.recv().await.unwrap();
            assert_eq!(report.outcome.verdict, Verdict::Accept, "{:?}", report.outcome);
            in_flight -= 1;
            left -= 1;
        }
        while self.consumed.load(Ordering::Relaxed) < target {
            tokio::task::yield_now().await;
        }
    }
}

async fn accept(mut verifier: Verifier) {
    while let Some(mut message) = verifier.next().await {
        message.accept();
    }
}

async fn consume(mut consumer: Consumer, consumed: Arc<AtomicU64>) {
    while let Some(delivery) = consumer.next().await {
        assert!(matches!(delivery, Delivery::Message { .. }), "{delivery:?}");
        consumer.ack(&delivery);
        consumed.fetch_add(1, Ordering::Relaxed);
    }
}

/// Makes payloads as the edge does and clones each, as a queue and a verifier hold them.
pub fn share_and_clone(messages: Vec<Received>) {
    let mut edge = Payloads::default();
    let mut held = std::collections::VecDeque::with_capacity(WINDOW.messages as usize + 1);
    for message in messages {
        let payload = edge.share(message.payload);
        let clone: Bytes = payload.clone();
        held.push_back((payload, clone));
        if held.len() > WINDOW.messages as usize {
            held.pop_front();
        }
    }
}
