//! What is on its way, kept by other means than the product's.

use std::collections::BTreeMap;

use pmq_protocol::wire::{Outstanding, Roles, Window};

/// One network's credit.
#[derive(Debug, Clone)]
pub struct Network {
    pub name: String,
    pub roles: Roles,
    /// The widest window so far, and the messages that are out, by ticket.
    pub verify: Window,
    pub tickets: BTreeMap<u64, u64>,
    /// The widest window so far, and the records that are out, by their last counter.
    pub consume: Window,
    pub records: BTreeMap<u64, u64>,
    /// The last counter that was sent.
    pub sent: u64,
}

impl Network {
    pub fn new(name: &str, roles: Roles, verify: Window, consume: Window, sent: u64) -> Self {
        Self { name: name.to_owned(), roles, verify, tickets: BTreeMap::new(), consume, records: BTreeMap::new(), sent }
    }

    pub fn may(&self, role: Roles) -> bool {
        self.roles.serves(role)
    }

    pub fn widen(&mut self, role: Roles, window: Window) {
        let at = if role == Roles::VERIFY { &mut self.verify } else { &mut self.consume };
        *at = Window { messages: at.messages.max(window.messages), bytes: at.bytes.max(window.bytes) };
    }

    /// Takes a message, if the ticket is new and the window has room.
    pub fn offer(&mut self, ticket: u64, bytes: u64) -> bool {
        let fits = !self.tickets.contains_key(&ticket) && room(&self.tickets, self.verify, bytes);
        if fits {
            self.tickets.insert(ticket, bytes);
        }
        fits
    }

    pub fn judge(&mut self, ticket: u64) -> Option<Outstanding> {
        self.tickets.remove(&ticket).map(|bytes| Outstanding { messages: 1, bytes })
    }

    /// Takes a record, if it is the next one and the window has room.
    pub fn record(&mut self, first: u64, last: u64, bytes: u64) -> bool {
        let fits = self.sent.checked_add(1) == Some(first) && first <= last && room(&self.records, self.consume, bytes);
        if fits {
            self.records.insert(last, bytes);
            self.sent = last;
        }
        fits
    }

    pub fn ack(&mut self, counter: u64) -> Option<Outstanding> {
        let acked: BTreeMap<u64, u64> = self.records.range(..=counter).map(|(&last, &bytes)| (last, bytes)).collect();
        self.records.retain(|last, _| !acked.contains_key(last));
        (counter <= self.sent).then(|| sum(&acked))
    }

    pub fn unverified(&self) -> Outstanding {
        sum(&self.tickets)
    }

    pub fn unacked(&self) -> Outstanding {
        sum(&self.records)
    }
}

fn sum(out: &BTreeMap<u64, u64>) -> Outstanding {
    Outstanding { messages: out.len() as u32, bytes: out.values().sum() }
}

/// A message passes alone however large it is, so that no window blocks for ever.
fn room(out: &BTreeMap<u64, u64>, window: Window, bytes: u64) -> bool {
    let taken = sum(out);
    taken.messages < window.messages && (out.is_empty() || taken.bytes + bytes <= window.bytes)
}
