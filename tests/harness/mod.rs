//! One network's road with a parent at the other end of a memory link: driver, both ends of the session, frames, and a parent that
//! accepts, consumes and acknowledges everything. All on one thread.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{Sink, StreamExt};
use pmq::pipeline::{
    Arrival, Channels, Claims, Down, Driver, LinkId, LinkPort, Overflowed, Part, Peer, Plan, Report, Road, Snapshot, Topic, Topics, Up,
};
use pmq::session::{AgentEnd, AgentEvent, AgentTerms, Grant, NetworkTerms, ParentEnd, ParentEvent, ParentTerms, Want};
use pmq::stages::{NetworkContext, Registry};
use pmq::transports::{Address, FrameSink, Link, Listener, connect};
use pmq::wire::message::{Delivered, Judged, Offered};
use pmq::wire::{ConsumerTerms, Cursor, Frame, HeaderOrigin, Kind, Limits, MessageId, PmqHeader, Roles, SessionId, Verdict, Window};
use tokio::sync::{mpsc, oneshot, watch};
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

/// Messages as the router hands them over: `count` of them from `first` on, from four origins, with `size` bytes of content.
pub fn messages(topic: &Topic, first: u64, count: u64, size: usize) -> Vec<Arrival> {
    let message = |number: u64| {
        let mut payload = Vec::new();
        let origin = HeaderOrigin::Short([(number % 4) as u8; 20]);
        PmqHeader { origin, epoch: 0, seq: number / 4, content: size as u32 }.write(&mut payload);
        payload.resize(payload.len() + size, 7);
        let payload = Bytes::from(payload);
        // A payload that comes from a `Vec` gets its reference count at the first clone: that belongs to the router's handing over.
        let _shared = payload.clone();
        let id = MessageId::new(&number.to_be_bytes()).unwrap();
        Arrival { peer: Peer((number % 8) as u32), topic: topic.clone(), id, payload, arrived: Instant::now() }
    };
    (first..first + count).map(message).collect()
}

pub fn topic() -> Topic {
    Topics::new(1).intern("prices").unwrap()
}

