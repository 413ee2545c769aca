//! What can go wrong with a link or a listener.

use std::io;
use std::path::PathBuf;

use super::Address;
use pmq_protocol::wire::{FrameError, Kind};

/// What can go wrong with a link or a listener.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The URL is none of ours.
    #[error("\"{url}\" is no address of an agent: {what}")]
    Address {
        /// As given.
        url: String,
        /// What is wrong, and what would be right.
        what: &'static str,
    },
    /// Nobody listens there.
    #[error("no agent listens at {0}: start it, or correct the address")]
    NobodyListens(Address),
    /// The address is served by a living agent.
    #[error("something listens at {0} already: if it is an agent, stop it; or give this one another address")]
    AddressInUse(Address),
    /// The socket's directory cannot be trusted.
    #[error("directory {} of the socket {what}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is wrong, and the mend.
        what: String,
    },
    /// Something that is no socket of ours is in the socket's place. It is left as it is.
    #[error("{} is {what}: remove it, or choose another path", path.display())]
    ForeignFile {
        /// The socket's path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Longer than a Unix socket's address can be.
    #[error("socket path {} has {} bytes, at most 107 are possible: choose a shorter one", .0.display(), .0.as_os_str().len())]
    PathTooLong(PathBuf),
    /// The peer sent what is no frame, or too large a one. The link is over.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame to be sent whose parts are not as long as its prefix says. Nothing of it was sent.
    #[error("{part} of {have} bytes in a frame whose prefix says {need}")]
    Inconsistent {
        /// Which part.
        part: &'static str,
        /// Bytes there.
        have: usize,
        /// Bytes announced.
        need: usize,
    },
    /// A key that cannot be used.
    #[error("no identity: {what}")]
    Identity {
        /// Which, why, and the mend.
        what: String,
    },
    /// Who is at the other end is not whom it was to be, or has proven nothing.
    #[error("{at} has not proven to be {peer}: {what}")]
    Stranger {
        /// Where.
        at: String,
        /// Who was to be there.
        peer: String,
        /// What the handshake says.
        what: String,
    },
    /// The agent turns this parent away before anything was said.
    #[error("the agent at {at} does not let this parent in: {what}")]
    TurnedAway {
        /// Where.
        at: Address,
        /// The agent's words.
        what: String,
    },
    /// A frame that this end never sends.
    #[error("a {kind:?} frame is not for this end to send")]
    Lane {
        /// Its kind.
        kind: Kind,
    },
    /// A token that cannot be used.
    #[error("no token: {what}")]
    Token {
        /// Which, why, and the mend.
        what: String,
    },
    /// A certificate, or its key, that cannot be used.
    #[error("{what}")]
    Certificate {
        /// Which, why, and the mend.
        what: String,
    },
    /// The peer sent more than this end had read. The link is over.
    #[error(
        "the peer sent {frames} frames of {bytes} bytes that this end has not read yet, which is more than attach.zeromq.inbox_frames and inbox_bytes let wait"
    )]
    Overrun {
        /// Frames that would wait.
        frames: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// The peer is gone.
    #[error("the peer has closed the link")]
    Closed,
    /// The operating system's answer.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was attempted, and on what.
        what: String,
        /// The answer.
        source: io::Error,
    },
}

impl LinkError {
    /// Wraps the answer to an attempt to do `what`.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { what, source }
    }
}
