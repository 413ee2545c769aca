//! What parents have ordered at run time and what holds still: a pipeline that is built anew after a fault is told again.

use std::collections::{BTreeMap, HashMap};

use crate::{MarkAction, Order, Origin, Topic};

/// Marks that one driver keeps, at most.
pub(super) const MARKS: usize = 16_384;

/// One numbering of one topic.
type Numbering = (u32, Origin, u64);

#[derive(Debug)]
struct Mark {
    topic: Topic,
    /// [`MarkAction::Seed`] or [`MarkAction::Retire`]: on a new pipeline nobody knows what was seen, so no order says more than that.
    action: MarkAction,
    age: u64,
}

/// Accepted orders. Bounded: thresholds by the topics that the agent knows, marks by `bound`; there the one that was ordered longest ago makes
/// room, as the window would evict it first. A grace period is not kept: it is short, and ended by a fault.
#[derive(Debug)]
pub(super) struct Replay {
    thresholds: Option<Order>,
    by_topic: BTreeMap<u32, Order>,
    marks: HashMap<Numbering, Mark>,
    /// Oldest first.
    ages: BTreeMap<u64, Numbering>,
    last: u64,
    bound: usize,
}

impl Replay {
    pub(super) fn new(bound: usize) -> Self {
        Self { thresholds: None, by_topic: BTreeMap::new(), marks: HashMap::new(), ages: BTreeMap::new(), last: 0, bound }
    }

    /// Keeps an order that was accepted.
    pub(super) fn keep(&mut self, order: Order) {
        match order {
            Order::Thresholds { topic: None, .. } => {
                // As the window has it: an order for all topics takes back those for one.
                self.by_topic.clear();
                self.thresholds = Some(order);
            }
            Order::Thresholds { topic: Some(ref topic), .. } => {
                self.by_topic.insert(topic.index, order);
            }
            Order::Mark { topic, origin, epoch, action } => self.mark(topic, origin, epoch, action),
            Order::Grace => {}
        }
    }

    fn mark(&mut self, topic: Topic, origin: Origin, epoch: u64, action: MarkAction) {
        let key = (topic.index, origin, epoch);
        let before = self.marks.remove(&key);
        if let Some(mark) = &before {
            self.ages.remove(&mark.age);
        }
        let action = match (before.map(|mark| mark.action), action) {
            (_, MarkAction::Reset(mark)) | (None, MarkAction::Seed(mark) | MarkAction::Raise(mark)) => MarkAction::Seed(mark),
            (Some(MarkAction::Seed(old)), MarkAction::Raise(mark)) => MarkAction::Seed(old.max(mark)),
            (_, MarkAction::Retire) => MarkAction::Retire,
            // There is a mark already, or the epoch is over.
            (Some(old), MarkAction::Seed(_) | MarkAction::Raise(_)) => old,
        };
        if self.marks.len() >= self.bound
            && let Some((_, oldest)) = self.ages.pop_first()
        {
            self.marks.remove(&oldest);
        }
        self.last += 1;
        self.ages.insert(self.last, key);
        self.marks.insert(key, Mark { topic, action, age: self.last });
    }

    /// All that hold, in the order in which a new pipeline is to be told.
    pub(super) fn orders(&self) -> Vec<Order> {
        let marks = self.ages.values().filter_map(|key| {
            let &(_, origin, epoch) = key;
            self.marks.get(key).map(|mark| Order::Mark { topic: mark.topic.clone(), origin, epoch, action: mark.action })
        });
        self.thresholds.iter().chain(self.by_topic.values()).cloned().chain(marks).collect()
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
