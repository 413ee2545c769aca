//! Where an agent is found.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::LinkError;

/// Longest path of a Unix socket in bytes (`sun_path` without its NUL).
#[cfg(any(feature = "unix", feature = "listen"))]
pub(super) const MAX_PATH: usize = 107;

/// The Go predecessor's port.
const GRPC_PORT: u16 = 8001;

/// Where an agent is found.
///
/// ```
/// use pmq_transports::Address;
///
/// let address: Address = "unix:///run/pmq/agent.sock".parse()?;
/// assert_eq!(address, Address::Unix("/run/pmq/agent.sock".into()));
/// assert_eq!("zmq+tcp://127.0.0.1:5570".parse::<Address>()?, Address::ZmqTcp(([127, 0, 0, 1], 5570).into()));
/// assert_eq!("memory:node-1".parse::<Address>()?.to_string(), "memory:node-1");
/// assert!("tcp://127.0.0.1:1".parse::<Address>().is_err());
/// # Ok::<(), pmq_transports::LinkError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// A Unix socket, `unix:///absolute/path`.
    Unix(PathBuf),
    /// ZeroMQ over a Unix socket, `zmq+ipc:///absolute/path`.
    ZmqIpc(PathBuf),
    /// ZeroMQ over TCP, `zmq+tcp://127.0.0.1:5570` or `zmq+tcp://[::1]:5570`.
    ZmqTcp(SocketAddr),
    /// QUIC, `quic://HOST:PORT/PEERID`: a parent on another host.
    Quic {
        /// A name, an IPv4 address, or an IPv6 address in brackets in the URL and without them here.
        host: Arc<str>,
        /// UDP.
        port: u16,
        /// Who has to answer there, base58.
        peer: Arc<str>,
    },
    /// gRPC over TCP, `grpc://127.0.0.1:8001`; without a port, 8001.
    Grpc(SocketAddr),
    /// gRPC over TCP with TLS, `grpcs://HOST:PORT`; without a port, 8001.
    Grpcs {
        /// The name that the agent's certificate bears, an IPv4 address, or an IPv6 address in brackets in the URL and without them here.
        host: Arc<str>,
        /// TCP.
        port: u16,
    },
    /// gRPC over a Unix socket, `grpc+unix:///absolute/path`.
    GrpcUnix(PathBuf),
    /// A name in this process, `memory:NAME`.
    Memory(Arc<str>),
}

impl FromStr for Address {
    type Err = LinkError;

    fn from_str(url: &str) -> Result<Self, LinkError> {
        let bad = |what| LinkError::Address { url: url.to_owned(), what };
        if let Some(path) = url.strip_prefix("unix://") {
            if !path.starts_with('/') {
                return Err(bad("the socket's path must be absolute: write unix:///run/pmq/agent.sock"));
            }
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        if let Some(path) = url.strip_prefix("zmq+ipc://") {
            if !path.starts_with('/') {
                return Err(bad("the socket's path must be absolute: write zmq+ipc:///run/pmq/zmq.ipc"));
            }
            return Ok(Self::ZmqIpc(PathBuf::from(path)));
        }
        if let Some(socket) = url.strip_prefix("zmq+tcp://") {
            let socket = socket.parse().map_err(|_| bad("an IP address and a port are needed: write zmq+tcp://127.0.0.1:5570"))?;
            return Ok(Self::ZmqTcp(socket));
        }
        if let Some(path) = url.strip_prefix("grpc+unix://") {
            if !path.starts_with('/') {
                return Err(bad("the socket's path must be absolute: write grpc+unix:///run/pmq/grpc.sock"));
            }
            return Ok(Self::GrpcUnix(PathBuf::from(path)));
        }
        if let Some(socket) = url.strip_prefix("grpc://") {
            let plain = || socket.parse().map(|ip: IpAddr| SocketAddr::new(ip, GRPC_PORT));
            let socket = socket.parse().or_else(|_| plain()).map_err(|_| bad("an IP address is needed: write grpc://127.0.0.1:8001"))?;
            return Ok(Self::Grpc(socket));
        }
        if let Some(rest) = url.strip_prefix("grpcs://") {
            return grpcs(rest).ok_or_else(|| bad("a host is needed: write grpcs://HOST:PORT"));
        }
        if let Some(rest) = url.strip_prefix("quic://") {
            return quic(rest).map_err(bad);
        }
        if let Some(name) = url.strip_prefix("memory:") {
            if name.is_empty() {
                return Err(bad("a name is missing: write memory:NAME"));
            }
            return Ok(Self::Memory(name.into()));
        }
        Err(bad(
            "unknown scheme: write unix:///path, zmq+ipc:///path, zmq+tcp://ip:port, quic://host:port/peer-id, grpc+unix:///path, grpc://ip:port, grpcs://host:port or memory:NAME",
        ))
    }
}

/// What follows `grpcs://`.
fn grpcs(place: &str) -> Option<Address> {
    let (host, port) = match place.rsplit_once(':') {
        // An IPv6 address without a port ends with its bracket.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (place, GRPC_PORT),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    let sound = !host.is_empty() && !host.contains(['[', ']', '/', '@']) && (bare.is_some() || !host.contains(':'));
    sound.then(|| Address::Grpcs { host: host.into(), port })
}

/// What follows `quic://`.
fn quic(rest: &str) -> Result<Address, &'static str> {
    const FORM: &str = "a host, a port and the agent's peer id are needed: write quic://HOST:PORT/PEERID";
    let (place, peer) = rest.split_once('/').ok_or(FORM)?;
    let (host, port) = place.rsplit_once(':').ok_or(FORM)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().map_err(|_| FORM)?;
    if host.is_empty() || peer.is_empty() || port == 0 {
        return Err(FORM);
    }
    #[cfg(feature = "quic")]
    let peer = &*super::peer_id::peer_id(peer).ok_or("what follows the port is no peer id: `pmq key inspect FILE` shows the agent's")?;
    Ok(Address::Quic { host: host.into(), port, peer: peer.into() })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::ZmqIpc(path) => write!(f, "zmq+ipc://{}", path.display()),
            Self::ZmqTcp(socket) => write!(f, "zmq+tcp://{socket}"),
            Self::Grpc(socket) => write!(f, "grpc://{socket}"),
            Self::Grpcs { host, port } if host.contains(':') => write!(f, "grpcs://[{host}]:{port}"),
            Self::Grpcs { host, port } => write!(f, "grpcs://{host}:{port}"),
            Self::GrpcUnix(path) => write!(f, "grpc+unix://{}", path.display()),
            Self::Quic { host, port, peer } if host.contains(':') => write!(f, "quic://[{host}]:{port}/{peer}"),
            Self::Quic { host, port, peer } => write!(f, "quic://{host}:{port}/{peer}"),
            Self::Memory(name) => write!(f, "memory:{name}"),
        }
    }
}

/// As its URL.
#[cfg(feature = "listen")]
impl<'de> serde::Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let url = String::deserialize(deserializer)?;
        url.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
