//! Shadows: they see what the verifiers see, and what they say is compared with the outcome.
//!
//! ```text
//!   message enters --> one watch for each shadow with credit --shadow's verdict--> said --outcome--> compared
//!                              |                                                                        ^
//!                              +------------------outcome--> settled --shadow's verdict-----------------+
//! ```
//!
//! # Invariants
//! - Nothing here is seen by the pipeline: shadows have tickets, credit and counters of their own.
//! - The watches of a message are chained until its outcome is known, and none of the chain is dropped before. What is left open then has
//!   its deadline on the wheel; nothing else has.

use std::time::Instant;

use super::verifiers::Verifiers;
use pmq_pipeline::{Arrival, Compared, End, Known, LinkId, Outcome, QueueEvent, Tickets, Topic, VerdictRecord, Wheel};
use pmq_protocol::wire::{MessageId, Offer, Ticket, VerdictRefused};

/// Table and wheel entries of one watch, in bytes.
pub(super) const WATCH_BYTES: usize = size_of::<Watch>() + 40;

/// One message as one shadow has it.
#[derive(Debug)]
struct Watch {
    /// `None` once it has gone.
    shadow: Option<LinkId>,
    offered: Instant,
    deadline: Instant,
    /// The next watch of the same message, as long as its outcome is not known.
    next: Option<Ticket>,
    known: Side,
}

/// Which side is known; with both, the watch is over.
#[derive(Debug)]
enum Side {
    Neither,
    Shadow(VerdictRecord),
    Outcome(Settlement),
}

/// How a message ended.
#[derive(Debug, Clone)]
pub(super) struct Settlement {
    pub(super) topic: Topic,
    pub(super) id: MessageId,
    pub(super) outcome: Outcome,
    pub(super) said: Option<VerdictRecord>,
}

impl Settlement {
    fn compared(self, shadow: VerdictRecord) -> QueueEvent {
        let Self { topic, id, outcome, said } = self;
        QueueEvent::Compared(Compared { topic, id, outcome, said, shadow })
    }
}

#[derive(Debug)]
pub(super) struct Shadows {
    pub(super) members: Verifiers,
    /// Bounded by the queue's own bound; beyond it an offer is left out and counted.
    watches: Tickets<Watch>,
    wheel: Option<Wheel>,
    /// Offers that have not left yet: of one batch of messages.
    offers: Vec<(LinkId, Offer)>,
    expired: Vec<u32>,
    pub(super) skipped: u64,
    pub(super) unanswered: u64,
}

impl Shadows {
    pub(super) fn new(bound: u32) -> Self {
        Self {
            members: Verifiers::default(),
            watches: Tickets::new(bound),
            wheel: None,
            offers: Vec::new(),
            expired: Vec::new(),
            skipped: 0,
            unanswered: 0,
        }
    }

    /// A message that has entered the queue. Answers the first of its watches.
    pub(super) fn offer(&mut self, arrival: &Arrival, deadline: Instant, now: Instant) -> Option<Ticket> {
        let bytes = arrival.payload.len();
        let mut first = None;
        for index in 0..self.members.len() {
            let Some(link) = self.members.take(index, bytes) else {
                self.skipped += 1;
                continue;
            };
            let watch = Watch { shadow: Some(link), offered: now, deadline, next: first, known: Side::Neither };
            match self.watches.insert(watch) {
                Ok(ticket) => {
                    first = Some(ticket);
                    self.offers.push((link, super::offer(ticket, arrival, deadline)));
                }
                Err(_) => {
                    self.members.released(link, 1, bytes as u64);
                    self.skipped += 1;
                }
            }
        }
        first
    }

    /// Offers that wait to be sent. One that has waited too long is never sent, and counts as not answered.
    pub(super) fn hand_out(&mut self, now: Instant, out: &mut Vec<(LinkId, Offer)>) {
        for (link, offer) in self.offers.drain(..) {
            if offer.deadline > now {
                out.push((link, offer));
            } else {
                self.members.released(link, 1, offer.payload.len() as u64);
            }
        }
    }

