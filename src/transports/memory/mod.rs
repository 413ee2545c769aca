//! Links within one process: frames are handed over as they are, with the same bounds and the same ends as a socket.

#[cfg(feature = "listen")]
mod listener;
mod pipe;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

#[cfg(feature = "listen")]
pub(super) use listener::Listener;
#[cfg(feature = "grpc")]
pub(super) use pipe::Closer;
pub(super) use pipe::{Receiver, Sender, pipe};

use super::ends::{Credential, Ends};
use super::{Address, LinkError};
use pmq_protocol::wire::Limits;

/// A connection on its way to the listener: the parent's outgoing pipe, and the parent's incoming one.
#[cfg_attr(not(feature = "listen"), expect(dead_code, reason = "read by the listener"))]
struct PendingHandshake {
    from_parent: pipe::Unlimited,
    to_parent: Sender,
    /// Who the parent is; `None` for this very process.
    who: Option<Credential>,
}

/// Listeners by name. Bounded by the listeners that live: each removes its own name when dropped.
static NAMES: LazyLock<Mutex<HashMap<Arc<str>, mpsc::Sender<PendingHandshake>>>> = LazyLock::new(Mutex::default);

fn names() -> MutexGuard<'static, HashMap<Arc<str>, mpsc::Sender<PendingHandshake>>> {
    // The map is whole at every moment, so a panic elsewhere does not spoil it.
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) async fn connect(name: &Arc<str>, limits: Limits, who: Option<Credential>) -> Result<Ends<Receiver, Sender>, LinkError> {
    let nobody = || LinkError::NobodyListens(Address::Memory(name.clone()));
    let listener = names().get(name).cloned().ok_or_else(nobody)?;
    let (outgoing, from_parent) = pipe();
    let (to_parent, incoming) = pipe();
    listener.send(PendingHandshake { from_parent, to_parent, who }).await.map_err(|_| nobody())?;
    Ok(Ends { peer: Credential::Memory(name.clone()), incoming: incoming.limited(limits), outgoing })
}
