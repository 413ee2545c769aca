//! Where named consumers stood when they were last seen.

use std::collections::HashMap;
use std::sync::Arc;

/// Bounded: the name longest unused makes room; its consumer starts from now on when it comes back without a cursor.
#[derive(Debug)]
pub(super) struct Names {
    places: HashMap<Arc<str>, (u64, u64)>,
    bound: usize,
    uses: u64,
    /// Names that made room, since the start.
    pub(super) forgotten: u64,
}

impl Names {
    pub(super) fn new(bound: usize) -> Self {
        Self { places: HashMap::new(), bound, uses: 0, forgotten: 0 }
    }

    pub(super) fn get(&self, name: &str) -> Option<u64> {
        self.places.get(name).map(|&(acked, _)| acked)
    }

    pub(super) fn set(&mut self, name: &Arc<str>, acked: u64) {
        self.uses += 1;
        if !self.places.contains_key(name) && self.places.len() >= self.bound {
            let oldest = self.places.iter().min_by_key(|(_, (_, used))| *used).map(|(name, _)| name.clone());
            if let Some(oldest) = oldest {
                self.places.remove(&oldest);
                self.forgotten += 1;
            }
        }
        self.places.insert(name.clone(), (acked, self.uses));
    }
}
