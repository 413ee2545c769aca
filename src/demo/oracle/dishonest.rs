//! What the dishonest node sends: it hears every report, has no node's key, and tries what is left.

use std::collections::{BTreeMap, VecDeque};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::message::{Body, Observation, Report, Round, Signer, median};
use super::{Network, Node, NodeKey};

/// One way to be dishonest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A report out of nothing, signed by a key that nobody knows, in the nodes' names.
    Forged,
    /// One node's signature as often as a quorum needs.
    RepeatedSigner,
    /// A real report with another median.
    WrongMedian,
    /// A report that everybody has, once more: with fewer of its signatures, so that its id is another one. (With the same bytes its own
    /// agent would not send it, and the others' would know the id.)
    Replay,
    /// A real report beyond the validity threshold, with fewer of its signatures so that its id is another one.
    Expired,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Forged, Self::RepeatedSigner, Self::WrongMedian, Self::Replay, Self::Expired];
}

/// An invalid message, ready to be published.
#[derive(Debug, Clone)]
pub(crate) struct Lie {
    /// What is wrong with it.
    pub(crate) kind: Kind,
    /// The round that it claims.
    pub(crate) round: Round,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// How old a report must be, in rounds behind the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ages {
    /// The window's skip threshold.
    pub(crate) skip: u64,
    /// The window's validity threshold.
    pub(crate) validity: u64,
    /// Rounds that nodes may be apart from each other.
    pub(crate) slack: u64,
}

/// The dishonest node's memory and imagination, both seeded.
#[derive(Debug)]
pub(crate) struct Liar {
    heard: BTreeMap<Network, VecDeque<Report>>,
    key: NodeKey,
    rng: StdRng,
    ages: Ages,
    nodes: Node,
}

impl Liar {
    /// A liar who has heard nothing yet. `nodes` is the size of the networks.
    pub(crate) fn new(seed: u64, nodes: Node, ages: Ages) -> Self {
        Self { heard: BTreeMap::new(), key: NodeKey::generate(), rng: StdRng::seed_from_u64(seed), ages, nodes }
    }

    /// Remembers a report. Bounded: the oldest are forgotten when they are twice as old as the validity threshold.
    pub(crate) fn hear(&mut self, report: Report) {
        let bound = usize::try_from(self.ages.validity.saturating_mul(2)).unwrap_or(usize::MAX).clamp(16, 4096);
        let heard = self.heard.entry(report.body.round.network).or_default();
        heard.push_back(report);
        while heard.len() > bound {
            heard.pop_front();
        }
    }

    /// An invalid message of that kind, or `None` while nothing was heard that serves.
    pub(crate) fn lie(&mut self, network: Network, kind: Kind) -> Option<Lie> {
        let heard = self.heard.get(&network)?;
        let newest = heard.iter().map(|report| report.body.round.seq).max()?;
        let age = |report: &&Report| newest - report.body.round.seq;
        let mut report = heard.back()?.clone();
        // Ahead of everybody, so that the window has no word in it and verifiers must judge.
        let ahead = newest + self.ages.slack;
        match kind {
            Kind::Forged => {
                report.body.round.seq = ahead + self.rng.random_range(1..=3);
                report = self.forge(report.body.round);
            }
            Kind::RepeatedSigner => {
                report.body.round.seq = ahead + 1;
                let one = *report.signers.choose(&mut self.rng)?;
                report.signers = vec![one; report.signers.len()];
            }
            Kind::WrongMedian => {
                // Under a new number it reaches the verifier, under its own it is an equivocation.
                if self.rng.random_bool(0.75) {
                    report.body.round.seq = ahead + 1;
                }
                report.body.median += self.rng.random_range(1..=100_000);
            }
            Kind::Replay => {
                let old: Vec<_> = heard
                    .iter()
                    .filter(|report| {
                        (self.ages.skip + self.ages.slack..self.ages.validity.saturating_sub(self.ages.slack)).contains(&age(report))
                    })
                    .collect();
                report = (*old.choose(&mut self.rng)?).clone();
                drop_signer(&mut report, &mut self.rng)?;
            }
            Kind::Expired => {
                let old: Vec<_> = heard.iter().filter(|report| age(report) > self.ages.validity + self.ages.slack).collect();
                report = (*old.choose(&mut self.rng)?).clone();
                drop_signer(&mut report, &mut self.rng)?;
            }
        }
        let bytes = report.seal();
        Some(Lie { kind, round: report.body.round, bytes })
    }

    /// Everything as it should be, but for the key.
    fn forge(&mut self, round: Round) -> Report {
        let mut observations = Vec::new();
        for node in 0..self.nodes {
            let value = i64::from(self.rng.next_u32() % 100_000);
            observations.push(Observation { node, value, sig: self.key.sign(&round.observed(node, value)) });
        }
        let median = median(observations.iter().map(|seen| seen.value));
        let body = Body { round, observations, median };
        let sig = self.key.sign(&body.signed_bytes());
        Report { body, signers: (0..self.nodes).map(|node| Signer { node, sig }).collect() }
    }
}

/// Leaves one signature out, so that f+1 remain: the report stays authentic and gets another id. `None` if none can be spared.
fn drop_signer(report: &mut Report, rng: &mut StdRng) -> Option<()> {
    // n-f = 2f+1 have signed, and f is at least 1.
    let spare = report.signers.len().checked_sub(1).filter(|left| *left >= 2)?;
    report.signers.remove(rng.random_range(0..=spare));
    Some(())
}

#[cfg(test)]
#[path = "dishonest_tests.rs"]
mod tests;
