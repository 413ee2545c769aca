//! The validation queue: a store, not a lane.
//!
//! It always takes a batch, gives each message a ticket and a deadline that counts from arrival, owns the envelope, hands messages to
//! verifiers as their credit allows, and applies the fallback for its cause when a bound or the deadline is reached. The pipeline in never waits.
//!
//! ```text
//!   admit --> waiting (in order of arrival) --hand_out--> held by a verifier --verdict--> settled
//!                ^  ^                                       |     |
//!                |  +------- Accept, to the next group -----+     |
//!                +----------------- detach -----------------------+      expire, at any point --> settled by the fallback
//! ```
//!
//! # Invariants
//! - A message is in exactly one of: waiting, held by one verifier, settled.
//! - Every pending message has its deadline on the wheel; nothing else has.
//! - Only a verdict that came in time from the verifier that holds the ticket settles anything.
//! - In a chain of groups a message waits in the list of one group, or is held by one of its verifiers. It goes on by an Accept alone, and
//!   never back; the deadline is one for the whole way.
//! - Shadows have no part in any of this (`shadows.rs`).

mod groups;
mod settings;
mod shadows;
mod verifiers;

use std::sync::Arc;
use std::time::Instant;

pub use settings::{Fallback, Fallbacks, Settings};

use self::groups::Group;
use self::shadows::{Settlement, Shadows};
use self::verifiers::Verifiers;
use pmq_pipeline::{
    Arrival, Batch, Conflict, End, Envelope, Known, LinkId, Outcome, PendingQueue, QueueEvent, Settled, Tickets, VerdictEffect,
    VerdictRecord, VerifierCounts, VerifierRole, VerifierTerms, VerifierView, Wheel,
};
use pmq_protocol::wire::{Offer, Reason, Ticket, Verdict, VerdictRefused, Window};

/// Its name in a network's file.
pub const NAME: &str = "validation-queue";

/// Table, wheel and list entries of one pending message, in bytes.
const PENDING_BYTES: usize = size_of::<Pending>() + 48;

#[derive(Debug)]
struct Pending {
    envelope: Envelope,
    deadline: Instant,
    /// Its place in the order of arrival, which neither its deadline (one burst has one) nor its ticket tells.
    number: u64,
    /// When a verifier got it; its arrival until then.
    offered: Instant,
    /// The verifier that has it now.
    holder: Option<LinkId>,
    /// Whether a verifier of its group had it and went away.
    orphan: bool,
    /// The group whose verdict it needs next.
    group: u8,
    /// What the group before has said.
    accepted: Option<VerdictRecord>,
    /// The first of the shadows' watches.
    watch: Option<Ticket>,
}

fn offer(ticket: Ticket, arrival: &Arrival, deadline: Instant) -> Offer {
    Offer { ticket, topic: arrival.topic.name.clone(), id: arrival.id, payload: arrival.payload.clone(), deadline }
}

/// The store of messages whose verdict is pending.
#[derive(Debug)]
pub struct ValidationQueue {
    settings: Settings,
    tickets: Tickets<Pending>,
    /// The chain: at least one, at most as many as the settings may name.
    groups: Vec<Group>,
    shadows: Shadows,
    wheel: Option<Wheel>,
    bytes: u64,
    /// Messages that were given a number.
    admitted: u64,
    expired: Vec<u32>,
    /// For the operator. Bounded by what one step settles, since it is taken after each.
    news: Vec<QueueEvent>,
}

impl ValidationQueue {
    /// An empty queue without verifiers.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let names: &[String] = if settings.groups.is_empty() { &[String::new()] } else { &settings.groups };
        Self {
            tickets: Tickets::new(settings.max_messages),
            groups: names.iter().map(|name| Group::new(name.as_str().into())).collect(),
            shadows: Shadows::new(settings.max_messages),
            settings,
            wheel: None,
            bytes: 0,
            admitted: 0,
            expired: Vec::new(),
            news: Vec::new(),
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
        let group = self.groups.get(usize::from(pending.group)).map(|group| &group.verifiers);
        match (pending.holder, pending.orphan) {
            (Some(_), _) => Reason::Timeout,
            (None, true) => Reason::VerifierLost,
            (None, false) if group.is_none_or(Verifiers::is_empty) => Reason::NoVerifier,
            (None, false) if group.is_some_and(Verifiers::all_paused) => Reason::Paused,
            // Verifiers are there, but none had credit for it.
            (None, false) => Reason::Timeout,
        }
    }

