//! The parent's end against an agent that says anything, and a parent that asks for anything.

mod calls;

use std::time::{Duration, Instant};

use pmq_protocol::session::{ParentEnd, ParentEvent, ParentTerms, Timing, Violation, Want};
use pmq_protocol::wire::message::{Delivered, Granted, Judged, Lost, Offered, Unjudged};
use pmq_protocol::wire::{Encoder, Frame, GapReason, Kind, MessageId, Overflow, Reason, RefuseCode, Roles, SessionId, Window};

use super::super::input::Input;
use super::model::Network;
use super::said::{NAMES, cursor, damaged, group, index, nonsense, payload, roles, said, session, ticket, window};
use super::{LIMITS, PINGS, STEPS, TICK, fatal, readable};

const SESSION: SessionId = SessionId(77);
const MAX_FRAMES: usize = 8;
const TIMING: Timing = Timing { ping: Duration::from_secs(1), dead: Duration::from_secs(3) };

/// The first bytes say what the parent wants; every step behind them is a byte and what that step takes.
///
/// - Nothing panics. One welcome, which grants what was asked for; no event but a refusal before it, none after the end.
/// - What is on its way is, message by message, what a second account says, and never more than the widest window.
/// - Records follow each other; the place to resume from is the last ack, and a frame that is refused moves nothing.
/// - Frames that wait are bounded; every one can be read; the end is one fatal refusal and nothing behind it.
///
/// Answers whether a session came about.
pub fn session_parent(data: &[u8]) -> bool {
    let mut input = Input(data);
    let Some(mut world) = World::new(&mut input) else { return false };
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
        world.check();
    }
    world.read();
    world.attached
}

struct World {
    end: ParentEnd,
    now: Instant,
    networks: Vec<Network>,
    /// As of where the next session would go on.
    wants: Vec<Want>,
    attached: bool,
    reading: bool,
    hellos: usize,
    /// Verdicts that wait to be written.
    judged: usize,
    requests: u64,
    over: bool,
}

impl World {
    fn new(input: &mut Input<'_>) -> Option<Self> {
        let now = Instant::now();
        let wants: Vec<Want> = (0..=input.below(2))
            .map(|index| Want {
                network: NAMES[usize::from(index)].into(),
                roles: roles(input),
                verify: window(input),
                consume: window(input),
                consumer: "c".into(),
                group: group(input).into(),
                cursor: cursor(input),
                policy: Overflow::from_code(input.below(4)),
            })
            .collect();
        let terms = ParentTerms { limits: LIMITS, max_frames: MAX_FRAMES, timing: TIMING };
        let end = ParentEnd::new(wants.clone(), "fuzz/1", terms, now).ok()?;
        let networks = wants.iter().map(|want| Network::new(&want.network, want.roles, want.verify, want.consume, want.cursor.counter));
        let networks = networks.collect();
        Some(Self { end, now, networks, wants, attached: false, reading: true, hellos: 0, judged: 0, requests: 0, over: false })
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(16) {
            0 => self.welcome(input),
            1 | 2 => self.offers(input),
            3 | 4 => self.records(input),
            5 | 6 => {
                if let Some(frame) = said(input, SESSION) {
                    self.receive(frame);
                }
            }
            7 => {
                if let Some(frame) = damaged(input, SESSION) {
                    self.receive(frame);
                }
            }
            8 => self.receive(nonsense(input, SESSION)),
            9 | 10 => self.verdicts(input),
            11 => self.ack(input),
            12 => self.credit(input),
            13 => self.ask(input),
            14 => {
                self.now += TICK * u32::from(input.byte());
                if self.end.tick(self.now).is_err() {
                    assert!(!self.over, "dead twice");
                    self.ended();
                }
            }
            _ => match input.byte() {
                255 => {
                    self.end.close(RefuseCode::ShuttingDown, "the schedule says so");
                    self.over = true;
                }
                other => self.reading = other & 1 == 1,
            },
        }
        if self.reading || self.over {
            self.read();
        }
    }