/// A running road and its parent.
pub struct Harness {
    pub arrivals: mpsc::Sender<Arrival>,
    pub reports: mpsc::Receiver<Report>,
    pub snapshot: watch::Receiver<Snapshot>,
    /// Messages that the parent has consumed.
    pub consumed: Arc<AtomicU64>,
    _shutdown: watch::Sender<bool>,
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
            shutdown: down,
        };
        tokio::spawn(Driver::new("test".into(), Box::new(|stream| Road::new(&plan(stages), stream)), channels).run());
        let address = Address::Memory(name.into());
        let mut listener = Listener::bind(&address, 1_000, Limits::default()).await.unwrap();
        let parent = connect(&address, Limits::default()).await.unwrap();
        let link = listener.accept().await.unwrap();
        tokio::spawn(agent(link, ups));
        let consumed = Arc::new(AtomicU64::new(0));
        let (attached, ready) = oneshot::channel();
        tokio::spawn(run_parent(parent, consumed.clone(), attached));
        ready.await.unwrap();
        Self { arrivals, reports, snapshot, consumed, _shutdown: shutdown }
    }

    /// Sends messages with up to a window of them in flight and waits until all are reported and consumed.
    pub async fn pass(&mut self, messages: Vec<Arrival>) {
        let target = self.consumed.load(Ordering::Relaxed) + messages.len() as u64;
        let mut left = messages.len();
        let mut in_flight = 0;
        let mut messages = messages.into_iter();
        while left > 0 {
            while in_flight < WINDOW.messages {
                let Some(mut message) = messages.next() else { break };
                message.arrived = Instant::now();
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

/// Writes what an end has to say; ready when all of it is out.
fn poll_out(sink: &mut FrameSink, mut next: impl FnMut() -> Option<Frame>, cx: &mut Context<'_>) -> Poll<()> {
    let mut sink = Pin::new(sink);
    loop {
        if sink.as_mut().poll_ready(cx).map(Result::unwrap).is_pending() {
            // Full: flushing makes room, and the sink has taken note of who waits for it.
            sink.as_mut().poll_flush(cx).map(Result::unwrap).is_ready();
            return Poll::Pending;
        }
        match next() {
            Some(frame) => sink.as_mut().start_send(frame).unwrap(),
            None => return sink.poll_flush(cx).map(Result::unwrap),
        }
    }
}

/// The agent's side of one session.
async fn agent(link: Link, ups: mpsc::Sender<Up>) {
    let Link { mut incoming, mut outgoing, .. } = link;
    let network = NetworkTerms { name: "test".into(), deadline: Duration::from_secs(30), max_payload: 1 << 20 };
    let terms = AgentTerms { networks: vec![network], ..AgentTerms::default() };
    let grants = vec![Grant { network: "*".into(), roles: Roles::ALL }];
    let mut end = AgentEnd::new(grants, Arc::new(terms), SessionId(1), Instant::now());
    let (down, mut downs) = mpsc::channel(4 * WINDOW.messages as usize);
    let link = LinkId(1);
    let (mut batch, mut offers, mut records) = (Vec::with_capacity(256), Vec::new(), Vec::new());
    loop {
        tokio::select! {
            frame = incoming.next() => {
                let Some(Ok(frame)) = frame else { return };
                end.receive(frame, Instant::now()).unwrap();
                while let Some(event) = end.poll_event() {
                    let up = match event {
                        AgentEvent::Hello { networks, .. } => {
                            let (opened, answer) = oneshot::channel();
                            let want = &networks[0];
                            let consume = ConsumerTerms { name: want.consumer.clone(), cursor: want.cursor, window: want.consume, policy: None };
                            let port = LinkPort { link, index: 0, down: down.clone() };
                            ups.send(Up::Attach { port, verify: Some(want.verify), consume: Some(consume), opened }).await.unwrap();
                            end.welcome(&[answer.await.unwrap().unwrap().cursor], Instant::now()).unwrap();
                            continue;
                        }
                        AgentEvent::Verdicts { network, frame, released } => Up::Verdicts(link, network, frame, released),
                        AgentEvent::Ack { counter, .. } => Up::Ack(link, counter),
                        other => panic!("{other:?}"),
                    };
                    ups.send(up).await.unwrap();
                }
            }
            _ = downs.recv_many(&mut batch, 256) => {
                for (_, down) in batch.drain(..) {
                    match down {
                        Down::Offer(offer) => offers.push(offer),
                        Down::Record(record) => records.push(record),
                        other => panic!("{other:?}"),
                    }
                }
                if !offers.is_empty() {
                    end.validate(0, &offers, Instant::now()).unwrap();
                    offers.clear();
                }
                if !records.is_empty() {
                    end.records(0, &records).unwrap();
                    records.clear();
                }
            }
        }
        poll_fn(|cx| poll_out(&mut outgoing, || end.poll_frame(), cx)).await;
    }
}

async fn run_parent(link: Link, consumed: Arc<AtomicU64>, attached: oneshot::Sender<()>) {
    let Link { mut incoming, mut outgoing, .. } = link;
    let want = Want {
        network: "test".into(),
        roles: Roles::VERIFY | Roles::CONSUME,
        verify: WINDOW,
        consume: WINDOW,
        consumer: "".into(),
        cursor: Cursor::default(),
        policy: None,
    };
    let mut end = ParentEnd::new(vec![want], "harness", ParentTerms::default(), Instant::now()).unwrap();
    let mut attached = Some(attached);
    let mut verdicts = Vec::new();
    loop {
        poll_fn(|cx| poll_out(&mut outgoing, || end.poll_frame(), cx)).await;
        let Some(Ok(frame)) = incoming.next().await else { return };
        end.receive(frame, Instant::now()).unwrap();
        while let Some(event) = end.poll_event() {
            match event {
                ParentEvent::Welcomed(_) => attached.take().unwrap().send(()).unwrap(),
                ParentEvent::Offers(frame) => {
                    let judged = |offer: Offered<'_>| Judged { network: 0, ticket: offer.ticket, verdict: Verdict::Accept, reason: 0 };
                    verdicts.extend(frame.items::<Offered<'_>>().unwrap().map(judged));
                    end.verdicts(&verdicts).unwrap();
                    verdicts.clear();
                    end.recycle(frame);
                }
                ParentEvent::Records(frame) => {
                    assert_eq!(frame.prefix.kind, Kind::Deliver);
                    let (mut last, mut count) = (0, 0);
                    for record in frame.items::<Delivered<'_>>().unwrap() {
                        last = record.counter;
                        count += 1;
                    }
                    end.ack(0, last).unwrap();
                    consumed.fetch_add(count, Ordering::Relaxed);
                    end.recycle(frame);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
