//! One network of a client, as the connection sees it: outlives the links.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::handle::NetworkHandle;
use super::mailbox::Mailbox;
use super::{Delivery, Incoming};
use pmq_protocol::session::{Served, Want};
use pmq_protocol::wire::{Cursor, Roles, Window};

/// Topic names that are remembered, so that a message costs no allocation for its topic's name. When full, it starts anew.
const TOPICS: usize = 256;

#[derive(Debug)]
pub(super) struct Slot {
    /// What the hello asks for; its cursor is as of the last ack.
    pub(super) want: Want,
    pub(super) offers: Arc<Mailbox<Incoming>>,
    pub(super) records: Arc<Mailbox<Delivery>>,
    /// The last record that reached the user, or waits for it in the mailbox. Records up to there are not shown twice.
    shown: Cursor,
    /// The last record received on this link.
    pub(super) received: Cursor,
    /// The last ack sent on this link.
    pub(super) acked: u64,
    /// When an ack that waits has to leave.
    pub(super) ack_due: Option<Instant>,
    /// Bytes of records that came on this link and whose ack has not left.
    unacked_bytes: u64,
    /// Whether the agent knows that verification is paused.
    pub(super) paused: bool,
    /// The hello offered no credit, since verification was paused; what was asked for is still to be given.
    pub(super) starved: bool,
    topics: HashSet<Arc<str>>,
}

impl Slot {
    pub(super) fn new(want: Want) -> Self {
        Self {
            shown: want.cursor,
            received: want.cursor,
            acked: 0,
            ack_due: None,
            unacked_bytes: 0,
            paused: false,
            starved: false,
            want,
            offers: Arc::new(Mailbox::new()),
            records: Arc::new(Mailbox::new()),
            topics: HashSet::new(),
        }
    }

    pub(super) fn cursor(&self) -> Cursor {
        self.want.cursor
    }

    pub(super) fn handle(&self) -> NetworkHandle {
        NetworkHandle {
            name: self.want.network.clone(),
            roles: self.want.roles,
            offers: self.offers.clone(),
            records: self.records.clone(),
            verifier_taken: AtomicBool::new(false),
            consumer_taken: AtomicBool::new(false),
        }
    }

    /// What a hello asks for. Without credit while verification is paused: the agent hands messages out as soon as a verifier is there, before
    /// it can hear of the pause.
    pub(super) fn hello(&mut self, paused: bool) -> Want {
        self.starved = paused;
        let verify = if paused { Window { messages: 0, bytes: 0 } } else { self.want.verify };
        Want { verify, ..self.want.clone() }
    }

    /// A link is attached; records are served as of there.
    pub(super) fn attached(&mut self, served: &Served) {
        self.paused = false;
        if !self.want.roles.contains(Roles::CONSUME) {
            return;
        }
        self.received = served.cursor;
        self.acked = served.cursor.counter;
        (self.ack_due, self.unacked_bytes) = (None, 0);
        if self.shown.stream != served.cursor.stream {
            // What is unread of the stream that has ended comes from nowhere again, so it is kept; what is older still makes room, which
            // keeps the mailbox within two windows, and the gap in front of the new stream tells of it.
            let ended = self.shown.stream;
            self.records.retain(|delivery| delivery.cursor().stream == ended);
            self.shown = served.cursor;
        }
    }

    /// The link is lost. Offers will be another's; records that nobody has read yet stay, and are not shown twice if they come again.
    pub(super) fn detached(&self) {
        drop(self.offers.drain());
    }

    /// An ack was sent.
    pub(super) fn acknowledged(&mut self, counter: u64) {
        let (before, left) = (self.unacked(), self.received.counter.saturating_sub(counter));
        // What is left has its share of the bytes, rounded up: nobody keeps the size of each.
        self.unacked_bytes = (u128::from(self.unacked_bytes) * u128::from(left)).div_ceil(u128::from(before.max(1))) as u64;
        self.acked = counter;
        self.ack_due = None;
    }

    /// Whether a quarter of the window is used up, as far as acks may have been held back.
    pub(super) fn needs_credit(&self) -> bool {
        let Window { messages, bytes } = self.want.consume;
        self.unacked() >= u64::from(messages / 4) || self.unacked_bytes >= bytes / 4
    }

    /// Records received whose ack has not left.
    fn unacked(&self) -> u64 {
        self.received.counter.saturating_sub(self.acked)
    }

    /// Moves a received delivery to `burst`, unless the user has seen it on an earlier link.
    pub(super) fn show(&mut self, mut delivery: Delivery, burst: &mut Vec<Delivery>) {
        let cursor = delivery.cursor();
        self.received = cursor;
        if let Delivery::Message { payload, .. } = &delivery {
            self.unacked_bytes += payload.len() as u64;
        }
        if cursor.counter <= self.shown.counter {
            return;
        }
        if let Delivery::Gap { from, count, .. } = &mut delivery {
            // A gap may begin with records that were read, but not acked, before the link was lost.
            *from = (*from).max(self.shown.counter + 1);
            *count = (*count).min(cursor.counter - *from + 1);
        }
        self.shown = cursor;
        burst.push(delivery);
    }

    /// The topic's name, shared with the messages before.
    pub(super) fn topic(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.topics.get(name) {
            return known.clone();
        }
        if self.topics.len() >= TOPICS {
            self.topics.clear();
        }
        let new: Arc<str> = name.into();
        self.topics.insert(new.clone());
        new
    }
}

#[cfg(test)]
#[path = "slot_tests.rs"]
mod tests;
