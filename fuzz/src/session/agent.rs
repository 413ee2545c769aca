//! The agent's end against a parent that says anything, and an agent that asks for anything.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pmq_protocol::session::{AgentEnd, AgentEvent, AgentTerms, Grant, NetworkTerms, Request, SendError, Timing, Violation};
use pmq_protocol::wire::message::{Delivered, Judged, Lost, Offered, Unjudged};
use pmq_protocol::wire::{
    Cursor, Frame, GapReason, Kind, MessageId, Offer, Outstanding, PublishStatus, Reason, Record, RefuseCode, Roles, SessionId, Window,
};

use super::super::input::Input;
use super::model::Network;
use super::said::{code, cursor, damaged, index, nonsense, payload, said, ticket, topic};
use super::{LIMITS, PINGS, STEPS, TICK, fatal, readable};

const SESSION: SessionId = SessionId(77);
const MAX_WINDOW: Window = Window { messages: 8, bytes: 300 };
const MAX_ANSWERS: usize = 8;
const MAX_REQUESTS: usize = 3;
const MAX_PAYLOAD: u32 = 100;
/// The groups of verifiers of the first network.
const GROUPS: [&str; 2] = ["one", "two"];
const TIMING: Timing = Timing { ping: Duration::from_secs(1), dead: Duration::from_secs(3) };

/// The first byte chooses what the parent may; every step behind it is a byte and what that step takes.
///
/// - Nothing panics. One hello, one welcome, no event but a refusal before them, none after the end.
/// - What is on its way is, message by message, what a second account says, and never more than the widest window.
/// - Every verdict is for a ticket that was out, every ack for what was sent, every request within role and bound.
/// - Answers, pings and requests that wait are bounded; every frame can be read; the end is one fatal refusal and nothing behind it.
///
/// Answers whether a session came about.
pub fn session_agent(data: &[u8]) -> bool {
    let mut input = Input(data);
    let mut world = World::new(&mut input);
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
        world.check();
    }
    world.read();
    world.welcomed
}

struct World {
    end: AgentEnd,
    now: Instant,
    grants: Vec<(&'static str, Roles)>,
    /// In the order of the hello; empty before it.
    networks: Vec<Network>,
    welcomed: bool,
    /// Whether the parent reads. While it does not, the agent sends nothing of its own but answers and pings.
    reading: bool,
    requests: usize,
    /// What waits to be written, in order: offers by ticket and records by their last counter.
    queued: VecDeque<(Kind, u16, u64)>,
    welcomes: usize,
    over: bool,
}

impl World {
    fn new(input: &mut Input<'_>) -> Self {
        let grants = match input.below(4) {
            0 => vec![("*", Roles::ALL)],
            1 => vec![("quakes", Roles::VERIFY | Roles::CONSUME), ("weather", Roles::PRODUCE)],
            2 => vec![("quakes", Roles::VERIFY), ("quakes", Roles::CONSUME)],
            _ => vec![],
        };
        let network =
            |name: &str| NetworkTerms { name: name.into(), deadline: Duration::from_secs(4), max_payload: MAX_PAYLOAD, groups: Vec::new() };
        let mut networks = ["quakes", "weather", "hidden"].map(network);
        networks[0].groups = GROUPS.map(Into::into).into();
        let terms = AgentTerms {
            limits: LIMITS,
            max_window: MAX_WINDOW,
            networks: networks.into(),
            max_answers: MAX_ANSWERS,
            max_requests: MAX_REQUESTS,
            timing: TIMING,
        };
        let now = Instant::now();
        let granted = grants.iter().map(|&(network, roles)| Grant { network: network.into(), roles }).collect();
        let end = AgentEnd::new(granted, Arc::new(terms), SESSION, now);
        let (networks, queued) = (Vec::new(), VecDeque::new());
        Self { end, now, grants, networks, welcomed: false, reading: true, requests: 0, queued, welcomes: 0, over: false }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(16) {
            0..=5 => {
                if let Some(frame) = said(input, SESSION) {
                    self.receive(frame);
                }
            }
            6 => {
                if let Some(frame) = damaged(input, SESSION) {
                    self.receive(frame);
                }
            }
            7 => self.receive(nonsense(input, SESSION)),
            8 | 9 => self.validate(input),
            10 | 11 => self.records(input),
            12 => self.welcome(input),
            13 => {
                self.now += TICK * u32::from(input.byte());
                if self.end.tick(self.now).is_err() {
                    assert!(!self.over, "dead twice");
                    self.ended();
                }
            }
            14 => self.answer(input),
            _ => match input.byte() {
                255 => {
                    self.end.close(0, RefuseCode::ShuttingDown, "the schedule says so");
                    self.over = true;
                }
                other => self.reading = other & 1 == 1,
            },
        }
        if self.reading || self.over {
            self.read();
        }
    }

