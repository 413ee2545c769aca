//! The parent's end.

mod receive;
mod send;

use std::collections::VecDeque;
use std::time::Instant;

use super::ledger::{Tickets, Unacked};
use super::next_on;
use super::pulse::{Beat, Pulse};
use super::{Dead, ParentEvent, ParentTerms, SendError, Want};
use crate::wire::message::{Item, Ping, Refuse, Wanted};
use crate::wire::{Encoder, Frame, Kind, Lanes, Outstanding, RefuseCode, SessionId};

/// Where the session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    AwaitWelcome,
    Attached,
    Closed,
}

/// One wanted network; its place in the list is its index.
#[derive(Debug)]
struct Network {
    want: Want,
    verify: Tickets,
    consume: Unacked,
}

/// The parent's end of one session.
///
/// After every call, take all events and write all frames. Both queues are bounded: events by the entries of one frame, frames by
/// [`ParentTerms::max_frames`]. When the session is over, make a new one from [`ParentEnd::wants`]: it resumes behind the last acks.
#[derive(Debug)]
pub struct ParentEnd {
    terms: ParentTerms,
    session: SessionId,
    state: State,
    pulse: Pulse,
    encoder: Encoder,
    networks: Vec<Network>,
    outbox: VecDeque<Frame>,
    events: VecDeque<ParentEvent>,
    /// The last request's number.
    requests: u64,
    /// Pings sent.
    pings: u64,
    /// Frames that named another session and were not looked at.
    stale: u64,
}

impl ParentEnd {
    /// A session that starts with a hello for `wants`. `software`: name and version of the parent's software, for the agent's log.
    ///
    /// # Errors
    /// [`SendError::Frame`] if `wants` is empty or fits no frame.
    pub fn new(wants: Vec<Want>, software: &str, terms: ParentTerms, now: Instant) -> Result<Self, SendError> {
        let mut encoder = Encoder::new(terms.limits);
        let items = wants.iter().enumerate().map(|(index, want)| Wanted {
            network: &want.network,
            roles: want.roles,
            verify: want.verify,
            consume: want.consume,
            consumer: &want.consumer,
            group: &want.group,
            cursor: want.cursor,
            policy: want.policy,
            software: if index == 0 { software } else { "" },
        });
        let hello = encoder.frame(SessionId(0), items)?;
        let networks = wants
            .into_iter()
            .map(|want| Network { verify: Tickets::new(want.verify), consume: Unacked::new(want.consume, want.cursor.counter), want })
            .collect();
        Ok(Self {
            session: SessionId(0),
            state: State::AwaitWelcome,
            pulse: Pulse::new(terms.timing, now),
            terms,
            encoder,
            networks,
            outbox: VecDeque::from([hello]),
            events: VecDeque::new(),
            requests: 0,
            pings: 0,
            stale: 0,
        })
    }

    /// Its id; 0 before the welcome.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Whether the welcome came and the session lives.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.state == State::Attached
    }

    /// Whether the session is over. Frames that are left should still be written.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// What to ask for in the next session: the windows as they are now, the cursors behind the last acks.
    #[must_use]
    pub fn wants(&self) -> Vec<Want> {
        self.networks.iter().map(|network| network.want.clone()).collect()
    }

    /// Messages that wait for this parent's verdict, on one network.
    #[must_use]
    pub fn unverified(&self, network: u16) -> Outstanding {
        self.networks.get(usize::from(network)).map(|network| network.verify.meter.taken).unwrap_or_default()
    }

    /// Records that wait for this parent's ack, on one network.
    #[must_use]
    pub fn unacked(&self, network: u16) -> Outstanding {
        self.networks.get(usize::from(network)).map(|network| network.consume.meter.taken).unwrap_or_default()
    }

    /// Frames that named another session.
    #[must_use]
    pub fn stale_frames(&self) -> u64 {
        self.stale
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ParentEvent> {
        self.events.pop_front()
    }

    /// How many frames are to be written.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outbox.len()
    }

    /// The next frame to write.
    pub fn poll_frame(&mut self) -> Option<Frame> {
        self.poll_frame_on(Lanes::ALL)
    }

    /// The next frame that may be written while only `lanes` have room.
    pub fn poll_frame_on(&mut self, lanes: Lanes) -> Option<Frame> {
        next_on(&mut self.outbox, lanes)
    }

    /// Takes home what a written frame leaves behind, so that the next one needs no allocation.
    pub fn recycle(&mut self, frame: Frame) {
        self.encoder.recycle(frame.payloads);
    }

    /// Time has passed: pings, or finds the agent dead.
    ///
    /// # Errors
    /// [`Dead`] once; the session is over.
    pub fn tick(&mut self, now: Instant) -> Result<(), Dead> {
        if self.state == State::Closed {
            return Ok(());
        }
        match self.pulse.beat(now) {
            Ok(Beat::Quiet) => Ok(()),
            Ok(Beat::Ping) => {
                // Outside the bound of frames. One that was not written yet asks for the next one too: a peer that speaks and does not read gets no more.
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

    /// When to call [`ParentEnd::tick`] next; `None` when the session is over.
    #[must_use]
    pub fn next_tick(&self) -> Option<Instant> {
        (self.state != State::Closed).then(|| self.pulse.next())
    }

    /// Ends the session: what was queued is dropped, a fatal refusal is the only frame that is left.
    fn end(&mut self, code: RefuseCode, text: &str) {
        self.outbox.clear();
        self.state = State::Closed;
        self.push(Refuse { network: 0, code, fatal: true, about: 0, text: super::cut(text) });
    }

    /// Queues a frame of one entry that always fits: heads of fixed size and texts that were cut.
    fn push<'a>(&mut self, item: impl Item<'a>) {
        if let Ok(frame) = self.encoder.frame(self.session, [item]) {
            self.outbox.push_back(frame);
        }
    }
}
