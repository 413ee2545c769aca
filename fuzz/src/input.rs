//! A fuzzer's bytes as small numbers and slices, taken from the front.
//!
//! One byte a choice and nothing from the end: a byte changed, inserted or cut changes one step of a schedule, and a seed can be written by hand.

/// What is left of the input. When it is used up, numbers are 0 and slices are empty.
#[derive(Debug, Clone)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// Below `bound`.
    pub fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }

    /// Half of all bytes say yes.
    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Mostly small; at times at the edges of its type, or any.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            255 => u64::MAX,
            254 => u64::MAX - u64::from(self.byte()),
            253 => u64::from_le_bytes(self.array()),
            252 => 1 << self.below(64),
            251 => u64::from(u32::MAX) + u64::from(self.byte()),
            250 => u64::from(u16::from_le_bytes(self.array())),
            small => small.into(),
        }
    }

    /// At most `len` bytes.
    pub fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }
}
