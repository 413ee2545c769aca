//! How a network's parents stand, as its pipeline sees them.

use std::sync::Arc;

use super::LinkId;
use pmq_protocol::wire::{GapReason, Outstanding, Overflow, VerdictRefused, Window};

/// A verifier or a shadow as the store sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierView {
    /// Its group; empty where the network's file names none, and for a shadow.
    pub group: Arc<str>,
    /// Whether its verdicts have no effect.
    pub shadow: bool,
    /// Its credit.
    pub window: Window,
    /// The part of it that is taken.
    pub outstanding: Outstanding,
    /// Whether it wants no messages for now.
    pub paused: bool,
}

/// A consumer as the outlet sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerView {
    /// Its name with its owner's in front; empty without one.
    pub name: Arc<str>,
    /// What happens when it is slow.
    pub policy: Overflow,
    /// Its credit.
    pub window: Window,
    /// The part of it that is taken.
    pub outstanding: Outstanding,
    /// The newest counter that it has acknowledged.
    pub acked: u64,
    /// The newest counter that it was sent.
    pub sent: u64,
    /// Records of the log behind that one, which wait for credit.
    pub lag: u64,
}

/// One link as the pipeline sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkView {
    /// The link.
    pub link: LinkId,
    /// As a verifier, if it is one.
    pub verify: Option<VerifierView>,
    /// As a consumer, if it is one.
    pub consume: Option<ConsumerView>,
    /// Verdicts that changed nothing, by cause.
    pub refused: Refusals,
    /// Records that its consumer lost, by cause.
    pub dropped: Drops,
}

/// Verdicts of one link that changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refusals([u64; 4]);

impl Refusals {
    /// All causes.
    const CAUSES: [(VerdictRefused, &str); 4] = [
        (VerdictRefused::Unknown, "unknown"),
        (VerdictRefused::Duplicate, "duplicate"),
        (VerdictRefused::Late, "late"),
        (VerdictRefused::StaleSession, "stale-session"),
    ];

    pub(super) fn add(&mut self, why: VerdictRefused) {
        // The numbers of the refusals run from 1 to 4.
        if let Some(count) = self.0.get_mut(why as usize - 1) {
            *count += 1;
        }
    }

    /// Counts by cause, without those that did not occur.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Self::CAUSES.into_iter().zip(self.0).filter(|&(_, count)| count > 0).map(|((_, name), count)| (name, count))
    }
}

/// Records that one consumer lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drops([u64; GapReason::ALL.len()]);

impl Drops {
    pub(super) fn add(&mut self, why: GapReason, count: u64) {
        if let Some(position) = GapReason::ALL.iter().position(|&reason| reason == why)
            && let Some(total) = self.0.get_mut(position)
        {
            *total += count;
        }
    }

    /// Counts by cause, without those that did not occur.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        GapReason::ALL.iter().zip(self.0).filter(|&(_, count)| count > 0).map(|(reason, count)| (reason.as_str(), count))
    }
}
