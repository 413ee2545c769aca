//! `sequence-window`: is this number new, late, known or too old?
//!
//! ```text
//!               validity            skip              H = highest accepted
//!   -- Reject ----+----- Ignore -----+-- late, welcome --+-- new, welcome -->
//!                                      unless seen: Ignore
//! ```
//! One window per topic, origin and epoch. `check` going in refuses cheaply; `commit` coming out, on Accept alone, looks again (two
//! messages with one number may be in flight) and marks. What fails to commit is softened to an Ignore.
//!
//! # Invariants
//! - Only `check` may Reject, and only by a mark that a parent has set or that `warm_after` accepted messages have made.
//! - Nothing is allocated or moved before an Accept, or a parent's own order: a forged number or origin has no effect.
//! - Two bounded tables for each topic: windows, and floors (the marks of evicted windows, and retired epochs). At or below a floor nobody
//!   knows what was seen, so that is an Ignore. A mark that a parent sets is a floor, too.

mod judge;
mod origins;
mod ring;
mod settings;

use std::time::{Duration, Instant};

use self::judge::{Judgement, Thresholds};
use self::origins::{Bounds, Losses, Numbering, Origins};
use self::ring::Ring;
pub use self::settings::WindowSettings;
use super::{InvalidSetting, NetworkContext};
use pmq_pipeline::{Batch, Blueprint, Command, CommandError, Envelope, MarkAction, Order, Origin, Outcome, Settled, Stage, Topic};
use pmq_protocol::wire::Verdict;

const NAME: &str = "sequence-window";

/// Minimum interval between conflict log lines.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// Checked settings of a `sequence-window`.
#[derive(Debug, Clone)]
pub struct SequenceWindow {
    settings: WindowSettings,
    network: NetworkContext,
}

impl SequenceWindow {
    /// Settings that passed their check, for one network.
    #[must_use]
    pub fn new(settings: WindowSettings, network: NetworkContext) -> Self {
        Self { settings, network }
    }

    /// The stage itself.
    #[must_use]
    pub fn stage(&self) -> WindowStage {
        WindowStage::new(&self.settings, &self.network)
    }

    fn bounds(&self) -> Bounds {
        bounds(&self.settings)
    }
}

fn bounds(settings: &WindowSettings) -> Bounds {
    Bounds {
        window: settings.window,
        origins: settings.origins as usize,
        floors: settings.floors as usize,
        warm_after: settings.warm_after,
    }
}

impl Blueprint for SequenceWindow {
    fn name(&self) -> &'static str {
        NAME
    }

    fn build(&self) -> Box<dyn Stage> {
        Box::new(self.stage())
    }

    fn needs_header(&self) -> bool {
        true
    }

    fn needs_outcome(&self) -> bool {
        true
    }

    fn warnings(&self, rate: f64, deadline: Duration) -> Vec<InvalidSetting> {
        self.settings.warnings(rate, deadline)
    }

    fn memory(&self, _: f64) -> u64 {
        // Bounded by the tables, not by the rate.
        self.network.topics_at_most() as u64 * Origins::memory(self.bounds())
    }
}

/// What a window has counted since it was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WindowCounters {
    /// Windows now.
    pub windows: usize,
    /// Messages committed.
    pub committed: u64,
    /// Accepts that were softened to an Ignore.
    pub softened: u64,
    /// Equivocations met, going in and coming out.
    pub conflicts: u64,
    /// Windows that were evicted and left a floor.
    pub evicted: u64,
    /// Floors that fell out.
    pub floors_lost: u64,
}

/// One topic's windows and thresholds.
#[derive(Debug)]
struct TopicWindows {
    origins: Origins,
    /// Set by a parent for this topic alone.
    thresholds: Option<Thresholds>,
}

struct Metrics {
    conflicts: metrics::Counter,
    softened: metrics::Counter,
    evicted: metrics::Counter,
    floors_lost: metrics::Counter,
    windows: metrics::Gauge,
}

/// The running stage.
pub struct WindowStage {
    bounds: Bounds,
    thresholds: Thresholds,
    grace: Duration,
    grace_until: Option<Instant>,
    /// By the topic's index; bounded by the agent's `max_topics`.
    topics: Vec<Option<Box<TopicWindows>>>,
    counters: WindowCounters,
    metrics: Metrics,
    logged: Option<Instant>,
    unlogged: u64,
}

impl WindowStage {
    fn new(settings: &WindowSettings, network: &NetworkContext) -> Self {
        let labels = [("network", network.name.to_string())];
        Self {
            bounds: bounds(settings),
            thresholds: Thresholds { skip: settings.skip, validity: settings.validity },
            grace: settings.grace,
            grace_until: None,
            topics: Vec::new(),
            counters: WindowCounters::default(),
            metrics: Metrics {
                conflicts: metrics::counter!("pmq_window_conflicts_total", &labels),
                softened: metrics::counter!("pmq_window_softened_total", &labels),
                evicted: metrics::counter!("pmq_window_evicted_total", &labels),
                floors_lost: metrics::counter!("pmq_window_floors_lost_total", &labels),
                windows: metrics::gauge!("pmq_window_origins", &labels),
            },
            logged: None,
            unlogged: 0,
        }
    }

    /// What it has counted.
    #[must_use]
    pub fn counters(&self) -> WindowCounters {
        let windows = self.topics.iter().flatten().map(|topic| topic.origins.len()).sum();
        WindowCounters { windows, ..self.counters }
    }

