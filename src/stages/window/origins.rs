//! The windows of one topic: a bounded table of origins, and the floors of those that were evicted.

use super::judge::{Age, Judgement, Thresholds};
use super::ring::{Ring, Seen};
use crate::table::Table;
use pmq_pipeline::{Header, MarkAction, Origin};

/// The floor of a retired epoch: none of its numbers is above it.
const RETIRED: u64 = u64::MAX;

/// One numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Numbering {
    pub(super) origin: Origin,
    pub(super) epoch: u64,
}

impl From<&Header> for Numbering {
    fn from(header: &Header) -> Self {
        Self { origin: header.origin, epoch: header.epoch }
    }
}

#[derive(Debug)]
struct Window {
    ring: Ring,
    /// What was seen up to here is not known: the mark that the origin had when it was evicted before, or one that a parent has set.
    floor: Option<u64>,
    accepted: u32,
    seeded: bool,
}

/// Bounds, from the settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) window: u64,
    pub(super) origins: usize,
    pub(super) floors: usize,
    pub(super) warm_after: u32,
}

/// What making room has cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Losses {
    pub(super) origins: u64,
    pub(super) floors: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Origins {
    bounds: Bounds,
    windows: Table<Numbering, Window>,
    floors: Table<Numbering, u64>,
    pub(super) losses: Losses,
}

impl Origins {
    pub(super) fn new(bounds: Bounds) -> Self {
        let (windows, floors) = (Table::new(bounds.origins), Table::new(bounds.floors));
        Self { bounds, windows, floors, losses: Losses::default() }
    }

    /// Bytes for full tables.
    pub(super) fn memory(bounds: Bounds) -> u64 {
        let window = Table::<Numbering, Window>::OVERHEAD + size_of::<Window>() as u64 + Ring::memory(bounds.window);
        let floor = Table::<Numbering, u64>::OVERHEAD + 8;
        bounds.origins as u64 * window + bounds.floors as u64 * floor
    }

    pub(super) fn len(&self) -> usize {
        self.windows.len()
    }

    /// High marks of all windows and floors; [`RETIRED`] of a retired epoch.
    pub(super) fn marks(&self) -> impl Iterator<Item = (Numbering, u64)> {
        let windows = self.windows.iter().map(|(key, window)| (*key, window.ring.high()));
        windows.chain(self.floors.iter().map(|(key, floor)| (*key, *floor)))
    }

    /// What becomes of a message before the parent has seen it. Changes nothing.
    pub(super) fn check(&self, header: &Header, thresholds: Thresholds) -> Judgement {
        let key = Numbering::from(header);
        match self.windows.get(&key) {
            Some(window) => window.judge(header, thresholds, self.bounds.warm_after),
            None => self.judge_unknown(&key, header.seq),
        }
    }

    /// Marks an accepted message as seen; whatever does not answer [`Judgement::Welcome`] has changed nothing.
    pub(super) fn commit(&mut self, header: &Header, thresholds: Thresholds) -> Judgement {
        let key = Numbering::from(header);
        let found = self.windows.find(&key);
        let judgement = match found {
            Some(slot) => self.windows.value(slot).judge(header, thresholds, self.bounds.warm_after),
            None => self.judge_unknown(&key, header.seq),
        };
        if judgement == Judgement::Welcome {
            let slot = match found {
                Some(slot) => slot,
                None => self.open(key, header.seq),
            };
            self.windows.touch(slot);
            let window = self.windows.value_mut(slot);
            window.accepted = window.accepted.saturating_add(1);
            window.ring.raise(header.seq);
            window.ring.mark(header.seq, header.tag);
        }
        judgement
    }

    /// The word on a number whose numbering has no window.
    fn judge_unknown(&self, key: &Numbering, seq: u64) -> Judgement {
        match self.floors.get(key) {
            Some(floor) if seq <= *floor => Judgement::Old(Age::Unknown),
            _ => Judgement::Welcome,
        }
    }

    /// Moves a high mark. A mark that a parent sets or raises is a floor, too: what is at or below it is not known to be fresh.
    pub(super) fn mark(&mut self, key: Numbering, action: MarkAction) {
        let mark = match action {
            MarkAction::Seed(mark) | MarkAction::Raise(mark) | MarkAction::Reset(mark) => mark,
            MarkAction::Retire => {
                self.windows.remove(&key);
                self.floors.remove(&key);
                self.lay_floor(key, RETIRED);
                return;
            }
        };
        if matches!(action, MarkAction::Reset(_)) {
            self.floors.remove(&key);
        }
        let slot = match (self.windows.find(&key), self.floors.get(&key).copied()) {
            (Some(slot), _) => slot,
            // Only a reset brings it back.
            (None, Some(RETIRED)) => return,
            // The floor is the mark that there is, and it stays a floor.
            (None, Some(floor)) => self.open(key, floor),
            (None, None) => {
                let slot = self.open(key, mark);
                self.windows.value_mut(slot).floor = Some(mark);
                slot
            }
        };
        self.windows.touch(slot);
        let window = self.windows.value_mut(slot);
        window.seeded = true;
        match action {
            MarkAction::Raise(mark) if mark > window.ring.high() => {
                window.ring.raise(mark);
                window.floor = Some(mark);
            }
            MarkAction::Reset(mark) => {
                window.ring.restart(mark);
                window.floor = None;
                window.accepted = 0;
            }
            MarkAction::Seed(_) | MarkAction::Raise(_) | MarkAction::Retire => {}
        }
    }

    /// A window for a numbering that has none. Overflow policy: the window whose last accept is oldest leaves only its mark, in the floors;
    /// there the oldest floor makes room and is lost.
    fn open(&mut self, key: Numbering, high: u64) -> u32 {
        let floor = self.floors.remove(&key);
        let spare = if self.windows.is_full() { self.windows.pop_oldest() } else { None };
        let ring = match spare {
            Some((evicted, mut window)) => {
                self.losses.origins += 1;
                self.lay_floor(evicted, window.ring.high());
                window.ring.restart(high);
                window.ring
            }
            None => Ring::new(self.bounds.window, high),
        };
        self.windows.insert(key, Window { ring, floor, accepted: 0, seeded: false })
    }

    fn lay_floor(&mut self, key: Numbering, mark: u64) {
        if self.floors.is_full() && self.floors.pop_oldest().is_some() {
            self.losses.floors += 1;
        }
        self.floors.insert(key, mark);
    }
}

impl Window {
    fn judge(&self, header: &Header, thresholds: Thresholds, warm_after: u32) -> Judgement {
        let Some(behind) = self.ring.high().checked_sub(header.seq) else {
            return Judgement::Welcome;
        };
        if behind > thresholds.validity {
            let sure = self.seeded || self.accepted >= warm_after;
            return Judgement::Old(if sure { Age::Expired } else { Age::Unknown });
        }
        if behind > thresholds.skip {
            return Judgement::Old(Age::Stale);
        }
        if self.floor.is_some_and(|floor| header.seq <= floor) {
            return Judgement::Old(Age::Unknown);
        }
        match self.ring.look(header.seq, header.tag) {
            Seen::Never => Judgement::Welcome,
            Seen::Same => Judgement::Duplicate,
            Seen::Other => Judgement::Conflict,
        }
    }
}
