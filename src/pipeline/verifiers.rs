//! Who judges messages, what they say, and what comes of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Outcome, Topic};
use pmq_protocol::wire::{MessageId, Ticket, Verdict, Window};

/// A parent's place among those who judge a network's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifierRole {
    /// A verifier in the group of that name; empty = in the first or only one.
    Group(Arc<str>),
    /// A shadow: sees the same messages, and its verdicts have no effect (promises 1.7).
    Shadow,
}

/// How a parent judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierTerms {
    /// What it may have without a verdict.
    pub window: Window,
    /// As what.
    pub seat: VerifierRole,
}

/// A verifier of the first or only group.
impl From<Window> for VerifierTerms {
    fn from(window: Window) -> Self {
        Self { window, seat: VerifierRole::Group("".into()) }
    }
}

/// A parent's verdict, and the reason that it gave for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictRecord {
    /// The verdict.
    pub verdict: Verdict,
    /// The parent's own code; 0 = none.
    pub code: u16,
    /// The parent's own words, if any; at most [`MAX_REASON`](pmq_protocol::wire::message::MAX_REASON) bytes.
    pub text: Option<Arc<str>>,
    /// From the offer to the verdict. The queue fills it in.
    pub took: Duration,
}

/// Without a reason.
impl From<Verdict> for VerdictRecord {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, code: 0, text: None, took: Duration::ZERO }
    }
}

/// `reject (7: "no signature")`, or `accept`. The text is escaped.
impl fmt::Display for VerdictRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verdict.as_str())?;
        match (self.code, &self.text) {
            (0, None) => Ok(()),
            (code, None) => write!(f, " ({code})"),
            (code, Some(text)) => write!(f, " ({code}: {text:?})"),
        }
    }
}

/// What a verdict in time has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerdictEffect {
    /// It counts: the message is settled, or goes on to the next group of the chain. The time since it was offered.
    Counted(Duration),
    /// It was a shadow's.
    Shadow,
}

/// What an operator is to hear of from the queue.
#[derive(Debug, Clone)]
pub enum QueueEvent {
    /// Verifiers contradict each other.
    Conflict(Box<Conflict>),
    /// A shadow's verdict can be compared with the outcome.
    Compared(Compared),
}

/// One group accepted a message, a later one rejected it.
#[derive(Debug, Clone)]
pub struct Conflict {
    /// The message's ticket.
    pub ticket: Ticket,
    /// Its topic.
    pub topic: Topic,
    /// Its id in the overlay.
    pub id: MessageId,
    /// The group that accepted it last, and what it said.
    pub accepted: (Arc<str>, VerdictRecord),
    /// The group that rejected it, and what it said.
    pub rejected: (Arc<str>, VerdictRecord),
}

/// A shadow's verdict beside the outcome.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The message's topic.
    pub topic: Topic,
    /// Its id in the overlay.
    pub id: MessageId,
    /// How the queue settled it.
    pub outcome: Outcome,
    /// The verdict behind the outcome; `None` where the fallback took its place.
    pub said: Option<VerdictRecord>,
    /// What the shadow said.
    pub shadow: VerdictRecord,
}

/// Who is attached to a queue, and what shadows have missed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifierCounts {
    /// The groups in the order of the chain, with their verifiers. The name of the only group may be empty.
    pub groups: Vec<(Arc<str>, usize)>,
    /// Verifiers that have paused.
    pub paused: usize,
    /// Shadows.
    pub shadows: usize,
    /// Offers that were left out since a shadow had no credit or had paused.
    pub skipped: u64,
    /// Offers that a shadow did not answer by the deadline.
    pub unanswered: u64,
}
