//! How a connection ended, as far as this end can tell.

use libp2p::swarm::ConnectionError;

/// What the end of a connection says about the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// This end closed it, or the peer did and said so: it lives, and knew the connection.
    Agreed,
    /// Over TCP: closed, by a peer that lives or by the system of one that has died.
    Unclear,
    /// Timed out, reset, broken: the peer may have died and begun anew.
    Lost,
}

impl Ending {
    /// QUIC and yamux tell by the text alone: their own types are wrapped beyond reach. What is not recognised is lost, which costs one connection more and never a peer.
    pub(crate) fn of(cause: Option<&ConnectionError>) -> Self {
        let Some(ConnectionError::IO(error)) = cause else { return Self::Agreed };
        let text = error.to_string();
        if text.starts_with("closed by peer: ") {
            Self::Agreed
        } else if text == "connection is closed" {
            Self::Unclear
        } else {
            Self::Lost
        }
    }
}

#[cfg(test)]
mod tests;
