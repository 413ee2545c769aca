//! A model agent (a road that owns tickets, a ring that owns records) and a model parent, joined by pipes that can be cut.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::wire::message::{Delivered, Judged, Lost, Offered, Unjudged};
use crate::wire::{GapReason, Kind, Outstanding, Reason, Record, Verdict};

/// Records that the ring keeps.
const RING: usize = 12;

#[derive(Debug, Clone)]
pub(super) enum Step {
    Offer(usize),
    Produce(usize, u8),
    Ship(usize),
    ToAgent(usize),
    ToParent(usize),
    Judge(usize),
    Ack(usize),
    Credit(bool, u32, u64),
    Sleep(u64),
    Cut,
}

/// What the road knows of a message: verdicts that had an effect.
#[derive(Debug, Default, Clone, Copy)]
struct Pending {
    size: usize,
    verdicts: u32,
    offered: bool,
}

pub(super) struct World {
    pub(super) agent: AgentEnd,
    pub(super) parent: ParentEnd,
    pub(super) now: Instant,
    sessions: u64,
    to_agent: VecDeque<Frame>,
    to_parent: VecDeque<Frame>,
    /// A verdict frame of a former session, to be sent into the new one.
    stale: Option<Frame>,
    tickets: BTreeMap<u64, Pending>,
    ring: VecDeque<Record>,
    produced: u64,
    /// Offers that the parent has not judged, records it has not acked.
    to_judge: Vec<u64>,
    received: u64,
    /// For each counter: what the parent learnt of it, a payload's first byte or 255 for "missing, and told so".
    pub(super) seen: BTreeMap<u64, u8>,
    /// The widest windows given in this session.
    widest: (Window, Window),
}

fn kind_of(counter: u64) -> u8 {
    (counter % 251) as u8
}