    /// The welcome that is due, but for what a few bytes change.
    fn welcome(&mut self, input: &mut Input<'_>) {
        let mut granted: Vec<Granted<'_>> = Vec::new();
        for (want, index) in self.wants.iter().zip(0..) {
            let (network, roles, cursor) = (&*want.network, want.roles, cursor(input));
            granted.push(Granted { network, index, roles, cursor, deadline: TIMING.dead, max_payload: 9, max_window: want.verify });
        }
        match input.byte() {
            255 => granted.reverse(),
            254 => granted.truncate(1),
            253 => granted[0].roles = roles(input),
            _ => {}
        }
        let frame = Encoder::new(LIMITS).frame(session(input, SESSION), granted);
        if let Ok(frame) = frame {
            self.receive(frame);
        }
    }

    fn offers(&mut self, input: &mut Input<'_>) {
        let offered = (0..=input.below(3)).map(|_| Offered {
            network: index(input),
            ticket: ticket(input),
            remaining: TICK,
            topic: "t",
            id: MessageId::EMPTY,
            payload: payload(input),
        });
        let offered: Vec<_> = offered.collect();
        if let Ok(frame) = Encoder::new(LIMITS).frame(SESSION, offered) {
            self.receive(frame);
        }
    }

    /// Records that mostly follow what was received.
    fn records(&mut self, input: &mut Input<'_>) {
        let (network, kind) = (index(input), input.below(4));
        let mut next = self.networks.get(usize::from(network)).map_or(1, |of| of.sent.wrapping_add(1));
        if input.byte() > 240 {
            next = input.number();
        }
        let mut counter = || {
            next = next.wrapping_add(1);
            next.wrapping_sub(1)
        };
        let (mut encoder, count) = (Encoder::new(LIMITS), 1 + input.below(3));
        let frame = match kind {
            0 | 1 => {
                let items = (0..count).map(|_| Delivered {
                    network,
                    counter: counter(),
                    topic: "t",
                    id: MessageId::EMPTY,
                    payload: payload(input),
                });
                encoder.frame(SESSION, items.collect::<Vec<_>>())
            }
            2 => {
                let (from, reason) = (counter(), GapReason::Retention);
                encoder.frame(SESSION, [Lost { network, from, to: from.wrapping_add(input.number()), count: 0, reason }])
            }
            _ => {
                let items = (0..count).map(|_| Unjudged { network, counter: counter(), topic: "t", cause: Reason::Timeout, count: 1 });
                encoder.frame(SESSION, items.collect::<Vec<_>>())
            }
        };
        if let Ok(frame) = frame {
            self.receive(frame);
        }
    }

    fn receive(&mut self, frame: Frame) {
        let stale = self.attached && frame.prefix.session != self.end.session();
        let result = self.end.receive(frame, self.now);
        while let Some(event) = self.end.poll_event() {
            assert!(!self.over && !stale, "an event out of nothing: {event:?}");
            self.event(event);
        }
        if self.over {
            assert_eq!(result, Err(Violation::Closed));
        } else if result.is_err() {
            self.ended();
        } else if self.end.is_closed() {
            // The agent's own refusal.
            self.judged = 0;
            self.over = true;
            assert!(self.end.poll_frame().is_none(), "an answer to a goodbye");
        }
    }

    /// The session has ended by itself: what waited is gone, one refusal is there.
    fn ended(&mut self) {
        assert!(self.end.is_closed());
        self.judged = 0;
        self.over = true;
        let last = self.end.poll_frame().unwrap_or_else(|| panic!("ended without a word"));
        readable(&last);
        assert!(fatal(&last), "the last word is {last:?}");
        assert!(self.end.poll_frame().is_none(), "words behind the last one");
    }

