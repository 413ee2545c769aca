//! The addresses that are spoken: `/ip4|ip6/<address>/tcp/<port>` and `/ip4|ip6/<address>/udp/<port>/quic-v1`. Whoever writes an address chooses the transport.

use std::net::{IpAddr, SocketAddr};

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

use pmq_protocol::InvalidSetting;

/// What a connection runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// TCP with noise and yamux.
    Tcp,
    /// QUIC version 1.
    Quic,
}

impl Transport {
    /// Its name in logs and `/health`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Quic => "quic",
        }
    }
}

/// A peer to stay connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) peer: PeerId,
    /// Tried one after the other, each with its own time; one is enough. (The swarm would dial several for one call, but their time would run from that call on, so that
    /// one without an answer takes the others' time, too.)
    pub(crate) addresses: Vec<Multiaddr>,
}

/// The transport of an address, with or without a peer's id behind it; `None` for one that is not spoken.
pub(crate) fn transport(address: &Multiaddr) -> Option<Transport> {
    let mut parts = address.iter();
    let Some(Protocol::Ip4(_) | Protocol::Ip6(_)) = parts.next() else { return None };
    let transport = match (parts.next(), parts.next()) {
        (Some(Protocol::Tcp(_)), rest) => (Transport::Tcp, rest),
        (Some(Protocol::Udp(_)), Some(Protocol::QuicV1)) => (Transport::Quic, parts.next()),
        _ => return None,
    };
    match (transport, parts.next()) {
        ((transport, None | Some(Protocol::P2p(_))), None) => Some(transport),
        _ => None,
    }
}

/// Whether an address, with or without a peer's id, is one over QUIC.
pub(crate) fn is_quic(text: &str) -> bool {
    text.parse().is_ok_and(|address| transport(&address) == Some(Transport::Quic))
}

/// Reads a peer id.
pub(crate) fn peer_id(key: &'static str, text: &str) -> Result<PeerId, InvalidSetting> {
    text.parse().map_err(|_| InvalidSetting::range(key, format!("{text:?}"), "not a peer id; `pmq key inspect` shows an agent's"))
}

/// Reads a listen address.
pub(crate) fn listen_address(text: &str) -> Result<Multiaddr, InvalidSetting> {
    let help = "not an address of the form /ip4/<address>/tcp/<port> or /ip4/<address>/udp/<port>/quic-v1, or the same with ip6";
    let address: Multiaddr = text.parse().map_err(|_| InvalidSetting::range("listen", format!("{text:?}"), help))?;
    let named = address.iter().any(|part| matches!(part, Protocol::P2p(_)));
    if transport(&address).is_some() && !named { Ok(address) } else { Err(InvalidSetting::range("listen", format!("{text:?}"), help)) }
}

/// Reads a peer's address with its id.
pub(crate) fn target(text: &str) -> Result<Target, InvalidSetting> {
    let help = "not an address of the form /ip4/<address>/tcp/<port>/p2p/<peer id> or /ip4/<address>/udp/<port>/quic-v1/p2p/<peer id>, or the same with ip6";
    let mut address: Multiaddr = text.parse().map_err(|_| InvalidSetting::range("peers", format!("{text:?}"), help))?;
    match (transport(&address), address.pop()) {
        (Some(_), Some(Protocol::P2p(peer))) => Ok(Target { peer, addresses: vec![address] }),
        _ => Err(InvalidSetting::range("peers", format!("{text:?}"), help)),
    }
}

/// The socket that an address names.
pub(crate) fn socket(address: &Multiaddr) -> Option<(Transport, SocketAddr)> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return None,
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) => Some((Transport::Tcp, SocketAddr::new(ip, port))),
        Some(Protocol::Udp(port)) => Some((Transport::Quic, SocketAddr::new(ip, port))),
        _ => None,
    }
}

/// Whether a listen address is free. Over TCP libp2p shares a port (SO_REUSEPORT) with whatever else of the same user shares it, so that a second agent on the same
/// port would start without a word and take half of the first one's connections. A UDP port is never shared; asking first gives both the same error.
pub(crate) fn probe(address: &Multiaddr) -> std::io::Result<()> {
    let Some((transport, wanted)) = socket(address).filter(|(_, wanted)| wanted.port() != 0) else { return Ok(()) };
    let kind = if transport == Transport::Tcp { SocketType::STREAM } else { SocketType::DGRAM };
    let ip = wanted.ip();
    let family = if ip.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    if ip.is_ipv6() {
        // As libp2p does: `::` and `0.0.0.0` are two addresses, and one agent may have the same port of both.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if kind == SocketType::STREAM {
        // Connections of an agent that was there a moment ago are none.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    bind(&socket, &wanted)?;
    if kind == SocketType::STREAM {
        listen(&socket, 1)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
