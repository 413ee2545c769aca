//! Links within one process: frames are handed over as they are, with the same bounds and the same ends as a socket.

mod pipe;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

#[cfg(feature = "client-grpc")]
pub(super) use pipe::Closer;
pub(super) use pipe::{Receiver, Sender, pipe};

use super::link::{Credential, FrameSink, FrameStream, Incoming, Link, Outgoing};
use super::unix::AcceptError;
use super::{Address, LinkError};
use crate::wire::Limits;

/// Connections that wait to be accepted; further ones wait for room, as with a socket's backlog.
const BACKLOG: usize = 128;

/// A connection on its way to the listener: the parent's outgoing pipe, and the parent's incoming one.
struct Knock {
    from_parent: pipe::Unlimited,
    to_parent: Sender,
    /// Who the parent is; `None` for this very process.
    who: Option<Credential>,
}

/// Listeners by name. Bounded by the listeners that live: each removes its own name when dropped.
static NAMES: LazyLock<Mutex<HashMap<Arc<str>, mpsc::Sender<Knock>>>> = LazyLock::new(Mutex::default);

fn names() -> MutexGuard<'static, HashMap<Arc<str>, mpsc::Sender<Knock>>> {
    // The map is whole at every moment, so a panic elsewhere does not spoil it.
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) struct Listener {
    name: Arc<str>,
    knocks: mpsc::Receiver<Knock>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Listener {
    pub(super) fn bind(name: &Arc<str>) -> Result<Self, LinkError> {
        let mut names = names();
        if names.contains_key(name) {
            return Err(LinkError::AddressInUse(Address::Memory(name.clone())));
        }
        let (sender, knocks) = mpsc::channel(BACKLOG);
        names.insert(name.clone(), sender);
        Ok(Self { name: name.clone(), knocks })
    }

    pub(super) async fn accept(&mut self, limits: Limits) -> Result<Link, AcceptError> {
        // The registry holds a sender as long as this listener lives, so the channel cannot end before.
        let Some(Knock { from_parent, to_parent, who }) = self.knocks.recv().await else {
            return Err(AcceptError::Broken(std::io::ErrorKind::NotConnected.into()));
        };
        let peer = who.unwrap_or_else(|| Credential::Memory(self.name.clone()));
        Ok(link(peer, from_parent.limited(limits), to_parent))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        names().remove(&self.name);
    }
}

pub(super) async fn connect(name: &Arc<str>, limits: Limits, who: Option<Credential>) -> Result<Link, LinkError> {
    let nobody = || LinkError::NobodyListens(Address::Memory(name.clone()));
    let listener = names().get(name).cloned().ok_or_else(nobody)?;
    let (outgoing, from_parent) = pipe();
    let (to_parent, incoming) = pipe();
    listener.send(Knock { from_parent, to_parent, who }).await.map_err(|_| nobody())?;
    Ok(link(Credential::Memory(name.clone()), incoming.limited(limits), outgoing))
}

fn link(peer: Credential, incoming: Receiver, outgoing: Sender) -> Link {
    Link { peer, incoming: FrameStream(Incoming::Memory(incoming)), outgoing: FrameSink(Outgoing::Memory(outgoing)) }
}
