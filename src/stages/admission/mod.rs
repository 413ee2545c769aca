//! `admission`: may this message come in at all?
//!
//! ```text
//! topic claimed? -> size -> quota in all -> quota of each -> message and byte rate of each -> in flight until its outcome is known
//! ```
//! One stage keeps the limits of either every peer or every origin ([`By`]). An origin is known only after `decode`, so a file that limits
//! both lists `admission` twice: by peer in front of `decode`, by origin behind it. An admission by origin in front of `decode` is an
//! error of order.
//!
//! An origin is what the message *claims* until the parent has verified it: whoever forges it spends that origin's tokens. Limits by
//! origin are for networks in which peers vouch for what they forward; elsewhere keep them far above what an origin needs.
//!
//! # Invariants
//! - What is in flight is counted once going in and once coming out, and an entry with messages in flight is never forgotten.
//! - Nothing that is refused takes a token or a quota.
//! - Only the size is a Reject: a rate or a quota is our own limit, and a relay cannot answer for it.

mod bucket;
mod settings;

use std::time::Instant;

use self::bucket::{Bucket, Dry, Rates};
pub use self::settings::{AdmissionSettings, By};
use super::NetworkContext;
use super::table::Table;
use pmq_pipeline::{Batch, Blueprint, Envelope, Origin, Outcome, Peer, Settled, Stage};
use pmq_protocol::wire::Reason;

/// Entries that one tick looks at, so that a tick is short whatever the table's size.
const SWEEP: usize = 64;

/// The name in files, and of metrics.
const NAME: &str = "admission";

/// Checked settings of an `admission`.
#[derive(Debug, Clone)]
pub struct Admission {
    settings: AdmissionSettings,
    network: NetworkContext,
}

impl Admission {
    /// Settings that passed their check, for one network.
    #[must_use]
    pub fn new(settings: AdmissionSettings, network: NetworkContext) -> Self {
        Self { settings, network }
    }

    /// The stage itself.
    #[must_use]
    pub fn stage(&self) -> AdmissionStage {
        AdmissionStage::new(&self.settings, &self.network)
    }
}

impl Blueprint for Admission {
    fn name(&self) -> &'static str {
        NAME
    }

    fn build(&self) -> Box<dyn Stage> {
        Box::new(self.stage())
    }

    fn needs_header(&self) -> bool {
        self.settings.by == By::Origin
    }

    fn needs_outcome(&self) -> bool {
        true
    }

    fn memory(&self, _: f64) -> u64 {
        // The table's bound is its size; the rate only decides how soon it is reached.
        let entry = Table::<Key, Entry>::OVERHEAD + size_of::<Entry>() as u64;
        u64::from(self.settings.entries) * entry + self.network.max_topics as u64
    }
}

/// Whose limits an entry keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Peer(Peer),
    Origin(Origin),
}

#[derive(Debug)]
struct Entry {
    bucket: Bucket,
    in_flight: u32,
}

/// What an admission has counted since it was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AdmissionCounters {
    /// Messages in flight now.
    pub in_flight: u32,
    /// Peers or origins in the table now.
    pub entries: usize,
    /// Messages let in.
    pub admitted: u64,
    /// Idle entries that made room for others.
    pub evicted: u64,
}

/// The running stage.
pub struct AdmissionStage {
    by: By,
    rates: Rates,
    in_flight_each: u32,
    in_flight_total: u32,
    network: NetworkContext,
    /// Whether the topic of that index is claimed, as far as it was asked. Bounded by the agent's `max_topics`.
    claimed: Vec<Option<bool>>,
    entries: Table<Key, Entry>,
    in_flight: u32,
    admitted: u64,
    evicted: u64,
    gauge_in_flight: metrics::Gauge,
    gauge_entries: metrics::Gauge,
    counter_evicted: metrics::Counter,
}

impl AdmissionStage {
    fn new(settings: &AdmissionSettings, network: &NetworkContext) -> Self {
        let labels = [("network", network.name.to_string()), ("by", settings.by.as_str().to_owned())];
        Self {
            by: settings.by,
            rates: Rates {
                rate: settings.rate.into(),
                burst: settings.burst.into(),
                byte_rate: settings.byte_rate.as_u64() as f64,
                byte_burst: settings.byte_burst.as_u64() as f64,
            },
            in_flight_each: settings.in_flight,
            in_flight_total: settings.in_flight_total,
            network: network.clone(),
            claimed: Vec::new(),
            entries: Table::new(settings.entries as usize),
            in_flight: 0,
            admitted: 0,
            evicted: 0,
            gauge_in_flight: metrics::gauge!("pmq_admission_in_flight", &labels),
            gauge_entries: metrics::gauge!("pmq_admission_entries", &labels),
            counter_evicted: metrics::counter!("pmq_admission_evicted_total", &labels),
        }
    }

