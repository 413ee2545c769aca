//! The way from the router into a network's pipeline, and the count of what did not get in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::{Arrival, Topic};

/// How many messages of each topic did not get in, until the driver books them. Bounded by the topics that the agent knows; a count is never
/// lost. Clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct Overflowed(Arc<Mutex<BTreeMap<u32, (Topic, u64)>>>);

impl Overflowed {
    /// One message of this topic did not get in.
    pub fn note(&self, topic: &Topic) {
        // A panic while the counts were held cannot have left them half-changed.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.entry(topic.index).or_insert_with(|| (topic.clone(), 0)).1 += 1;
    }

    /// Takes the counts since the last call, by the topics' indices.
    #[must_use]
    pub fn take(&self) -> BTreeMap<u32, (Topic, u64)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where the router puts a topic's messages.
#[derive(Debug, Clone)]
pub struct Inlet {
    sender: mpsc::Sender<Arrival>,
    overflowed: Overflowed,
}

impl Inlet {
    /// Into that channel, with the counts that its driver books.
    #[must_use]
    pub fn new(sender: mpsc::Sender<Arrival>, overflowed: Overflowed) -> Self {
        Self { sender, overflowed }
    }

    /// Hands a message over. Overflow policy: the newest finds no room and is counted; `false` then, and the caller reports it as Ignore at once.
    #[must_use]
    pub fn offer(&self, arrival: Arrival) -> bool {
        match self.sender.try_send(arrival) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(arrival) | mpsc::error::TrySendError::Closed(arrival)) => {
                self.refused(&arrival.topic);
                false
            }
        }
    }

    /// Counts a message of this topic that the router could not even offer, and reported as Ignore.
    pub fn refused(&self, topic: &Topic) {
        self.overflowed.note(topic);
    }
}

#[cfg(test)]
#[path = "inlet_tests.rs"]
mod tests;
