//! A bounded table that knows which of its entries was touched least recently.
//!
//! # Invariants
//! - At most `bound` entries; memory grows up to that and is kept.
//! - Every entry that is not pinned stands in one list, newest first. A pinned entry stands in none and is never evicted.
//! - A slot number is valid until the next removal.

use std::collections::HashMap;
use std::hash::Hash;

const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Node<K, V> {
    key: K,
    value: V,
    newer: u32,
    older: u32,
    pinned: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    // The default hasher is keyed: keys are chosen by strangers.
    slots: HashMap<K, u32>,
    nodes: Vec<Node<K, V>>,
    newest: u32,
    oldest: u32,
    bound: usize,
}

impl<K: Copy + Eq + Hash, V> Table<K, V> {
    /// Bytes of bookkeeping for one entry: its node's links, and a place in the hash table at its lowest load (7/16, one control byte).
    pub(super) const OVERHEAD: u64 = (size_of::<Node<K, V>>() - size_of::<V>() + (size_of::<(K, u32)>() + 1) * 16 / 7) as u64;

    /// An empty table of at most `bound` entries.
    pub(super) fn new(bound: usize) -> Self {
        // NONE is no slot.
        Self { slots: HashMap::new(), nodes: Vec::new(), newest: NONE, oldest: NONE, bound: bound.min(NONE as usize) }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.nodes.len() >= self.bound
    }

    /// The slot of a key.
    pub(super) fn find(&self, key: &K) -> Option<u32> {
        self.slots.get(key).copied()
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.find(key).map(|slot| self.value(slot))
    }

    pub(super) fn value(&self, slot: u32) -> &V {
        &self.nodes[slot as usize].value
    }

    pub(super) fn value_mut(&mut self, slot: u32) -> &mut V {
        &mut self.nodes[slot as usize].value
    }

    /// Adds an entry as the newest. The key must not be there, and the table not be full.
    pub(super) fn insert(&mut self, key: K, value: V) -> u32 {
        debug_assert!(!self.is_full() && !self.slots.contains_key(&key), "insert into a full table, or of a known key");
        let slot = self.nodes.len() as u32;
        self.nodes.push(Node { key, value, newer: NONE, older: NONE, pinned: false });
        self.slots.insert(key, slot);
        self.link(slot);
        slot
    }

    /// Makes an entry the newest.
    pub(super) fn touch(&mut self, slot: u32) {
        if !self.nodes[slot as usize].pinned && self.newest != slot {
            self.unlink(slot);
            self.link(slot);
        }
    }

    /// Keeps an entry from eviction.
    pub(super) fn pin(&mut self, slot: u32) {
        if !self.nodes[slot as usize].pinned {
            self.unlink(slot);
            self.nodes[slot as usize].pinned = true;
        }
    }

    /// Gives a pinned entry back to eviction, as the newest.
    pub(super) fn unpin(&mut self, slot: u32) {
        if self.nodes[slot as usize].pinned {
            self.nodes[slot as usize].pinned = false;
            self.link(slot);
        }
    }

    /// The entry that was touched least recently, of those that are not pinned.
    pub(super) fn oldest(&self) -> Option<(&K, &V)> {
        self.nodes.get(self.oldest as usize).map(|node| (&node.key, &node.value))
    }

    /// Removes what [`Table::oldest`] shows.
    pub(super) fn pop_oldest(&mut self) -> Option<(K, V)> {
        (self.oldest != NONE).then(|| self.remove_slot(self.oldest))
    }

    /// Removes an entry.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.find(key).map(|slot| self.remove_slot(slot).1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.nodes.iter().map(|node| (&node.key, &node.value))
    }

    fn remove_slot(&mut self, slot: u32) -> (K, V) {
        if !self.nodes[slot as usize].pinned {
            self.unlink(slot);
        }
        let gone = self.nodes.swap_remove(slot as usize);
        self.slots.remove(&gone.key);
        if let Some(moved) = self.nodes.get(slot as usize) {
            // The last entry has taken the slot: tell the index and its neighbours.
            let (newer, older, pinned) = (moved.newer, moved.older, moved.pinned);
            self.slots.insert(moved.key, slot);
            if !pinned {
                self.set_older(newer, slot);
                self.set_newer(older, slot);
            }
        }
        (gone.key, gone.value)
    }

    fn link(&mut self, slot: u32) {
        let second = self.newest;
        let node = &mut self.nodes[slot as usize];
        (node.newer, node.older) = (NONE, second);
        self.newest = slot;
        self.set_newer(second, slot);
    }

    fn unlink(&mut self, slot: u32) {
        let Node { newer, older, .. } = self.nodes[slot as usize];
        self.set_older(newer, older);
        self.set_newer(older, newer);
    }

    fn set_older(&mut self, slot: u32, older: u32) {
        match slot {
            NONE => self.newest = older,
            slot => self.nodes[slot as usize].older = older,
        }
    }

    fn set_newer(&mut self, slot: u32, newer: u32) {
        match slot {
            NONE => self.oldest = newer,
            slot => self.nodes[slot as usize].newer = newer,
        }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