    fn receive(&mut self, frame: Frame) {
        let result = self.end.receive(frame, self.now);
        while let Some(event) = self.end.poll_event() {
            assert!(!self.over, "an event after the end: {event:?}");
            self.event(event);
        }
        if self.over {
            assert_eq!(result, Err(Violation::Closed));
        } else if result.is_err() {
            self.ended();
        } else if self.end.is_closed() {
            // The parent's own refusal.
            self.queued.clear();
            self.over = true;
            assert!(self.end.poll_frame().is_none(), "an answer to a goodbye");
        }
    }

    /// The session has ended by itself: what waited is gone, one refusal is there.
    fn ended(&mut self) {
        assert!(self.end.is_closed());
        self.queued.clear();
        self.over = true;
        let last = self.end.poll_frame().unwrap_or_else(|| panic!("ended without a word"));
        readable(&last);
        assert!(fatal(&last), "the last word is {last:?}");
        assert!(self.end.poll_frame().is_none(), "words behind the last one");
    }

    fn event(&mut self, event: AgentEvent) {
        assert!(
            self.welcomed || matches!(event, AgentEvent::Refused { .. }) || matches!(event, AgentEvent::Hello { .. }),
            "before the welcome: {event:?}"
        );
        match event {
            AgentEvent::Hello { networks, .. } => {
                assert!(self.networks.is_empty(), "two hellos");
                assert!(!networks.is_empty());
                for want in networks {
                    assert!(self.networks.iter().all(|known| *known.name != *want.network), "a network twice");
                    let granted = self.granted(&want.network);
                    assert!(!granted.is_empty(), "{} is not this parent's to see", want.network);
                    assert!(want.roles.without(granted).is_empty(), "{} on {} was not granted", want.roles, want.network);
                    assert!(!want.roles.contains(Roles::VERIFY | Roles::SHADOW), "a judge of both kinds");
                    let groups = if *want.network == *"quakes" { &GROUPS[..] } else { &[] };
                    assert!(want.group.is_empty() || groups.contains(&&*want.group), "group {:?}", want.group);
                    for window in [want.verify, want.consume] {
                        assert!(window.messages <= MAX_WINDOW.messages && window.bytes <= MAX_WINDOW.bytes);
                    }
                    self.networks.push(Network::new(&want.network, want.roles, want.verify, want.consume, 0));
                }
            }
            AgentEvent::Verdicts { network, frame, released } => {
                let of = &mut self.networks[usize::from(network)];
                assert!(of.may(Roles::VERIFY));
                let mut sum = Outstanding::default();
                for judged in frame.items::<Judged<'_>>().unwrap_or_else(|error| panic!("{error}")) {
                    assert_eq!(judged.network, network);
                    let part = of.judge(judged.ticket.0).unwrap_or_else(|| panic!("a verdict for what is not out: {judged:?}"));
                    sum = Outstanding { messages: sum.messages + part.messages, bytes: sum.bytes + part.bytes };
                }
                assert_eq!(released, sum);
            }
            AgentEvent::Ack { network, counter, released } => {
                let of = &mut self.networks[usize::from(network)];
                assert!(of.may(Roles::CONSUME));
                assert_eq!(Some(released), of.ack(counter), "an ack of {counter}");
            }
            AgentEvent::Window { network, role, window } => {
                let of = &mut self.networks[usize::from(network)];
                assert!(of.may(role) && window.messages <= MAX_WINDOW.messages && window.bytes <= MAX_WINDOW.bytes);
                of.widen(role, window);
            }
            AgentEvent::Paused { network, .. } => assert!(self.networks[usize::from(network)].may(Roles::VERIFY)),
            AgentEvent::Request { network, what, .. } => {
                assert!(self.networks[usize::from(network)].may(Roles::PRODUCE));
                self.requests += 1;
                assert!(self.requests <= MAX_REQUESTS, "{} requests", self.requests);
                if let Request::Publish { payload, .. } = what {
                    assert!(payload.len() <= MAX_PAYLOAD as usize);
                }
            }
            AgentEvent::Refused { .. } => {}
        }
    }