    /// Every high mark: topic index, origin, epoch, number. To be given back with [`MarkAction::Seed`], or with
    /// [`MarkAction::Retire`] where it is `u64::MAX`.
    pub fn marks(&self) -> impl Iterator<Item = (u32, Origin, u64, u64)> {
        self.topics.iter().zip(0..).flat_map(|(topic, index)| {
            topic.iter().flat_map(move |topic| topic.origins.marks().map(move |(key, high)| (index, key.origin, key.epoch, high)))
        })
    }

    fn topic(&mut self, topic: &Topic) -> &mut TopicWindows {
        let index = topic.index as usize;
        if index >= self.topics.len() {
            self.topics.resize_with(index + 1, || None);
        }
        let bounds = self.bounds;
        self.topics[index].get_or_insert_with(|| Box::new(TopicWindows { origins: Origins::new(bounds), thresholds: None }))
    }

    fn check(&mut self, envelope: &Envelope, lenient: bool, now: Instant) -> Option<Outcome> {
        let header = envelope.header.as_ref()?;
        let topic = self.topics.get(envelope.arrival.topic.index as usize)?.as_ref()?;
        let judgement = topic.origins.check(header, topic.thresholds.unwrap_or(self.thresholds));
        self.note(judgement, envelope, now);
        judgement.going_in(lenient)
    }

    /// Marks a message that was accepted; `None` where there is no number.
    fn mark_seen(&mut self, envelope: &Envelope, now: Instant) -> Option<Judgement> {
        let header = envelope.header?;
        let default = self.thresholds;
        let topic = self.topic(&envelope.arrival.topic);
        let thresholds = topic.thresholds.unwrap_or(default);
        let judgement = topic.origins.commit(&header, thresholds);
        let losses = std::mem::take(&mut topic.origins.losses);
        self.count(losses);
        self.note(judgement, envelope, now);
        Some(judgement)
    }

    fn commit(&mut self, settled: &mut Settled, now: Instant) {
        let Some(judgement) = self.mark_seen(&settled.envelope, now) else { return };
        match judgement.coming_out() {
            None => self.counters.committed += 1,
            Some(outcome) => {
                self.counters.softened += 1;
                self.metrics.softened.increment(1);
                settled.outcome = outcome;
            }
        }
    }

    fn count(&mut self, losses: Losses) {
        if losses != Losses::default() {
            self.counters.evicted += losses.origins;
            self.counters.floors_lost += losses.floors;
            self.metrics.evicted.increment(losses.origins);
            self.metrics.floors_lost.increment(losses.floors);
        }
    }

    fn note(&mut self, judgement: Judgement, envelope: &Envelope, now: Instant) {
        if judgement != Judgement::Conflict {
            return;
        }
        self.counters.conflicts += 1;
        self.metrics.conflicts.increment(1);
        if self.logged.is_some_and(|last| now.saturating_duration_since(last) < LOG_EVERY) {
            self.unlogged += 1;
            return;
        }
        let header = envelope.header.unwrap_or_default();
        tracing::warn!(
            topic = %envelope.arrival.topic.name,
            id = %envelope.arrival.id,
            origin = %hex::encode(header.origin.0),
            epoch = header.epoch,
            seq = header.seq,
            unlogged = self.unlogged,
            "conflict: this number was accepted with another content"
        );
        (self.logged, self.unlogged) = (Some(now), 0);
    }

    fn set_thresholds(&mut self, topic: Option<&Topic>, thresholds: Thresholds) -> Result<(), CommandError> {
        let Thresholds { skip, validity } = thresholds;
        let max_skip = (Ring::blocks(self.bounds.window) - 1) * u64::from(u64::BITS);
        if skip >= validity || skip > max_skip {
            return Err(CommandError::Thresholds { skip, validity, max_skip });
        }
        match topic {
            Some(topic) => self.topic(topic).thresholds = Some(thresholds),
            None => {
                self.thresholds = thresholds;
                self.topics.iter_mut().flatten().for_each(|topic| topic.thresholds = None);
            }
        }
        Ok(())
    }

    fn set_mark(&mut self, topic: &Topic, key: Numbering, action: MarkAction) {
        let topic = self.topic(topic);
        topic.origins.mark(key, action);
        let losses = std::mem::take(&mut topic.origins.losses);
        self.count(losses);
    }
}

impl Stage for WindowStage {
    fn name(&self) -> &'static str {
        NAME
    }

    fn inward(&mut self, batch: &mut Batch, now: Instant) {
        let lenient = self.grace_until.is_some_and(|until| now < until);
        batch.settle_where(|envelope| self.check(envelope, lenient, now));
    }

    fn outward(&mut self, settled: &mut [Settled], now: Instant) {
        for settled in settled {
            if settled.outcome.verdict == Verdict::Accept {
                self.commit(settled, now);
            }
        }
    }

    fn own(&mut self, envelope: &mut Envelope, now: Instant) {
        // Our own parent stands behind it as behind an Accept. A number that the window does not welcome leaves it as it is.
        if self.mark_seen(envelope, now) == Some(Judgement::Welcome) {
            self.counters.committed += 1;
        }
    }

    fn tick(&mut self, _: Instant) {
        self.metrics.windows.set(self.counters().windows as f64);
    }

    fn command(&mut self, command: &mut Command, now: Instant) {
        let answer = match &command.order {
            Order::Thresholds { topic, skip, validity } => {
                self.set_thresholds(topic.as_ref(), Thresholds { skip: *skip, validity: *validity })
            }
            Order::Mark { topic, origin, epoch, action } => {
                self.set_mark(topic, Numbering { origin: *origin, epoch: *epoch }, *action);
                Ok(())
            }
            Order::Grace => {
                self.grace_until = now.checked_add(self.grace);
                Ok(())
            }
        };
        // Of several windows in a file, the first that refuses is heard.
        if !matches!(command.answer, Some(Err(_))) {
            command.answer = Some(answer);
        }
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
