//! What goes to the agent.

use std::borrow::Borrow;

use bytes::Bytes;

use super::{Network, ParentEnd, State};
use crate::session::{Request, SendError};
use crate::wire::message::{
    Ack, AllowList, Credit, Judged, MAX_REASON, Mark, Pause, Publish, Refuse, Resume, Subscribe, Thresholds, Unsubscribe,
};
use crate::wire::{Item, RefuseCode, Roles, Window};

impl ParentEnd {
    /// Sends verdicts. Those for tickets that are not open (answered before, or of a former session) are left out; a text that is longer
    /// than [`MAX_REASON`] is cut.
    ///
    /// Returns how many were sent.
    ///
    /// # Errors
    /// [`SendError`], and nothing has changed.
    pub fn verdicts<'a, V: Borrow<Judged<'a>>>(&mut self, verdicts: impl IntoIterator<Item = V>) -> Result<usize, SendError> {
        self.room()?;
        let networks = &mut self.networks;
        let mut sent = 0;
        let mut open = verdicts
            .into_iter()
            .map(|verdict| {
                let Judged { text, .. } = *verdict.borrow();
                Judged { text: text.get(..text.floor_char_boundary(MAX_REASON)).unwrap_or_default(), ..*verdict.borrow() }
            })
            .filter(|verdict| {
                let known = networks.get_mut(usize::from(verdict.network)).and_then(|of| of.verify.release(verdict.ticket)).is_some();
                sent += usize::from(known);
                known
            })
            .peekable();
        while let Some(frame) = self.encoder.pack(self.session, &mut open)? {
            self.outbox.push_back(frame);
        }
        Ok(sent)
    }

    /// Everything up to and including `counter` has been processed: gives credit back, and the next session resumes behind it.
    ///
    /// # Errors
    /// [`SendError`], and nothing has changed. An ack for what was acked before is no error and sends nothing.
    pub fn ack(&mut self, network: u16, counter: u64) -> Result<(), SendError> {
        self.room()?;
        let of = self.network(network, Roles::CONSUME)?;
        if counter <= of.want.cursor.counter {
            return Ok(());
        }
        of.consume.ack(counter).ok_or(SendError::NotReceived(counter))?;
        of.want.cursor.counter = counter;
        self.send([Ack { network, counter }])
    }

    /// Sets the window of `role` (verify or consume). A narrower one does not call back what is on its way.
    ///
    /// # Errors
    /// [`SendError`], and nothing has changed.
    pub fn credit(&mut self, network: u16, role: Roles, window: Window) -> Result<(), SendError> {
        self.room()?;
        let of = self.network(network, role)?;
        let (want, meter) = match role {
            Roles::VERIFY => (&mut of.want.verify, &mut of.verify.meter),
            Roles::CONSUME => (&mut of.want.consume, &mut of.consume.meter),
            _ => return Err(SendError::Role { network, role }),
        };
        meter.widen(window);
        *want = window;
        self.send([Credit { network, role, window }])
    }

    /// Wants no messages to verify for now, or wants them again.
    ///
    /// # Errors
    /// [`SendError`], and nothing has changed.
    pub fn pause(&mut self, network: u16, paused: bool) -> Result<(), SendError> {
        self.room()?;
        self.network(network, Roles::VERIFY)?;
        if paused { self.send([Pause { network }]) } else { self.send([Resume { network }]) }
    }

    /// Publishes a message; [`Published`](crate::session::ParentEvent::Published), or a refusal, with the number that is returned says what became of it.
    ///
    /// # Errors
    /// [`SendError`], and nothing has changed.
    pub fn publish(&mut self, network: u16, topic: &str, payload: Bytes) -> Result<u64, SendError> {
        let request = self.next_request(network)?;
        self.send([Publish { network, request, topic, payload }])?;
        Ok(request)
    }

    /// Asks for something; [`Done`](crate::session::ParentEvent::Done), a refusal, or [`Published`](crate::session::ParentEvent::Published)
    /// for a publish, with the number that is returned says what became of it.
    ///
    /// # Errors
    /// [`SendError`], and nothing has changed.
    pub fn request(&mut self, network: u16, what: &Request) -> Result<u64, SendError> {
        let request = self.next_request(network)?;
        match what {
            Request::Publish { topic, payload } => self.send([Publish { network, request, topic, payload: payload.clone() }]),
            Request::Subscribe(topic) => self.send([Subscribe { network, request, topic }]),
            Request::Unsubscribe(topic) => self.send([Unsubscribe { network, request, topic }]),
            &Request::Thresholds { ref topic, skip, validity } => self.send([Thresholds { network, request, topic, skip, validity }]),
            &Request::Mark { ref topic, origin, epoch, seq, action } => {
                self.send([Mark { network, request, topic, origin, epoch, seq, action }])
            }
            &Request::AllowList { action, ref peers } if peers.is_empty() => self.send([AllowList { network, request, action, peer: "" }]),
            &Request::AllowList { action, ref peers } => self.send(peers.iter().map(|peer| AllowList { network, request, action, peer })),
        }?;
        Ok(request)
    }

    /// Ends the session by a fatal refusal behind everything that is queued.
    pub fn close(&mut self, code: RefuseCode, text: &str) {
        if self.state != State::Closed {
            self.push(Refuse { network: 0, code, fatal: true, about: 0, text: crate::session::cut(text) });
            self.state = State::Closed;
        }
    }

    /// The next request's number, if one may be made.
    fn next_request(&mut self, network: u16) -> Result<u64, SendError> {
        self.room()?;
        self.network(network, Roles::PRODUCE)?;
        self.requests += 1;
        Ok(self.requests)
    }

    fn room(&self) -> Result<(), SendError> {
        if self.state != State::Attached {
            return Err(SendError::NotAttached);
        }
        if self.outbox.len() >= self.terms.max_frames { Err(SendError::Full(self.outbox.len())) } else { Ok(()) }
    }

    fn send<'a, I: Item<'a>>(&mut self, items: impl IntoIterator<Item = I>) -> Result<(), SendError> {
        let frame = self.encoder.frame(self.session, items)?;
        self.outbox.push_back(frame);
        Ok(())
    }

    fn network(&mut self, network: u16, role: Roles) -> Result<&mut Network, SendError> {
        let entry = self.networks.get_mut(usize::from(network)).ok_or(SendError::Network(network))?;
        if entry.want.roles.serves(role) { Ok(entry) } else { Err(SendError::Role { network, role }) }
    }
}