    fn granted(&self, network: &str) -> Roles {
        let matching = self.grants.iter().filter(|(name, _)| *name == "*" || *name == network);
        matching.fold(Roles::NONE, |all, (_, roles)| all | *roles)
    }

    fn welcome(&mut self, input: &mut Input<'_>) {
        let cursors: Vec<Cursor> = (0..input.below(4)).map(|_| cursor(input)).collect();
        let result = self.end.welcome(&cursors, self.now);
        let due = !self.over && !self.welcomed && !self.networks.is_empty();
        assert_eq!(result.is_ok(), due && cursors.len() >= self.networks.len(), "{result:?}");
        if result.is_ok() {
            self.welcomed = true;
            for (of, cursor) in self.networks.iter_mut().zip(cursors) {
                of.sent = cursor.counter;
            }
        }
    }

    /// Whether a call for that network and role may do anything.
    fn open(&self, network: u16, role: Roles) -> bool {
        self.welcomed && !self.over && self.networks.get(usize::from(network)).is_some_and(|of| of.may(role))
    }

    fn validate(&mut self, input: &mut Input<'_>) {
        let network = index(input);
        let offers: Vec<Offer> = (0..=input.below(3))
            .map(|_| Offer {
                ticket: ticket(input),
                topic: topic(input).into(),
                id: MessageId::EMPTY,
                payload: payload(input),
                deadline: self.now + TICK * u32::from(input.byte()),
            })
            .collect();
        if !self.reading {
            return;
        }
        let mut fits = self.open(network, Roles::VERIFY);
        if fits {
            let mut after = self.networks[usize::from(network)].clone();
            fits = offers.iter().all(|offer| after.offer(offer.ticket.0, offer.payload.len() as u64) && !offer.topic.is_empty());
            if fits {
                self.networks[usize::from(network)] = after;
                self.queued.extend(offers.iter().map(|offer| (Kind::Validate, network, offer.ticket.0)));
            }
        }
        let result = self.end.validate(network, &offers, self.now);
        assert_eq!(result.is_ok(), fits, "{result:?}: {offers:?}");
    }

    fn records(&mut self, input: &mut Input<'_>) {
        let network = index(input);
        let mut next = self.networks.get(usize::from(network)).map_or(1, |of| of.sent.wrapping_add(1));
        let records: Vec<Record> = (0..=input.below(3))
            .map(|_| {
                let what = input.below(8);
                let counter = if what == 7 { input.number() } else { next };
                let record = match what {
                    0..=3 => Record::Message { counter, topic: topic(input).into(), id: MessageId::EMPTY, payload: payload(input) },
                    4 => Record::Unverified { counter, topic: topic(input).into(), cause: Reason::Timeout, count: input.number() },
                    _ => {
                        let to = counter.wrapping_add(input.number());
                        Record::Gap { from: counter, to, count: input.number(), reason: GapReason::Retention }
                    }
                };
                next = record.last().wrapping_add(1);
                record
            })
            .collect();
        if !self.reading {
            return;
        }
        let mut fits = self.open(network, Roles::CONSUME);
        if fits {
            let mut after = self.networks[usize::from(network)].clone();
            let named = |record: &Record| !matches!(record, Record::Message { topic, .. } if topic.is_empty());
            fits = records.iter().all(|record| after.record(record.first(), record.last(), record.bytes() as u64) && named(record));
            if fits {
                self.networks[usize::from(network)] = after;
                self.queued.extend(records.iter().map(|record| (Kind::Deliver, network, record.last())));
            }
        }
        let result = self.end.records(network, &records);
        assert_eq!(result.is_ok(), fits, "{result:?}: {records:?}");
    }

