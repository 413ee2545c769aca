//! The list of peers that may connect. Without a list every peer may; with one, a peer that is not on it is refused, and disconnected when removed.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::task::{Context, Poll, Waker};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};
use libp2p::{Multiaddr, PeerId};

use crate::face::AllowChange;

/// The peer is not on the list.
#[derive(Debug, thiserror::Error)]
#[error("peer {0} is not on the list of allowed peers")]
pub(crate) struct NotAllowed(PeerId);

/// A behaviour without a protocol that denies connections. The stock one has no open state.
pub(crate) struct AllowList {
    /// `None` = open.
    allowed: Option<HashSet<PeerId>>,
    /// Bounded by the connection limits.
    connected: HashSet<PeerId>,
    /// Bounded by `connected`: a peer is queued when it is removed from the list.
    closing: VecDeque<PeerId>,
    waker: Option<Waker>,
}

impl AllowList {
    pub(crate) fn new(allowed: Option<HashSet<PeerId>>) -> Self {
        Self { allowed, connected: HashSet::new(), closing: VecDeque::new(), waker: None }
    }

    pub(crate) fn is_allowed(&self, peer: &PeerId) -> bool {
        self.allowed.as_ref().is_none_or(|list| list.contains(peer))
    }

    /// Changes the list. Adding to or removing from an open list starts from an empty one: whoever names peers means that list (fail closed).
    pub(crate) fn change(&mut self, change: AllowChange<PeerId>) {
        match change {
            AllowChange::Open => self.allowed = None,
            AllowChange::Replace(peers) => self.allowed = Some(peers.into_iter().collect()),
            AllowChange::Add(peers) => self.allowed.get_or_insert_default().extend(peers),
            AllowChange::Remove(peers) => {
                let list = self.allowed.get_or_insert_default();
                for peer in &peers {
                    list.remove(peer);
                }
            }
        }
        self.closing.clear();
        self.closing.extend(self.connected.iter().filter(|peer| !self.allowed.as_ref().is_none_or(|list| list.contains(peer))));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn enforce(&self, peer: PeerId) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        if self.is_allowed(&peer) { Ok(dummy::ConnectionHandler) } else { Err(ConnectionDenied::new(NotAllowed(peer))) }
    }
}

impl NetworkBehaviour for AllowList {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.enforce(peer)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        peer.map_or(Ok(()), |peer| self.enforce(peer).map(drop))?;
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.enforce(peer)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished { peer_id, .. }) => {
                self.connected.insert(peer_id);
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { peer_id, remaining_established: 0, .. }) => {
                self.connected.remove(&peer_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(peer_id) = self.closing.pop_front() {
            return Poll::Ready(ToSwarm::CloseConnection { peer_id, connection: CloseConnection::All });
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
