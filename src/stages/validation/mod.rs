//! The validation queue: a store, not a lane.
//!
//! It always takes a batch, gives each message a ticket and a deadline that counts from arrival, owns the envelope, hands messages to
//! verifiers as their credit allows, and applies the fallback for its cause when a bound or the deadline is reached. The road in never waits.
//!
//! ```text
//!   admit --> waiting (in order of arrival) --hand_out--> held by a verifier --verdict--> settled
//!                ^                                            |
//!                +----------------- detach -------------------+      expire, at any point --> settled by the fallback
//! ```
//!
//! # Invariants
//! - A message is in exactly one of: waiting, held by one verifier, settled.
//! - Every pending message has its deadline on the wheel; nothing else has.
//! - Only a verdict that came in time from the verifier that holds the ticket settles anything.

mod settings;
mod verifiers;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use settings::{Fallback, Fallbacks, Settings};

use self::verifiers::Verifiers;
use crate::pipeline::{Batch, End, Envelope, Known, LinkId, Outcome, Settled, Store, Tickets, VerifierView, Wheel};
use crate::wire::{Offer, Reason, Ticket, Verdict, VerdictRefused, Window};

/// Its name in a network's file.
pub const NAME: &str = "validation-queue";

/// Table, wheel and list entries of one pending message, in bytes.
const PENDING_BYTES: usize = size_of::<Pending>() + 48;

#[derive(Debug)]
struct Pending {
    envelope: Envelope,
    deadline: Instant,
    /// When a verifier got it; its arrival until then.
    offered: Instant,
    /// The verifier that has it now.
    holder: Option<LinkId>,
    /// Whether a verifier had it and went away.
    orphan: bool,
}

/// The store of messages whose verdict is pending.
#[derive(Debug)]
pub struct ValidationQueue {
    settings: Settings,
    tickets: Tickets<Pending>,
    /// Oldest first. Settled entries are skipped when they come to the front, where age brings them first.
    waiting: VecDeque<Ticket>,
    wheel: Option<Wheel>,
    verifiers: Verifiers,
    bytes: u64,
    expired: Vec<u32>,
}

impl ValidationQueue {
    /// An empty queue without verifiers.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            tickets: Tickets::new(settings.max_messages),
            settings,
            waiting: VecDeque::new(),
            wheel: None,
            verifiers: Verifiers::default(),
            bytes: 0,
            expired: Vec::new(),
        }
    }

    fn fallback(&self, cause: Reason) -> Outcome {
        match self.settings.fallback.of(cause) {
            Fallback::Ignore => Outcome::ignore(cause),
            Fallback::AcceptUnverified => Outcome::accept(cause),
        }
    }

    /// Why a message that is pending has no verdict.
    fn cause(&self, pending: &Pending) -> Reason {
        match (pending.holder, pending.orphan) {
            (Some(_), _) => Reason::Timeout,
            (None, true) => Reason::VerifierLost,
            (None, false) if self.verifiers.is_empty() => Reason::NoVerifier,
            (None, false) if self.verifiers.all_paused() => Reason::Paused,
            // Verifiers are there, but none had credit for it.
            (None, false) => Reason::Timeout,
        }
    }

    fn admit_one(&mut self, envelope: Envelope, out: &mut Vec<Settled>, now: Instant) {
        let size = envelope.arrival.payload.len() as u64;
        let deadline = envelope.arrival.arrived + self.settings.deadline;
        let full = Settled { outcome: self.fallback(Reason::QueueFull), envelope };
        if self.bytes + size > self.settings.max_bytes.as_u64() {
            out.push(full);
            return;
        }
        match self.tickets.insert(Pending { envelope: full.envelope, deadline, offered: now, holder: None, orphan: false }) {
            Ok(ticket) => {
                self.bytes += size;
                self.wheel.get_or_insert_with(|| Wheel::new(now)).set(ticket.slot(), deadline);
                self.waiting.push_back(ticket);
            }
            Err(pending) => out.push(Settled { envelope: pending.envelope, outcome: full.outcome }),
        }
    }

    fn take(&mut self, ticket: Ticket, end: End) -> Option<Pending> {
        let pending = self.tickets.remove(ticket, end)?;
        self.bytes -= pending.envelope.arrival.payload.len() as u64;
        if let Some(wheel) = &mut self.wheel {
            wheel.lift(ticket.slot());
        }
        Some(pending)
    }

    /// Drops what is settled from the front of the waiting list.
    fn trim(&mut self) {
        while let Some(&ticket) = self.waiting.front()
            && !matches!(self.tickets.find(ticket), Known::Pending(_))
        {
            self.waiting.pop_front();
        }
    }
}

impl Store for ValidationQueue {
    fn admit(&mut self, batch: &mut Batch, now: Instant) {
        let Batch { live, settled } = batch;
        for envelope in live.drain(..) {
            self.admit_one(envelope, settled, now);
        }
    }

