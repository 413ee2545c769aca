//! What the window may say of a message, and what that means going in and coming out (promises 2).

use pmq_pipeline::Outcome;
use pmq_protocol::wire::Reason;

/// Counts behind the high mark. `skip` < `validity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Thresholds {
    pub(super) skip: u64,
    pub(super) validity: u64,
}

/// The window's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// New, or late and still welcome.
    Welcome,
    /// Accepted before, with the same content.
    Duplicate,
    /// Accepted before, with another content.
    Conflict,
    /// Too old.
    Old(Age),
}

/// How old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// Beyond skip.
    Stale,
    /// Beyond validity, by a mark that can be trusted.
    Expired,
    /// By a mark that cannot: the window is cold and unseeded, or was evicted.
    Unknown,
}

impl Judgement {
    /// Before the parent has seen it; `lenient` during a grace period. The only place from which a Reject may come.
    pub(super) fn going_in(self, lenient: bool) -> Option<Outcome> {
        match self {
            Self::Welcome => None,
            Self::Duplicate => Some(Outcome::ignore(Reason::Duplicate)),
            Self::Conflict => Some(Outcome::ignore(Reason::Conflict)),
            Self::Old(Age::Expired) if !lenient => Some(Outcome::reject(Reason::Expired)),
            Self::Old(_) => Some(Outcome::ignore(Reason::Stale)),
        }
    }

    /// After the parent has accepted it: the mark may have moved meanwhile, which the sender cannot answer for.
    pub(super) fn coming_out(self) -> Option<Outcome> {
        match self {
            Self::Old(_) => Some(Outcome::ignore(Reason::Late)),
            other => other.going_in(true),
        }
    }
}
