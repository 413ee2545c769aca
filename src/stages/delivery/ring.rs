//! The delivery log in memory.

use std::collections::VecDeque;

use pmq_pipeline::{Entry, Log, LogError};
use pmq_protocol::wire::Reason;

/// A ring of the newest entries, bounded by count and bytes. At most once over an agent's crash.
#[derive(Debug)]
pub struct MemoryRing {
    entries: VecDeque<Entry>,
    first: u64,
    bytes: u64,
    max_entries: usize,
    max_bytes: u64,
}

impl MemoryRing {
    /// An empty ring.
    #[must_use]
    pub fn new(max_entries: u32, max_bytes: u64) -> Self {
        Self { entries: VecDeque::new(), first: 2, bytes: 0, max_entries: max_entries as usize, max_bytes }
    }
}

impl Log for MemoryRing {
    fn append(&mut self, entry: Entry) -> u64 {
        let position = self.next();
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        // The newest entry is always kept, even if it alone is larger than the bound.
        while self.entries.len() > 1 && (self.entries.len() > self.max_entries || self.bytes > self.max_bytes) {
            if let Some(oldest) = self.entries.pop_front() {
                self.bytes -= oldest.bytes();
                self.first += 1;
            }
        }
        position
    }

    fn merge(&mut self, topic: &str, cause: Reason, count: u64) -> bool {
        match self.entries.back_mut() {
            Some(Entry::Unverified { topic: last, cause: same, count: total }) if **last == *topic && *same == cause => {
                *total += count;
                true
            }
            _ => false,
        }
    }

    fn first(&self) -> u64 {
        self.first
    }

    fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    fn read(&mut self, position: u64) -> Option<Entry> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        self.entries.get(index).cloned()
    }

    fn commit(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}
