//! A node's part of the books, and one report's.

use std::collections::BTreeSet;

use super::facts::{Fact, Nanos};

/// What a node is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A member of a network.
    Honest,
    /// Sends invalid reports.
    Dishonest,
    /// Has one neighbour, and writes down everything that it gets from there.
    Witness,
}

/// A node and everything that its parent wrote.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// What it is there for.
    pub(crate) role: Role,
    /// Whether the dishonest node is a neighbour, so that invalid messages may come from there.
    pub(crate) beside_dishonest: bool,
    /// Whether both its processes lived, but for what the demo itself did to them.
    pub(crate) live: bool,
    /// Its parent's facts, in order.
    pub(crate) facts: Vec<Fact>,
}

/// One round's report on its way out.
pub(super) struct Sent {
    /// When the first publish call began.
    pub(super) at: Nanos,
    /// When the last publish call began or was answered.
    pub(super) last: Nanos,
    /// Whose calls.
    pub(super) by: BTreeSet<usize>,
    /// Whether it has certainly left.
    pub(super) sure: bool,
}
