//! The agent's end: handshakes beside each other, and the links that come of them.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::{Connection, ConnectionError, Endpoint, EndpointConfig, Incoming as Handshake, TokioRuntime, VarInt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::super::accept::AcceptError;
use super::super::ends::{Credential, Ends};
use super::super::{Address, LinkError};
use super::{HANDSHAKE, Identity, Reader, TURNED_AWAY, Writer, greet, lanes, named, server_tls};
use pmq_protocol::wire::{Lane, Limits};

/// Links that are open and not accepted yet.
const BACKLOG: usize = 128;

/// Handshakes at a time; a further one is refused.
const HANDSHAKES: usize = 128;

/// Handshakes at a time from which on a peer has to show first that it is where it says: each costs a signature here.
const UNPROVEN: usize = 32;

/// At most one warning a while about those who are turned away.
const WARN_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(in super::super) struct Listener {
    opened: mpsc::Receiver<Ends<Reader, Writer>>,
    /// Dropped with this: no further handshake is answered. The socket goes with the last link.
    _stop: oneshot::Sender<()>,
}

/// Whom to let in, and what they may send.
#[derive(Debug)]
struct Door {
    parents: HashSet<String>,
    limits: Limits,
}

impl Listener {
    /// Binds; answers the address with its port and peer id.
    pub(in super::super) fn bind(
        socket: SocketAddr,
        identity: &Identity,
        parents: impl IntoIterator<Item = String>,
        limits: Limits,
    ) -> Result<(Self, Address), LinkError> {
        let address = |socket: SocketAddr| Address::Quic {
            host: socket.ip().to_string().into(),
            port: socket.port(),
            peer: identity.peer_id().into(),
        };
        let what = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AddrInUse => LinkError::AddressInUse(address(socket)),
            _ => LinkError::Io { what: format!("listen at {}", address(socket)), source: error },
        };
        let udp = std::net::UdpSocket::bind(socket).map_err(what)?;
        let config = server_tls::server(identity)?;
        let endpoint = Endpoint::new(EndpointConfig::default(), Some(config), udp, Arc::new(TokioRuntime)).map_err(what)?;
        let bound = address(endpoint.local_addr().map_err(what)?);
        let door = Arc::new(Door { parents: parents.into_iter().collect(), limits });
        let (accepted, opened) = mpsc::channel(BACKLOG);
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(serve(endpoint, door, accepted, stopped));
        Ok((Self { opened, _stop: stop }, bound))
    }

    pub(in super::super) async fn accept(&mut self) -> Result<Ends<Reader, Writer>, AcceptError> {
        self.opened.recv().await.ok_or_else(|| AcceptError::Broken(std::io::ErrorKind::NotConnected.into()))
    }
}

/// Answers handshakes until the listener is dropped or the socket is broken.
async fn serve(endpoint: Endpoint, door: Arc<Door>, accepted: mpsc::Sender<Ends<Reader, Writer>>, mut stopped: oneshot::Receiver<()>) {
    let mut handshakes = JoinSet::new();
    let mut warned: Option<Instant> = None;
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            came = endpoint.accept() => {
                let Some(handshake) = came else { break };
                begin(handshake, &mut handshakes, &door, &accepted);
            }
            Some(ended) = handshakes.join_next(), if !handshakes.is_empty() => {
                let Ok(Err(turned_away)) = ended else { continue };
                let now = Instant::now();
                if warned.is_none_or(|last| now.saturating_duration_since(last) >= WARN_EVERY) {
                    warned = Some(now);
                    tracing::warn!(peer = %turned_away.0, at = %turned_away.1, "a parent was refused: {}", turned_away.2);
                } else {
                    tracing::debug!(peer = %turned_away.0, at = %turned_away.1, "a parent was refused: {}", turned_away.2);
                }
            }
        }
    }
    endpoint.set_server_config(None);
}

/// Who was turned away, from where, and why.
struct TurnedAway(String, SocketAddr, String);

fn begin(
    handshake: Handshake,
    handshakes: &mut JoinSet<Result<(), TurnedAway>>,
    door: &Arc<Door>,
    accepted: &mpsc::Sender<Ends<Reader, Writer>>,
) {
    let from = handshake.remote_address();
    if handshakes.len() >= HANDSHAKES {
        tracing::debug!(%from, "too many handshakes at a time");
        handshake.refuse();
    } else if handshakes.len() >= UNPROVEN && handshake.may_retry() && !handshake.remote_address_validated() {
        if let Err(error) = handshake.retry() {
            tracing::debug!(%from, %error, "no proof of the address can be asked for");
        }
    } else {
        let (door, accepted) = (door.clone(), accepted.clone());
        handshakes.spawn(async move {
            match tokio::time::timeout(HANDSHAKE, admit(handshake, &door)).await {
                // Waits for its turn to be accepted as one of the handshakes, which bounds them. The listener may be gone by then.
                Ok(Ok(link)) => drop(accepted.send(link).await),
                Ok(Err(Failed::Handshake(error))) => tracing::debug!(%from, %error, "a handshake failed"),
                Ok(Err(Failed::TurnedAway(peer, why))) => return Err(TurnedAway(peer, from, why)),
                Err(_) => tracing::debug!(%from, "a handshake took longer than {HANDSHAKE:?}"),
            }
            Ok(())
        });
    }
}

enum Failed {
    Handshake(ConnectionError),
    TurnedAway(String, String),
}

impl From<ConnectionError> for Failed {
    fn from(error: ConnectionError) -> Self {
        Self::Handshake(error)
    }
}

/// Lets a peer in, or turns it away before anything that it says is read.
async fn admit(handshake: Handshake, door: &Door) -> Result<Ends<Reader, Writer>, Failed> {
    let connection = handshake.await?;
    let turn_away = |peer: String, why: String| {
        connection.close(TURNED_AWAY, why.as_bytes());
        Failed::TurnedAway(peer, why)
    };
    let peer = server_tls::peer(&connection).map_err(|why| turn_away("unproven".to_owned(), why))?.to_base58();
    if !door.parents.contains(&peer) {
        let why = format!("peer {peer} is granted nothing: add an [[attach.grant]] with peer = \"{peer}\"");
        return Err(turn_away(peer, why));
    }
    let (incoming, outgoing) = open(&connection, door.limits).await.inspect_err(|_| connection.close(VarInt::from_u32(0), b""))?;
    Ok(Ends { peer: Credential::Peer(peer.into()), incoming, outgoing })
}

/// The agent's streams: it opens its two lanes, the parent the control stream and one.
async fn open(connection: &Connection, limits: Limits) -> Result<(Reader, Writer), ConnectionError> {
    let mut messages = connection.open_uni().await?;
    greet(&mut messages, Lane::Messages).await?;
    let mut records = connection.open_uni().await?;
    greet(&mut records, Lane::Records).await?;
    let (answers, mut control) = connection.accept_bi().await?;
    if named(&mut control).await? != Lane::Control {
        return Err(ConnectionError::Reset);
    }
    let lanes = lanes(connection, 1).await?;
    let streams = std::iter::once((Lane::Control, control)).chain(lanes);
    Ok((Reader::new(streams, limits), Writer::new([answers, messages, records])))
}
