//! A parent by hand: it sends what it is told to, also what the library never would, and keeps what it hears.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use pmq_client::RefuseCode;
use pmq_protocol::wire::message::{
    Ack, Credit, Delivered, Done, Granted, Judged, Lost, Offered, Ping, Pong, Publish, Published, Refuse, Unjudged, Wanted,
};
use pmq_protocol::wire::{
    Cursor, Encoder, Frame, Item, Kind, Limits, Overflow, PublishStatus, Record, Roles, SessionId, Ticket, Verdict, Window,
};
use pmq_transports::{Link, connect_with};
use tokio::sync::mpsc;

use super::{Agent, NETWORK, WIDE};
use pmq_testing::{SOON, soon};

/// What a hello asks for.
#[derive(Clone)]
pub struct Asks {
    pub network: String,
    pub roles: Roles,
    pub verify: Window,
    pub consume: Window,
    pub consumer: String,
    pub cursor: Cursor,
    pub policy: Option<Overflow>,
    /// The group of verifiers; empty = the first.
    pub group: String,
}

impl Asks {
    pub fn roles(roles: Roles) -> Self {
        Self {
            network: NETWORK.to_owned(),
            roles,
            verify: WIDE,
            consume: WIDE,
            consumer: String::new(),
            cursor: Cursor::default(),
            policy: None,
            group: String::new(),
        }
    }

    pub fn verify() -> Self {
        Self::roles(Roles::VERIFY)
    }

    pub fn consume() -> Self {
        Self::roles(Roles::CONSUME)
    }

    pub fn verify_window(window: Window) -> Self {
        Self { verify: window, ..Self::verify() }
    }

    pub fn consume_window(window: Window) -> Self {
        Self { consume: window, ..Self::consume() }
    }

    /// The hello's frame.
    pub fn hello(&self) -> Frame {
        let Self { network, roles, verify, consume, consumer, cursor, policy, group } = self;
        let hello = Wanted {
            network,
            roles: *roles,
            verify: *verify,
            consume: *consume,
            consumer,
            cursor: *cursor,
            policy: *policy,
            group,
            software: "by hand",
        };
        Encoder::new(Limits::default()).frame(SessionId(0), [hello]).unwrap()
    }
}

/// A message that waits for a verdict.
#[derive(Debug, Clone)]
pub struct Offer {
    pub ticket: Ticket,
    pub payload: Bytes,
}

impl Offer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

/// What was refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub code: RefuseCode,
    pub fatal: bool,
    pub about: u64,
    pub text: String,
}

enum Order {
    Send(Frame),
    /// Reads and answers no more, and holds the link.
    Hang,
    Wake,
}

