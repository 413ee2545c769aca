//! What a frame waits for: frames of other lanes that were sent before it.

use pmq_protocol::wire::{Lane, Lanes};

/// Bytes of the order in front of every frame.
pub(super) const ORDER: usize = 16;

/// How many frames of the two other lanes, in the order of their numbers, have to be taken before this one. On the wire two little-endian `u64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order([u64; 2]);

/// Frames by lane: sent at one end, taken at the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts([u64; 3]);

impl Order {
    pub(super) fn read(bytes: [u8; ORDER]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        let [first, second] = [0, 1].map(|at| words.get(at).copied().map_or(0, u64::from_le_bytes));
        Self([first, second])
    }

    pub(super) fn write(self) -> [u8; ORDER] {
        let mut out = [0; ORDER];
        out[..8].copy_from_slice(&self.0[0].to_le_bytes());
        out[8..].copy_from_slice(&self.0[1].to_le_bytes());
        out
    }
}

/// The two lanes other than this.
fn others(lane: Lane) -> [Lane; 2] {
    match lane {
        Lane::Control => [Lane::Messages, Lane::Records],
        Lane::Messages => [Lane::Control, Lane::Records],
        Lane::Records => [Lane::Control, Lane::Messages],
    }
}

impl Counts {
    /// A frame of that lane is sent: what it has to wait for.
    pub(super) fn send(&mut self, lane: Lane, waits: Lanes) -> Order {
        let order = Order(others(lane).map(|other| if waits.contains(other) { self.0[other.index()] } else { 0 }));
        self.take(lane);
        order
    }

    /// Whether a frame of `lane` may be taken.
    pub(super) fn allow(&self, lane: Lane, order: Order) -> bool {
        others(lane).into_iter().zip(order.0).all(|(other, needed)| self.0[other.index()] >= needed)
    }

    /// A frame of `lane` is taken.
    pub(super) fn take(&mut self, lane: Lane) {
        self.0[lane.index()] += 1;
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
