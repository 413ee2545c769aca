//! What stands in front of the hub: the bound socket, and who may be let in.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use zeromq::{Endpoint, RouterSocket, Socket as _};

use super::super::ends::Credential;
use super::super::tokens::Tokens;
use super::super::{Address, LinkError};
use super::ZeromqSettings;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

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
pub(super) struct Acceptor {
    bound: Arc<Bound>,
    open: Option<Endpoint>,
    pause: Duration,
    reopen: Option<Instant>,
}

impl Acceptor {
    pub(super) async fn open(bound: Arc<Bound>, router: &mut RouterSocket) -> io::Result<Self> {
        let mut acceptor = Self { bound, open: None, pause: FIRST_PAUSE, reopen: None };
        acceptor.listen(router).await.map(|()| acceptor)
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
pub(super) struct AcceptGate {
    pub(super) at: Address,
    tokens: Tokens,
    trust_loopback: bool,
}

impl AcceptGate {
    pub(super) fn new(at: &Address, settings: &ZeromqSettings) -> Result<Self, LinkError> {
        // Over ipc there is nothing to show.
        let shown = if matches!(at, Address::ZmqTcp(_)) { &settings.token[..] } else { &[] };
        Ok(Self { at: at.clone(), tokens: Tokens::read(shown)?, trust_loopback: settings.trust_loopback })
    }

    /// The same at the address that was bound, whose port is known.
    pub(super) fn at(self, at: Address) -> Self {
        Self { at, ..self }
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
