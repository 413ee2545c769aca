//! The book of outcomes: everything that came in is in flight or has exactly one outcome (promises 1.1).

use super::{Outcome, Topic};
use pmq_protocol::wire::{Reason, Verdict};

/// One more than the highest number of a reason, rounded up.
const REASONS: usize = 64;
const CELLS: usize = Verdict::ALL.len() * REASONS;

/// Outcomes of one topic, by verdict and reason.
#[derive(Debug, Clone)]
pub struct TopicTally {
    /// The topic.
    pub topic: Topic,
    counts: [u64; CELLS],
}

impl TopicTally {
    /// How many messages ended so.
    #[must_use]
    pub fn count(&self, verdict: Verdict, reason: Reason) -> u64 {
        self.counts.get(cell(Outcome { verdict, reason })).copied().unwrap_or(0)
    }

    /// All ends that occurred.
    pub fn iter(&self) -> impl Iterator<Item = (Outcome, u64)> {
        Verdict::ALL
            .into_iter()
            .flat_map(|verdict| Reason::ALL.iter().map(move |&reason| Outcome { verdict, reason }))
            .map(|outcome| (outcome, self.count(outcome.verdict, outcome.reason)))
            .filter(|&(_, count)| count > 0)
    }
}

/// What came in and how it ended.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    came_in: u64,
    settled: u64,
    /// Bounded by the topics that the agent knows.
    topics: Vec<TopicTally>,
}

impl Tally {
    /// Messages came in.
    pub fn arrived(&mut self, count: u64) {
        self.came_in += count;
    }

    /// One message ended.
    pub fn settle(&mut self, topic: &Topic, outcome: Outcome) {
        self.settle_many(topic, outcome, 1);
    }

    /// So many messages of one topic ended alike.
    pub fn settle_many(&mut self, topic: &Topic, outcome: Outcome, many: u64) {
        self.settled += many;
        let index = match self.topics.iter().position(|tally| tally.topic.index == topic.index) {
            Some(index) => index,
            None => {
                self.topics.push(TopicTally { topic: topic.clone(), counts: [0; CELLS] });
                self.topics.len() - 1
            }
        };
        if let Some(count) = self.topics.get_mut(index).and_then(|tally| tally.counts.get_mut(cell(outcome))) {
            *count += many;
        }
    }

    /// Messages that came in.
    #[must_use]
    pub fn came_in(&self) -> u64 {
        self.came_in
    }

    /// Messages that have ended.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// Messages that ended so, over all topics.
    #[must_use]
    pub fn count(&self, verdict: Verdict, reason: Reason) -> u64 {
        self.topics.iter().map(|tally| tally.count(verdict, reason)).sum()
    }

    /// Messages that ended with this verdict, over all topics and reasons.
    #[must_use]
    pub fn verdicts(&self, verdict: Verdict) -> u64 {
        Reason::ALL.iter().map(|&reason| self.count(verdict, reason)).sum()
    }

    /// By topic.
    #[must_use]
    pub fn topics(&self) -> &[TopicTally] {
        &self.topics
    }
}

fn cell(outcome: Outcome) -> usize {
    (outcome.verdict as usize - 1) * REASONS + outcome.reason as usize
}
