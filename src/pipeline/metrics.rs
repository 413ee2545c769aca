//! The road's metrics: handles made once, named here, counted per batch.

use std::collections::HashMap;
use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::{Outcome, Road, Tally};
use crate::wire::{GapReason, VerdictRefused};

/// Consumer names that get a label of their own; further ones are counted together, so that no parent can grow the registry.
const MAX_CONSUMER_LABELS: usize = 256;

/// Metric handles of one network.
pub(super) struct Metrics {
    network: Arc<str>,
    outcomes: HashMap<(u32, Outcome), (Counter, u64)>,
    gaps: HashMap<(Arc<str>, GapReason), Counter>,
    refused: [Counter; 4],
    queue_messages: Gauge,
    queue_bytes: Gauge,
    verifiers: Gauge,
    consumers: Gauge,
    log_entries: Gauge,
    forgotten: (Counter, u64),
    /// Seconds from arrival to report, verified messages only.
    pub(super) hop: Histogram,
    /// Seconds from the offer to its verdict.
    pub(super) round_trip: Histogram,
    /// Restarts of the road.
    pub(super) restarts: Counter,
}

impl Metrics {
    pub(super) fn new(network: &Arc<str>) -> Self {
        let name = || network.to_string();
        let refused = |why: &'static str| counter!("pmq_verdicts_refused_total", "network" => name(), "why" => why);
        Self {
            network: network.clone(),
            outcomes: HashMap::new(),
            gaps: HashMap::new(),
            refused: [refused("unknown"), refused("duplicate"), refused("late"), refused("stale-session")],
            queue_messages: gauge!("pmq_queue_messages", "network" => name()),
            queue_bytes: gauge!("pmq_queue_bytes", "network" => name()),
            verifiers: gauge!("pmq_verifiers", "network" => name()),
            consumers: gauge!("pmq_consumers", "network" => name()),
            log_entries: gauge!("pmq_delivery_log_entries", "network" => name()),
            forgotten: (counter!("pmq_delivery_names_forgotten_total", "network" => name()), 0),
            hop: histogram!("pmq_hop_seconds", "network" => name()),
            round_trip: histogram!("pmq_validation_round_trip_seconds", "network" => name()),
            restarts: counter!("pmq_road_restarts_total", "network" => name()),
        }
    }

    pub(super) fn refused(&self, why: VerdictRefused) {
        // The numbers of the refusals run from 1 to 4.
        if let Some(counter) = self.refused.get(why as usize - 1) {
            counter.increment(1);
        }
    }

    pub(super) fn gap(&mut self, consumer: &Arc<str>, reason: GapReason, count: u64) {
        let full = self.gaps.len() >= MAX_CONSUMER_LABELS && !self.gaps.contains_key(&(consumer.clone(), reason));
        let label = if full { Arc::from("other") } else { consumer.clone() };
        let network = &self.network;
        self.gaps
            .entry((label, reason))
            .or_insert_with_key(|(label, reason)| {
                counter!("pmq_delivery_dropped_total", "network" => network.to_string(), "consumer" => label.to_string(), "reason" => reason.as_str())
            })
            .increment(count);
    }

    /// Brings the counters up to the book, and the gauges up to the road.
    pub(super) fn flush(&mut self, road: &Road) {
        self.outcomes(road.tally());
        self.queue_messages.set(road.in_flight() as f64);
        self.queue_bytes.set(road.store.bytes() as f64);
        self.verifiers.set(road.store.verifiers() as f64);
        self.consumers.set(road.outlet.consumers() as f64);
        self.log_entries.set(road.outlet.queued() as f64);
        let (counter, seen) = &mut self.forgotten;
        let forgotten = road.outlet.forgotten();
        // Delivery starts anew after a restart of the road.
        counter.increment(forgotten.checked_sub(*seen).unwrap_or(forgotten));
        *seen = forgotten;
    }

    fn outcomes(&mut self, tally: &Tally) {
        for topic in tally.topics() {
            for (outcome, count) in topic.iter() {
                let network = &self.network;
                let (counter, seen) = self.outcomes.entry((topic.topic.index, outcome)).or_insert_with(|| {
                    let counter = counter!("pmq_verdicts_total", "network" => network.to_string(), "topic" => topic.topic.name.to_string(),
                        "result" => outcome.verdict.as_str(), "reason" => outcome.reason.as_str());
                    (counter, 0)
                });
                // The book outlives the road, so a count never falls.
                counter.increment(count.saturating_sub(*seen));
                *seen = count;
            }
        }
    }
}