    fn admit_one(&mut self, envelope: Envelope, out: &mut Vec<Settled>, now: Instant) {
        let size = envelope.arrival.payload.len() as u64;
        let deadline = envelope.arrival.arrived + self.settings.deadline;
        let full = self.fallback(Reason::QueueFull);
        if self.bytes + size > self.settings.max_bytes.as_u64() {
            out.push(Settled::new(envelope, full));
            return;
        }
        let pending = Pending {
            envelope,
            deadline,
            number: self.admitted,
            offered: now,
            holder: None,
            orphan: false,
            group: 0,
            accepted: None,
            watch: None,
        };
        match self.tickets.insert(pending) {
            Ok(ticket) => {
                self.bytes += size;
                self.admitted += 1;
                self.wheel.get_or_insert_with(|| Wheel::new(now)).set(ticket.slot(), deadline);
                if let Some(first) = self.groups.first_mut() {
                    first.waiting.push_back(ticket);
                }
                if deadline > now
                    && !self.shadows.members.is_empty()
                    && let Known::Pending(pending) = self.tickets.find(ticket)
                {
                    pending.watch = self.shadows.offer(&pending.envelope.arrival, deadline, now);
                }
            }
            Err(pending) => out.push(Settled::new(pending.envelope, full)),
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

    /// The end of a message that has left the table.
    fn settle(&mut self, pending: Pending, outcome: Outcome, said: Option<VerdictRecord>, now: Instant, out: &mut Batch) {
        if pending.watch.is_some() {
            let Arrival { topic, id, .. } = &pending.envelope.arrival;
            let settlement = Settlement { topic: topic.clone(), id: *id, outcome, said: said.clone() };
            self.shadows.settled(pending.watch, Some(&settlement), now, &mut self.news);
        }
        out.settled.push(Settled { envelope: pending.envelope, outcome, said });
    }

    /// Whether an Accept of that group lets the message go on to another one.
    fn goes_on(&self, group: u8) -> bool {
        usize::from(group) + 1 < self.groups.len()
    }

    /// On to the next group.
    fn pass_on(&mut self, ticket: Ticket, said: VerdictRecord) {
        let Known::Pending(pending) = self.tickets.find(ticket) else { return };
        (pending.holder, pending.orphan, pending.accepted) = (None, false, Some(said));
        pending.group += 1;
        if let Some(group) = self.groups.get_mut(usize::from(pending.group)) {
            group.waiting.push_back(ticket);
        }
    }

    /// What a verdict makes of a message: the one of the last group, or one that ends it. A Reject behind an Accept is a conflict, which no
    /// sender can answer for.
    fn judged(&mut self, ticket: Ticket, pending: &mut Pending, said: &VerdictRecord) -> Outcome {
        let Some(accepted) = pending.accepted.take().filter(|_| said.verdict == Verdict::Reject) else {
            return Outcome { verdict: said.verdict, reason: Reason::Verified };
        };
        let at = usize::from(pending.group);
        let name = |at: usize| self.groups.get(at).map_or_else(|| Arc::from(""), |group| group.name.clone());
        let Arrival { topic, id, .. } = &pending.envelope.arrival;
        self.news.push(QueueEvent::Conflict(Box::new(Conflict {
            ticket,
            topic: topic.clone(),
            id: *id,
            accepted: (name(at.saturating_sub(1)), accepted),
            rejected: (name(at), said.clone()),
        })));
        Outcome::ignore(Reason::VerifierConflict)
    }
}

impl PendingQueue for ValidationQueue {
    fn admit(&mut self, batch: &mut Batch, now: Instant) {
        let Batch { live, settled } = batch;
        for envelope in live.drain(..) {
            self.admit_one(envelope, settled, now);
        }
    }

    fn attach(&mut self, link: LinkId, terms: VerifierTerms, _: Instant) -> bool {
        let members = match &terms.seat {
            VerifierRole::Shadow => Some(&mut self.shadows.members),
            VerifierRole::Group(name) if name.is_empty() => self.groups.first_mut().map(|group| &mut group.verifiers),
            VerifierRole::Group(name) => self.groups.iter_mut().find(|group| group.name == *name).map(|group| &mut group.verifiers),
        };
        members.map(|members| members.attach(link, terms.window)).is_some()
    }

    fn detach(&mut self, link: LinkId, _: Instant) {
        if self.shadows.detach(link) {
            return;
        }
        let Some(group) = self.groups.iter_mut().find_map(|group| group.verifiers.detach(link).then_some(group)) else { return };
        let mut orphans: Vec<(u64, Ticket)> = Vec::new();
        for (ticket, pending) in self.tickets.iter_mut() {
            if pending.holder == Some(link) {
                pending.holder = None;
                pending.orphan = true;
                orphans.push((pending.number, ticket));
            }
        }
        // They came before whatever waits, so they go in front of it, oldest first.
        orphans.sort_unstable();
        for (_, ticket) in orphans.into_iter().rev() {
            group.waiting.push_front(ticket);
        }
    }

    fn window(&mut self, link: LinkId, window: Window) {
        let found = self.groups.iter_mut().any(|group| group.verifiers.window(link, window));
        if !found {
            self.shadows.members.window(link, window);
        }
    }

    fn released(&mut self, link: LinkId, messages: u32, bytes: u64) {
        let found = self.groups.iter_mut().any(|group| group.verifiers.released(link, messages, bytes));
        if !found {
            self.shadows.members.released(link, messages, bytes);
        }
    }

    fn pause(&mut self, link: LinkId, paused: bool) {
        let found = self.groups.iter_mut().any(|group| group.verifiers.pause(link, paused));
        if !found {
            self.shadows.members.pause(link, paused);
        }
    }

    fn verdict(
        &mut self,
        link: LinkId,
        ticket: Ticket,
        mut said: VerdictRecord,
        now: Instant,
        out: &mut Batch,
    ) -> Result<VerdictEffect, VerdictRefused> {
        if self.shadows.members.has(link) {
            return self.shadows.verdict(link, ticket, said, now, &mut self.news).map(|()| VerdictEffect::Shadow);
        }
        let pending = match self.tickets.find(ticket) {
            Known::Never => return Err(VerdictRefused::Unknown),
            Known::Ended(End::Verdict) => return Err(VerdictRefused::Duplicate),
            Known::Ended(End::Fallback) => return Err(VerdictRefused::Late),
            Known::Pending(pending) if pending.holder != Some(link) => return Err(VerdictRefused::StaleSession),
            // The wheel has not come round to it yet, but the deadline is over all the same.
            Known::Pending(pending) if pending.deadline <= now => return Err(VerdictRefused::Late),
            Known::Pending(pending) => pending,
        };
        let took = now.saturating_duration_since(pending.offered);
        let group = pending.group;
        said.took = took;
        if said.verdict == Verdict::Accept && self.goes_on(group) {
            self.pass_on(ticket, said);
            return Ok(VerdictEffect::Counted(took));
        }
        let mut pending = self.take(ticket, End::Verdict).ok_or(VerdictRefused::Unknown)?;
        let outcome = self.judged(ticket, &mut pending, &said);
        self.settle(pending, outcome, Some(said), now, out);
        Ok(VerdictEffect::Counted(took))
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
                self.settle(pending, outcome, None, now, out);
            }
        }
        self.expired = expired;
        self.shadows.expire(now);
        for group in &mut self.groups {
            group.trim(&mut self.tickets);
        }
    }

