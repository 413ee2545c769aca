//! Deadlines by slot of the ticket table: one hashed timing wheel a pipeline, never a timer a message.
//!
//! The lists are threaded through arrays indexed by slot, so that a deadline is set and lifted in O(1) without allocation, and the wheel is
//! never larger than the ticket table.

use std::time::{Duration, Instant};

/// Granularity: a deadline fires up to this much late, never early.
pub const TICK: Duration = Duration::from_millis(5);

const BUCKETS: usize = 1024;
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Entry {
    due: u64,
    next: u32,
    prev: u32,
    set: bool,
}

/// The wheel. Deadlines beyond one turn stay in their bucket for another one.
#[derive(Debug)]
pub struct Wheel {
    start: Instant,
    /// Ticks before this one have been looked at.
    cursor: u64,
    heads: Vec<u32>,
    entries: Vec<Entry>,
}

impl Wheel {
    /// An empty wheel that turns from `start`.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self { start, cursor: 0, heads: vec![NONE; BUCKETS], entries: Vec::new() }
    }

    /// Sets the deadline of a slot, in place of an earlier one.
    pub fn set(&mut self, slot: u32, deadline: Instant) {
        self.lift(slot);
        let index = slot as usize;
        if index >= self.entries.len() {
            self.entries.resize(index + 1, Entry { due: 0, next: NONE, prev: NONE, set: false });
        }
        let since = deadline.saturating_duration_since(self.start).as_micros();
        // Rounded up, and never into a bucket that has been passed. A wheel turns for less than 2^64 ticks.
        let due = (since.div_ceil(TICK.as_micros()) as u64).max(self.cursor);
        let head = std::mem::replace(&mut self.heads[(due % BUCKETS as u64) as usize], slot);
        if head != NONE {
            self.entries[head as usize].prev = slot;
        }
        self.entries[index] = Entry { due, next: head, prev: NONE, set: true };
    }

    /// Lifts the deadline of a slot, if it has one.
    pub fn lift(&mut self, slot: u32) {
        let Some(entry) = self.entries.get_mut(slot as usize).filter(|entry| entry.set) else { return };
        entry.set = false;
        let Entry { due, next, prev, .. } = *entry;
        if next != NONE {
            self.entries[next as usize].prev = prev;
        }
        if prev == NONE {
            self.heads[(due % BUCKETS as u64) as usize] = next;
        } else {
            self.entries[prev as usize].next = next;
        }
    }

    /// Lifts every deadline that is over at `now` and names its slot.
    pub fn expire(&mut self, now: Instant, mut expired: impl FnMut(u32)) {
        let current = (now.saturating_duration_since(self.start).as_micros() / TICK.as_micros()) as u64;
        if current < self.cursor {
            return;
        }
        // After a long pause one turn looks at every bucket; more would only repeat it.
        for tick in self.cursor..=current.min(self.cursor + BUCKETS as u64 - 1) {
            let mut slot = self.heads[(tick % BUCKETS as u64) as usize];
            while slot != NONE {
                let Entry { due, next, .. } = self.entries[slot as usize];
                if due <= current {
                    self.lift(slot);
                    expired(slot);
                }
                slot = next;
            }
        }
        self.cursor = current + 1;
    }
}

#[cfg(test)]
#[path = "wheel_tests.rs"]
mod tests;
