//! What comes from the agent.

use std::time::Instant;

use super::{ParentEnd, State};
use crate::session::ledger::follows;
use crate::session::{ParentEvent, Served, Violation};
use crate::wire::message::{Delivered, Done, Granted, Lost, Offered, Ping, Pong, Published, Refuse, Unjudged};
use crate::wire::{Frame, Kind, Roles, SessionId};

impl ParentEnd {
    /// Takes a frame from the agent. A frame of another session is counted and has no effect.
    ///
    /// # Errors
    /// [`Violation`] when the session is over; a refuse frame waits to be written. Of the offending frame nothing is handed on.
    pub fn receive(&mut self, frame: Frame, now: Instant) -> Result<(), Violation> {
        if self.state == State::Closed {
            return Err(Violation::Closed);
        }
        self.pulse.heard(now);
        let result = self.dispatch(frame);
        if let Err(violation) = &result {
            self.end(violation.code(), &violation.to_string());
        }
        result
    }

    fn dispatch(&mut self, frame: Frame) -> Result<(), Violation> {
        let kind = frame.prefix.kind;
        let waiting = self.state == State::AwaitWelcome;
        // The agent's frames carry the new id from the first one on; the parent learns it from the welcome.
        if !waiting && frame.prefix.session != self.session {
            self.stale += 1;
            return Ok(());
        }
        if waiting && !matches!(kind, Kind::Welcome | Kind::Ping | Kind::Pong | Kind::Refuse) {
            return Err(Violation::OutOfOrder { kind, when: "came before the welcome" });
        }
        match kind {
            Kind::Welcome if !waiting => Err(Violation::OutOfOrder { kind, when: "came twice: one welcome a session" }),
            Kind::Welcome => self.welcome(&frame),
            Kind::Validate => self.offers(frame),
            Kind::Deliver | Kind::Gap | Kind::Unverified => self.records(frame),
            Kind::Published => {
                for Published { request, status, id, peers, text, .. } in frame.items::<Published<'_>>()? {
                    self.events.push_back(ParentEvent::Published { request, status, id, peers, text: text.to_owned() });
                }
                Ok(())
            }
            Kind::Done => {
                for Done { request, .. } in frame.items::<Done>()? {
                    self.events.push_back(ParentEvent::Done { request });
                }
                Ok(())
            }
            Kind::Ping => {
                for Ping { nonce } in frame.items::<Ping>()? {
                    if self.outbox.len() >= self.terms.max_frames {
                        return Err(Violation::Unread(self.outbox.len()));
                    }
                    self.push(Pong { nonce });
                }
                Ok(())
            }
            // That it came is all that it says.
            Kind::Pong => Ok(frame.items::<Pong>().map(|_| ())?),
            Kind::Refuse => self.refused(&frame),
            _ => Err(Violation::OutOfOrder { kind, when: "is the parent's to send" }),
        }
    }

    fn welcome(&mut self, frame: &Frame) -> Result<(), Violation> {
        let items = frame.items::<Granted<'_>>()?;
        if frame.prefix.session == SessionId(0) {
            return Err(Violation::Welcome("it names no session".into()));
        }
        if items.len() != self.networks.len() {
            return Err(Violation::Welcome(format!("{} networks for the {} of the hello", items.len(), self.networks.len())));
        }
        let mut served = Vec::with_capacity(items.len());
        for ((item, network), index) in items.zip(&self.networks).zip(0_u16..) {
            let want = &network.want;
            if item.index != index || *item.network != *want.network || item.roles != want.roles {
                return Err(Violation::Welcome(format!(
                    "entry {index} is {:?} as {}, not {:?} as {}",
                    item.network, item.roles, want.network, want.roles
                )));
            }
            if want.roles.contains(Roles::CONSUME) {
                // In the stream that was asked for, nothing may be left out behind the cursor: a gap would have to say so.
                if item.cursor.stream == want.cursor.stream && item.cursor.counter > want.cursor.counter && want.cursor.stream != 0 {
                    return Err(Violation::Counter { network: index, expected: want.cursor.counter, got: item.cursor.counter });
                }
            }
            served.push(Served {
                network: want.network.clone(),
                index,
                roles: item.roles,
                cursor: item.cursor,
                deadline: item.deadline,
                max_payload: item.max_payload,
                max_window: item.max_window,
            });
        }
        // Only a welcome that is right as a whole moves anything: the next session resumes where this one stood.
        for (network, served) in self.networks.iter_mut().zip(&served).filter(|(network, _)| network.want.roles.contains(Roles::CONSUME)) {
            network.want.cursor = served.cursor;
            network.consume.start(served.cursor.counter);
        }
        self.session = frame.prefix.session;
        self.state = State::Attached;
        self.events.push_back(ParentEvent::Welcomed(served));
        Ok(())
    }

    fn offers(&mut self, frame: Frame) -> Result<(), Violation> {
        for Offered { network, ticket, payload, .. } in frame.items::<Offered<'_>>()? {
            let of = self.networks.get_mut(usize::from(network)).filter(|of| of.want.roles.serves(Roles::VERIFY));
            if !of.is_some_and(|of| of.verify.take(ticket, payload.len())) {
                let detail = "an offer beyond the window, for an open ticket, or where none was asked for";
                return Err(Violation::Credit { what: "verify", network, detail });
            }
        }
        self.events.push_back(ParentEvent::Offers(frame));
        Ok(())
    }

    fn records(&mut self, frame: Frame) -> Result<(), Violation> {
        match frame.prefix.kind {
            Kind::Deliver => {
                for Delivered { network, counter, payload, .. } in frame.items::<Delivered<'_>>()? {
                    self.record(network, counter, counter, payload.len())?;
                }
            }
            Kind::Gap => {
                for Lost { network, from, to, .. } in frame.items::<Lost>()? {
                    self.record(network, from, to, 0)?;
                }
            }
            _ => {
                for Unjudged { network, counter, .. } in frame.items::<Unjudged<'_>>()? {
                    self.record(network, counter, counter, 0)?;
                }
            }
        }
        self.events.push_back(ParentEvent::Records(frame));
        Ok(())
    }

    fn record(&mut self, network: u16, first: u64, last: u64, bytes: usize) -> Result<(), Violation> {
        let of = self.networks.get_mut(usize::from(network)).filter(|of| of.want.roles.contains(Roles::CONSUME));
        let Some(of) = of else {
            return Err(Violation::Credit { what: "consume", network, detail: "a record where none was asked for" });
        };
        if !follows(of.consume.sent(), first, last) {
            return Err(Violation::Counter { network, expected: of.consume.sent().saturating_add(1), got: first });
        }
        if !of.consume.take(last, bytes) {
            return Err(Violation::Credit { what: "consume", network, detail: "a record beyond the window" });
        }
        Ok(())
    }

    fn refused(&mut self, frame: &Frame) -> Result<(), Violation> {
        for Refuse { network, code, fatal, about, text } in frame.items::<Refuse<'_>>()? {
            self.events.push_back(ParentEvent::Refused { network, code, fatal, about, text: text.to_owned() });
            if fatal {
                self.outbox.clear();
                self.state = State::Closed;
            }
        }
        Ok(())
    }
}
