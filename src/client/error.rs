//! What a client answers when it cannot do as it was told.

use std::sync::Arc;
use std::time::Duration;

use pmq_protocol::session::Dead;
use pmq_protocol::wire::{FrameError, MessageId, PublishStatus, RefuseCode};
use pmq_transports::LinkError;

/// Why there is no connection, or no such part of it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The link could not be made, or broke.
    #[error(transparent)]
    Link(Arc<LinkError>),
    /// The agent refuses, and would do so again.
    #[error("the agent refuses ({code}): {text}")]
    Refused {
        /// Why.
        code: RefuseCode,
        /// What, where and the mend, in the agent's words.
        text: String,
    },
    /// The hello cannot be written: no role was declared, or a name is too long.
    #[error("the hello cannot be written: {0}")]
    Hello(String),
    /// What is at the other end does not keep to the protocol of this version.
    #[error("no attach session: {0}")]
    Protocol(String),
    /// The agent hangs, or the link is half open.
    #[error("the agent is silent: {0}")]
    Dead(Dead),
    /// No welcome came in time.
    #[error("no agent welcomed this parent within {after:?}: {last}")]
    Timeout {
        /// How long was tried.
        after: Duration,
        /// What became of the last attempt.
        last: String,
    },
    /// The network was not declared for that before connecting.
    #[error("{role} on network \"{network}\" was not declared: add .{role}(\"{network}\", ..) before .connect()")]
    NotDeclared {
        /// The network.
        network: String,
        /// The builder's method.
        role: &'static str,
    },
    /// The verifier or consumer was handed out before; there is one of each per network.
    #[error("the {role} of network \"{network}\" is in use already")]
    Taken {
        /// The network.
        network: String,
        /// Verifier or consumer.
        role: &'static str,
    },
    /// No thread for a verifier.
    #[error("cannot start the verifier's thread: {0}")]
    Thread(String),
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}

impl From<LinkError> for ClientError {
    fn from(error: LinkError) -> Self {
        Self::Link(Arc::new(error))
    }
}

impl ClientError {
    /// Whether a further attempt would end in the same way.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Link(error) => {
                matches!(
                    **error,
                    LinkError::Address { .. }
                        | LinkError::PathTooLong(_)
                        | LinkError::Frame(FrameError::Magic(_))
                        | LinkError::Identity { .. }
                        | LinkError::Certificate { .. }
                        | LinkError::Token { .. }
                        | LinkError::Stranger { .. }
                        | LinkError::TurnedAway { .. }
                )
            }
            Self::Refused { code, .. } => is_final(*code),
            Self::Protocol(_) | Self::Dead(_) | Self::Timeout { .. } => false,
            // The hello itself cannot be written: nothing that the agent could do changes that.
            Self::Hello(_) => true,
            Self::NotDeclared { .. } | Self::Taken { .. } | Self::Thread(_) | Self::Closed => true,
        }
    }
}

/// Refusals that a further attempt cannot mend. A replaced consumer is one of them: two of a name would drive each other out for ever.
pub(super) fn is_final(code: RefuseCode) -> bool {
    matches!(
        code,
        RefuseCode::Version | RefuseCode::RoleNotGranted | RefuseCode::NetworkUnknown | RefuseCode::GroupUnknown | RefuseCode::Replaced
    )
}

/// Why a request was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RequestError {
    /// The agent says no.
    #[error("the agent refuses ({code}): {text}")]
    Refused {
        /// Why.
        code: RefuseCode,
        /// Its words.
        text: String,
    },
    /// The link broke while the request was under way: whether it was carried out is not known. It may be repeated.
    #[error("the link to the agent broke while the request was under way: repeat it")]
    LinkLost,
    /// No answer in time. It may or may not be carried out.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// It fits no frame, or the protocol has no place for it.
    #[error("the request cannot be sent: {0}")]
    Unsendable(String),
    /// The client cannot do it at all.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Why a message was not published.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// The agent did not send it. [`PublishStatus::retry_useless`] tells whether to try again.
    #[error("not published ({status}): {text}")]
    NotSent {
        /// What became of it.
        status: PublishStatus,
        /// Its id, where one was computed.
        id: MessageId,
        /// Its words.
        text: String,
    },
    /// The request itself failed.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl From<ClientError> for PublishError {
    fn from(error: ClientError) -> Self {
        Self::Request(error.into())
    }
}
