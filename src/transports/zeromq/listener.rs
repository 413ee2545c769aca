//! The agent's end: binds a ROUTER, and hands over the links that parents open.

use std::fs::{self, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use tokio::sync::{mpsc, oneshot};
use zeromq::{Endpoint, RouterSocket, Socket};

use super::super::accept::AcceptError;
use super::super::address::MAX_PATH;
use super::super::link::{Credential, Link};
use super::super::tokens::Tokens;
use super::super::{Address, LinkError, socket_dir};
use super::ZeromqSettings;
use super::hub::{BACKLOG, Hub, Opened};
use super::lane::Inbox;
use pmq_protocol::wire::Limits;

/// Numbers of the names under which sockets are bound.
static NEXT: AtomicU32 = AtomicU32::new(0);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

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
        let gate = Gate::new(address, settings)?;
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
        let gate = Gate { at: address.clone(), ..gate };
        let bound = Arc::new(bound);
        let (accepted, opened) = mpsc::channel(BACKLOG);
        let (stop, stopped) = oneshot::channel();
        // From here on dropping it clears up.
        let listener = Self { opened, door: bound.clone(), file, _stop: stop };
        let mut router = RouterSocket::new();
        let door = Door::open(bound, &mut router).await.map_err(LinkError::io(format!("listen at {address}")))?;
        let inbox = Inbox { frames: settings.inbox_frames as usize, bytes: usize::try_from(settings.inbox_bytes).unwrap_or(usize::MAX) };
        tokio::spawn(Hub::new(router, door, gate, limits, inbox, accepted).run(stopped));
        Ok((listener, address))
    }

    pub(in super::super) async fn accept(&mut self) -> Result<Link, AcceptError> {
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

/// The listening socket. The crate has a duplicate.
#[derive(Debug)]
pub(super) enum Bound {
    Ipc(UnixListener),
    Tcp(TcpListener),
}

impl Bound {
    fn duplicate(&self) -> io::Result<zeromq::Listener> {
        Ok(match self {
            Self::Ipc(listener) => listener.try_clone()?.into(),
            Self::Tcp(listener) => listener.try_clone()?.into(),
        })
    }
}

/// The way in. The crate's accept loop does not pause when the process is out of descriptors, so it is stopped for a while then.
#[derive(Debug)]
pub(super) struct Door {
    bound: Arc<Bound>,
    open: Option<Endpoint>,
    pause: Duration,
    reopen: Option<Instant>,
}

impl Door {
    async fn open(bound: Arc<Bound>, router: &mut RouterSocket) -> io::Result<Self> {
        let mut door = Self { bound, open: None, pause: FIRST_PAUSE, reopen: None };
        door.listen(router).await.map(|()| door)
    }

    async fn listen(&mut self, router: &mut RouterSocket) -> io::Result<()> {
        self.open = Some(router.bind_listener(self.bound.duplicate()?).await.map_err(io::Error::other)?);
        Ok(())
    }

    /// Stops the crate's accept loop.
    pub(super) async fn close(&mut self, router: &mut RouterSocket) {
        self.reopen = None;
        if let Some(endpoint) = self.open.take()
            && let Err(error) = router.unbind(endpoint).await
        {
            tracing::debug!(%error, "the ZeroMQ socket stopped listening");
        }
    }

    pub(super) fn accepted(&mut self) {
        self.pause = FIRST_PAUSE;
    }

    /// Pauses if `error` says that the process or the machine is out of resources. True the first time since a success.
    pub(super) async fn exhausted(&mut self, error: &io::Error, router: &mut RouterSocket) -> bool {
        let out = matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM));
        if !out || self.open.is_none() {
            return false;
        }
        let first = self.pause == FIRST_PAUSE;
        self.close(router).await;
        self.reopen = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        first
    }

    /// When it is to be opened again.
    pub(super) fn reopens(&self) -> Option<Instant> {
        self.reopen
    }

    /// Opens it again.
    pub(super) async fn reopen(&mut self, router: &mut RouterSocket) {
        self.reopen = None;
        if let Err(error) = self.listen(router).await {
            tracing::debug!(%error, "still cannot listen");
            self.reopen = Some(Instant::now() + self.pause);
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Who is let in.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) at: Address,
    tokens: Tokens,
    trust_loopback: bool,
}

impl Gate {
    fn new(at: &Address, settings: &ZeromqSettings) -> Result<Self, LinkError> {
        // Over ipc there is nothing to show.
        let shown = if matches!(at, Address::ZmqTcp(_)) { &settings.token[..] } else { &[] };
        Ok(Self { at: at.clone(), tokens: Tokens::read(shown)?, trust_loopback: settings.trust_loopback })
    }

    /// Whom a token makes a parent.
    pub(super) fn who(&self, shown: &[u8]) -> Credential {
        let Address::ZmqTcp(socket) = self.at else {
            // Nobody else gets through the directory.
            let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            return Credential::Uid { uid, gid, pid: None };
        };
        match self.tokens.name(shown) {
            Some(name) => Credential::Token(name.clone()),
            None if self.trust_loopback && socket.ip().is_loopback() && shown.is_empty() => Credential::Token(Credential::OWN.into()),
            None => Credential::Unproven(socket),
        }
    }
}
