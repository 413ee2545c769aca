//! What comes from the parent.

use std::time::Instant;

use super::{AgentEnd, State};
use crate::session::cut;
use crate::session::terms::capped;
use crate::session::{AgentEvent, Violation};
use crate::wire::message::{Ack, Credit, Judged, Pause, Ping, Pong, Refuse, Resume};
use crate::wire::{Frame, Kind, Outstanding, RefuseCode, Roles, SessionId, Ticket};

impl AgentEnd {
    /// Takes a frame from the parent.
    ///
    /// What does no harm is answered by a refusal and counted (see [`Counts`](crate::session::Counts)): verdicts for tickets that are not open
    /// here (a second verdict is one of those: answered tickets are not remembered), frames of another session, requests without the role.
    ///
    /// # Errors
    /// [`Violation`] when the session is over: nothing of the frame had an effect beyond the entries before the offending one, and a refuse
    /// frame waits to be written.
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
        let session = frame.prefix.session;
        let early = matches!(kind, Kind::Hello | Kind::Ping | Kind::Pong | Kind::Refuse) && session == SessionId(0);
        if session != self.session && !early {
            return self.stale(&frame);
        }
        if self.state != State::Attached && !early {
            return Err(Violation::OutOfOrder { kind, when: "came before the welcome" });
        }
        match kind {
            Kind::Hello => self.hello(&frame),
            Kind::Verdict => self.verdicts(frame),
            Kind::Ack => frame.items::<Ack>()?.try_for_each(|ack| self.ack(ack)),
            Kind::Credit => frame.items::<Credit>()?.try_for_each(|credit| self.credit(credit)),
            Kind::Pause => frame.items::<Pause>()?.try_for_each(|pause| self.paused(pause.network, true)),
            Kind::Resume => frame.items::<Resume>()?.try_for_each(|resume| self.paused(resume.network, false)),
            Kind::Ping => frame.items::<Ping>()?.try_for_each(|ping| self.answer(Pong { nonce: ping.nonce })),
            // That it came is all that it says.
            Kind::Pong => Ok(frame.items::<Pong>().map(|_| ())?),
            Kind::Refuse => self.refused(&frame),
            Kind::Publish | Kind::Subscribe | Kind::Unsubscribe | Kind::Thresholds | Kind::Mark | Kind::AllowList => self.requested(&frame),
            Kind::Welcome | Kind::Validate | Kind::Deliver | Kind::Gap | Kind::Unverified | Kind::Published | Kind::Done => {
                Err(Violation::OutOfOrder { kind, when: "is the agent's to send" })
            }
        }
    }

    /// A frame of another session: a parent that has not noticed a restart yet.
    fn stale(&mut self, frame: &Frame) -> Result<(), Violation> {
        self.counts.stale_frames += 1;
        let text =
            format!("this is session {:016x}, the {:?} frame names {:016x}", self.session.0, frame.prefix.kind, frame.prefix.session.0);
        self.answer(Refuse { network: 0, code: RefuseCode::StaleSession, fatal: false, about: frame.prefix.session.0, text: &text })
    }

    fn verdicts(&mut self, frame: Frame) -> Result<(), Violation> {
        let mut judged = std::mem::take(&mut self.judged);
        judged.clear();
        let sorted = self.sort_verdicts(&frame, &mut judged).and_then(|()| self.pass_on(frame, &judged));
        self.judged = judged;
        sorted
    }

    /// One event a network: the frame as it came if all of it is for one network and was open, what remains of it otherwise.
    fn pass_on(&mut self, frame: Frame, judged: &[Option<(u16, Outstanding)>]) -> Result<(), Violation> {
        let of = |network: u16| judged.iter().flatten().filter(move |(of, _)| *of == network).map(|(_, part)| part);
        if let Some(&Some((network, _))) = judged.first()
            && judged.iter().all(|entry| entry.is_some_and(|(of, _)| of == network))
        {
            self.events.push_back(AgentEvent::Verdicts { network, frame, released: sum(of(network)) });
            return Ok(());
        }
        let mut networks: Vec<u16> = judged.iter().flatten().map(|(network, _)| *network).collect();
        networks.sort_unstable();
        networks.dedup();
        for network in networks {
            let open = frame.items::<Judged<'_>>()?.zip(judged).filter(|(verdict, entry)| entry.is_some() && verdict.network == network);
            // A part of a frame that came fits a frame.
            let part = self.encoder.frame(self.session, open.map(|(verdict, _)| verdict))?;
            self.events.push_back(AgentEvent::Verdicts { network, frame: part, released: sum(of(network)) });
        }
        Ok(())
    }

    /// Releases what is open and refuses the rest.
    fn sort_verdicts(&mut self, frame: &Frame, judged: &mut Vec<Option<(u16, Outstanding)>>) -> Result<(), Violation> {
        for verdict in frame.items::<Judged<'_>>()? {
            let released = match self.networks.get_mut(usize::from(verdict.network)) {
                Some(network) if network.roles.serves(Roles::VERIFY) => {
                    let released = network.verify.release(verdict.ticket);
                    if released.is_none() {
                        self.unknown_ticket(verdict.network, verdict.ticket)?;
                    }
                    released
                }
                _ => {
                    self.forbidden(verdict.network, Roles::VERIFY, verdict.ticket.0)?;
                    None
                }
            };
            judged.push(released.map(|released| (verdict.network, released)));
        }
        Ok(())
    }

    fn unknown_ticket(&mut self, network: u16, ticket: Ticket) -> Result<(), Violation> {
        self.counts.unknown_tickets += 1;
        let text = "this session does not hold the ticket: it was never handed to it, or has its verdict";
        self.answer(Refuse { network, code: RefuseCode::UnknownTicket, fatal: false, about: ticket.0, text })
    }

    /// Refuses, by name, what the session may not do on a network.
    pub(super) fn forbidden(&mut self, network: u16, role: Roles, about: u64) -> Result<(), Violation> {
        self.counts.not_granted += 1;
        let (code, text) = match self.networks.get(usize::from(network)) {
            Some(of) => {
                (RefuseCode::RoleNotGranted, format!("this session has no {role} role on network {:?}: ask for it in the hello", of.name))
            }
            None => (RefuseCode::NetworkUnknown, format!("network index {network} is not in the welcome")),
        };
        self.answer(Refuse { network, code, fatal: false, about, text: cut(&text) })
    }

    /// Whether the session has that role there; what it has not is refused.
    pub(super) fn allowed(&mut self, network: u16, role: Roles, about: u64) -> Result<bool, Violation> {
        if self.networks.get(usize::from(network)).is_some_and(|of| of.roles.serves(role)) {
            return Ok(true);
        }
        self.forbidden(network, role, about)?;
        Ok(false)
    }

    fn ack(&mut self, Ack { network, counter }: Ack) -> Result<(), Violation> {
        if !self.allowed(network, Roles::CONSUME, 0)? {
            return Ok(());
        }
        let of = self.networks.get_mut(usize::from(network));
        let Some(released) = of.and_then(|of| of.consume.ack(counter)) else {
            return Err(Violation::Credit { what: "ack", network, detail: "it names a record that was never sent" });
        };
        self.events.push_back(AgentEvent::Ack { network, counter, released });
        Ok(())
    }

    fn credit(&mut self, Credit { network, role, window }: Credit) -> Result<(), Violation> {
        if !self.allowed(network, role, 0)? {
            return Ok(());
        }
        let window = capped(window, self.terms.max_window);
        if let Some(of) = self.networks.get_mut(usize::from(network)) {
            let meter = if role == Roles::VERIFY { &mut of.verify.meter } else { &mut of.consume.meter };
            meter.widen(window);
        }
        self.events.push_back(AgentEvent::Window { network, role, window });
        Ok(())
    }

    fn paused(&mut self, network: u16, paused: bool) -> Result<(), Violation> {
        if self.allowed(network, Roles::VERIFY, 0)? {
            self.events.push_back(AgentEvent::Paused { network, paused });
        }
        Ok(())
    }

    fn refused(&mut self, frame: &Frame) -> Result<(), Violation> {
        for Refuse { code, fatal, text, .. } in frame.items::<Refuse<'_>>()? {
            self.events.push_back(AgentEvent::Refused { code, fatal, text: text.to_owned() });
            if fatal {
                self.outbox.clear();
                self.state = State::Closed;
            }
        }
        Ok(())
    }
}

fn sum<'a>(parts: impl Iterator<Item = &'a Outstanding>) -> Outstanding {
    parts.fold(Outstanding::default(), |sum, part| Outstanding { messages: sum.messages + part.messages, bytes: sum.bytes + part.bytes })
}
