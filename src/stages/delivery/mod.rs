//! DeliveryStage: fans accepted messages out to consumers.
//!
//! There is one log a network, and a consumer is a cursor over it. Its counter is the position in the log: it rises by one from record to
//! record, so that a consumer sees every loss, and any cursor can be resumed as far as the log reaches. A slow consumer costs others nothing.
//!
//! ```text
//!   log:   first ........ acked .......... sent .......... next
//!                           |<- in flight ->|<---- lag --->|
//! ```
//!
//! # Invariants
//! - What a consumer is shipped has counters without holes: a message or an unverified record has one, a gap covers a range.
//! - In flight never exceeds the consumer's window; every record counts as one message, with the bytes of its payload.

mod consumer;
mod names;
mod ring;
mod settings;

pub use ring::MemoryRing;
pub use settings::{Policy, Settings};

use self::consumer::Consumer;
use self::names::Names;
use pmq_pipeline::{ConsumerView, Delivery, Entry, Envelope, LinkId, Log, LogError, Opened, Shipment, Topic};
use pmq_protocol::wire::{ConsumerTerms, Cursor, GapReason, Reason, Window};

/// Its name in a network's file.
pub const NAME: &str = "delivery";

/// One log entry without its payload, in bytes.
const ENTRY_BYTES: usize = size_of::<Entry>();

/// Fan-out to consumers over one log.
pub struct DeliveryStage {
    settings: Settings,
    stream: u64,
    log: Box<dyn Log>,
    /// Bounded by the agent's bound on sessions.
    consumers: Vec<Consumer>,
    names: Names,
    /// The newest position that any consumer was shipped; a record up to it may not change any more.
    shipped: u64,
}

impl DeliveryStage {
    /// DeliveryStage without consumers, over `log`, as the stream of that name.
    #[must_use]
    pub fn new(settings: Settings, stream: u64, log: Box<dyn Log>) -> Self {
        let names = Names::new(settings.max_names as usize);
        Self { settings, stream, log, consumers: Vec::new(), names, shipped: 0 }
    }

    fn append(&mut self, entry: Entry) {
        let position = self.log.append(entry);
        for consumer in &mut self.consumers {
            consumer.appended(position, self.settings.max_lag);
        }
    }

    /// Where a consumer that comes with `terms` goes on: as its cursor says, else as its name says, else from now on.
    fn place(&self, terms: &ConsumerTerms) -> (u64, GapReason) {
        let newest = self.log.next() - 1;
        if terms.cursor.stream == self.stream {
            return (terms.cursor.counter.min(newest), GapReason::Retention);
        }
        if terms.cursor.stream == 0
            && let Some(acked) = self.names.get(&terms.name)
        {
            return (acked.min(newest), GapReason::Retention);
        }
        if terms.cursor.stream != 0 {
            // Another stream's counters say nothing about this one: all that the log holds is news, and a gap in front of it says so.
            return (0, GapReason::Restart);
        }
        (newest, GapReason::Retention)
    }
}

impl Delivery for DeliveryStage {
    fn deliver(&mut self, envelope: &Envelope) {
        let arrival = &envelope.arrival;
        self.append(Entry::Message { topic: arrival.topic.name.clone(), id: arrival.id, payload: arrival.payload.clone() });
    }

    fn unverified(&mut self, topic: &Topic, cause: Reason, count: u64) {
        let newest = self.log.next() - 1;
        if newest <= self.shipped || !self.log.merge(&topic.name, cause, count) {
            self.append(Entry::Unverified { topic: topic.name.clone(), cause, count });
        }
    }

    fn commit(&mut self) -> Result<(), LogError> {
        self.log.commit()
    }

    fn open(&mut self, link: LinkId, terms: &ConsumerTerms) -> Opened {
        let replaced = self.consumers.iter().find(|old| !terms.name.is_empty() && old.name == terms.name).map(|old| old.link);
        if let Some(old) = replaced {
            self.close(old);
        }
        let (cursor, reason) = self.place(terms);
        // What it has behind it may not change any more either.
        self.shipped = self.shipped.max(cursor);
        let policy = terms.policy.unwrap_or_else(|| self.settings.policy.into());
        self.consumers.push(Consumer::new(link, terms.name.clone(), policy, terms.window, cursor, self.log.next() - 1, reason));
        if !terms.name.is_empty() {
            self.names.set(&terms.name, cursor);
        }
        Opened { cursor: Cursor { stream: self.stream, counter: cursor }, replaced }
    }

    fn close(&mut self, link: LinkId) {
        if let Some(index) = self.consumers.iter().position(|consumer| consumer.link == link) {
            let gone = self.consumers.swap_remove(index);
            if !gone.name.is_empty() {
                self.names.set(&gone.name, gone.acked());
            }
        }
    }

    fn ack(&mut self, link: LinkId, counter: u64) {
        if let Some(consumer) = self.consumers.iter_mut().find(|consumer| consumer.link == link) {
            consumer.ack(counter);
        }
    }

    fn window(&mut self, link: LinkId, window: Window) {
        if let Some(consumer) = self.consumers.iter_mut().find(|consumer| consumer.link == link) {
            consumer.window = window;
        }
    }

    fn pump(&mut self, out: &mut Vec<Shipment>, cut: &mut Vec<LinkId>) {
        for consumer in &mut self.consumers {
            if consumer.cut {
                cut.push(consumer.link);
                continue;
            }
            consumer.pump(self.log.as_mut(), out);
            self.shipped = self.shipped.max(consumer.sent());
        }
    }

    fn consumers(&self) -> usize {
        self.consumers.len()
    }

    fn view(&self, link: LinkId) -> Option<ConsumerView> {
        self.consumers.iter().find(|consumer| consumer.link == link).map(|consumer| consumer.view(self.log.next() - 1))
    }

    fn queued(&self) -> u64 {
        self.log.next() - self.log.first()
    }

    fn forgotten(&self) -> u64 {
        self.names.forgotten
    }
}

#[cfg(test)]
mod tests;
