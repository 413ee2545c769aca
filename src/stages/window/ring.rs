//! What was seen of one origin: a ring of bitmap blocks as in RFC 6479, and beside every bit the tag of what was seen.
//!
//! ```text
//!   block of a number = number / 64, kept at that modulo the blocks; one block more than the window needs,
//!   so that moving the high mark clears whole blocks and never shifts a bit
//! ```
//! # Invariants
//! - Of the blocks (high / 64 - blocks, high / 64] the ring holds the bits; a set bit was accepted, and its tag is valid.
//! - So every number at most [`Ring::reach`] behind the high mark has its place, and so has none above it.

const BITS: u64 = u64::BITS as u64;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Ring {
    high: u64,
    seen: Box<[u64]>,
    tags: Box<[u64]>,
}

/// What the ring knows of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Never,
    /// With the tag in question.
    Same,
    /// With another tag.
    Other,
}

impl Ring {
    /// Blocks for a window of `window` numbers.
    pub(super) fn blocks(window: u64) -> u64 {
        window.div_ceil(BITS) + 1
    }

    /// Heap bytes for a window of `window` numbers.
    pub(super) fn memory(window: u64) -> u64 {
        Self::blocks(window) * (BITS + 1) * 8
    }

    /// With a high mark, and nothing seen.
    pub(super) fn new(window: u64, high: u64) -> Self {
        // The settings bound the window far below the address space.
        let blocks = Self::blocks(window) as usize;
        Self { high, seen: vec![0; blocks].into(), tags: vec![0; blocks * BITS as usize].into() }
    }

    /// Numbers behind the high mark that surely have their place.
    pub(super) fn reach(&self) -> u64 {
        (self.seen.len() as u64 - 1) * BITS
    }

    pub(super) fn high(&self) -> u64 {
        self.high
    }

    /// Forgets what was seen and starts at another mark.
    pub(super) fn restart(&mut self, high: u64) {
        self.seen.fill(0);
        self.high = high;
    }

    /// Moves the high mark up and clears the blocks that it enters. A lower mark changes nothing.
    pub(super) fn raise(&mut self, high: u64) {
        let Some(entered) = (high / BITS).checked_sub(self.high / BITS) else { return };
        let blocks = self.seen.len();
        match usize::try_from(entered) {
            // In order, nearly always the same block.
            Ok(0) => {}
            Ok(entered) if entered < blocks => {
                // The blocks entered stand behind the mark's, up to the end of the ring and then from its start.
                let from = self.block(self.high / BITS) + 1;
                let to_end = entered.min(blocks - from);
                self.seen[from..from + to_end].fill(0);
                self.seen[..entered - to_end].fill(0);
            }
            _ => self.seen.fill(0),
        }
        self.high = self.high.max(high);
    }

    /// What is known of a number that is at most [`Ring::reach`] behind the high mark.
    pub(super) fn look(&self, seq: u64, tag: u64) -> Seen {
        debug_assert!(self.high.checked_sub(seq).is_some_and(|behind| behind <= self.reach()));
        let (block, bit) = self.place(seq);
        match self.seen[block] & 1 << bit {
            0 => Seen::Never,
            _ if self.tags[block * BITS as usize + bit as usize] == tag => Seen::Same,
            _ => Seen::Other,
        }
    }

    /// Marks such a number as seen.
    pub(super) fn mark(&mut self, seq: u64, tag: u64) {
        debug_assert!(self.high.checked_sub(seq).is_some_and(|behind| behind <= self.reach()));
        let (block, bit) = self.place(seq);
        self.seen[block] |= 1 << bit;
        self.tags[block * BITS as usize + bit as usize] = tag;
    }

    fn place(&self, seq: u64) -> (usize, u64) {
        (self.block(seq / BITS), seq % BITS)
    }

    fn block(&self, number: u64) -> usize {
        (number % self.seen.len() as u64) as usize
    }
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
