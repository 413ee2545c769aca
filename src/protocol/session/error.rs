//! What ends a session, and what a call cannot do.

use std::time::Duration;

use crate::wire::{FrameError, Kind, RefuseCode, Roles};

/// The other end broke the protocol: the session is over. A refuse frame that says so is the last one to be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A frame that cannot be read.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame that has no place here.
    #[error("a {kind:?} frame {when}")]
    OutOfOrder {
        /// Its kind.
        kind: Kind,
        /// What is the matter.
        when: &'static str,
    },
    /// The credential may not claim what the hello asks for.
    #[error(
        "{roles} on network {network:?} is not granted to this credential: grant it in the agent's configuration, or do not ask for it"
    )]
    RoleNotGranted {
        /// The network.
        network: String,
        /// The roles in question.
        roles: Roles,
    },
    /// There is no such network.
    #[error("this agent has no network {network:?}; it has {known}")]
    NetworkUnknown {
        /// As asked.
        network: String,
        /// Those that the credential may see.
        known: String,
    },
    /// Both a verifier and a shadow.
    #[error("verify and shadow are both asked for on network {0:?}: a session is one of them there, so open another session for the other")]
    BothJudges(String),
    /// There is no such group of verifiers.
    #[error("network {network:?} has no group {group:?} of verifiers; it has {known}")]
    GroupUnknown {
        /// The network.
        network: String,
        /// As asked.
        group: String,
        /// Those that there are.
        known: String,
    },
    /// More than the window allows, or an ack for what was never sent.
    #[error("{what} on network {network}: {detail}")]
    Credit {
        /// Which credit.
        what: &'static str,
        /// The network's index.
        network: u16,
        /// What is the matter.
        detail: &'static str,
    },
    /// Records out of counter order: something is missing that no gap stands for, or comes again.
    #[error("record {got} on network {network} where {expected} is due: records were lost or repeated without a gap")]
    Counter {
        /// The network's index.
        network: u16,
        /// The counter that is due.
        expected: u64,
        /// The counter that came.
        got: u64,
    },
    /// The welcome does not answer the hello.
    #[error("the welcome does not fit the hello: {0}")]
    Welcome(String),
    /// The peer sends and does not read.
    #[error("{0} answers wait to be read: the peer sends and does not read")]
    Unread(usize),
    /// The session was over before.
    #[error("the session is over")]
    Closed,
}

impl Violation {
    /// The code of the refuse frame that answers it.
    #[must_use]
    pub fn code(&self) -> RefuseCode {
        match self {
            Self::Frame(FrameError::Version { .. }) => RefuseCode::Version,
            Self::Frame(_) | Self::Welcome(_) => RefuseCode::Malformed,
            Self::OutOfOrder { .. } | Self::Counter { .. } | Self::Closed => RefuseCode::OutOfOrder,
            Self::RoleNotGranted { .. } | Self::BothJudges(_) => RefuseCode::RoleNotGranted,
            Self::NetworkUnknown { .. } => RefuseCode::NetworkUnknown,
            Self::GroupUnknown { .. } => RefuseCode::GroupUnknown,
            Self::Credit { .. } => RefuseCode::CreditOverrun,
            Self::Unread(_) => RefuseCode::Rate,
        }
    }
}

/// Nothing was heard for too long, or no hello came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{waited_for} for {silence:?}: the other end is taken for dead")]
pub struct Dead {
    /// What did not come.
    pub waited_for: &'static str,
    /// For how long.
    pub silence: Duration,
}

/// A call that changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Before the welcome, or after the end.
    #[error("the session is not attached")]
    NotAttached,
    /// No such index in the welcome.
    #[error("network index {0} is not in the welcome")]
    Network(u16),
    /// The role is not granted on that network.
    #[error("the session has no {role} role on network {network}")]
    Role {
        /// The network's index.
        network: u16,
        /// The missing role.
        role: Roles,
    },
    /// The window has no room.
    #[error("credit on network {network} ends before entry {at}: wait for the parent to give some back")]
    Overrun {
        /// The network's index.
        network: u16,
        /// The first entry that found no room.
        at: usize,
    },
    /// Counters do not follow each other.
    #[error("record {got} on network {network} where {expected} is due")]
    Counter {
        /// The network's index.
        network: u16,
        /// The counter that is due.
        expected: u64,
        /// As given.
        got: u64,
    },
    /// An ack for a record that was not received.
    #[error("record {0} has not been received")]
    NotReceived(u64),
    /// Too many frames wait to be written.
    #[error("{0} frames wait to be written: try again when some are gone")]
    Full(usize),
    /// It fits no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}