    fn flush(&mut self, reason: Reason, out: &mut Batch) {
        let pending: Vec<Ticket> = self.tickets.iter_mut().map(|(ticket, _)| ticket).collect();
        for ticket in pending {
            if let Some(pending) = self.take(ticket, End::Fallback) {
                self.shadows.settled(pending.watch, None, pending.deadline, &mut self.news);
                out.settled.push(Settled::new(pending.envelope, Outcome::ignore(reason)));
            }
        }
        self.groups.iter_mut().for_each(|group| group.waiting.clear());
    }

    fn hand_out(&mut self, now: Instant, out: &mut Vec<(LinkId, Offer)>) {
        for group in &mut self.groups {
            group.hand_out(&mut self.tickets, now, out);
        }
        self.shadows.hand_out(now, out);
    }

    fn len(&self) -> usize {
        self.tickets.len()
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn verifiers(&self) -> usize {
        self.groups.iter().map(|group| group.verifiers.len()).sum()
    }

    fn census(&self) -> VerifierCounts {
        VerifierCounts {
            groups: self.groups.iter().map(|group| (group.name.clone(), group.verifiers.len())).collect(),
            paused: self.groups.iter().map(|group| group.verifiers.paused()).sum(),
            shadows: self.shadows.members.len(),
            skipped: self.shadows.skipped,
            unanswered: self.shadows.unanswered,
        }
    }

    fn news(&mut self) -> &mut Vec<QueueEvent> {
        &mut self.news
    }

    fn view(&self, link: LinkId) -> Option<VerifierView> {
        let of_group = |group: &Group| group.verifiers.view(link).map(|view| VerifierView { group: group.name.clone(), ..view });
        let shadow = || self.shadows.members.view(link).map(|view| VerifierView { shadow: true, ..view });
        self.groups.iter().find_map(of_group).or_else(shadow)
    }
}

#[cfg(test)]
mod tests;
