//! The summary: one object for machines, some sentences for people, and whether all went as promised.

use std::fmt::Write as _;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::books::Tally;
use crate::oracle::Network;

/// Percentiles in microseconds; 0 where nothing was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
}

impl Percentiles {
    /// Of these values.
    pub(crate) fn of(values: &[u64]) -> Self {
        // One microsecond to an hour, three digits: within the histogram's bounds.
        let Ok(mut histogram) = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3) else { return Self::default() };
        for value in values {
            histogram.saturating_record(*value);
        }
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
    }

    /// Of several agents: the middle one's median, the slowest ones' tails.
    pub(crate) fn merged(agents: &[[u64; 3]]) -> Self {
        let mut middles: Vec<_> = agents.iter().map(|[p50, _, _]| *p50).collect();
        middles.sort_unstable();
        let most = |index: usize| agents.iter().filter_map(|agent| agent.get(index)).copied().max().unwrap_or_default();
        Self { p50: middles.get(middles.len() / 2).copied().unwrap_or_default(), p99: most(1), p999: most(2) }
    }
}

/// Outcomes at all honest agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Verdicts {
    pub(crate) accept: u64,
    pub(crate) ignore: u64,
    pub(crate) reject: u64,
}

/// One network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NetworkSummary {
    pub(crate) name: &'static str,
    pub(crate) topic: &'static str,
    pub(crate) published: u64,
    pub(crate) expected_deliveries: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) unverified_reported: u64,
    pub(crate) gap_reported: u64,
    pub(crate) invalid_sent: u64,
    pub(crate) invalid_delivered: u64,
    pub(crate) invalid_forwarded: u64,
    pub(crate) verdicts: Verdicts,
    pub(crate) hop_us: Percentiles,
    pub(crate) end_to_end_us: Percentiles,
}

impl NetworkSummary {
    /// From the books, and from what the agents measured.
    pub(crate) fn new(network: Network, tally: &Tally, verdicts: Verdicts, hop_us: Percentiles) -> Self {
        Self {
            name: network.name(),
            topic: network.reports(),
            published: tally.published,
            expected_deliveries: tally.expected,
            delivered: tally.delivered,
            lost: tally.lost,
            unverified_reported: tally.unverified,
            gap_reported: tally.gaps,
            invalid_sent: tally.lies,
            invalid_delivered: tally.lies_delivered,
            invalid_forwarded: tally.lies_forwarded,
            verdicts,
            hop_us,
            end_to_end_us: Percentiles::of(&tally.end_to_end),
        }
    }
}

/// What the neighbours think of the dishonest node.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(crate) struct DishonestSummary {
    /// The best of its scores among its neighbours.
    pub(crate) score: f64,
    /// From its first invalid message until all its neighbours had graylisted it.
    pub(crate) graylisted_after_s: Option<f64>,
}

/// One kill of the victim's parent.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct RestartSummary {
    pub(crate) killed_at_s: f64,
    pub(crate) down_s: f64,
    pub(crate) forwarded_while_down: u64,
    pub(crate) missed: u64,
    /// Missed reports that no record can stand for.
    #[serde(skip)]
    pub(crate) lost: u64,
    pub(crate) unverified_reported: u64,
    /// Who died of the victim's processes, so that nothing is known.
    #[serde(skip)]
    pub(crate) unobserved: Option<String>,
    /// From the restart to the first delivery.
    pub(crate) resumed_after_s: Option<f64>,
}

/// The whole run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) ok: bool,
    pub(crate) seconds: f64,
    pub(crate) attach: &'static str,
    /// How many parents are in Go.
    pub(crate) go_parents: usize,
    /// How often an agent had a neighbour over TCP, and over QUIC.
    #[serde(skip)]
    pub(crate) neighbours: [usize; 2],
    pub(crate) processes: u64,
    pub(crate) networks: Vec<NetworkSummary>,
    pub(crate) dishonest: DishonestSummary,
    pub(crate) parent_restart: Vec<RestartSummary>,
    /// Invalid messages that the dishonest node's neighbours still had to judge in the last quarter of the run.
    #[serde(skip)]
    pub(crate) late_lies: u64,
    /// Rounds of each network that were to begin while enough nodes lived, and how many of them may come to nothing.
    #[serde(skip)]
    pub(crate) rounds: (u64, u64),
    /// Why it is not ok.
    #[serde(skip)]
    pub(crate) reasons: Vec<String>,
    /// Processes that ended although nobody here asked them to.
    #[serde(skip)]
    pub(crate) deaths: Vec<String>,
}