    fn attach(&mut self, link: LinkId, window: Window, _: Instant) {
        self.verifiers.attach(link, window);
    }

    fn detach(&mut self, link: LinkId, _: Instant) {
        if !self.verifiers.detach(link) {
            return;
        }
        let mut orphans: Vec<(Instant, Ticket)> = Vec::new();
        for (ticket, pending) in self.tickets.iter_mut() {
            if pending.holder == Some(link) {
                pending.holder = None;
                pending.orphan = true;
                orphans.push((pending.deadline, ticket));
            }
        }
        // They came before whatever waits, so they go in front of it, oldest first.
        orphans.sort_unstable();
        for (_, ticket) in orphans.into_iter().rev() {
            self.waiting.push_front(ticket);
        }
    }

    fn window(&mut self, link: LinkId, window: Window) {
        self.verifiers.window(link, window);
    }

    fn released(&mut self, link: LinkId, messages: u32, bytes: u64) {
        self.verifiers.released(link, messages, bytes);
    }

    fn pause(&mut self, link: LinkId, paused: bool) {
        self.verifiers.pause(link, paused);
    }

    fn verdict(
        &mut self,
        link: LinkId,
        ticket: Ticket,
        verdict: Verdict,
        now: Instant,
        out: &mut Batch,
    ) -> Result<Duration, VerdictRefused> {
        match self.tickets.find(ticket) {
            Known::Never => return Err(VerdictRefused::Unknown),
            Known::Ended(End::Verdict) => return Err(VerdictRefused::Duplicate),
            Known::Ended(End::Fallback) => return Err(VerdictRefused::Late),
            Known::Pending(pending) if pending.holder != Some(link) => return Err(VerdictRefused::StaleSession),
            // The wheel has not come round to it yet, but the deadline is over all the same.
            Known::Pending(pending) if pending.deadline <= now => return Err(VerdictRefused::Late),
            Known::Pending(_) => {}
        }
        let pending = self.take(ticket, End::Verdict).ok_or(VerdictRefused::Unknown)?;
        out.settled.push(Settled { envelope: pending.envelope, outcome: Outcome { verdict, reason: Reason::Verified } });
        Ok(now.saturating_duration_since(pending.offered))
    }

    fn expire(&mut self, now: Instant, out: &mut Batch) {
        let mut expired = std::mem::take(&mut self.expired);
        if let Some(wheel) = &mut self.wheel {
            wheel.expire(now, |slot| expired.push(slot));
        }
        for slot in expired.drain(..) {
            let Some(ticket) = self.tickets.at(slot) else { continue };
            if let Some(pending) = self.take(ticket, End::Fallback) {
                let outcome = self.fallback(self.cause(&pending));
                out.settled.push(Settled { envelope: pending.envelope, outcome });
            }
        }
        self.expired = expired;
        self.trim();
        // Age brings settled entries to the front, but an entry may be old on arrival: at least half of the list is always pending.
        if self.waiting.len() > 2 * self.tickets.len() + 64 {
            let tickets = &mut self.tickets;
            self.waiting.retain(|&ticket| matches!(tickets.find(ticket), Known::Pending(_)));
        }
    }

    fn flush(&mut self, reason: Reason, out: &mut Batch) {
        let pending: Vec<Ticket> = self.tickets.iter_mut().map(|(ticket, _)| ticket).collect();
        for ticket in pending {
            if let Some(pending) = self.take(ticket, End::Fallback) {
                out.settled.push(Settled { envelope: pending.envelope, outcome: Outcome::ignore(reason) });
            }
        }
        self.waiting.clear();
    }

    fn hand_out(&mut self, now: Instant, out: &mut Vec<(LinkId, Offer)>) {
        while let Some(&ticket) = self.waiting.front() {
            let Known::Pending(pending) = self.tickets.find(ticket) else {
                self.waiting.pop_front();
                continue;
            };
            if pending.deadline <= now {
                // The wheel settles it at its next tick.
                self.waiting.pop_front();
                continue;
            }
            let arrival = &pending.envelope.arrival;
            let Some(link) = self.verifiers.choose(arrival.payload.len()) else { return };
            pending.holder = Some(link);
            pending.offered = now;
            let offer = Offer {
                ticket,
                topic: arrival.topic.name.clone(),
                id: arrival.id,
                payload: arrival.payload.clone(),
                deadline: pending.deadline,
            };
            out.push((link, offer));
            self.waiting.pop_front();
        }
    }

    fn len(&self) -> usize {
        self.tickets.len()
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn verifiers(&self) -> usize {
        self.verifiers.len()
    }

    fn view(&self, link: LinkId) -> Option<VerifierView> {
        self.verifiers.view(link)
    }
}

#[cfg(test)]
mod tests;
