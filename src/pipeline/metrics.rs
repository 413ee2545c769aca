//! The pipeline's metrics: handles made once, named here, counted per batch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::{Compared, Outcome, Pipeline, Tally, Topic};
use pmq_protocol::wire::{GapReason, Verdict, VerdictRefused};

/// Consumer names that get a label of their own; further ones are counted together, so that no parent can grow the registry.
const MAX_CONSUMER_LABELS: usize = 256;

/// Codes of parents' reasons that get a label of their own; further ones are counted together as "other", for the same cause.
const MAX_CODE_LABELS: usize = 64;

/// Handles that are made when they are first needed.
type Made<K> = HashMap<K, Counter>;

/// Metric handles of one network.
pub(super) struct Metrics {
    network: Arc<str>,
    outcomes: HashMap<(u32, Outcome), (Counter, u64)>,
    gaps: HashMap<(Arc<str>, GapReason), Counter>,
    refused: [Counter; 4],
    shadow_refused: [Counter; 4],
    /// By code; `None` = other.
    reasons: Made<(Verdict, Option<u16>)>,
    codes: HashSet<u16>,
    conflicts: Made<u32>,
    /// By topic, the outcome's verdict (`None` = the fallback's) and the shadow's.
    compared: Made<(u32, Option<Verdict>, Verdict)>,
    shadows: Gauge,
    skipped: Kept,
    unanswered: Kept,
    groups: HashMap<Arc<str>, Gauge>,
    queue_messages: Gauge,
    queue_bytes: Gauge,
    verifiers: Gauge,
    consumers: Gauge,
    log_entries: Gauge,
    forgotten: Kept,
    /// Seconds from arrival to report, verified messages only.
    pub(super) hop: Histogram,
    /// Seconds from the offer to its verdict.
    pub(super) round_trip: Histogram,
    /// Restarts of the pipeline.
    pub(super) restarts: Counter,
}

impl Metrics {
    pub(super) fn new(network: &Arc<str>) -> Self {
        let name = || network.to_string();
        let whys = ["unknown", "duplicate", "late", "stale-session"];
        Self {
            network: network.clone(),
            outcomes: HashMap::new(),
            gaps: HashMap::new(),
            refused: whys.map(|why| counter!("pmq_verdicts_refused_total", "network" => name(), "why" => why)),
            shadow_refused: whys.map(|why| counter!("pmq_shadow_verdicts_refused_total", "network" => name(), "why" => why)),
            reasons: HashMap::new(),
            codes: HashSet::new(),
            conflicts: HashMap::new(),
            compared: HashMap::new(),
            shadows: gauge!("pmq_shadows", "network" => name()),
            skipped: Kept::new(counter!("pmq_shadow_skipped_total", "network" => name())),
            unanswered: Kept::new(counter!("pmq_shadow_unanswered_total", "network" => name())),
            groups: HashMap::new(),
            queue_messages: gauge!("pmq_queue_messages", "network" => name()),
            queue_bytes: gauge!("pmq_queue_bytes", "network" => name()),
            verifiers: gauge!("pmq_verifiers", "network" => name()),
            consumers: gauge!("pmq_consumers", "network" => name()),
            log_entries: gauge!("pmq_delivery_log_entries", "network" => name()),
            forgotten: Kept::new(counter!("pmq_delivery_names_forgotten_total", "network" => name())),
            hop: histogram!("pmq_hop_seconds", "network" => name()),
            round_trip: histogram!("pmq_validation_round_trip_seconds", "network" => name()),
            restarts: counter!("pmq_road_restarts_total", "network" => name()),
        }
    }

    pub(super) fn refused(&self, why: VerdictRefused, shadow: bool) {
        let refused = if shadow { &self.shadow_refused } else { &self.refused };
        // The numbers of the refusals run from 1 to 4.
        if let Some(counter) = refused.get(why as usize - 1) {
            counter.increment(1);
        }
    }

    /// A parent's reason.
    pub(super) fn reason(&mut self, verdict: Verdict, code: u16) {
        let known = self.codes.contains(&code) || self.codes.len() < MAX_CODE_LABELS && self.codes.insert(code);
        let (network, code) = (&self.network, known.then_some(code));
        let made = self.reasons.entry((verdict, code)).or_insert_with(|| {
            let code = code.map_or_else(|| "other".to_owned(), |code| code.to_string());
            counter!("pmq_parent_reasons_total", "network" => network.to_string(), "verdict" => verdict.as_str(), "code" => code)
        });
        made.increment(1);
    }

    /// Verifiers that contradict each other. Bounded by the topics that the agent knows, as the next one.
    pub(super) fn conflict(&mut self, topic: &Topic) {
        let network = &self.network;
        let made = self.conflicts.entry(topic.index).or_insert_with(
            || counter!("pmq_verifier_conflicts_total", "network" => network.to_string(), "topic" => topic.name.to_string()),
        );
        made.increment(1);
    }

    /// A shadow's verdict beside the outcome.
    pub(super) fn compared(&mut self, compared: &Compared) {
        let Compared { topic, outcome, said, shadow, .. } = compared;
        let network = &self.network;
        let verdict = said.as_ref().map(|_| outcome.verdict);
        let made = self.compared.entry((topic.index, verdict, shadow.verdict)).or_insert_with(|| {
            counter!("pmq_shadow_verdicts_total", "network" => network.to_string(), "topic" => topic.name.to_string(),
                "verdict" => verdict.map_or("fallback", Verdict::as_str), "shadow" => shadow.verdict.as_str())
        });
        made.increment(1);
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

    /// Brings the counters up to the book, and the gauges up to the pipeline.
    pub(super) fn flush(&mut self, pipeline: &Pipeline) {
        self.outcomes(pipeline.tally());
        self.queue_messages.set(pipeline.in_flight() as f64);
        self.queue_bytes.set(pipeline.queue.bytes() as f64);
        self.verifiers.set(pipeline.queue.verifiers() as f64);
        self.consumers.set(pipeline.delivery.consumers() as f64);
        self.log_entries.set(pipeline.delivery.queued() as f64);
        self.forgotten.bring_to(pipeline.delivery.forgotten());
        let census = pipeline.queue.census();
        self.shadows.set(census.shadows as f64);
        self.skipped.bring_to(census.skipped);
        self.unanswered.bring_to(census.unanswered);
        for (group, verifiers) in census.groups.into_iter().filter(|(group, _)| !group.is_empty()) {
            let network = &self.network;
            let gauge = self
                .groups
                .entry(group)
                .or_insert_with_key(|group| gauge!("pmq_group_verifiers", "network" => network.to_string(), "group" => group.to_string()));
            gauge.set(verifiers as f64);
        }
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
                // The book outlives the pipeline, so a count never falls.
                counter.increment(count.saturating_sub(*seen));
                *seen = count;
            }
        }
    }
}

/// A counter that follows a count which starts anew with the pipeline.
struct Kept {
    counter: Counter,
    seen: u64,
}

impl Kept {
    fn new(counter: Counter) -> Self {
        Self { counter, seen: 0 }
    }

    fn bring_to(&mut self, count: u64) {
        self.counter.increment(count.checked_sub(self.seen).unwrap_or(count));
        self.seen = count;
    }
}
