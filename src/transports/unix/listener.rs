//! The listening socket.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use tokio::net::{UnixListener, UnixSocket, UnixStream};

use super::super::{Address, LinkError, SocketMode, place};
use super::{Link, link};
use crate::wire::Limits;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 128;

/// Why a connection was not accepted.
pub(crate) enum AcceptError {
    /// Out of descriptors or memory: try again later.
    Exhausted(io::Error),
    /// That one peer's fault: try the next.
    Peer(io::Error),
    /// The listener is of no use any more.
    Broken(io::Error),
}

/// A socket of this user's in a place that only this user can write to. Its file goes with it.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// Device and inode of the file that we made.
    identity: (u64, u64),
}

impl Listener {
    /// Binds it; see [`place`].
    pub(crate) async fn bind(path: &Path, mode: SocketMode) -> Result<Self, LinkError> {
        let what = |step: &str| LinkError::io(format!("{step} {}", path.display()));
        let locked = place::directory(path, place::NOT_WRITABLE).await?;
        place::clear(path, || Address::Unix(path.to_owned())).await?;
        // Between bind and listen every connection is refused, so nobody slips in before the mode is set, whatever the umask.
        let socket = UnixSocket::new_stream().map_err(what("make a socket for"))?;
        socket.bind(path).map_err(what("bind"))?;
        let ours = || {
            fs::set_permissions(path, Permissions::from_mode(mode.bits())).map_err(what("set the mode of"))?;
            fs::symlink_metadata(path).map_err(what("examine"))
        };
        let bound = ours().and_then(|meta| Ok((meta, socket.listen(BACKLOG).map_err(what("listen at"))?)));
        let (meta, socket) = bound.inspect_err(|_| unlink(path))?;
        drop(locked);
        Ok(Self { socket, path: path.to_owned(), identity: place::identity(&meta) })
    }

    pub(in super::super) async fn accept(&self, limits: Limits) -> Result<Link, AcceptError> {
        link(self.stream().await?, limits).map_err(AcceptError::Peer)
    }

    /// The next connection as it is. Cancel-safe.
    pub(crate) async fn stream(&self) -> Result<UnixStream, AcceptError> {
        self.socket.accept().await.map(|(stream, _)| stream).map_err(classify)
    }
}

pub(in super::super) fn classify(error: io::Error) -> AcceptError {
    match Errno::from_io_error(&error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => AcceptError::Exhausted(error),
        Some(Errno::CONNABORTED | Errno::INTR | Errno::PROTO | Errno::PERM) => AcceptError::Peer(error),
        _ => AcceptError::Broken(error),
    }
}

fn unlink(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "the agent's socket file stays behind");
    }
}

impl Listener {
    /// Takes its file away, so that nobody finds it any more.
    pub(in super::super) fn leave(&self) {
        // A successor may have taken the path; its socket is not ours to remove.
        if fs::symlink_metadata(&self.path).is_ok_and(|meta| place::identity(&meta) == self.identity) {
            unlink(&self.path);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.leave();
    }
}