    fn event(&mut self, event: ParentEvent) {
        assert!(self.attached || matches!(event, ParentEvent::Welcomed(_) | ParentEvent::Refused { .. }), "before the welcome: {event:?}");
        match event {
            ParentEvent::Welcomed(served) => {
                assert!(!self.attached, "two welcomes");
                assert_ne!(self.end.session(), SessionId(0));
                self.attached = true;
                assert_eq!(served.len(), self.networks.len());
                for ((served, of), want) in served.iter().zip(&mut self.networks).zip(&mut self.wants) {
                    assert!(*served.network == *of.name && served.roles == of.roles, "not what was asked for: {served:?}");
                    if of.may(Roles::CONSUME) {
                        let same = served.cursor.stream == want.cursor.stream && want.cursor.stream != 0;
                        assert!(!same || served.cursor.counter <= want.cursor.counter, "records were left out");
                        want.cursor = served.cursor;
                        of.sent = served.cursor.counter;
                    }
                }
            }
            ParentEvent::Offers(frame) => {
                for offered in frame.items::<Offered<'_>>().unwrap_or_else(|error| panic!("{error}")) {
                    let of = &mut self.networks[usize::from(offered.network)];
                    assert!(
                        of.may(Roles::VERIFY) && of.offer(offered.ticket.0, offered.payload.len() as u64),
                        "beyond the window: {offered:?}"
                    );
                }
            }
            ParentEvent::Records(frame) => {
                let mut record = |network: u16, first, last, bytes: usize| {
                    let of = &mut self.networks[usize::from(network)];
                    assert!(of.may(Roles::CONSUME) && of.record(first, last, bytes as u64), "record {first} to {last} behind {}", of.sent);
                };
                match frame.prefix.kind {
                    Kind::Deliver => frame.items::<Delivered<'_>>().into_iter().flatten().for_each(|item| {
                        record(item.network, item.counter, item.counter, item.payload.len());
                    }),
                    Kind::Gap => frame.items::<Lost>().into_iter().flatten().for_each(|item| record(item.network, item.from, item.to, 0)),
                    _ => frame.items::<Unjudged<'_>>().into_iter().flatten().for_each(|item| {
                        record(item.network, item.counter, item.counter, 0);
                    }),
                }
            }
            ParentEvent::Published { .. } | ParentEvent::Done { .. } | ParentEvent::Refused { .. } => {}
        }
    }

    /// The agent reads all that waits.
    fn read(&mut self) {
        let (mut frames, mut pings, mut last) = (0, 0, false);
        while let Some(frame) = self.end.poll_frame() {
            assert!(!last, "a frame behind the last one: {frame:?}");
            readable(&frame);
            last = fatal(&frame);
            match frame.prefix.kind {
                Kind::Hello => self.hellos += 1,
                Kind::Ping => pings += 1,
                Kind::Verdict => self.judged -= frame.items::<Judged<'_>>().map_or(0, |items| items.len()),
                _ => {}
            }
            if frame.prefix.kind != Kind::Ping {
                frames += 1;
            }
            assert!(frame.prefix.kind == Kind::Hello || self.hellos == 1, "before the hello: {frame:?}");
            self.end.recycle(frame);
        }
        assert!(self.hellos <= 1, "two hellos");
        assert!(frames <= MAX_FRAMES + 1, "{frames} frames waited");
        assert!(pings <= PINGS, "{pings} pings waited");
        assert_eq!(self.judged, 0, "verdicts were never written");
    }

    fn check(&mut self) {
        assert_eq!(self.end.is_closed(), self.over);
        assert_eq!(self.end.is_attached(), self.attached && !self.over);
        assert_eq!(self.end.next_tick().is_none(), self.over);
        assert_eq!(self.end.wants(), self.wants, "another place to resume from");
        if self.over {
            return;
        }
        for (of, index) in self.networks.iter().zip(0..) {
            assert_eq!((self.end.unverified(index), self.end.unacked(index)), (of.unverified(), of.unacked()), "credit of {}", of.name);
            for (taken, window) in [(of.unverified(), of.verify), (of.unacked(), of.consume)] {
                let Window { messages, bytes } = window;
                assert!(taken.messages <= messages && (taken.messages <= 1 || taken.bytes <= bytes), "{taken:?} of {window:?}");
            }
        }
    }
}
