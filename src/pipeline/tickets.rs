//! The ticket table: owns what waits, and names it by a ticket that is never mistaken for the slot's next owner.

use pmq_protocol::wire::Ticket;

/// How a ticket ended, remembered until its slot is used again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// By a verdict.
    Verdict,
    /// By the fallback.
    Fallback,
}

/// What the table knows of a ticket.
#[derive(Debug, PartialEq, Eq)]
pub enum Known<T> {
    /// It is pending.
    Pending(T),
    /// It has ended.
    Ended(End),
    /// It was never given out.
    Never,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
    end: End,
}

/// A slab with generations. Bounded: a full table refuses, and its owner applies the fallback.
#[derive(Debug)]
pub struct Tickets<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    bound: u32,
}

impl<T> Tickets<T> {
    /// An empty table for at most `bound` values.
    #[must_use]
    pub fn new(bound: u32) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), bound }
    }

    /// Keeps `value` and names it.
    ///
    /// # Errors
    /// The value, when the table is full.
    pub fn insert(&mut self, value: T) -> Result<Ticket, T> {
        if let Some(slot) = self.free.pop()
            && let Some(entry) = self.slots.get_mut(slot as usize)
        {
            entry.value = Some(value);
            return Ok(Ticket::new(slot, entry.generation));
        }
        let slot = self.slots.len() as u32;
        if slot >= self.bound {
            return Err(value);
        }
        self.slots.push(Slot { generation: 1, value: Some(value), end: End::Fallback });
        Ok(Ticket::new(slot, 1))
    }

    /// Looks a ticket up.
    pub fn find(&mut self, ticket: Ticket) -> Known<&mut T> {
        let Some(slot) = self.slots.get_mut(ticket.slot() as usize) else { return Known::Never };
        match (&mut slot.value, slot.generation.wrapping_sub(ticket.generation())) {
            (Some(value), 0) => Known::Pending(value),
            // The slot's generation is that of its next owner once it is free.
            (_, 1) => Known::Ended(slot.end),
            (None, 0) => Known::Never,
            // Older owners: how they ended is forgotten, and only time can have passed them by.
            (_, age) if age < u32::MAX / 2 => Known::Ended(End::Fallback),
            _ => Known::Never,
        }
    }

    /// The ticket of whatever a slot holds now.
    #[must_use]
    pub fn at(&self, slot: u32) -> Option<Ticket> {
        let entry = self.slots.get(slot as usize)?;
        entry.value.as_ref().map(|_| Ticket::new(slot, entry.generation))
    }

    /// Gives a pending value back and frees its slot.
    pub fn remove(&mut self, ticket: Ticket, end: End) -> Option<T> {
        let entry = self.slots.get_mut(ticket.slot() as usize)?;
        if entry.generation != ticket.generation() {
            return None;
        }
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        entry.end = end;
        self.free.push(ticket.slot());
        Some(value)
    }

    /// All pending values, in the order of their slots.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Ticket, &mut T)> {
        self.slots.iter_mut().enumerate().filter_map(|(index, slot)| {
            let ticket = Ticket::new(index as u32, slot.generation);
            slot.value.as_mut().map(|value| (ticket, value))
        })
    }

    /// Values pending.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
#[path = "tickets_tests.rs"]
mod tests;
