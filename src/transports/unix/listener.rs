//! The listening socket.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

use super::super::accept::{AcceptError, classify};
use super::super::{Address, LinkError, SocketMode, socket_dir};
use super::{Reader, Writer, link};
use crate::ends::Ends;
use pmq_protocol::wire::Limits;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 128;

/// A socket of this user's in a place that only this user can write to. Its file goes with it.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// Device and inode of the file that we made.
    identity: (u64, u64),
}

impl Listener {
    /// Binds it, in a directory that only this user can write to.
    ///
    /// # Errors
    /// [`LinkError`] where the place cannot be trusted or is taken.
    pub async fn bind(path: &Path, mode: SocketMode) -> Result<Self, LinkError> {
        let what = |step: &str| LinkError::io(format!("{step} {}", path.display()));
        let locked = socket_dir::directory(path, socket_dir::NOT_WRITABLE).await?;
        socket_dir::clear(path, || Address::Unix(path.to_owned())).await?;
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
        Ok(Self { socket, path: path.to_owned(), identity: socket_dir::identity(&meta) })
    }

    pub(crate) async fn accept(&self, limits: Limits) -> Result<Ends<Reader, Writer>, AcceptError> {
        link(self.stream().await?, limits).map_err(AcceptError::Peer)
    }

    /// The next connection as it is. Cancel-safe.
    pub async fn stream(&self) -> Result<UnixStream, AcceptError> {
        self.socket.accept().await.map(|(stream, _)| stream).map_err(classify)
    }
}

fn unlink(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "the agent's socket file stays behind");
    }
}

impl Listener {
    /// Takes its file away, so that nobody finds it any more.
    pub(crate) fn leave(&self) {
        // A successor may have taken the path; its socket is not ours to remove.
        if fs::symlink_metadata(&self.path).is_ok_and(|meta| socket_dir::identity(&meta) == self.identity) {
            unlink(&self.path);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.leave();
    }
}
