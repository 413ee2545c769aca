//! What both ends bring along: grants, limits, times.

use std::sync::Arc;
use std::time::Duration;

use crate::wire::{Cursor, Limits, Overflow, Roles, Window};

/// When silence is asked about, and when it is death (promises 4: heartbeat 1 s, dead at 3 s).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Silence after which a ping is sent, and time from ping to ping.
    pub ping: Duration,
    /// Silence after which the other end is dead; also the time within which a hello must come.
    pub dead: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { ping: Duration::from_secs(1), dead: Duration::from_secs(3) }
    }
}

/// Roles that a credential may claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// The network's name, or `*` for every network.
    pub network: Arc<str>,
    /// The roles.
    pub roles: Roles,
}

/// One network as parents see it.
#[derive(Clone, Debug)]
pub struct NetworkTerms {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// From a message's arrival to the fallback.
    pub deadline: Duration,
    /// Largest payload that may be published, in bytes.
    pub max_payload: u32,
    /// Its groups of verifiers, in the order of the chain; none = one group without a name.
    pub groups: Vec<Arc<str>>,
}

/// What an agent offers to every session.
#[derive(Clone, Debug)]
pub struct AgentTerms {
    /// Limits of frames, coming and going.
    pub limits: Limits,
    /// The largest window that has an effect, per network and role. Bounds what is remembered of a session.
    pub max_window: Window,
    /// Its networks.
    pub networks: Vec<NetworkTerms>,
    /// Answers (pongs, refusals, results of requests) that may wait to be written. One more ends the session: its peer sends and does not read.
    pub max_answers: usize,
    /// Requests that may be unanswered at a time; one more is refused.
    pub max_requests: usize,
    /// Heartbeat.
    pub timing: Timing,
}

impl Default for AgentTerms {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            max_window: Window { messages: 16 * 1024, bytes: 64 * 1024 * 1024 },
            networks: Vec::new(),
            max_answers: 4096,
            max_requests: 1024,
            timing: Timing::default(),
        }
    }
}

/// What a parent wants of one network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Want {
    /// The network's name in the agent's configuration.
    pub network: Arc<str>,
    /// What for.
    pub roles: Roles,
    /// Credit for messages to verify, as a verifier or as a shadow.
    pub verify: Window,
    /// Credit for records.
    pub consume: Window,
    /// The consumer's name; empty = its stream ends with the session.
    pub consumer: Arc<str>,
    /// The group of verifiers that it joins; empty = the network's first or only one.
    pub group: Arc<str>,
    /// Where the consumer stands.
    pub cursor: Cursor,
    /// What happens when it is slow; `None` = as the network's file says.
    pub policy: Option<Overflow>,
}

/// What a parent brings to a session.
#[derive(Clone, Debug)]
pub struct ParentTerms {
    /// Limits of frames, coming and going.
    pub limits: Limits,
    /// Frames that may wait to be written; beyond them calls fail with [`SendError::Full`](super::SendError::Full) and nothing is lost.
    pub max_frames: usize,
    /// Heartbeat.
    pub timing: Timing,
}

impl Default for ParentTerms {
    fn default() -> Self {
        Self { limits: Limits::default(), max_frames: 4096, timing: Timing::default() }
    }
}

/// The roles that `grants` allow on `network`.
pub(super) fn granted(grants: &[Grant], network: &str) -> Roles {
    let matching = grants.iter().filter(|grant| &*grant.network == "*" || &*grant.network == network);
    matching.fold(Roles::NONE, |roles, grant| roles | grant.roles)
}

/// The part of `window` that `max` lets have an effect.
pub(super) fn capped(window: Window, max: Window) -> Window {
    Window { messages: window.messages.min(max.messages), bytes: window.bytes.min(max.bytes) }
}