impl Summary {
    /// Judges the run by its numbers; `reasons` may hold what else went wrong.
    pub(crate) fn judge(mut self) -> Self {
        let mut reasons = std::mem::take(&mut self.reasons);
        for network in &self.networks {
            let name = network.name;
            let mut wrong = |count: u64, what: &str| {
                if count > 0 {
                    reasons.push(format!("{name}: {count} {what}"));
                }
            };
            wrong(u64::from(network.published == 0), "times nothing: no report was published");
            wrong(u64::from(network.published > 0 && network.expected_deliveries == 0), "times nothing: no consumer lived through the run");
            let (begun, spare) = self.rounds;
            let unpublished = begun.saturating_sub(network.published);
            wrong(if unpublished > spare { unpublished } else { 0 }, "rounds began and no report of them was published");
            wrong(network.lost, "reports did not reach a live consumer and stand in no Gap or Unverified record");
            wrong(network.invalid_delivered, "invalid messages were delivered");
            wrong(network.invalid_forwarded, "invalid messages were forwarded");
        }
        for (index, restart) in self.parent_restart.iter().enumerate() {
            if restart.forwarded_while_down > 0 {
                reasons.push(format!(
                    "outage {}: {} messages were forwarded while the only verifier was down",
                    index + 1,
                    restart.forwarded_while_down
                ));
            }
            if let Some(why) = restart.unobserved.as_ref().filter(|_| restart.lost > 0 || restart.resumed_after_s.is_none()) {
                reasons.push(format!("outage {} was not observed: {why}", index + 1));
            } else if restart.lost > 0 {
                let (missed, lost) = (restart.missed, restart.lost);
                reasons.push(format!("outage {}: {missed} reports were missed, and {lost} of them stand in no record", index + 1));
            }
        }
        self.ok = reasons.is_empty();
        self.reasons = reasons;
        self
    }

    /// What scoring is for, in a sentence.
    pub(crate) fn late(&self) -> String {
        format!("In the last quarter of the run its neighbours had {} of its invalid messages to judge.", self.late_lies)
    }

    /// What the overlay ran over, in a sentence. Both ends of a connection count.
    pub(crate) fn neighbours(&self) -> String {
        let [tcp, quic] = self.neighbours;
        format!("Agents had {tcp} neighbours over TCP and {quic} over QUIC.")
    }

    /// In words.
    pub(crate) fn words(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{} processes ran for {:.0} s, parents attached by {}.", self.processes, self.seconds, self.attach)?;
        if self.go_parents > 0 {
            writeln!(out, "{} of the honest parents were in Go, with the predecessor's services alone.", self.go_parents)?;
        }
        writeln!(out, "{}", self.neighbours())?;
        for network in &self.networks {
            let NetworkSummary { name, published, expected_deliveries, delivered, lost, .. } = network;
            writeln!(
                out,
                "{name}: {published} reports published; {delivered} of {expected_deliveries} deliveries came, {lost} were lost without a word \
                 ({} reported as unverified, {} as a gap). From publish to consumer {} us p50, {} us p99; through one agent {} us p50.",
                network.unverified_reported, network.gap_reported, network.end_to_end_us.p50, network.end_to_end_us.p99, network.hop_us.p50,
            )?;
            writeln!(
                out,
                "{name}: of {} invalid messages sent, {} were delivered and {} were forwarded.",
                network.invalid_sent, network.invalid_delivered, network.invalid_forwarded,
            )?;
        }
        match self.dishonest.graylisted_after_s {
            Some(after) => writeln!(
                out,
                "The dishonest node was graylisted by all its neighbours {after:.1} s after its first invalid message; its score is {:.0}.",
                self.dishonest.score,
            )?,
            None => writeln!(out, "The dishonest node was not graylisted; its score is {:.0}.", self.dishonest.score)?,
        }
        writeln!(out, "{}", self.late())?;
        for restart in &self.parent_restart {
            let resumed = restart.resumed_after_s.map_or_else(|| "never".to_owned(), |after| format!("{after:.2} s after its restart"));
            writeln!(
                out,
                "A parent was killed at {:.1} s and was down for {:.1} s: {} messages were forwarded meanwhile, {} reports were missed, {} \
                 messages reported as unverified; deliveries went on {resumed}.",
                restart.killed_at_s, restart.down_s, restart.forwarded_while_down, restart.missed, restart.unverified_reported,
            )?;
        }
        for death in &self.deaths {
            writeln!(out, "{death}")?;
        }
        let verdict = if self.ok { "All went as promised." } else { "NOT all went as promised." };
        writeln!(out, "{verdict}")
    }
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
