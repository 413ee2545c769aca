//! The task that owns a ROUTER: spreads what comes over the links, collects from them what goes, and never waits for one of them.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::channel::mpsc::Receiver as Events;
use futures::{FutureExt, StreamExt};
use tokio::sync::{mpsc, oneshot};
use zeromq::util::PeerIdentity;
use zeromq::{MultiPeerBackend, RouterSocket, Socket, SocketEvent, SocketRecv, SocketSend, ZmqError, ZmqMessage, ZmqResult};

use super::super::ends::{Credential, Ends};
use super::acceptor::{AcceptGate, Acceptor};
use super::envelope::{self, Said};
use super::lane::{Inbox, Lane, Ready};
use super::peers::Peers;
use super::{LaneReceiver, LaneSender};
use pmq_protocol::wire::{Frame, Limits};

/// Links that wait to be accepted; a further one is cut off. Those without a valid token may take half of them.
pub(super) const BACKLOG: usize = 128;
/// Messages read, lanes served, and messages taken of each lane before other tasks have their turn.
const MESSAGES: usize = 32;
const LANES: usize = 16;
const BATCH: usize = 32;
/// How often strangers are looked at.
const SWEEP: Duration = Duration::from_secs(1);
/// Bytes of the identities that the crate draws at random. Nobody can take over a link whose identity he cannot know.
const IDENTITY: usize = 16;

/// Payloads below this are copied out of the buffer that they were read into: a larger one pins at most five times its size.
const SMALL: usize = 16 * 1024;

/// A link that was opened, and its lane.
pub(super) type Opened = (Ends<LaneReceiver, LaneSender>, Arc<Lane>);

pub(super) struct Hub {
    router: RouterSocket,
    backend: Arc<dyn MultiPeerBackend>,
    events: Events<SocketEvent>,
    door: Acceptor,
    gate: AcceptGate,
    limits: Limits,
    inbox: Inbox,
    peers: Peers,
    ready: Ready,
    lanes: mpsc::UnboundedReceiver<Arc<Lane>>,
    opened: mpsc::Sender<Opened>,
    /// Exchanged with a lane's queue.
    batch: Vec<ZmqMessage>,
}

impl Hub {
    pub(super) fn new(
        mut router: RouterSocket,
        door: Acceptor,
        gate: AcceptGate,
        limits: Limits,
        inbox: Inbox,
        opened: mpsc::Sender<Opened>,
    ) -> Self {
        let (ready, lanes) = mpsc::unbounded_channel();
        let (backend, events) = (router.backend(), router.monitor());
        Self {
            router,
            backend,
            events,
            door,
            gate,
            limits,
            inbox,
            peers: Peers::default(),
            ready,
            lanes,
            opened,
            batch: Vec::with_capacity(BATCH),
        }
    }

