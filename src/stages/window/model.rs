//! The sequence window as one would write it without a thought for speed: sets and lists, straight from the contract's table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use pmq_pipeline::{Header, MarkAction};
use pmq_protocol::wire::{Reason, Verdict};

/// Topic, origin, epoch.
pub(super) type Key = (u32, u8, u64);

#[derive(Debug, Clone, Default)]
struct Window {
    high: u64,
    /// Everything that was ever accepted.
    seen: BTreeMap<u64, u64>,
    floor: Option<u64>,
    accepted: u32,
    seeded: bool,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    origins: usize,
    floors: usize,
    warm_after: u32,
    /// For all topics, and for one.
    pub(super) thresholds: (u64, u64),
    pub(super) topic_thresholds: BTreeMap<u32, (u64, u64)>,
    /// Oldest accept first.
    windows: Vec<(Key, Window)>,
    /// Oldest first.
    laid: Vec<(Key, u64)>,
    pub(super) evicted: u64,
    pub(super) floors_lost: u64,
}

pub(super) type Word = Option<(Verdict, Reason)>;

fn ignore(reason: Reason) -> Word {
    Some((Verdict::Ignore, reason))
}

impl Model {
    pub(super) fn new(origins: usize, floors: usize, warm_after: u32, thresholds: (u64, u64)) -> Self {
        Self { origins, floors, warm_after, thresholds, ..Self::default() }
    }

    pub(super) fn high(&self, key: Key) -> Option<u64> {
        self.windows.iter().find(|(k, _)| *k == key).map(|(_, window)| window.high).or_else(|| self.floor(key))
    }

    pub(super) fn windows(&self) -> usize {
        self.windows.len()
    }

    pub(super) fn marks(&self) -> Vec<(Key, u64)> {
        let mut all: Vec<_> = self.windows.iter().map(|(key, window)| (*key, window.high)).chain(self.laid.iter().copied()).collect();
        all.sort_unstable();
        all
    }

    fn floor(&self, key: Key) -> Option<u64> {
        self.laid.iter().find(|(k, _)| *k == key).map(|(_, floor)| *floor)
    }

    pub(super) fn check(&self, key: Key, header: &Header, lenient: bool) -> Word {
        let (skip, validity) = *self.topic_thresholds.get(&key.0).unwrap_or(&self.thresholds);
        let Some((_, window)) = self.windows.iter().find(|(k, _)| *k == key) else {
            return self.floor(key).filter(|floor| header.seq <= *floor).and_then(|_| ignore(Reason::Stale));
        };
        let behind = i128::from(window.high) - i128::from(header.seq);
        if behind < 0 {
            return None;
        }
        if behind > i128::from(validity) {
            let sure = !lenient && (window.seeded || window.accepted >= self.warm_after);
            return if sure { Some((Verdict::Reject, Reason::Expired)) } else { ignore(Reason::Stale) };
        }
        if behind > i128::from(skip) || window.floor.is_some_and(|floor| header.seq <= floor) {
            return ignore(Reason::Stale);
        }
        match window.seen.get(&header.seq) {
            None => None,
            Some(tag) if *tag == header.tag => ignore(Reason::Duplicate),
            Some(_) => ignore(Reason::Conflict),
        }
    }

    pub(super) fn commit(&mut self, key: Key, header: &Header) -> Word {
        match self.check(key, header, true) {
            Some((_, Reason::Stale)) => ignore(Reason::Late),
            Some(word) => Some(word),
            None => {
                let window = self.freshen(key, header.seq);
                window.high = window.high.max(header.seq);
                window.accepted += 1;
                window.seen.insert(header.seq, header.tag);
                None
            }
        }
    }

    pub(super) fn mark(&mut self, key: Key, action: MarkAction) {
        if action == MarkAction::Retire {
            self.windows.retain(|(k, _)| *k != key);
            self.laid.retain(|(k, _)| *k != key);
            // Nothing of a retired epoch is welcome.
            self.lay(key, u64::MAX);
            return;
        }
        let (MarkAction::Seed(mark) | MarkAction::Raise(mark) | MarkAction::Reset(mark)) = action else { unreachable!() };
        if matches!(action, MarkAction::Reset(_)) {
            self.laid.retain(|(k, _)| *k != key);
        }
        let known = self.high(key);
        if known == Some(u64::MAX) && self.floor(key).is_some() {
            return;
        }
        let window = self.freshen(key, known.unwrap_or(mark));
        match action {
            // The parent's mark says nothing of which numbers up to it are fresh.
            MarkAction::Seed(mark) if known.is_none() => window.floor = Some(mark),
            MarkAction::Raise(mark) if known.is_none_or(|high| mark > high) => {
                window.high = mark;
                window.floor = Some(mark);
            }
            MarkAction::Reset(mark) => *window = Window { high: mark, ..Window::default() },
            _ => {}
        }
        window.seeded = true;
    }

    /// The window, as the newest of its topic, made if there is none.
    fn freshen(&mut self, key: Key, high: u64) -> &mut Window {
        let window = match self.windows.iter().position(|(k, _)| *k == key) {
            Some(at) => self.windows.remove(at).1,
            None => {
                let floor = self.floor(key);
                self.laid.retain(|(k, _)| *k != key);
                self.make_room(key.0);
                Window { high, floor, ..Window::default() }
            }
        };
        self.windows.push((key, window));
        &mut self.windows.last_mut().unwrap().1
    }

    fn make_room(&mut self, topic: u32) {
        if self.windows.iter().filter(|(key, _)| key.0 == topic).count() < self.origins {
            return;
        }
        let oldest = self.windows.iter().position(|(key, _)| key.0 == topic).unwrap();
        let (evicted, window) = self.windows.remove(oldest);
        self.evicted += 1;
        self.lay(evicted, window.high);
    }

    fn lay(&mut self, key: Key, floor: u64) {
        if self.laid.iter().filter(|(other, _)| other.0 == key.0).count() == self.floors {
            let oldest = self.laid.iter().position(|(other, _)| other.0 == key.0).unwrap();
            self.laid.remove(oldest);
            self.floors_lost += 1;
        }
        self.laid.push((key, floor));
    }
}
