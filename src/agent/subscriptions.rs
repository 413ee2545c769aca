//! Who has joined which topic: the network's file, or sessions of parents. A topic is left when the last of them has.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pmq_pipeline::Topic;

/// Who joins topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    /// The network's file, for as long as the agent runs.
    File,
    /// One session of a parent, by its number.
    Session(u64),
    /// One client of the control socket, by its number.
    Admin(u64),
}

/// Clients of the control socket among the holders; never reused while the agent runs.
static CONSOLES: AtomicU64 = AtomicU64::new(1);

impl Holder {
    /// A new client of the control socket.
    #[must_use]
    pub fn admin() -> Self {
        Self::Admin(CONSOLES.fetch_add(1, Ordering::Relaxed))
    }
}

#[derive(Debug)]
struct Joined {
    topic: Topic,
    holders: HashSet<Holder>,
    /// Kept until then although nobody holds it: a session that ended may be followed by another one of the same parent.
    until: Option<Instant>,
}

/// The table. Bounded: by the agent's table of topics, and by the bound on sessions for each.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_name: HashMap<Arc<str>, Joined>,
    /// Whether a task looks after the topics that are kept for a while. There is at most one.
    pub(super) swept: bool,
}

impl Subscriptions {
    pub(super) fn holds(&self, topic: &Topic, holder: Holder) -> bool {
        self.by_name.get(&topic.name).is_some_and(|joined| joined.holders.contains(&holder))
    }

    pub(super) fn add(&mut self, topic: Topic, holder: Holder) {
        let joined = self.by_name.entry(topic.name.clone()).or_insert_with(|| Joined { topic, holders: HashSet::new(), until: None });
        joined.holders.insert(holder);
        joined.until = None;
    }

    /// Whether `holder` is the only one.
    pub(super) fn is_last(&self, topic: &Topic, holder: Holder) -> bool {
        self.by_name.get(&topic.name).is_some_and(|joined| joined.holders.len() == 1 && joined.holders.contains(&holder))
    }

    /// Takes a holder out; with its last one the topic is forgotten.
    pub(super) fn remove(&mut self, topic: &Topic, holder: Holder) {
        if let Some(joined) = self.by_name.get_mut(&topic.name) {
            joined.holders.remove(&holder);
            if joined.holders.is_empty() {
                self.by_name.remove(&topic.name);
            }
        }
    }

    /// Takes a holder out of everything; what nobody else holds is kept for as long as `linger` says. True if there is such a topic.
    pub(super) fn release(&mut self, holder: Holder, now: Instant, linger: impl Fn(&Topic) -> Duration) -> bool {
        let mut lingers = false;
        for joined in self.by_name.values_mut() {
            if joined.holders.remove(&holder) && joined.holders.is_empty() {
                joined.until = Some(now + linger(&joined.topic));
                lingers = true;
            }
        }
        lingers
    }

    /// When the next topic has been kept for long enough.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_name.values().filter_map(|joined| joined.until).min()
    }

    /// Takes out one that has been.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Topic> {
        let joined = self.by_name.values().find(|joined| joined.until.is_some_and(|until| until <= now))?;
        let topic = joined.topic.clone();
        self.by_name.remove(&topic.name);
        Some(topic)
    }
}

#[cfg(test)]
mod tests;