/// A session that answers pings and nothing else by itself. Dropped, it drops its link without a word.
pub struct Hand {
    orders: mpsc::UnboundedSender<Order>,
    heard: mpsc::UnboundedReceiver<Frame>,
    task: tokio::task::JoinHandle<()>,
    pub session: SessionId,
    /// As of where records are served.
    pub cursor: Cursor,
    pub deadline: Duration,
    encoder: Encoder,
    nonce: u64,
    pub offers: VecDeque<Offer>,
    pub records: VecDeque<Record>,
    pub refusals: VecDeque<Refusal>,
    pub published: VecDeque<(u64, PublishStatus)>,
    pub done: VecDeque<u64>,
    pong: u64,
    /// The link is over.
    pub over: bool,
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hand {
    /// A link on which nothing has been said.
    pub async fn dial(agent: &Agent) -> Self {
        let address = agent.url.parse().unwrap();
        let link = soon("a link", connect_with(&address, Limits::default(), &agent.transport.proof())).await.unwrap();
        let (orders, taken) = mpsc::unbounded_channel();
        let (told, heard) = mpsc::unbounded_channel();
        Self {
            orders,
            heard,
            task: tokio::spawn(carry(link, taken, told)),
            session: SessionId(0),
            cursor: Cursor::default(),
            deadline: Duration::ZERO,
            encoder: Encoder::new(Limits::default()),
            nonce: 0,
            offers: VecDeque::new(),
            records: VecDeque::new(),
            refusals: VecDeque::new(),
            published: VecDeque::new(),
            done: VecDeque::new(),
            pong: 0,
            over: false,
        }
    }

    pub async fn attach(agent: &Agent, asks: Asks) -> Self {
        let mut hand = Self::dial(agent).await;
        hand.send_frame(asks.hello());
        while hand.session == SessionId(0) {
            assert!(hand.hear().await, "no welcome: {:?}", hand.refusals);
        }
        hand
    }

    pub fn send_frame(&self, frame: Frame) {
        // A link that is over is told by what is heard.
        let _ = self.orders.send(Order::Send(frame));
    }

    /// Sends items in the name of a session.
    pub fn send_as<'a, I: Item<'a>>(&mut self, session: SessionId, items: impl IntoIterator<Item = I>) {
        let frame = self.encoder.frame(session, items).unwrap();
        self.send_frame(frame);
    }

    pub fn send<'a, I: Item<'a>>(&mut self, items: impl IntoIterator<Item = I>) {
        self.send_as(self.session, items);
    }

    pub fn verdict(&mut self, ticket: Ticket, verdict: Verdict) {
        self.send([judged(ticket, verdict)]);
    }

    pub fn ack(&mut self, counter: u64) {
        self.send([Ack { network: 0, counter }]);
    }

    pub fn window(&mut self, role: Roles, window: Window) {
        self.send([Credit { network: 0, role, window }]);
    }

    pub fn publish(&mut self, request: u64, topic: &str, payload: Bytes) {
        self.send([Publish { network: 0, request, topic, payload }]);
    }

    pub fn hang(&self) {
        self.orders.send(Order::Hang).unwrap();
    }

    pub fn wake(&self) {
        self.orders.send(Order::Wake).unwrap();
    }

    /// Takes the next frame in; `false` when the link is over.
    pub async fn hear(&mut self) -> bool {
        match soon("a frame", self.heard.recv()).await {
            Some(frame) => self.sort(&frame),
            None => self.over = true,
        }
        !self.over
    }

    fn sort(&mut self, frame: &Frame) {
        match frame.prefix.kind {
            Kind::Welcome => {
                self.session = frame.prefix.session;
                let granted = frame.items::<Granted<'_>>().unwrap().next().unwrap();
                (self.cursor, self.deadline) = (granted.cursor, granted.deadline);
            }
            Kind::Validate => {
                for Offered { ticket, payload, .. } in frame.items::<Offered<'_>>().unwrap() {
                    self.offers.push_back(Offer { ticket, payload });
                }
            }
            Kind::Deliver => {
                for Delivered { counter, topic, id, payload, .. } in frame.items::<Delivered<'_>>().unwrap() {
                    self.records.push_back(Record::Message { counter, topic: topic.into(), id, payload });
                }
            }
            Kind::Gap => {
                for Lost { from, to, count, reason, .. } in frame.items::<Lost>().unwrap() {
                    self.records.push_back(Record::Gap { from, to, count, reason });
                }
            }
            Kind::Unverified => {
                for Unjudged { counter, topic, cause, count, .. } in frame.items::<Unjudged<'_>>().unwrap() {
                    self.records.push_back(Record::Unverified { counter, topic: Arc::from(topic), cause, count });
                }
            }
            Kind::Refuse => {
                for Refuse { code, fatal, about, text, .. } in frame.items::<Refuse<'_>>().unwrap() {
                    self.refusals.push_back(Refusal { code, fatal, about, text: text.to_owned() });
                }
            }
            Kind::Published => {
                let items = frame.items::<Published<'_>>().unwrap();
                self.published.extend(items.map(|Published { request, status, .. }| (request, status)));
            }
            Kind::Done => self.done.extend(frame.items::<Done>().unwrap().map(|done| done.request)),
            Kind::Pong => self.pong = frame.items::<Pong>().unwrap().last().unwrap().nonce,
            other => panic!("the agent sent a {other:?} frame"),
        }
    }

    /// Hears until `when` answers something.
    pub async fn when<T>(&mut self, what: &str, mut when: impl FnMut(&mut Self) -> Option<T>) -> T {
        let waited = async {
            loop {
                if let Some(answer) = when(self) {
                    return answer;
                }
                assert!(self.hear().await, "the session is over before {what}: {:?}", self.refusals);
            }
        };
        tokio::time::timeout(SOON, waited).await.unwrap_or_else(|_| panic!("{what} did not come within {SOON:?}"))
    }

    /// The next offers, as many as that.
    pub async fn offered(&mut self, count: usize) -> Vec<Offer> {
        let what = format!("{count} offers");
        self.when(&what, |hand| (hand.offers.len() >= count).then(|| hand.offers.drain(..count).collect())).await
    }

    pub async fn record(&mut self) -> Record {
        self.when("a record", |hand| hand.records.pop_front()).await
    }

    /// The next record, which must be a message: its counter and text.
    pub async fn message(&mut self) -> (u64, String) {
        match self.record().await {
            Record::Message { counter, payload, .. } => (counter, String::from_utf8_lossy(&payload).into_owned()),
            other => panic!("no message: {other:?}"),
        }
    }

    /// The texts of the next messages, acked.
    pub async fn messages(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..count {
            let (counter, text) = self.message().await;
            self.ack(counter);
            texts.push(text);
        }
        texts
    }

    pub async fn refusal(&mut self) -> Refusal {
        self.when("a refusal", |hand| hand.refusals.pop_front()).await
    }

    /// Returns when the agent has answered everything that was sent before.
    pub async fn settled(&mut self) {
        self.nonce += 1;
        let nonce = self.nonce;
        self.send([Ping { nonce }]);
        self.when("a pong", |hand| (hand.pong == nonce).then_some(())).await;
    }

    /// Hears until the link is over: the fatal refusal that came before.
    pub async fn end(&mut self) -> Refusal {
        while self.hear().await {}
        let last = self.refusals.pop_back().expect("the session ended without a word");
        assert!(last.fatal, "{last:?}");
        last
    }
}

pub fn judged(ticket: Ticket, verdict: Verdict) -> Judged<'static> {
    Judged { network: 0, ticket, verdict, reason: 0, text: "" }
}

/// Carries frames between a link and a hand, and answers pings, until either is gone.
async fn carry(mut link: Link, mut orders: mpsc::UnboundedReceiver<Order>, told: mpsc::UnboundedSender<Frame>) {
    let mut encoder = Encoder::new(Limits::default());
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Send(frame)) => {
                    // A link that is over is told by its incoming side.
                    let _ = link.outgoing.send(frame).await;
                }
                Some(Order::Hang) => loop {
                    match orders.recv().await {
                        Some(Order::Wake) => break,
                        Some(_) => {}
                        None => return,
                    }
                },
                Some(Order::Wake) => {}
                None => return,
            },
            frame = link.incoming.next() => {
                let Some(Ok(frame)) = frame else { return };
                if frame.prefix.kind == Kind::Ping {
                    for Ping { nonce } in frame.items::<Ping>().unwrap() {
                        let pong = encoder.frame(frame.prefix.session, [Pong { nonce }]).unwrap();
                        let _ = link.outgoing.send(pong).await;
                    }
                } else if told.send(frame).is_err() {
                    return;
                }
            }
        }
    }
}