    /// The outcome of a message whose first watch is `first`; `None` if it has none that a verdict could be compared with.
    pub(super) fn settled(&mut self, first: Option<Ticket>, settlement: Option<&Settlement>, now: Instant, news: &mut Vec<QueueEvent>) {
        let mut next = first;
        while let Some(ticket) = next {
            let Known::Pending(watch) = self.watches.find(ticket) else { return };
            next = watch.next.take();
            let known = std::mem::replace(&mut watch.known, Side::Neither);
            match (known, settlement) {
                _ if watch.shadow.is_none() => self.remove(ticket, End::Fallback),
                (_, None) => self.remove(ticket, End::Fallback),
                (Side::Shadow(said), Some(settlement)) => {
                    news.push(settlement.clone().compared(said));
                    self.remove(ticket, End::Verdict);
                }
                (_, Some(_)) if watch.deadline <= now => {
                    self.unanswered += 1;
                    self.remove(ticket, End::Fallback);
                }
                (_, Some(settlement)) => {
                    watch.known = Side::Outcome(settlement.clone());
                    let deadline = watch.deadline;
                    self.wheel.get_or_insert_with(|| Wheel::new(now)).set(ticket.slot(), deadline);
                }
            }
        }
    }

    /// A shadow's verdict: refused for the same reasons as a verifier's.
    pub(super) fn verdict(
        &mut self,
        link: LinkId,
        ticket: Ticket,
        mut said: VerdictRecord,
        now: Instant,
        news: &mut Vec<QueueEvent>,
    ) -> Result<(), VerdictRefused> {
        let watch = match self.watches.find(ticket) {
            Known::Never => return Err(VerdictRefused::Unknown),
            Known::Ended(End::Verdict) => return Err(VerdictRefused::Duplicate),
            Known::Ended(End::Fallback) => return Err(VerdictRefused::Late),
            Known::Pending(watch) if watch.shadow != Some(link) => return Err(VerdictRefused::StaleSession),
            Known::Pending(Watch { known: Side::Shadow(_), .. }) => return Err(VerdictRefused::Duplicate),
            Known::Pending(watch) if watch.deadline <= now => return Err(VerdictRefused::Late),
            Known::Pending(watch) => watch,
        };
        said.took = now.saturating_duration_since(watch.offered);
        match std::mem::replace(&mut watch.known, Side::Neither) {
            Side::Outcome(settlement) => {
                news.push(settlement.compared(said));
                self.remove(ticket, End::Verdict);
            }
            Side::Neither | Side::Shadow(_) => watch.known = Side::Shadow(said),
        }
        Ok(())
    }

    /// Drops what no shadow has answered by its deadline, where the outcome is known.
    pub(super) fn expire(&mut self, now: Instant) {
        let mut expired = std::mem::take(&mut self.expired);
        if let Some(wheel) = &mut self.wheel {
            wheel.expire(now, |slot| expired.push(slot));
        }
        for slot in expired.drain(..) {
            if let Some(ticket) = self.watches.at(slot) {
                self.unanswered += 1;
                self.remove(ticket, End::Fallback);
            }
        }
        self.expired = expired;
    }

    /// A shadow went; nothing of what it has seen is compared any more. Answers whether it was one.
    pub(super) fn detach(&mut self, link: LinkId) -> bool {
        if !self.members.detach(link) {
            return false;
        }
        self.offers.retain(|(to, _)| *to != link);
        let mut over = Vec::new();
        for (ticket, watch) in self.watches.iter_mut().filter(|(_, watch)| watch.shadow == Some(link)) {
            watch.shadow = None;
            if matches!(watch.known, Side::Outcome(_)) {
                over.push(ticket);
            }
        }
        over.into_iter().for_each(|ticket| self.remove(ticket, End::Fallback));
        true
    }

    /// Watches that are open.
    #[cfg(test)]
    pub(super) fn open(&self) -> usize {
        self.watches.len()
    }

    fn remove(&mut self, ticket: Ticket, end: End) {
        self.watches.remove(ticket, end);
        if let Some(wheel) = &mut self.wheel {
            wheel.lift(ticket.slot());
        }
    }
}
