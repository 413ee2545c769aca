//! Why a connection was not accepted.

use std::io;

use rustix::io::Errno;

/// Why a connection was not accepted.
#[derive(Debug)]
pub enum AcceptError {
    /// Out of descriptors or memory: try again later.
    Exhausted(io::Error),
    /// That one peer's fault: try the next.
    Peer(io::Error),
    /// The listener is of no use any more.
    Broken(io::Error),
}

/// What the system's answer to `accept` means.
pub(crate) fn classify(error: io::Error) -> AcceptError {
    match Errno::from_io_error(&error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => AcceptError::Exhausted(error),
        Some(Errno::CONNABORTED | Errno::INTR | Errno::PROTO | Errno::PERM) => AcceptError::Peer(error),
        _ => AcceptError::Broken(error),
    }
}
