//! The agent's half: a name in the registry.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::super::accept::AcceptError;
use super::super::ends::{Credential, Ends};
use super::super::{Address, LinkError};
use super::{PendingHandshake, Receiver, Sender, names};
use pmq_protocol::wire::Limits;

/// Connections that wait to be accepted; further ones wait for room, as with a socket's backlog.
const BACKLOG: usize = 128;

pub(crate) struct Listener {
    name: Arc<str>,
    pending: mpsc::Receiver<PendingHandshake>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Listener {
    pub(crate) fn bind(name: &Arc<str>) -> Result<Self, LinkError> {
        let mut names = names();
        if names.contains_key(name) {
            return Err(LinkError::AddressInUse(Address::Memory(name.clone())));
        }
        let (sender, pending) = mpsc::channel(BACKLOG);
        names.insert(name.clone(), sender);
        Ok(Self { name: name.clone(), pending })
    }

    pub(crate) async fn accept(&mut self, limits: Limits) -> Result<Ends<Receiver, Sender>, AcceptError> {
        // The registry holds a sender as long as this listener lives, so the channel cannot end before.
        let Some(PendingHandshake { from_parent, to_parent, who }) = self.pending.recv().await else {
            return Err(AcceptError::Broken(std::io::ErrorKind::NotConnected.into()));
        };
        let peer = who.unwrap_or_else(|| Credential::Memory(self.name.clone()));
        Ok(Ends { peer, incoming: from_parent.limited(limits), outgoing: to_parent })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        names().remove(&self.name);
    }
}
