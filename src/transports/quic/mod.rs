//! Links over QUIC, for a parent on another host. Both ends prove a libp2p identity in the handshake, and nothing of ours is read before.
//!
//! ```text
//!  parent                                   agent
//!  control  ------- bidirectional ------->  hello, verdicts, acks ...     <- welcome, answers ...
//!  messages ------- unidirectional ------>  publishes
//!           <------ unidirectional -------  messages   those for a verdict
//!           <------ unidirectional -------  records    accepted messages, gaps
//! ```
//! A lane is one stream for the link's life: a payload on its way holds up its own lane alone. What waits for what across lanes is in front of every frame
//! (`order.rs`). `docs/wire.md`, "Over QUIC", has the bytes.

mod identity;
#[cfg(feature = "listen")]
mod listener;
mod order;
mod reader;
#[cfg(feature = "listen")]
mod server_tls;
#[cfg(feature = "listen")]
mod settings;
mod tls;
mod writer;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream, VarInt};

pub use super::peer_id::peer_id;
pub use identity::Identity;
#[cfg(feature = "listen")]
pub(super) use listener::Listener;
pub(super) use reader::Reader;
#[cfg(feature = "listen")]
pub use settings::QuicSettings;
pub use tls::LINK_BYTES;
pub(super) use writer::Writer;

use super::ends::{Credential, Ends};
use super::{Address, LinkError};
use pmq_protocol::wire::{Lane, Limits};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Addresses of a host that are tried, and how long after each other.
const ADDRESSES: usize = 8;
const STAGGER: Duration = Duration::from_millis(250);

/// Code of a close that says: this peer is not let in. The reason has the words.
const TURNED_AWAY: VarInt = VarInt::from_u32(1);

/// A QUIC endpoint's name in the handshake. Certificates are checked by key, so it stands for nothing.
const NAME: &str = "pmq";

/// Where an agent is found: `host`, `port`, and the peer id that has to answer there.
pub(super) async fn connect(
    host: &str,
    port: u16,
    agent: &str,
    identity: Option<&Identity>,
    limits: Limits,
) -> Result<Ends<Reader, Writer>, LinkError> {
    let Some(identity) = identity else {
        let what = "a parent proves by its key who it is, and none is given: make one with `pmq key generate` and give it to the client"
            .to_owned();
        return Err(LinkError::Identity { what });
    };
    let at = Address::Quic { host: host.into(), port, peer: agent.into() };
    let wanted: libp2p_identity::PeerId =
        agent.parse().map_err(|_| LinkError::Address { url: at.to_string(), what: "what follows the port is no peer id" })?;
    let config = tls::client(identity, wanted)?;
    let sockets = resolve(host, port, &at).await?;
    if sockets.is_empty() {
        return Err(LinkError::NobodyListens(at));
    }
    // An address that does not answer costs the others no more than a moment (RFC 8305, section 5).
    let attempts = sockets.into_iter().zip(0_u32..).map(|(socket, number)| {
        let (config, at) = (config.clone(), &at);
        Box::pin(async move {
            tokio::time::sleep(STAGGER * number).await;
            dial(socket, config, at, agent, limits).await
        })
    });
    let ((incoming, outgoing), _) = futures::future::select_ok(attempts).await?;
    Ok(Ends { peer: Credential::Peer(wanted.to_base58().into()), incoming, outgoing })
}

/// One address.
async fn dial(
    socket: SocketAddr,
    config: quinn::ClientConfig,
    at: &Address,
    agent: &str,
    limits: Limits,
) -> Result<(Reader, Writer), LinkError> {
    let local: SocketAddr = if socket.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let endpoint = Endpoint::client(local).map_err(LinkError::io(format!("make a socket for {at}")))?;
    let connecting = endpoint
        .connect_with(config, socket, NAME)
        .map_err(|error| LinkError::Io { what: format!("connect to {at}"), source: std::io::Error::other(error) })?;
    let opened = async { open(connecting.await?, limits).await };
    match tokio::time::timeout(HANDSHAKE, opened).await {
        Ok(opened) => opened.map_err(|error| refused(error, at, agent)),
        Err(_) => Err(LinkError::NobodyListens(at.clone())),
    }
}

async fn resolve(host: &str, port: u16, at: &Address) -> Result<Vec<SocketAddr>, LinkError> {
    let found = tokio::net::lookup_host((host, port)).await.map_err(LinkError::io(format!("find the host of {at}")))?;
    Ok(found.take(ADDRESSES).collect())
}

/// What a handshake that failed means to a parent.
fn refused(error: ConnectionError, at: &Address, agent: &str) -> LinkError {
    match error {
        ConnectionError::ApplicationClosed(close) if close.error_code == TURNED_AWAY => {
            LinkError::TurnedAway { at: at.clone(), what: String::from_utf8_lossy(&close.reason).into_owned() }
        }
        ConnectionError::TransportError(error) if tls::is_tls(error.code) => {
            LinkError::Stranger { at: at.to_string(), peer: agent.to_owned(), what: error.reason }
        }
        ConnectionError::TimedOut => LinkError::NobodyListens(at.clone()),
        other => LinkError::Io { what: format!("connect to {at}"), source: other.into() },
    }
}

/// The parent's streams: it opens the control stream and its lane, the agent its two.
async fn open(connection: Connection, limits: Limits) -> Result<(Reader, Writer), ConnectionError> {
    let (mut control, answers) = connection.open_bi().await?;
    greet(&mut control, Lane::Control).await?;
    let mut messages = connection.open_uni().await?;
    greet(&mut messages, Lane::Messages).await?;
    // Only an agent that lets this parent in opens its lanes.
    let lanes = lanes(&connection, 2).await?;
    let streams = std::iter::once((Lane::Control, answers)).chain(lanes);
    Ok((Reader::new(streams, limits), Writer::new([control, messages])))
}

/// Names the lane of a stream: its first byte. It also makes the stream known to the other end.
async fn greet(stream: &mut SendStream, lane: Lane) -> Result<(), ConnectionError> {
    stream.write_all(&[lane as u8]).await.map_err(|error| match error {
        quinn::WriteError::ConnectionLost(error) => error,
        _ => ConnectionError::LocallyClosed,
    })
}

/// The first `count` streams that the other end opens, each with its lane.
async fn lanes(connection: &Connection, count: usize) -> Result<Vec<(Lane, RecvStream)>, ConnectionError> {
    let mut lanes: Vec<(Lane, RecvStream)> = Vec::new();
    while lanes.len() < count {
        let mut stream = connection.accept_uni().await?;
        let lane = named(&mut stream).await?;
        if lane == Lane::Control || lanes.iter().any(|(other, _)| *other == lane) {
            return Err(ConnectionError::Reset);
        }
        lanes.push((lane, stream));
    }
    Ok(lanes)
}

async fn named(stream: &mut RecvStream) -> Result<Lane, ConnectionError> {
    let mut first = [0];
    match stream.read_exact(&mut first).await {
        Ok(()) => Lane::ALL.into_iter().find(|lane| *lane as u8 == first[0]).ok_or(ConnectionError::Reset),
        Err(quinn::ReadExactError::ReadError(quinn::ReadError::ConnectionLost(error))) => Err(error),
        Err(_) => Err(ConnectionError::Reset),
    }
}