    fn answer(&mut self, input: &mut Input<'_>) {
        let (network, request) = (index(input), input.number());
        let what = input.below(4);
        let result = match what {
            0 => self.end.done(network, request),
            1 => self.end.failed(network, request, topic(input)),
            2 => self.end.published(network, request, code(input, PublishStatus::ALL), MessageId::EMPTY, 3, topic(input)),
            _ => self.end.refuse(network, RefuseCode::LateVerdict, request, topic(input)),
        };
        if what < 3 {
            self.requests = self.requests.saturating_sub(1);
        }
        match result {
            Ok(()) => assert!(self.welcomed && !self.over),
            Err(SendError::Full(_)) => self.ended(),
            Err(error) => assert!(error == SendError::NotAttached && (!self.welcomed || self.over), "{error}"),
        }
    }

    /// The parent reads all that waits.
    fn read(&mut self) {
        let (mut answers, mut pings, mut last) = (0, 0, false);
        while let Some(frame) = self.end.poll_frame() {
            assert!(!last, "a frame behind the last one: {frame:?}");
            readable(&frame);
            assert_eq!(frame.prefix.session, SESSION);
            last = fatal(&frame);
            match frame.prefix.kind {
                Kind::Welcome => self.welcomes += 1,
                Kind::Ping => pings += 1,
                Kind::Refuse | Kind::Pong | Kind::Published | Kind::Done => answers += 1,
                _ => {
                    assert_eq!(self.welcomes, 1, "before the welcome: {frame:?}");
                    self.written(&frame);
                }
            }
            self.end.recycle(frame);
        }
        assert!(self.welcomes <= 1, "two welcomes");
        assert!(answers <= MAX_ANSWERS + 1, "{answers} answers waited");
        assert!(pings <= PINGS, "{pings} pings waited");
        assert!(self.queued.is_empty(), "never written: {:?}", self.queued);
    }

    fn written(&mut self, frame: &Frame) {
        let kind = frame.prefix.kind;
        let entries: Vec<(u16, u64)> = match kind {
            Kind::Validate => frame.items::<Offered<'_>>().into_iter().flatten().map(|item| (item.network, item.ticket.0)).collect(),
            Kind::Deliver => frame.items::<Delivered<'_>>().into_iter().flatten().map(|item| (item.network, item.counter)).collect(),
            Kind::Gap => frame.items::<Lost>().into_iter().flatten().map(|item| (item.network, item.to)).collect(),
            Kind::Unverified => frame.items::<Unjudged<'_>>().into_iter().flatten().map(|item| (item.network, item.counter)).collect(),
            _ => panic!("not the agent's to send: {frame:?}"),
        };
        let kind = if kind == Kind::Validate { kind } else { Kind::Deliver };
        for (network, number) in entries {
            assert_eq!(self.queued.pop_front(), Some((kind, network, number)), "something else was written");
        }
    }

    fn check(&mut self) {
        assert_eq!(self.end.is_closed(), self.over);
        assert_eq!(self.end.is_attached(), self.welcomed && !self.over);
        assert_eq!(self.end.next_tick().is_none(), self.over);
        if self.over {
            return;
        }
        let mut out = HashSet::new();
        for (of, index) in self.networks.iter().zip(0..) {
            assert_eq!((self.end.unverified(index), self.end.unacked(index)), (of.unverified(), of.unacked()), "credit of {}", of.name);
            for (taken, window) in [(of.unverified(), of.verify), (of.unacked(), of.consume)] {
                assert!(taken.messages <= window.messages.min(MAX_WINDOW.messages), "{taken:?} of {window:?}");
                assert!(taken.messages <= 1 || taken.bytes <= window.bytes.min(MAX_WINDOW.bytes), "{taken:?} of {window:?}");
            }
            assert!(out.insert(&of.name));
        }
    }
}
