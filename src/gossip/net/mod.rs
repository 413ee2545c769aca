//! Swarm and dialling, shared by every router. Further ways to meet peers (kad, mDNS) become fields of [`Shared`] behind the limits and in front of the router; further
//! transports (QUIC, a private network's key) become steps of [`swarm`].

mod allow;
mod dial;
mod router;

use std::net::{IpAddr, TcpListener};

use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::NetworkBehaviour;
use libp2p::{Multiaddr, PeerId, Swarm, SwarmBuilder, identify, noise, ping, tcp, yamux};

use super::error::GossipError;
use super::identity::Identity;
use super::settings::{Settings, SettingsError, wrong};

pub(super) use allow::AllowList;
pub(super) use dial::{Dialler, Target};
pub(super) use router::{Router, RouterError, RouterEvent};

/// What identify offers as the protocol's name.
const IDENTIFY: &str = "/pmq/1.0.0";

/// Every protocol of the agent. The order of the fields is the order in which they are asked about a new connection: what may deny it stands before what counts it
/// as a peer.
#[derive(NetworkBehaviour)]
pub(super) struct Shared<R: Router> {
    pub(super) limits: connection_limits::Behaviour,
    pub(super) allow: AllowList,
    pub(super) identify: identify::Behaviour,
    pub(super) ping: ping::Behaviour,
    pub(super) router: R,
}

/// A swarm over TCP with noise and yamux.
pub(super) fn swarm<R: Router>(settings: &Settings, identity: &Identity, router: R) -> Result<Swarm<Shared<R>>, GossipError> {
    let c = &settings.connections;
    let limits = ConnectionLimits::default()
        .with_max_established(Some(c.total))
        .with_max_established_incoming(Some(c.incoming))
        .with_max_established_outgoing(Some(c.outgoing))
        .with_max_pending_incoming(Some(c.pending_incoming))
        .with_max_pending_outgoing(Some(c.pending_outgoing))
        .with_max_established_per_peer(Some(c.per_peer));
    let allowed = settings.allow.as_ref().map(|ids| ids.iter().map(|id| peer_id("allow", id)).collect::<Result<_, _>>()).transpose()?;
    let identify = identify::Config::new(IDENTIFY.into(), identity.keypair().public()).with_agent_version(settings.user_agent.clone());
    let behaviour = Shared {
        limits: connection_limits::Behaviour::new(limits),
        allow: AllowList::new(allowed),
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(settings.ping_interval)),
        router,
    };
    Ok(SwarmBuilder::with_existing_identity(identity.keypair().clone())
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .map_err(|error| GossipError::Transport(error.to_string()))?
        .with_behaviour(|_| behaviour)
        .map_err(|error| GossipError::Transport(error.to_string()))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(settings.idle_timeout))
        .with_connection_timeout(settings.dial_timeout)
        .build())
}

/// Reads a peer id.
pub(super) fn peer_id(key: &'static str, text: &str) -> Result<PeerId, SettingsError> {
    text.parse().map_err(|_| wrong(key, text, "not a peer id; `pmq key inspect` shows an agent's"))
}

/// Reads a listen address.
pub(super) fn listen_address(text: &str) -> Result<Multiaddr, SettingsError> {
    let address: Multiaddr = text.parse().map_err(|_| wrong("listen", text, "not a multiaddr such as /ip4/0.0.0.0/tcp/4001"))?;
    if is_tcp(&address) {
        Ok(address)
    } else {
        Err(wrong("listen", text, "only /ip4/<address>/tcp/<port> and /ip6/<address>/tcp/<port> are spoken"))
    }
}

/// Whether a listen address is free. libp2p shares a port (SO_REUSEPORT) with whatever else of the same user shares it, so that a second agent on the same port would
/// start without a word and take half of the first one's connections.
pub(super) fn probe(address: &Multiaddr) -> std::io::Result<()> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) if port != 0 => TcpListener::bind((ip, port)).map(drop),
        _ => Ok(()),
    }
}

/// Reads a peer's address with its id.
pub(super) fn target(text: &str) -> Result<Target, SettingsError> {
    let mend = "not an address of the form /ip4/<address>/tcp/<port>/p2p/<peer id>";
    let mut address: Multiaddr = text.parse().map_err(|_| wrong("peers", text, mend))?;
    match address.pop() {
        Some(Protocol::P2p(peer)) if is_tcp(&address) => Ok(Target { peer, address }),
        _ => Err(wrong("peers", text, mend)),
    }
}

fn is_tcp(address: &Multiaddr) -> bool {
    let mut parts = address.iter();
    matches!((parts.next(), parts.next(), parts.next()), (Some(Protocol::Ip4(_) | Protocol::Ip6(_)), Some(Protocol::Tcp(_)), None))
}

/// Checks every address and peer id of the settings.
pub(super) fn check_addresses(settings: &Settings) -> Result<(), SettingsError> {
    settings.listen.iter().try_for_each(|text| listen_address(text).map(drop))?;
    settings.peers.iter().try_for_each(|text| target(text).map(drop))?;
    settings.allow.iter().flatten().try_for_each(|text| peer_id("allow", text).map(drop))
}
