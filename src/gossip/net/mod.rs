//! Swarm and dialling, shared by every router. Further ways to meet peers (kad, mDNS) become fields of [`Shared`] behind the limits and in front of the router; further
//! transports become steps of [`swarm`].

mod allow;
mod dial;
mod ending;
mod router;

use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::swarm::NetworkBehaviour;
use libp2p::{Swarm, SwarmBuilder, identify, noise, ping, quic, tcp, yamux};

use super::address::peer_id;
use super::error::GossipError;
use super::identity::Identity;
use super::settings::Settings;

pub(super) use allow::AllowList;
pub(super) use dial::Dialler;
pub(super) use ending::Ending;
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

/// A swarm over TCP with noise and yamux, and over QUIC. Which of them is used is the addresses' matter; one without addresses costs nothing.
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
    assemble(settings, identity, behaviour)
}

/// The transports under a behaviour.
pub(super) fn assemble<B: NetworkBehaviour>(settings: &Settings, identity: &Identity, behaviour: B) -> Result<Swarm<B>, GossipError> {
    Ok(SwarmBuilder::with_existing_identity(identity.keypair().clone())
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .map_err(|error| GossipError::Transport(error.to_string()))?
        .with_quic_config(|config| quic_config(config, settings))
        .with_behaviour(|_| behaviour)
        .map_err(|error| GossipError::Transport(error.to_string()))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(settings.idle_timeout))
        .with_connection_timeout(settings.dial_timeout)
        .build())
}

/// MTU discovery stays as libp2p has it: on.
fn quic_config(mut config: quic::Config, settings: &Settings) -> quic::Config {
    let of = &settings.quic;
    // What does not fit was refused when the settings were checked.
    let bytes = |size: bytesize::ByteSize| u32::try_from(size.as_u64()).unwrap_or(u32::MAX);
    config.handshake_timeout = settings.dial_timeout;
    config.max_idle_timeout = u32::try_from(of.max_idle_timeout.as_millis()).unwrap_or(u32::MAX);
    config.keep_alive_interval = of.keep_alive();
    config.max_concurrent_stream_limit = of.max_concurrent_streams;
    config.max_stream_data = bytes(of.max_stream_data);
    config.max_connection_data = bytes(of.max_connection_data);
    config
}

#[cfg(test)]
mod tests;