    /// Runs until the listener is gone and every link has ended.
    pub(super) async fn run(mut self, stop: oneshot::Receiver<()>) {
        let mut stop = stop.fuse();
        let mut stopped = false;
        let mut sweep = tokio::time::interval(SWEEP);
        while !(stopped && self.peers.without_links()) {
            // CORRECTNESS: all of these are cancel-safe; the crate's `recv` keeps its progress in the socket.
            tokio::select! {
                // First, since the crate's accept loop does not pause when its socket was shut down.
                biased;
                _ = &mut stop, if !stopped => {
                    stopped = true;
                    self.door.close(&mut self.router).await;
                }
                event = self.events.next() => self.event(event).await,
                Some(lane) = self.lanes.recv() => self.send(&lane).await,
                message = self.router.recv() => {
                    if !self.receive(message).await { break; }
                }
                now = sweep.tick() => self.sweep(now.into()).await,
                () = at(self.door.reopens()) => self.door.reopen(&mut self.router).await,
            }
            // The rest of the round: some of everything, so that neither reading nor writing, no peer and no link keeps others waiting.
            for _ in 0..MESSAGES {
                let Ok(event) = self.events.try_recv() else { break };
                self.event(Some(event)).await;
            }
            for _ in 0..LANES {
                let Ok(lane) = self.lanes.try_recv() else { break };
                self.send(&lane).await;
            }
            for _ in 0..MESSAGES {
                let Some(message) = self.router.recv().now_or_never() else { break };
                if !self.receive(message).await {
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    async fn event(&mut self, event: Option<SocketEvent>) {
        match event {
            Some(SocketEvent::Accepted(_, identity)) => {
                self.door.accepted();
                if let Some(oldest) = self.peers.connected(identity.into(), Instant::now()) {
                    tracing::debug!(address = %self.gate.at, "too many connections without a link: the oldest is cut off");
                    self.disconnect(oldest);
                }
            }
            Some(SocketEvent::Disconnected(identity)) => {
                if let Some(lane) = self.peers.remove(&identity.into()) {
                    lane.end();
                }
            }
            Some(SocketEvent::AcceptFailed(ZmqError::Network(error))) => {
                let first = self.door.exhausted(&error, &mut self.router).await;
                self.tell(first, &error);
            }
            Some(SocketEvent::AcceptFailed(error)) => {
                tracing::debug!(address = %self.gate.at, %error, "somebody connected who does not speak ZeroMQ, or went away");
            }
            _ => {}
        }
    }

    fn tell(&self, first: bool, error: &io::Error) {
        if first {
            tracing::warn!(address = %self.gate.at, %error, "cannot accept parents, trying again until resources are free");
        } else {
            tracing::debug!(address = %self.gate.at, %error, "a connection was not accepted");
        }
    }

    /// False when the ROUTER is of no use any more.
    async fn receive(&mut self, message: ZmqResult<ZmqMessage>) -> bool {
        let mut parts = match message {
            Ok(message) => message.into_vecdeque(),
            // The crate cuts a peer off by itself and says nothing here; this is the socket's own end.
            Err(error) => {
                tracing::error!(address = %self.gate.at, %error, "the ZeroMQ socket failed");
                return false;
            }
        };
        let identity = parts.pop_front().unwrap_or_default();
        if identity.len() != IDENTITY {
            tracing::warn!(address = %self.gate.at, "a parent is cut off that sets a routing id: leave ZMQ_ROUTING_ID unset");
            self.cut(&identity).await;
            return true;
        }
        match envelope::read(parts) {
            Said::Open(token) => self.open(identity, &token).await,
            Said::Leave => {
                if let Some(lane) = self.peers.remove(&identity) {
                    lane.end();
                }
                self.disconnect(identity);
            }
            Said::Frame(parts) => {
                let kept = self
                    .peers
                    .lane(&identity)
                    .is_some_and(|lane| lane.push(envelope::frame(parts, self.limits).map(owned).map_err(Into::into)));
                if !kept {
                    // Never opened (its parent may not have noticed that the agent is a new one), or more than its link can hold.
                    self.cut(&identity).await;
                }
            }
        }
        true
    }

    async fn open(&mut self, identity: Bytes, token: &[u8]) {
        if !self.peers.room() {
            tracing::warn!(address = %self.gate.at, "a parent is cut off: too many links have ended whose parents do not read what was sent last");
            return self.cut(&identity).await;
        }
        let peer = self.gate.who(token);
        let unproven = matches!(peer, Credential::Unproven(_));
        let lane = Lane::new(identity, self.inbox, self.ready.clone());
        if let Some(before) = self.peers.opened(&lane) {
            before.end();
        }
        let (receiver, sender) = lane.halves();
        let link = Ends { peer, incoming: receiver, outgoing: sender };
        if unproven {
            // Refused before any frame is read; and strangers leave room for others.
            lane.deafen();
        }
        let room = if unproven { BACKLOG / 2 } else { 0 };
        if self.opened.capacity() > room && self.opened.try_send((link, lane.clone())).is_ok() {
            return;
        }
        tracing::warn!(address = %self.gate.at, "a parent is cut off: too many wait to be accepted");
        self.cut(lane.identity()).await;
    }

    /// Sends some of what a link has to say, and leaves it when its sink is gone.
    async fn send(&mut self, lane: &Arc<Lane>) {
        let left = lane.take(BATCH, &mut self.batch);
        if !self.peers.holds(lane) {
            self.batch.clear();
            return;
        }
        for message in self.batch.drain(..) {
            // The crate's queue for a peer takes far more than a link may have on its way, so this does not wait.
            if let Err(error) = self.router.send(message).await {
                tracing::debug!(%error, "a parent is gone");
                lane.end();
                self.peers.remove(lane.identity());
                break;
            }
        }
        if left && self.peers.holds(lane) {
            self.peers.remove(lane.identity());
            lane.left();
            self.farewell(lane.identity()).await;
        }
    }

    /// Ends whatever there is with a peer.
    async fn cut(&mut self, identity: &Bytes) {
        if let Some(lane) = self.peers.remove(identity) {
            lane.end();
        }
        self.farewell(identity).await;
    }

    /// Says leave and disconnects; what is on its way still gets out.
    async fn farewell(&mut self, identity: &Bytes) {
        let mut message = ZmqMessage::from(envelope::leave());
        message.push_front(identity.clone());
        // A peer that is gone needs no goodbye.
        let _ = self.router.send(message).await;
        self.disconnect(identity.clone());
    }

    fn disconnect(&self, identity: Bytes) {
        // Longer ones do not come out of the crate.
        if let Ok(identity) = PeerIdentity::try_from(identity) {
            self.backend.peer_disconnected(&identity);
        }
    }

    async fn sweep(&mut self, now: Instant) {
        for identity in self.peers.overdue(now) {
            tracing::debug!(address = %self.gate.at, "somebody connected and opened no link");
            self.cut(&identity).await;
        }
    }
}

/// A payload pins the whole buffer that the crate has read it into, of 64 KiB and more, and the agent keeps published ones: small ones get a
/// buffer of their own, so that what is counted is what is kept. Verdicts have no payload.
fn owned(mut frame: Frame) -> Frame {
    for payload in frame.payloads.iter_mut().filter(|payload| payload.len() < SMALL) {
        *payload = Bytes::copy_from_slice(payload);
    }
    frame
}

/// Returns at that time; never, if there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// However it ends: nobody waits for a hub that is gone.
impl Drop for Hub {
    fn drop(&mut self) {
        self.peers.lanes().for_each(|lane| lane.end());
    }
}
