//! The agent's end.

mod hello;
mod receive;
mod requests;
mod send;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::event::{AgentEvent, Counts};
use super::ledger::{Tickets, Unacked};
use super::pulse::{Beat, Pulse};
use super::{AgentTerms, Dead, Grant, SendError, Violation};
use super::{cut, next_on};
use crate::wire::message::{Item, Ping, Refuse};
use crate::wire::{Encoder, Frame, Kind, Lanes, Outstanding, RefuseCode, Roles, SessionId};

/// Where the session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    AwaitHello,
    AwaitWelcome,
    Attached,
    Closed,
}

/// One network of the session; its place in the list is its index.
#[derive(Debug)]
struct Network {
    name: Arc<str>,
    roles: Roles,
    /// Index into the terms.
    terms: usize,
    verify: Tickets,
    consume: Unacked,
}

/// The agent's end of one session.
///
/// After every call, take all events and write all frames. Both queues are bounded: events by the entries of one frame, frames of messages by
/// the parent's credit, answers by [`AgentTerms::max_answers`].
#[derive(Debug)]
pub struct AgentEnd {
    grants: Vec<Grant>,
    terms: Arc<AgentTerms>,
    session: SessionId,
    state: State,
    opened: Instant,
    pulse: Pulse,
    encoder: Encoder,
    networks: Vec<Network>,
    outbox: VecDeque<Frame>,
    /// Answers in the outbox.
    answers: usize,
    /// Requests that were handed on and not answered.
    requests: usize,
    events: VecDeque<AgentEvent>,
    counts: Counts,
    /// Name of the last topic that was read, so that a producer of one topic costs no allocation for it.
    topic: Arc<str>,
    /// Pings sent.
    pings: u64,
    /// Buffers that are reused from frame to frame.
    batch: Vec<Frame>,
    /// Of the verdicts of one frame: the network and what it releases, `None` for those that were refused.
    judged: Vec<Option<(u16, Outstanding)>>,
}

impl AgentEnd {
    /// A session whose hello has not come yet. `session` is drawn at random by the caller.
    #[must_use]
    pub fn new(grants: Vec<Grant>, terms: Arc<AgentTerms>, session: SessionId, now: Instant) -> Self {
        Self {
            grants,
            session,
            state: State::AwaitHello,
            opened: now,
            pulse: Pulse::new(terms.timing, now),
            encoder: Encoder::new(terms.limits),
            terms,
            networks: Vec::new(),
            outbox: VecDeque::new(),
            answers: 0,
            requests: 0,
            events: VecDeque::new(),
            counts: Counts::default(),
            topic: "".into(),
            pings: 0,
            batch: Vec::new(),
            judged: Vec::new(),
        }
    }

    /// Its id.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Whether the welcome was sent and the session lives.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.state == State::Attached
    }

    /// Whether the session is over. Frames that are left should still be written.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// What was refused in passing.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What the parent has to give a verdict on, on one network.
    #[must_use]
    pub fn unverified(&self, network: u16) -> Outstanding {
        self.networks.get(usize::from(network)).map(|network| network.verify.meter.taken).unwrap_or_default()
    }

    /// What the parent has to ack, on one network.
    #[must_use]
    pub fn unacked(&self, network: u16) -> Outstanding {
        self.networks.get(usize::from(network)).map(|network| network.consume.meter.taken).unwrap_or_default()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<AgentEvent> {
        self.events.pop_front()
    }

    /// The next frame to write.
    pub fn poll_frame(&mut self) -> Option<Frame> {
        self.poll_frame_on(Lanes::ALL)
    }

    /// The next frame that may be written while only `lanes` have room.
    pub fn poll_frame_on(&mut self, lanes: Lanes) -> Option<Frame> {
        let frame = next_on(&mut self.outbox, lanes)?;
        if is_answer(frame.prefix.kind) {
            self.answers = self.answers.saturating_sub(1);
        }
        Some(frame)
    }

    /// Takes home what a written frame leaves behind, so that the next one needs no allocation.
    pub fn recycle(&mut self, frame: Frame) {
        self.encoder.recycle(frame.payloads);
    }

    /// Time has passed: pings, or finds the parent dead.
    ///
    /// # Errors
    /// [`Dead`] once, when the hello or everything else did not come for too long; the session is over.
    pub fn tick(&mut self, now: Instant) -> Result<(), Dead> {
        let beat = match self.state {
            State::Closed => return Ok(()),
            State::AwaitHello => {
                let silence = now.saturating_duration_since(self.opened);
                if silence < self.terms.timing.dead { Ok(Beat::Quiet) } else { Err(Dead { waited_for: "no hello came", silence }) }
            }
            State::AwaitWelcome | State::Attached => self.pulse.beat(now),
        };
        match beat {
            Ok(Beat::Quiet) => Ok(()),
            Ok(Beat::Ping) => {
                // Outside the bound of answers. One that was not written yet asks for the next one too: a peer that speaks and does not read gets no more.
                if !self.outbox.iter().any(|frame| frame.prefix.kind == Kind::Ping) {
                    self.pings += 1;
                    self.push(Ping { nonce: self.pings });
                }
                Ok(())
            }
            Err(dead) => {
                self.end(RefuseCode::Heartbeat, &dead.to_string());
                Err(dead)
            }
        }
    }

    /// When to call [`AgentEnd::tick`] next; `None` when the session is over.
    #[must_use]
    pub fn next_tick(&self) -> Option<Instant> {
        match self.state {
            State::Closed => None,
            State::AwaitHello => Some(self.opened + self.terms.timing.dead),
            State::AwaitWelcome | State::Attached => Some(self.pulse.next()),
        }
    }

    /// Ends the session: what was queued is dropped, a fatal refusal is the only frame that is left.
    fn end(&mut self, code: RefuseCode, text: &str) {
        self.outbox.clear();
        self.answers = 0;
        self.state = State::Closed;
        self.push(Refuse { network: 0, code, fatal: true, about: 0, text: cut(text) });
    }

    /// Frames that wait to be written.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outbox.len()
    }

    /// Queues a frame of one entry that always fits: heads of fixed size and texts that were cut.
    fn push<'a>(&mut self, item: impl Item<'a>) {
        if let Ok(frame) = self.encoder.frame(self.session, [item]) {
            self.answers += usize::from(is_answer(frame.prefix.kind));
            self.outbox.push_back(frame);
        }
    }

    /// Queues an answer to something that the parent sent.
    fn answer<'a>(&mut self, item: impl Item<'a>) -> Result<(), Violation> {
        if self.answers >= self.terms.max_answers {
            return Err(Violation::Unread(self.answers));
        }
        let frame = self.encoder.frame(self.session, [item])?;
        self.answers += 1;
        self.outbox.push_back(frame);
        Ok(())
    }

    fn network(&mut self, network: u16, role: Roles) -> Result<&mut Network, SendError> {
        if self.state != State::Attached {
            return Err(SendError::NotAttached);
        }
        let entry = self.networks.get_mut(usize::from(network)).ok_or(SendError::Network(network))?;
        if entry.roles.serves(role) { Ok(entry) } else { Err(SendError::Role { network, role }) }
    }
}

/// Whether a frame of the agent answers something that the parent sent, and thus counts against the bound.
fn is_answer(kind: Kind) -> bool {
    matches!(kind, Kind::Pong | Kind::Refuse | Kind::Published | Kind::Done)
}
