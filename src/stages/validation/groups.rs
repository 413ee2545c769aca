//! One group of the chain: its verifiers, and what waits for one of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::Pending;
use super::verifiers::Verifiers;
use pmq_pipeline::{Known, LinkId, Tickets};
use pmq_protocol::wire::{Offer, Ticket};

#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: Arc<str>,
    pub(super) verifiers: Verifiers,
    /// In the order in which they came to this group. Settled entries are skipped when they come to the front, where age brings them first.
    pub(super) waiting: VecDeque<Ticket>,
}

impl Group {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self { name, verifiers: Verifiers::default(), waiting: VecDeque::new() }
    }

    /// Hands out what the credit of its verifiers allows, nothing past a message that finds none.
    pub(super) fn hand_out(&mut self, tickets: &mut Tickets<Pending>, now: Instant, out: &mut Vec<(LinkId, Offer)>) {
        while let Some(&ticket) = self.waiting.front() {
            let Known::Pending(pending) = tickets.find(ticket) else {
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
            out.push((link, super::offer(ticket, arrival, pending.deadline)));
            self.waiting.pop_front();
        }
    }

    /// Drops what is settled: from the front, and all of it when it makes up more than half of the list.
    pub(super) fn trim(&mut self, tickets: &mut Tickets<Pending>) {
        while let Some(&ticket) = self.waiting.front()
            && !matches!(tickets.find(ticket), Known::Pending(_))
        {
            self.waiting.pop_front();
        }
        // Age brings settled entries to the front, but an entry may be old on arrival: at least half of the list is always pending.
        if self.waiting.len() > 2 * tickets.len() + 64 {
            self.waiting.retain(|&ticket| matches!(tickets.find(ticket), Known::Pending(_)));
        }
    }
}
