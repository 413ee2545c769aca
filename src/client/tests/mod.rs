#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! The client against an agent's end that does as the test says, over real links.

mod attach;
mod backoff;
mod consume;
mod produce;
mod verify;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tempfile::TempDir;

use super::{Client, ConsumeOptions, Status, VerifyOptions};
use pmq_protocol::session::{AgentEnd, AgentEvent, AgentTerms, Grant, NetworkTerms, Timing, Want};
use pmq_protocol::wire::message::Judged;
use pmq_protocol::wire::{Cursor, Limits, MessageId, Offer, Record, Roles, SessionId, Ticket, Verdict};
use pmq_transports::{Address, Link, LinkError, Listener};

/// Runs each test on every transport.
macro_rules! on_all {
    ($($name:ident,)*) => {
        mod on_unix { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() { super::$name(crate::tests::unix()).await; })* }
        mod on_memory { $(#[tokio::test] async fn $name() { super::$name(crate::tests::memory()).await; })* }
    };
}
use on_all;

/// Longest that any awaited event may take.
const PATIENCE: Duration = Duration::from_secs(20);

struct Place {
    address: Address,
    _dir: Option<TempDir>,
}

fn unix() -> Place {
    let dir = tempfile::tempdir().unwrap();
    Place { address: Address::Unix(dir.path().join("pmq/agent.sock")), _dir: Some(dir) }
}

fn memory() -> Place {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("client-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    Place { address: Address::Memory(name.into()), _dir: None }
}

impl Place {
    async fn listen(&self) -> Listener {
        Listener::bind(&self.address, 1000, Limits::default()).await.unwrap()
    }

    fn builder(&self) -> super::Builder {
        Client::builder(self.address.to_string())
    }

    /// A client with every role on `weather`, and the agent's end of it.
    async fn attached(&self, listener: &mut Listener) -> (Client, Agent) {
        let builder = self.builder().verify("weather", VerifyOptions::default()).produce("weather");
        let builder = builder.consume("weather", ConsumeOptions::named("archive"));
        let (client, agent) = tokio::join!(builder.connect(), async {
            let mut agent = Agent::accept(listener).await;
            agent.welcome(Cursor { stream: 7, counter: 0 }).await;
            agent
        });
        (client.unwrap(), agent)
    }
}

async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} took too long"))
}

fn terms(timing: Timing) -> Arc<AgentTerms> {
    let network = |name: &str| NetworkTerms {
        name: name.into(),
        deadline: Duration::from_secs(4),
        max_payload: 1 << 20,
        groups: vec!["first".into(), "second".into()],
    };
    Arc::new(AgentTerms { networks: vec![network("weather"), network("quakes")], timing, ..AgentTerms::default() })
}

/// The agent's end of one link, moved by the test alone.
struct Agent {
    end: AgentEnd,
    link: Link,
    wants: Vec<Want>,
    events: VecDeque<AgentEvent>,
}

impl Agent {
    /// Takes the next link, whose parent may do everything on `weather`, up to its hello.
    async fn accept(listener: &mut Listener) -> Self {
        Self::accept_with(listener, Timing::default()).await
    }

    async fn accept_with(listener: &mut Listener, timing: Timing) -> Self {
        let mut agent = Self::accepted(soon("a link", listener.accept()).await.unwrap(), timing);
        match agent.event().await {
            AgentEvent::Hello { networks, .. } => agent.wants = networks,
            other => panic!("{other:?}"),
        }
        agent
    }

    fn accepted(link: Link, timing: Timing) -> Self {
        static SESSION: AtomicU64 = AtomicU64::new(1);
        let grants = vec![Grant { network: "weather".into(), roles: Roles::ALL }];
        let session = SessionId(SESSION.fetch_add(1, Ordering::Relaxed));
        let end = AgentEnd::new(grants, terms(timing), session, Instant::now());
        Self { end, link, wants: Vec::new(), events: VecDeque::new() }
    }

    async fn welcome(&mut self, cursor: Cursor) {
        let cursors = vec![cursor; self.wants.len()];
        self.end.welcome(&cursors, Instant::now()).unwrap();
        self.flush().await;
    }

    async fn flush(&mut self) {
        while let Some(frame) = self.end.poll_frame() {
            self.link.outgoing.feed(frame).await.unwrap();
        }
        self.link.outgoing.flush().await.unwrap();
    }

    /// The next event, or how the link ended.
    async fn next(&mut self) -> Result<AgentEvent, Option<LinkError>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let tick = self.end.next_tick().unwrap_or_else(|| Instant::now() + PATIENCE);
            tokio::select! {
                frame = self.link.incoming.next() => match frame {
                    Some(Ok(frame)) => {
                        // A violation's refusal is among the frames.
                        drop(self.end.receive(frame, Instant::now()));
                        self.events.extend(std::iter::from_fn(|| self.end.poll_event()));
                        // The parent may be gone by now; then the next read says so.
                        while let Some(frame) = self.end.poll_frame() {
                            drop(self.link.outgoing.send(frame).await);
                        }
                    }
                    Some(Err(error)) => return Err(Some(error)),
                    None => return Err(None),
                },
                () = tokio::time::sleep_until(tick.into()) => {
                    self.end.tick(Instant::now()).expect("the parent is alive");
                    self.flush().await;
                }
            }
        }
    }

    async fn event(&mut self) -> AgentEvent {
        soon("an event", self.next()).await.expect("the link is alive")
    }

    /// A request's number and content.
    async fn request(&mut self) -> (u64, pmq_protocol::session::Request) {
        match self.event().await {
            AgentEvent::Request { network: 0, request, what } => (request, what),
            other => panic!("{other:?}"),
        }
    }

    /// Answers pings until `done`.
    async fn idle_until<F: Future>(&mut self, done: F) -> F::Output {
        tokio::select! {
            done = done => done,
            other = self.next() => panic!("{other:?}"),
        }
    }

    async fn offer(&mut self, tickets: std::ops::Range<u32>, deadline: Duration) {
        let offers: Vec<Offer> = tickets.map(|n| offer(n, deadline)).collect();
        self.end.validate(0, &offers, Instant::now()).unwrap();
        self.flush().await;
    }

    /// One frame of verdicts.
    async fn verdicts(&mut self) -> Vec<(u32, Verdict)> {
        match self.event().await {
            AgentEvent::Verdicts { network: 0, frame, .. } => {
                frame.items::<Judged>().unwrap().map(|judged| (judged.ticket.slot(), judged.verdict)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    async fn send(&mut self, records: &[Record]) {
        self.end.records(0, records).unwrap();
        self.flush().await;
    }
}

fn id(n: u64) -> MessageId {
    MessageId::new(&n.to_le_bytes()).unwrap()
}

fn payload(n: u64) -> Bytes {
    Bytes::from(format!("report {n}"))
}

fn offer(n: u32, deadline: Duration) -> Offer {
    let deadline = Instant::now() + deadline;
    Offer { ticket: Ticket::new(n, 1), topic: "weather/reports".into(), id: id(n.into()), payload: payload(n.into()), deadline }
}

fn message(counter: u64) -> Record {
    Record::Message { counter, topic: "weather/reports".into(), id: id(counter), payload: payload(counter) }
}

async fn wait_for(client: &Client, what: &str, is: impl FnMut(&Status) -> bool) -> Status {
    let mut status = client.status();
    soon(what, status.wait_for(is)).await.unwrap().clone()
}