impl World {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let wants = vec![want("quakes", Roles::VERIFY | Roles::CONSUME)];
        let mut world = Self {
            agent: AgentEnd::new(vec![], terms(), SessionId(0), now),
            parent: ParentEnd::new(wants, "", ParentTerms::default(), now).unwrap(),
            now,
            sessions: 100,
            to_agent: VecDeque::new(),
            to_parent: VecDeque::new(),
            stale: None,
            tickets: BTreeMap::new(),
            ring: VecDeque::new(),
            produced: 0,
            to_judge: Vec::new(),
            received: 0,
            seen: BTreeMap::new(),
            widest: (WINDOW, WINDOW),
        };
        world.connect();
        world
    }

    /// A new session on new pipes; both models keep what they own.
    fn connect(&mut self) {
        self.sessions += 1;
        self.agent = AgentEnd::new(vec![grant("*", Roles::ALL)], terms(), SessionId(self.sessions), self.now);
        self.parent = ParentEnd::new(self.parent.wants(), "", ParentTerms::default(), self.now).unwrap();
        let want = &self.parent.wants()[0];
        self.widest = (want.verify, want.consume);
        self.to_agent.clear();
        self.to_parent.clear();
        self.to_judge.clear();
        for pending in self.tickets.values_mut() {
            pending.offered = false;
        }
        self.pump();
    }

    pub(super) fn step(&mut self, step: &Step) {
        match *step {
            Step::Offer(size) => {
                let ticket = self.tickets.len() as u64;
                self.tickets.insert(ticket, Pending { size, ..Pending::default() });
                self.offer();
            }
            Step::Produce(count, kind) => (0..count).for_each(|_| self.produce(kind)),
            Step::Ship(count) => self.ship(count),
            Step::ToAgent(count) => (0..count).for_each(|_| self.reach_agent()),
            Step::ToParent(count) => (0..count).for_each(|_| self.reach_parent()),
            Step::Judge(count) => self.judge(count),
            Step::Ack(back) => {
                let counter = self.received.saturating_sub(back as u64);
                if self.parent.is_attached() {
                    self.parent.ack(0, counter).unwrap();
                }
            }
            Step::Credit(verify, messages, bytes) => self.credit(verify, Window { messages, bytes }),
            Step::Sleep(millis) => {
                self.now += Duration::from_millis(millis);
                let dead = self.agent.tick(self.now).is_err() | self.parent.tick(self.now).is_err();
                if dead {
                    self.connect();
                }
            }
            Step::Cut => self.connect(),
        }
        self.pump();
        self.check();
    }

    fn offer(&mut self) {
        let waiting = self.tickets.iter_mut().filter(|(_, pending)| pending.verdicts == 0 && !pending.offered);
        for (&ticket, pending) in waiting {
            // The model's road does not count credit: what finds no room stays where it is.
            pending.offered = self.agent.validate(0, &[offer(ticket, pending.size, self.now)], self.now).is_ok();
        }
    }

    fn produce(&mut self, kind: u8) {
        self.produced += 1;
        let counter = self.produced;
        let record = if kind == 0 {
            Record::Unverified { counter, topic: "t".into(), cause: Reason::Timeout, count: 1 }
        } else {
            let payload = vec![kind_of(counter); usize::from(kind)].into();
            Record::Message { counter, topic: "t".into(), id: MessageId::EMPTY, payload }
        };
        self.ring.push_back(record);
        if self.ring.len() > RING {
            self.ring.pop_front();
        }
    }

    /// Sends what follows the last record sent, with a gap for what the ring has lost.
    fn ship(&mut self, count: usize) {
        let next = self.sent_in_session() + 1;
        let first = self.ring.front().map_or(self.produced + 1, Record::first);
        if first > next {
            let gap = Record::Gap { from: next, to: first - 1, count: first - next, reason: GapReason::Retention };
            if self.agent.records(0, &[gap]).is_err() {
                return;
            }
        }
        let next = next.max(first);
        let records: Vec<Record> = self.ring.iter().filter(|record| record.first() >= next).take(count).cloned().collect();
        match self.agent.records(0, &records) {
            Err(SendError::Overrun { at, .. }) => self.agent.records(0, &records[..at]).unwrap(),
            Ok(()) | Err(SendError::NotAttached) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// The last counter sent in this session, read off the refusal of a record that cannot be next.
    fn sent_in_session(&mut self) -> u64 {
        let impossible = Record::Gap { from: 0, to: 0, count: 0, reason: GapReason::Restart };
        match self.agent.records(0, &[impossible]) {
            Err(SendError::Counter { expected, .. }) => expected - 1,
            _ => self.produced,
        }
    }

    fn reach_agent(&mut self) {
        let Some(frame) = self.to_agent.pop_front() else { return };
        if frame.prefix.kind == Kind::Verdict {
            self.stale = Some(frame.clone());
        }
        self.agent.receive(streamed(frame), self.now).unwrap();
        while let Some(event) = self.agent.poll_event() {
            match event {
                AgentEvent::Hello { networks, .. } => {
                    let cursor = networks[0].cursor;
                    let counter = if cursor.stream == 9 { cursor.counter } else { 0 };
                    self.agent.welcome(&[Cursor { stream: 9, counter }], self.now).unwrap();
                    self.send_stale();
                    self.offer();
                }
                AgentEvent::Verdicts { network: 0, frame, released } => {
                    let judged: Vec<Judged<'_>> = frame.items().unwrap().collect();
                    assert_eq!(released.messages as usize, judged.len());
                    for verdict in judged {
                        self.tickets.get_mut(&verdict.ticket.0).unwrap().verdicts += 1;
                    }
                    self.offer();
                }
                AgentEvent::Ack { .. } | AgentEvent::Window { .. } => self.offer(),
                other => panic!("{other:?}"),
            }
        }
    }

    /// A frame of the session before arrives in the new one: it must have no effect at all.
    fn send_stale(&mut self) {
        let Some(frame) = self.stale.take().filter(|frame| frame.prefix.session != self.agent.session()) else { return };
        let (owed, counts) = (self.agent.unverified(0), self.agent.counts());
        self.agent.receive(frame, self.now).unwrap();
        assert!(self.agent.poll_event().is_none());
        assert_eq!((self.agent.unverified(0), self.agent.counts().stale_frames), (owed, counts.stale_frames + 1));
    }

    fn reach_parent(&mut self) {
        let Some(frame) = self.to_parent.pop_front() else { return };
        self.parent.receive(streamed(frame), self.now).unwrap();
        while let Some(event) = self.parent.poll_event() {
            match event {
                ParentEvent::Welcomed(served) => self.received = served[0].cursor.counter,
                ParentEvent::Offers(frame) => self.to_judge.extend(frame.items::<Offered<'_>>().unwrap().map(|offered| offered.ticket.0)),
                ParentEvent::Records(frame) => self.read(&frame),
                ParentEvent::Refused { code, fatal: false, .. } => assert_eq!(code, crate::wire::RefuseCode::StaleSession),
                other => panic!("{other:?}"),
            }
        }
    }

    fn read(&mut self, frame: &Frame) {
        let mut seen = |from: u64, to: u64, what: u8| {
            assert_eq!(from, self.received + 1, "counters follow each other");
            (from..=to).for_each(|counter| {
                self.seen.entry(counter).or_insert(what);
            });
            self.received = to;
        };
        match frame.prefix.kind {
            Kind::Deliver => frame.items::<Delivered<'_>>().unwrap().for_each(|item| {
                assert_eq!(item.payload[0], kind_of(item.counter));
                seen(item.counter, item.counter, 1);
            }),
            Kind::Gap => frame.items::<Lost>().unwrap().for_each(|item| seen(item.from, item.to, 255)),
            _ => frame.items::<Unjudged<'_>>().unwrap().for_each(|item| seen(item.counter, item.counter, 2)),
        }
    }

    fn judge(&mut self, count: usize) {
        let verdict = |ticket| Judged { network: 0, ticket: Ticket(ticket), verdict: Verdict::Accept, reason: 0, text: "" };
        let judged: Vec<Judged<'_>> = self.to_judge.drain(..count.min(self.to_judge.len())).map(verdict).collect();
        if self.parent.is_attached() {
            assert_eq!(self.parent.verdicts(&judged), Ok(judged.len()));
            // A second time: nothing leaves.
            assert_eq!(self.parent.verdicts(&judged), Ok(0));
        }
    }

    fn credit(&mut self, verify: bool, window: Window) {
        let role = if verify { Roles::VERIFY } else { Roles::CONSUME };
        if self.parent.credit(0, role, window).is_ok() {
            let widest = if verify { &mut self.widest.0 } else { &mut self.widest.1 };
            *widest = Window { messages: widest.messages.max(window.messages), bytes: widest.bytes.max(window.bytes) };
        }
    }

    fn pump(&mut self) {
        self.to_agent.extend(std::iter::from_fn(|| self.parent.poll_frame()));
        self.to_parent.extend(std::iter::from_fn(|| self.agent.poll_frame()));
    }

    fn check(&self) {
        let within = |taken: Outstanding, window: Window| {
            assert!(taken.messages <= window.messages.max(1), "{taken:?} of {window:?}");
            assert!(taken.messages <= 1 || taken.bytes <= window.bytes, "{taken:?} of {window:?}");
        };
        for (taken, window) in [(self.agent.unverified(0), self.widest.0), (self.agent.unacked(0), self.widest.1)] {
            within(taken, window);
        }
        within(self.parent.unverified(0), self.widest.0);
        within(self.parent.unacked(0), self.widest.1);
        // The agent learns of what comes back later than the parent, never earlier.
        assert!(self.parent.unverified(0).messages <= self.agent.unverified(0).messages);
        assert!(self.parent.unacked(0).messages <= self.agent.unacked(0).messages);
        assert!(self.tickets.values().all(|pending| pending.verdicts <= 1), "a message with two verdicts");
    }

    /// Everything arrives, is judged and acked: nothing may be left over.
    pub(super) fn finish(&mut self) {
        // A cut may have come before the welcome; windows can be set only behind it.
        for step in [Step::ToAgent(50), Step::ToParent(50), Step::Credit(true, 4, 100), Step::Credit(false, 4, 100)] {
            self.step(&step);
        }
        for _ in 0..1000 {
            for step in [Step::ToAgent(50), Step::ToParent(50), Step::Judge(50), Step::Ack(0), Step::Ship(50)] {
                self.step(&step);
            }
            self.offer();
            self.pump();
            let idle = self.tickets.values().all(|pending| pending.verdicts == 1) && self.received == self.produced;
            if idle && self.to_agent.is_empty() && self.to_parent.is_empty() {
                break;
            }
        }
        let nothing = Outstanding::default();
        assert_eq!((self.agent.unverified(0), self.agent.unacked(0)), (nothing, nothing), "credit leaked at the agent");
        assert_eq!((self.parent.unverified(0), self.parent.unacked(0)), (nothing, nothing), "credit leaked at the parent");
        assert!(self.tickets.values().all(|pending| pending.verdicts == 1), "every message has its verdict");
        assert!(self.seen.keys().copied().eq(1..=self.produced), "every record was seen, or its gap");
        assert_eq!(self.agent.counts().unknown_tickets, 0);
    }
}
