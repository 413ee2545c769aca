//! The agent's end: binds a ROUTER, and hands over the links that parents open.

use std::fs::{self, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{mpsc, oneshot};
use zeromq::{RouterSocket, Socket as _};

use super::super::accept::AcceptError;
use super::super::address::MAX_PATH;
use super::super::ends::Ends;
use super::super::{Address, LinkError, socket_dir};
use super::acceptor::{AcceptGate, Acceptor, Bound};
use super::hub::{BACKLOG, Hub, Opened};
use super::lane::Inbox;
use super::{LaneReceiver, LaneSender, ZeromqSettings};
use pmq_protocol::wire::Limits;

/// Numbers of the names under which sockets are bound.
static NEXT: AtomicU32 = AtomicU32::new(0);

#[derive(Debug)]
pub(in super::super) struct Listener {
    opened: mpsc::Receiver<Opened>,
    door: Arc<Bound>,
    /// The socket's file, with device and inode.
    file: Option<(PathBuf, (u64, u64))>,
    /// Dropped with this: the hub stops accepting.
    _stop: oneshot::Sender<()>,
}

impl Listener {
    /// Binds; answers the address with its port.
    pub(in super::super) async fn bind(address: &Address, settings: &ZeromqSettings, limits: Limits) -> Result<(Self, Address), LinkError> {
        let gate = AcceptGate::new(address, settings)?;
        let (bound, file, address) = match address {
            Address::ZmqIpc(path) => {
                let (listener, identity) = ipc(path).await?;
                (Bound::Ipc(listener), Some((path.clone(), identity)), address.clone())
            }
            Address::ZmqTcp(socket) => {
                let (listener, socket) = tcp(*socket)?;
                (Bound::Tcp(listener), None, Address::ZmqTcp(socket))
            }
            Address::Unix(_)
            | Address::Quic { .. }
            | Address::Grpc(_)
            | Address::Grpcs { .. }
            | Address::GrpcUnix(_)
            | Address::Memory(_) => {
                return Err(LinkError::Address { url: address.to_string(), what: "it is no address of ZeroMQ" });
            }
        };
        let gate = gate.at(address.clone());
        let bound = Arc::new(bound);
        let (accepted, opened) = mpsc::channel(BACKLOG);
        let (stop, stopped) = oneshot::channel();
        // From here on dropping it clears up.
        let listener = Self { opened, door: bound.clone(), file, _stop: stop };
        let mut router = RouterSocket::new();
        let door = Acceptor::open(bound, &mut router).await.map_err(LinkError::io(format!("listen at {address}")))?;
        let inbox = Inbox { frames: settings.inbox_frames as usize, bytes: usize::try_from(settings.inbox_bytes).unwrap_or(usize::MAX) };
        tokio::spawn(Hub::new(router, door, gate, limits, inbox, accepted).run(stopped));
        Ok((listener, address))
    }

    pub(in super::super) async fn accept(&mut self) -> Result<Ends<LaneReceiver, LaneSender>, AcceptError> {
        let Some((link, lane)) = self.opened.recv().await else {
            return Err(AcceptError::Broken(io::ErrorKind::NotConnected.into()));
        };
        lane.accept();
        Ok(link)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // A successor may have taken the path; its socket is not ours to remove.
        if let Some((path, identity)) = &self.file
            && fs::symlink_metadata(path).is_ok_and(|meta| socket_dir::identity(&meta) == *identity)
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!(path = %path.display(), %error, "the agent's socket file stays behind");
        }
        // The crate's duplicate is closed a little later, by the hub: until then nobody is let in. (Nobody finds a file that is gone.)
        if let Bound::Tcp(socket) = &*self.door
            && let Err(error) = rustix::net::shutdown(socket, rustix::net::Shutdown::Both)
        {
            tracing::debug!(%error, "the address was closed already");
        }
    }
}

/// Binds below a name of its own and then takes the place: the crate removes the name that it knows when it stops listening, whoever has it
/// by then.
async fn ipc(path: &Path) -> Result<(UnixListener, (u64, u64)), LinkError> {
    let what = |step: &str| LinkError::io(format!("{step} {}", path.display()));
    let locked = socket_dir::directory(path, socket_dir::OURS_ALONE).await?;
    socket_dir::clear(path, || Address::ZmqIpc(path.to_owned())).await?;
    // Never the same twice, since the crate removes it some time after a listener is gone.
    let own = path.with_file_name(format!(".{:x}.{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    if own.as_os_str().len() > MAX_PATH {
        return Err(LinkError::PathTooLong(own));
    }
    socket_dir::clear(&own, || Address::ZmqIpc(path.to_owned())).await?;
    // Between here and the rename nobody else gets near: the directory is ours alone.
    let listener = UnixListener::bind(&own).map_err(what("bind"))?;
    let placed = || -> Result<_, LinkError> {
        fs::set_permissions(&own, Permissions::from_mode(0o600)).map_err(what("set the mode of"))?;
        let meta = fs::symlink_metadata(&own).map_err(what("examine"))?;
        fs::rename(&own, path).map_err(what("take the place of"))?;
        Ok(socket_dir::identity(&meta))
    };
    let identity = placed().inspect_err(|_| drop(fs::remove_file(&own)))?;
    drop(locked);
    Ok((listener, identity))
}

fn tcp(socket: SocketAddr) -> Result<(TcpListener, SocketAddr), LinkError> {
    let address = || Address::ZmqTcp(socket);
    let bound = TcpListener::bind(socket).and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (socket, listener) = bound.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => LinkError::AddressInUse(address()),
        _ => LinkError::Io { what: format!("bind {}", address()), source },
    })?;
    Ok((listener, socket))
}
