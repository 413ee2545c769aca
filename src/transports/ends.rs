//! What a twin makes of a connection: who is at the other end, and a half for each direction.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use pmq_protocol::wire::{FrameError, Limits, Prefix};

/// A connection of one transport.
#[derive(Debug)]
pub(super) struct Ends<R, W> {
    pub(super) peer: Credential,
    pub(super) incoming: R,
    pub(super) outgoing: W,
}

/// Who is at the other end, as the operating system or a token says and not as the peer claims.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Credential {
    /// A process of this machine (`SO_PEERCRED`; where that cannot be asked, whom the socket's directory lets in).
    Uid {
        /// Its effective user when it connected (or, seen from a parent, when the agent began to listen).
        uid: u32,
        /// Its effective group.
        gid: u32,
        /// Its process, where the system tells.
        pid: Option<i32>,
    },
    /// Whoever holds the key of that peer id (base58), as the handshake has proven.
    Peer(Arc<str>),
    /// Whoever holds the token of that name. [`Credential::OWN`] counts as the user that runs the agent.
    Token(Arc<str>),
    /// Whoever holds the key of a certificate of that name.
    Certificate(Arc<str>),
    /// Nobody has proven anything: what answers at that address, or a parent there that has no valid token.
    Unproven(SocketAddr),
    /// This very process, over the address of that name.
    Memory(Arc<str>),
}

impl Credential {
    /// Name of the token whose holder counts as the user that runs the agent.
    pub const OWN: &str = "self";

    /// Whose process it is, the same for all processes of one user.
    #[must_use]
    pub fn owner(&self) -> Arc<str> {
        match self {
            Self::Uid { uid, .. } => uid.to_string().into(),
            Self::Token(name) if &**name == Self::OWN => rustix::process::geteuid().as_raw().to_string().into(),
            Self::Token(name) => format!("token:{name}").into(),
            Self::Peer(id) => format!("peer:{id}").into(),
            Self::Certificate(name) => format!("certificate:{name}").into(),
            Self::Unproven(_) => "unproven".into(),
            Self::Memory(_) => "memory".into(),
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uid { uid, pid: Some(pid), .. } => write!(f, "uid {uid} (pid {pid})"),
            Self::Uid { uid, .. } => write!(f, "uid {uid}"),
            Self::Token(name) => write!(f, "token {name:?}"),
            Self::Peer(id) => write!(f, "peer {id}"),
            Self::Certificate(name) => write!(f, "certificate {name:?}"),
            Self::Unproven(at) => write!(f, "somebody at {at}"),
            Self::Memory(name) => write!(f, "memory:{name}"),
        }
    }
}

/// All bytes of a frame.
pub(super) fn frame_len(prefix: &Prefix) -> usize {
    prefix.frame_len()
}

/// The same check against the receiver's limits that a frame from a stream passes.
pub(super) fn within(prefix: &Prefix, limits: Limits) -> Result<(), FrameError> {
    Prefix::read(&prefix.write(), limits).map(drop)
}
