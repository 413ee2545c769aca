//! Figures and what is made of several rounds of them.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longest latency that is told apart, in nanoseconds; what took longer counts as this.
const LONGEST: u64 = 60_000_000_000;
/// [`LONGEST`] in microseconds: a percentile that reaches it is one of messages that never came.
pub(crate) const NEVER: f64 = LONGEST as f64 / 1_000.0;

/// Latencies of one round, three digits exact. Crosses process borders as pairs of a value in nanoseconds and its count.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub(crate) struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        #[allow(clippy::expect_used, reason = "the bounds are constants: 1 <= LONGEST / 2, and three digits are allowed")]
        Self(Histogram::new_with_bounds(1, LONGEST, 3).expect("constant bounds"))
    }
}

impl Latency {
    /// One message.
    pub(crate) fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Messages that never came: later than all others, so that a percentile is one of what was sent.
    pub(crate) fn lose(&mut self, count: u64) {
        self.0.saturating_record_n(LONGEST, count);
    }

    /// Adds another round, or another process's part of this one.
    pub(crate) fn add(&mut self, other: &Self) {
        for (value, count) in other.pairs() {
            self.0.saturating_record_n(value, count);
        }
    }

    /// How many are recorded.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The three that are always named.
    pub(crate) fn percentiles(&self) -> Percentiles {
        Percentiles { p50: self.at(0.5), p99: self.at(0.99), p999: self.at(0.999) }
    }

    /// Latency in microseconds at a share of the messages, 0 to 1.
    pub(crate) fn at(&self, share: f64) -> f64 {
        micros(self.0.value_at_quantile(share))
    }

    /// The curve for a picture: share of the messages, and latency in microseconds at that share. Ends at the last share that this many messages can tell.
    pub(crate) fn curve(&self) -> Vec<(f64, f64)> {
        let points = self.0.iter_quantiles(5).map(|step| (step.quantile_iterated_to(), micros(step.value_iterated_to())));
        points.filter(|(share, _)| *share < 1.0).collect()
    }

    fn pairs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()))
    }
}

impl From<Vec<(u64, u64)>> for Latency {
    fn from(pairs: Vec<(u64, u64)>) -> Self {
        let mut latency = Self::default();
        for (value, count) in pairs {
            latency.0.saturating_record_n(value, count);
        }
        latency
    }
}

impl From<Latency> for Vec<(u64, u64)> {
    fn from(latency: Latency) -> Self {
        latency.pairs().collect()
    }
}

#[allow(clippy::cast_precision_loss, reason = "at most a minute in nanoseconds")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1_000.0
}

/// Latencies in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    /// Half of the messages took no longer.
    pub(crate) p50: f64,
    /// 99 of 100 took no longer.
    pub(crate) p99: f64,
    /// 999 of 1,000 took no longer.
    pub(crate) p999: f64,
}

impl Percentiles {
    /// The median over rounds, each percentile by itself.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let of = |pick: fn(&Self) -> f64| Spread::of(rounds.iter().map(pick)).median;
        Self { p50: of(|round| round.p50), p99: of(|round| round.p99), p999: of(|round| round.p999) }
    }
}

/// The median over rounds, and the lowest and highest of them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Spread {
    /// The middle one; of an even number the mean of the two in the middle.
    pub(crate) median: f64,
    /// The lowest.
    pub(crate) low: f64,
    /// The highest.
    pub(crate) high: f64,
}

impl Spread {
    /// Of these values; all zero if there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (Some(&low), Some(&high)) = (values.first(), values.last()) else { return Self::default() };
        let (below, above) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Self { median: f64::midpoint(below, above), low, high }
    }

    /// Of the quotients of two contenders' rounds, pair by pair: rounds that ran beside each other are compared with each other.
    pub(crate) fn of_ratios(of: &[f64], to: &[f64]) -> Self {
        Self::of(of.iter().zip(to).filter(|(_, to)| **to > 0.0).map(|(of, to)| of / to))
    }
}
