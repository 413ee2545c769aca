//! How the connection is.

use super::ClientError;
use pmq_protocol::session::Served;
use pmq_transports::Credential;

/// How the connection is. Watched through [`Client::status`](super::Client::status).
#[derive(Debug, Clone)]
pub enum Status {
    /// The first attempt is under way.
    Connecting,
    /// Attached.
    Connected {
        /// Who the agent is, as the operating system says.
        agent: Credential,
        /// What it grants, with deadlines and limits.
        networks: Vec<Served>,
        /// How often this client has been attached, this time included.
        times: u64,
    },
    /// Not attached at the moment; the client tries again by itself.
    Disconnected {
        /// What happened to the last link, or to the last attempt at one.
        reason: ClientError,
    },
    /// Over: the agent would refuse every further attempt.
    Refused(ClientError),
    /// Over: the client was closed.
    Closed,
}

impl Status {
    /// Whether requests go through at the moment.
    ///
    /// ```
    /// use pmq_client::Status;
    ///
    /// assert!(!Status::Connecting.is_connected());
    /// ```
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(self, Self::Connected { .. })
    }

    /// Why the client is over, if it is.
    ///
    /// ```
    /// use pmq_client::Status;
    ///
    /// assert!(Status::Closed.end().is_some());
    /// assert!(Status::Connecting.end().is_none());
    /// ```
    #[must_use]
    pub fn end(&self) -> Option<ClientError> {
        match self {
            Self::Refused(error) => Some(error.clone()),
            Self::Closed => Some(ClientError::Closed),
            Self::Connecting | Self::Connected { .. } | Self::Disconnected { .. } => None,
        }
    }
}
