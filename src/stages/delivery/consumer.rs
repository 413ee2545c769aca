//! One consumer: a cursor over the log, its credit, its policy.

use std::collections::VecDeque;
use std::sync::Arc;

use pmq_pipeline::{ConsumerView, Entry, LinkId, Log, Shipment};
use pmq_protocol::wire::{GapReason, Outstanding, Overflow, Record, Window};

/// A consumer that is attached.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) link: LinkId,
    pub(super) name: Arc<str>,
    pub(super) window: Window,
    /// Its policy says that it is to be disconnected.
    pub(super) cut: bool,
    policy: Overflow,
    outstanding: Outstanding,
    /// Last counters and payload bytes of records in flight, oldest first. Bounded by the window.
    flight: VecDeque<(u64, u64)>,
    acked: u64,
    /// The newest counter shipped.
    sent: u64,
    /// The newest position when it came: what it had missed until then is no slowness of its own.
    came: u64,
    /// First position that is not kept for it (drop-newest), until it has caught up with what was kept.
    skip: Option<u64>,
    /// Why records before the log's first are missing.
    missing: GapReason,
}

impl Consumer {
    pub(super) fn new(
        link: LinkId,
        name: Arc<str>,
        policy: Overflow,
        window: Window,
        cursor: u64,
        newest: u64,
        missing: GapReason,
    ) -> Self {
        Self {
            link,
            name,
            window,
            cut: false,
            policy,
            outstanding: Outstanding::default(),
            flight: VecDeque::new(),
            acked: cursor,
            sent: cursor,
            came: newest,
            skip: None,
            missing,
        }
    }

    pub(super) fn acked(&self) -> u64 {
        self.acked
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// How it stands while `newest` is the log's newest position.
    pub(super) fn view(&self, newest: u64) -> ConsumerView {
        let &Self { policy, window, outstanding, acked, sent, .. } = self;
        ConsumerView { name: self.name.clone(), policy, window, outstanding, acked, sent, lag: newest.saturating_sub(sent) }
    }

    /// The log has grown: does this consumer still keep up?
    pub(super) fn appended(&mut self, position: u64, max_lag: u32) {
        // Until it has caught up with where the log stood when it came, its lag counts from there.
        if position.saturating_sub(self.sent.max(self.came)) <= u64::from(max_lag) {
            return;
        }
        match self.policy {
            // The log itself is the bound.
            Overflow::DropOldest => {}
            Overflow::DropNewest => {
                self.skip.get_or_insert(position);
            }
            Overflow::Disconnect => self.cut = true,
        }
    }

    pub(super) fn ack(&mut self, counter: u64) {
        // A counter that was never shipped acknowledges nothing beyond what was.
        self.acked = self.acked.max(counter.min(self.sent));
        while let Some(&(oldest, bytes)) = self.flight.front()
            && oldest <= self.acked
        {
            self.flight.pop_front();
            self.outstanding.release(1, bytes);
        }
    }

    /// Ships what the credit allows. Every record takes credit for one message and its payload's bytes, as the session counts it.
    pub(super) fn pump(&mut self, log: &mut dyn Log, out: &mut Vec<Shipment>) {
        while self.sent + 1 < log.next() {
            let position = self.sent + 1;
            if position >= log.first() {
                // Nothing was missing when it came: whatever is missing later is missing for its own slowness.
                self.missing = GapReason::DropOldest;
            }
            let (record, last, bytes) = if self.skip.is_some_and(|skip| skip <= position) {
                (self.gap(log.next() - 1, GapReason::DropNewest), log.next() - 1, 0)
            } else if position < log.first() {
                (self.gap(log.first() - 1, self.missing), log.first() - 1, 0)
            } else {
                let Some(entry) = log.read(position) else { return };
                let bytes = entry.bytes();
                (record(position, entry), position, bytes)
            };
            if !self.outstanding.take(self.window, bytes as usize) {
                return;
            }
            if matches!(record, Record::Gap { reason: GapReason::DropNewest, .. }) {
                self.skip = None;
            }
            self.flight.push_back((last, bytes));
            self.sent = last;
            // From here on only its own slowness can make it miss records.
            self.missing = GapReason::DropOldest;
            out.push(Shipment { link: self.link, record });
        }
        // It stands where the log ends: whatever it misses later, it misses for being slow.
        self.missing = GapReason::DropOldest;
    }

    fn gap(&self, to: u64, reason: GapReason) -> Record {
        let from = self.sent + 1;
        // A skip within the range is part of it.
        let count = if reason == GapReason::Restart { 0 } else { to - self.sent };
        Record::Gap { from, to, count, reason }
    }
}

fn record(counter: u64, entry: Entry) -> Record {
    match entry {
        Entry::Message { topic, id, payload } => Record::Message { counter, topic, id, payload },
        Entry::Unverified { topic, cause, count } => Record::Unverified { counter, topic, cause, count },
    }
}