    /// What it has counted.
    #[must_use]
    pub fn counters(&self) -> AdmissionCounters {
        AdmissionCounters { in_flight: self.in_flight, entries: self.entries.len(), admitted: self.admitted, evicted: self.evicted }
    }

    /// `None` for a message without an origin: it has no limits of its own here.
    fn key(&self, envelope: &Envelope) -> Option<Key> {
        match self.by {
            By::Peer => Some(Key::Peer(envelope.arrival.peer)),
            By::Origin => envelope.header.map(|header| Key::Origin(header.origin)),
        }
    }

    /// `None` when it may come in.
    fn refuse(&mut self, envelope: &Envelope, now: Instant) -> Option<Outcome> {
        if !self.claims(envelope) {
            return Some(Outcome::ignore(Reason::TopicUnknown));
        }
        let bytes = envelope.arrival.payload.len();
        if bytes > self.network.max_message {
            return Some(Outcome::reject(Reason::TooLarge));
        }
        if self.in_flight >= self.in_flight_total {
            return Some(Outcome::ignore(Reason::QuotaTotal));
        }
        if let Some(key) = self.key(envelope)
            && let Err(reason) = self.enter(key, bytes, now)
        {
            return Some(Outcome::ignore(reason));
        }
        self.in_flight += 1;
        self.admitted += 1;
        None
    }

    fn enter(&mut self, key: Key, bytes: usize, now: Instant) -> Result<(), Reason> {
        let slot = match self.entries.find(&key) {
            Some(slot) => slot,
            None => self.add(key, now)?,
        };
        let each = self.in_flight_each;
        let entry = self.entries.value_mut(slot);
        if entry.in_flight >= each {
            return Err(match self.by {
                By::Peer => Reason::QuotaPeer,
                By::Origin => Reason::QuotaOrigin,
            });
        }
        let taken = entry.bucket.take(&self.rates, bytes, now);
        if let Err(dry) = taken {
            self.entries.touch(slot);
            return Err(match (self.by, dry) {
                (By::Peer, Dry::Messages) => Reason::RatePeer,
                (By::Peer, Dry::Bytes) => Reason::RatePeerBytes,
                (By::Origin, Dry::Messages) => Reason::RateOrigin,
                (By::Origin, Dry::Bytes) => Reason::RateOriginBytes,
            });
        }
        entry.in_flight += 1;
        self.entries.pin(slot);
        Ok(())
    }

    /// Overflow policy: the longest idle entry makes room. When every entry has messages in flight there is none, and as each of them
    /// stands for at least one message this is the quota in all.
    fn add(&mut self, key: Key, now: Instant) -> Result<u32, Reason> {
        if self.entries.is_full() {
            self.entries.pop_oldest().ok_or(Reason::QuotaTotal)?;
            self.evicted += 1;
            self.counter_evicted.increment(1);
        }
        Ok(self.entries.insert(key, Entry { bucket: Bucket::full(&self.rates, now), in_flight: 0 }))
    }

    fn leave(&mut self, envelope: &Envelope) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(slot) = self.key(envelope).and_then(|key| self.entries.find(&key)) else { return };
        let entry = self.entries.value_mut(slot);
        entry.in_flight = entry.in_flight.saturating_sub(1);
        if entry.in_flight == 0 {
            self.entries.unpin(slot);
        }
    }

    fn claims(&mut self, envelope: &Envelope) -> bool {
        let topic = &envelope.arrival.topic;
        let index = topic.index as usize;
        if index >= self.network.max_topics {
            return self.network.claims.matches(&topic.name);
        }
        if index >= self.claimed.len() {
            self.claimed.resize(index + 1, None);
        }
        *self.claimed[index].get_or_insert_with(|| self.network.claims.matches(&topic.name))
    }

    fn show(&self) {
        self.gauge_in_flight.set(self.in_flight);
        self.gauge_entries.set(self.entries.len() as f64);
    }
}

impl Stage for AdmissionStage {
    fn name(&self) -> &'static str {
        NAME
    }

    fn inward(&mut self, batch: &mut Batch, now: Instant) {
        batch.settle_where(|envelope| self.refuse(envelope, now));
    }

    fn outward(&mut self, settled: &mut [Settled], _: Instant) {
        for settled in settled {
            self.leave(&settled.envelope);
        }
    }

    fn tick(&mut self, now: Instant) {
        // An idle entry whose bucket is full again says no more than a new one would.
        for _ in 0..SWEEP {
            match self.entries.oldest() {
                Some((_, entry)) if entry.bucket.is_full(&self.rates, now) => self.entries.pop_oldest(),
                _ => break,
            };
        }
        self.show();
    }
}

#[cfg(test)]
mod tests;
