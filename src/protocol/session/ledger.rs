//! What is on its way: the credit that each message took, by ticket or by counter.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::wire::{Outstanding, Ticket, Window};

/// Spreads tickets, which the agent draws itself: nobody else chooses the keys, so it need not resist an attacker.
#[derive(Default)]
pub(super) struct TicketHasher(u64);

impl Hasher for TicketHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        // The 64-bit golden ratio; the fold brings the high bits down to where the table looks.
        let spread = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }
}

/// A window and what is taken of it.
///
/// A narrower window does not reach what is on its way already, and the other end learns of it late: so the *widest* window of the session
/// is the one that is enforced here. What is handed out follows the current one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meter {
    widest: Window,
    pub(super) taken: Outstanding,
}

impl Meter {
    pub(super) fn new(window: Window) -> Self {
        Self { widest: window, taken: Outstanding::default() }
    }

    pub(super) fn widen(&mut self, window: Window) {
        self.widest.messages = self.widest.messages.max(window.messages);
        self.widest.bytes = self.widest.bytes.max(window.bytes);
    }

    pub(super) fn take(&mut self, bytes: usize) -> bool {
        self.taken.take(self.widest, bytes)
    }

    pub(super) fn release(&mut self, part: Outstanding) {
        self.taken.release(part.messages, part.bytes);
    }

    /// The first of `sizes` that finds no room, with nothing taken.
    pub(super) fn first_without_room(mut self, sizes: impl IntoIterator<Item = usize>) -> Option<usize> {
        sizes.into_iter().position(|bytes| !self.take(bytes))
    }
}

/// Messages whose verdict is out. Bounded by the widest window, which the agent's terms cap.
#[derive(Debug)]
pub(super) struct Tickets {
    pub(super) meter: Meter,
    open: HashMap<Ticket, u64, BuildHasherDefault<TicketHasher>>,
}

impl Tickets {
    pub(super) fn new(window: Window) -> Self {
        Self { meter: Meter::new(window), open: HashMap::default() }
    }

    /// Takes credit for a message; `false` if there is no room, or the ticket is open already.
    pub(super) fn take(&mut self, ticket: Ticket, bytes: usize) -> bool {
        match self.open.entry(ticket) {
            Entry::Vacant(place) if self.meter.take(bytes) => {
                place.insert(bytes as u64);
                true
            }
            Entry::Vacant(_) | Entry::Occupied(_) => false,
        }
    }

    /// Gives a ticket's credit back; `None` if it is not open.
    pub(super) fn release(&mut self, ticket: Ticket) -> Option<Outstanding> {
        let part = Outstanding { messages: 1, bytes: self.open.remove(&ticket)? };
        self.meter.release(part);
        Some(part)
    }
}

/// Whether a record from counter `first` to `last` is the next one behind `sent`. Behind the last counter of all there is none.
pub(super) fn follows(sent: u64, first: u64, last: u64) -> bool {
    sent.checked_add(1) == Some(first) && first <= last
}

/// Records that were sent and not acked, in counter order. Bounded by the widest window.
#[derive(Debug)]
pub(super) struct Unacked {
    pub(super) meter: Meter,
    /// Last counter and payload bytes of each.
    open: VecDeque<(u64, u64)>,
    /// The last counter that was sent, or the cursor as of which the stream is served.
    sent: u64,
}

impl Unacked {
    pub(super) fn new(window: Window, counter: u64) -> Self {
        Self { meter: Meter::new(window), open: VecDeque::new(), sent: counter }
    }

    /// The stream is served behind `counter`.
    pub(super) fn start(&mut self, counter: u64) {
        self.sent = counter;
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Takes credit for the record that ends at counter `last`; `false` if there is no room. The caller has checked the counters.
    pub(super) fn take(&mut self, last: u64, bytes: usize) -> bool {
        let room = self.meter.take(bytes);
        if room {
            self.open.push_back((last, bytes as u64));
            self.sent = last;
        }
        room
    }

    /// Gives back the credit of every record up to `counter`; `None` if that one was never sent.
    pub(super) fn ack(&mut self, counter: u64) -> Option<Outstanding> {
        if counter > self.sent {
            return None;
        }
        let mut part = Outstanding::default();
        while let Some((_, bytes)) = self.open.pop_front_if(|&mut (last, _)| last <= counter) {
            part.messages += 1;
            part.bytes += bytes;
        }
        self.meter.release(part);
        Some(part)
    }
}
